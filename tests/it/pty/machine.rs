//! A real machine, from the keys of a person to QEMU and back.
use crate::support::{
    guests::TINY,
    program::vmdeck,
    pty::{Program, is_restored},
    qemu::World,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::process::Signal;

/// A folder with one machine that boots from its disk, made on the command line.
async fn world() -> World {
    let world = World::new();
    let tcg = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\naccel = \"tcg\"\n";
    std::fs::write(world.path("config.toml"), tcg).unwrap();
    let words = "cpus=1 memory=32M disk=1M firmware=bios network=none";
    let made = vmdeck(&world.path(""), &format!("call local create vm=tiny {words}")).await;
    assert_eq!((made.code, made.out.as_str()), (0, "tiny is there\n"), "{made:?}");
    world.boot_from("tiny", TINY);
    world
}

fn until_row(program: &Program, word: &str) {
    let has = |screen: &vt100::Screen| screen.contents().lines().any(|row| row.contains("tiny") && row.contains(word));
    program.until(&format!("a row with tiny and {word}"), has);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_started_spoken_to_grown_and_powered_off() {
    let world = world().await;
    let mut program = Program::start(&world.path(""), &[]);
    until_row(&program, "○ off");
    program.press("s");
    until_row(&program, "● running");
    world.hear("tiny", "TINYBOOT-READY").await;
    program.press("c");
    program.until_shown("Serial console of tiny on local · Ctrl-] leaves");
    program.until_shown("TINYBOOT-READY");
    // Ctrl-Z is the guest's: nothing here stops.
    program.press("\x1ahello");
    program.until_shown("hello");
    // A stop from outside is ours: the console is left, and the terminal given back.
    program.signal(Signal::TSTP);
    program.until("the restored screen", is_restored);
    program.stands_still();
    program.signal(Signal::CONT);
    program.until_shown("Machines");
    until_row(&program, "● running");
    program.press("c");
    program.until_shown("Ctrl-] leaves");
    program.press("\x1d");
    program.until_shown("Machines");
    until_row(&program, "● running");
    program.press("+");
    program.until_shown("Grow a disk of tiny on local");
    program.press("1M");
    program.until_shown("1 MiB → 2 MiB");
    program.press("\r");
    program.until_shown("read back 2 MiB");
    let disk = world.place("tiny").folder.join("disk0.raw");
    assert_eq!(std::fs::metadata(disk).unwrap().len(), 2 << 20);
    program.press("X");
    program.until_shown("ower off");
    program.press("y");
    until_row(&program, "○ off");
    assert_eq!(world.place("tiny").alive(), None);
    program.press("q");
    program.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_outlives_the_program() {
    let world = world().await;
    let mut program = Program::start(&world.path(""), &[]);
    until_row(&program, "○ off");
    program.press("s");
    until_row(&program, "● running");
    let pid = world.pid("tiny");
    // It is killed, and then the line drops that it is used over.
    let ends: [fn(&Program); 2] = [|program| program.signal(Signal::KILL), Program::hang_up];
    for end in ends {
        end(&program);
        program.until_closed();
        program = Program::start(&world.path(""), &[]);
        until_row(&program, "● running");
        assert_eq!(world.pid("tiny"), pid);
    }
    // The address of its screen, on the clipboard of the terminal.
    program.press("y");
    program.until_shown("copied unix:");
    let address = format!("unix:{}", world.place("tiny").vnc().display());
    program.until_written(&format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(&address)));
    // A second one at the same time, and a command, see the same machine.
    let second = Program::start(&world.path(""), &[]);
    until_row(&second, "● running");
    let off = vmdeck(&world.path(""), "call local power-off vm=tiny yes=tiny").await;
    assert_eq!((off.code, off.out.as_str()), (0, "tiny is off\n"), "{off:?}");
    for program in [program, second] {
        until_row(&program, "○ off");
        program.signal(Signal::TERM);
        program.until("the restored screen", is_restored);
        program.ends(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_outlives_a_bug_of_the_program() {
    let world = world().await;
    let mut config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    config += "[[host]]\nname = \"home\"\nbackend = \"demo\"\nfault = \"screen\"\n";
    std::fs::write(world.path("config.toml"), config).unwrap();
    let started = vmdeck(&world.path(""), "call local start vm=tiny").await;
    assert_eq!(started.code, 0, "{started:?}");
    let pid = world.pid("tiny");
    let mut program = Program::start(&world.path(""), &[]);
    until_row(&program, "● running");
    program.press("j");
    program.until_shown("vmdeck: a bug ended the program");
    assert!(!program.is_raw());
    program.ends(101);
    assert_eq!((world.place("tiny").alive().is_some(), world.pid("tiny")), (true, pid));
}
