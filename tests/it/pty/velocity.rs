//! A Velocity server on the real screen: its list, a machine, a change, the server gone and back.
use crate::support::{
    fake_velocity::{Face, FakeVelocity},
    pty::Program,
};

#[test]
fn a_velocity_server_is_used_lost_and_found_again() {
    let mut server = FakeVelocity::new(Face::Head);
    server.world().add("web", "STOPPED").made["disks"] =
        serde_json::json!([{"mid": "AAAA-1", "mode": "VIRTIO", "readonly": false}]);
    server.world().add("db", "RUNNING");
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let url = server.web.url();
    let host = format!("[[host]]\nname = \"office\"\nbackend = \"velocity\"\nurl = \"{url}\"\n");
    let password = "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n[refresh]\nlist = 1\n";
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}{password}")).unwrap();
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
    program.until_shown("Velocity grows no media");
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
