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
    program.until_shown("enter reads disks");
    program.press("\r");
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
    assert_eq!(server.count("POST /v/vm"), 0, "nobody opened a machine, and the question would leave a permission");
    program.press("\r");
    program.until_shown("esc close");
    program.press("\t\t");
    program.until_shown("Kind");
    assert!(server.count("POST /v/vm") > 0);
    program.press("q");
    program.ends(0);
}

/// A machine is made from the media of its group alone, and reads back as it was filled in; where there is nothing to
/// choose, the form says so and what to do.
#[test]
fn a_machine_is_made_of_its_groups_media() {
    let server = FakeVelocity::new(Face::Head);
    server.world().groups.push((5, 0, "shop", Vec::new()));
    let medium = |mid: &str, name: &str| serde_json::json!({"mid": mid, "name": name, "type": "DISK", "size": 0});
    server.world().media.push((5, medium("BBBB-1", "shop.img")));
    let home = home(&server, "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n");
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("● office");
    program.press("n");
    program.until("the group with media is chosen", |s| {
        let text = s.contents();
        text.contains("New machine on office") && text.contains("‹ lab ›") && text.contains("‹ nat: behind")
    });
    program.press("new\tr");
    program.until_told("Disk: this group has no disk: choose another group, or upload one to the server for it");
    program.until_told("Image: this group has no image");
    program.press("s\t\t\t\x1b[C");
    program.until("the disk of the other group", |s| s.contents().contains("‹ shop.img: DISK ›"));
    program.press("\x1b[Z\x1b[Z\x1b[Zl");
    program.until("no disk is chosen where it was another group's", |s| {
        let text = s.contents();
        text.contains("‹ lab ›") && !text.contains("shop.img") && !text.contains("has no disk")
    });
    program.press("\t\t\td");
    program.until_shown("‹ disk.img: DISK ›");
    program.press("\t\td\tb");
    program.until("all is chosen", |s| {
        let text = s.contents();
        text.contains("‹ debian.iso: ISO ›") && text.contains("‹ bridge-en0: en0 (Ethernet) ›")
    });
    program.press("\r");
    program.until_told("Velocity loads it when it is started the next time");
    {
        let world = server.world();
        let made = &world.guests.values().next().unwrap().made;
        let media = serde_json::json!([{"mid": "AAAA-1", "mode": "VIRTIO", "readonly": false},
            {"mid": "AAAA-2", "mode": "USB", "readonly": true}]);
        assert_eq!((&made["gid"], &made["media"]), (&serde_json::json!(3), &media));
        assert_eq!(made["nics"], serde_json::json!([{"type": "BRIDGE", "host": 1}]));
    }
    server.restart();
    program.until_shown("○ off");
    program.press("\r");
    program.press("\t");
    program.until("its media", |s| s.contents().contains("disk.img") && s.contents().contains("debian.iso"));
    program.press("\t");
    program.until("its network", |s| s.contents().contains("BRIDGE en0"));
    program.press("q");
    program.ends(0);
}

#[test]
fn a_machine_can_be_made_where_there_are_no_media_and_no_nics() {
    let server = FakeVelocity::new(Face::Head);
    server.world().media.clear();
    server.world().nics.clear();
    let home = home(&server, "password = { command = [\"/bin/sh\", \"-c\", \"echo $0\", \"secret\"] }\n");
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("● office");
    program.until("what can be done there, and no fetch", |s| {
        s.contents().contains("n new machine") && !s.contents().contains("fetch an ISO")
    });
    program.press("n");
    program.until_told("Disk: no group has an uploaded disk: upload one to the server first, or do without");
    program.press("bare\t\t\t\t\x1b[C\t\t\t");
    program.until_told("the server lends no NIC of its host: no bridges");
    program.press("\r");
    program.until_told("bare created");
    let made = server.world().guests.values().next().unwrap().made.clone();
    assert_eq!((&made["media"], &made["nics"]), (&serde_json::json!([]), &serde_json::json!([{"type": "NAT"}])));
    program.press("q");
    program.ends(0);
}
