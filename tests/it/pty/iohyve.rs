//! iohyve on the real screen: its console has the terminal, and gives it back.
use crate::support::{freebsd::Rig, pty::Program};
use serde_json::json;

#[test]
fn the_console_has_the_terminal_until_it_is_left() {
    let rig = Rig::new();
    let settings = json!({"boot": "0", "description": "of the test", "con": "nmdm0", "tap": "tap0"});
    rig.set("guests", json!({"web": {"loaded": true, "running": true, "disks": {}, "settings": settings}}));
    let home = tempfile::tempdir().unwrap();
    let hosts = ["name = \"local\"\nenabled = false\n", "name = \"bsd\"\nbackend = \"iohyve\"\n"];
    let config = hosts.iter().fold(String::new(), |config, host| config + "[[host]]\n" + host);
    std::fs::write(home.path().join("config.toml"), config).unwrap();
    let path = format!("{}:{}", rig.path("").display(), std::env::var("PATH").unwrap());
    let mut program = Program::with(home.path(), &[], &[("PATH", &path)]);
    program.until_shown("● running");
    program.press("c");
    program.until("the console", |s| s.contents().contains("Connected") && !s.alternate_screen());
    program.until_shown("Serial console of web on bsd · Enter, then ~. leaves");
    assert!(!program.is_raw(), "its keys are its own");
    program.press("uname\n");
    program.until_shown("web heard uname");
    program.press("~.\n");
    program.until("the screen again", |s| s.alternate_screen() && s.contents().contains("● running"));
    assert!(program.is_raw());
    // One that ends badly is told.
    program.press("c");
    // What the first one said stands there still.
    program.until("the second console", |s| s.contents().matches("Connected").count() == 2 && !s.alternate_screen());
    program.press("\x04");
    program.until_told("console of web: iohyve: it ended with 1");
    program.press("q");
    program.ends(0);
}
