//! A terminal that goes away, as when an SSH line drops: nothing can be written to it any more.
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::{fs, io::Read};

#[test]
fn a_terminal_that_goes_away_ends_the_program_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_vmdeck"));
    command.arg("--demo");
    command.env("VMDECK_HOME", home.path());
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut output = pair.master.try_clone_reader().unwrap();
    let (mut seen, mut bytes) = (String::new(), [0; 4096]);
    while !seen.contains("staging") {
        let count = output.read(&mut bytes).unwrap();
        seen.push_str(&String::from_utf8_lossy(bytes.get(..count).unwrap()));
    }
    drop(output);
    drop(pair.master);
    child.wait().unwrap();
    for log in fs::read_dir(home.path().join("state")).unwrap() {
        let told = fs::read_to_string(log.unwrap().path()).unwrap();
        assert!(!told.contains("failed printing"), "{told}");
    }
}
