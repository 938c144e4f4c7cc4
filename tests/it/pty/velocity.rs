//! A Velocity server on the real screen: its list, a machine, a change, the server gone and back.
use crate::support::{
    fake_velocity::{Face, FakeVelocity},
    pty::Program,
};

/// A folder whose configuration has this server alone. `password`: where it comes from, if not from the person.
fn home(server: &FakeVelocity, password: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let url = server.web.url();
    let host = format!("[[host]]\nname = \"office\"\nbackend = \"velocity\"\nurl = \"{url}\"\n{password}");
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}[refresh]\nlist = 1\n")).unwrap();
    home
}

#[test]
fn a_velocity_server_is_used_lost_and_found_again() {
    let mut server = FakeVelocity::new(Face::Head);
    server.world().add("web", "STOPPED").made["disks"] =
        serde_json::json!([{"mid": "AAAA-1", "mode": "VIRTIO", "readonly": false}]);
    server.world().add("db", "RUNNING");
    let home = home(&server, "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n");
    let mut program = Program::start(home.path(), &[]);
    program.until("both machines with their states", |s| {
        let text = s.contents();
        text.contains("● running") && text.contains("○ off") && text.contains("2 GiB")
    });
    program.press("/web\r");
    program.until("one row", |s| !s.contents().contains("db "));
    program.press("\t");
    program.until_shown("disk.img");
    program.press("+");
    program.until_told("Velocity grows no media: make a larger one there, and a new machine with it");
    program.press("m");
    program.until_shown("Velocity moves no machines to another Mac");
    program.press("v");
    program.until_shown("Velocity changes nothing of a machine that is made");
    program.press("s");
    program.until_shown("web is running");
    server.web.stop();
    program.until_shown("nothing listens there");
    server.web.start();
    server.restart();
    program.until("the host up again", |s| {
        let text = s.contents();
        text.contains("● office") && text.contains("● running") && !text.contains("nothing listens")
    });
    program.press("q");
    program.ends(0);
}

/// The person signs in, sees the machines of a group, and what a state passes through on its way.
#[test]
fn a_person_signs_in_and_sees_a_group_and_a_state_that_passes() {
    let server = FakeVelocity::new(Face::Head);
    server.world().add("web", "STOPPED");
    server.world().add("new", "STOPPED").is_loaded = false;
    server.world().add("mail", "RUNNING").gid = 0;
    let home = home(&server, "");
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("Password of root on 127.0.0.1");
    program.press("wrong\r");
    program.until_told("does not take this user or this password");
    program.press("4r");
    program.until_shown("Password of root on 127.0.0.1");
    program.press("secret\r");
    program.press("1");
    program.until_shown("mail");
    program.press("/lab\r");
    program.until("the machines of one group", |s| {
        let text = s.contents();
        text.contains("web · lab") && text.contains("not loaded") && !text.contains("mail")
    });
    program.press("/\x15new\r");
    program.until("the one that is not loaded", |s| !s.contents().contains("○ off"));
    program.press("s");
    program.until_told("the server has not loaded it");
    program.press("/\x15web\r");
    program.until_shown("○ off");
    server.world().slowness = 3;
    program.press("s");
    program
        .until("the state that passes", |s| s.contents().lines().any(|l| l.contains("web") && l.contains("starting")));
    program.until("its end", |s| s.contents().lines().any(|l| l.contains("web") && l.contains("● running")));
    program.press("q");
    program.ends(0);
}
