//! Two hosts of libvirt on the real screen.
use crate::support::{
    guests::{BUSY, TINY},
    libvirt::Daemon,
    libvirt_pair::{Disk, Pair},
    pty::Program,
    sshd::Sshd,
};
use std::fs;
use vmdeck::domain::PowerState;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_moves_is_followed_to_the_other_libvirt() {
    let pair = Pair::new(TINY, Disk::Volume).await;
    let home = pair.home();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("● running");
    program.press("m");
    program.until_shown("Move web from lab to another host");
    program.press("\r");
    program.until_shown("Move web from lab to lab2");
    program.until_shown("not encrypted");
    // The URI stands there: the disks are what is to be told.
    program.press("\t\x1b[C");
    program.until_shown("lab2 needs a pool of the same name");
    program.press("\r");
    program.until_shown("web has gone to");
    program.until_shown("web on lab2");
    assert_eq!(pair.both().await, (None, Some(PowerState::Running)));
    program.press("q");
    program.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_on_the_screen_is_cancelled_and_the_machine_runs_on() {
    let pair = Pair::new(BUSY, Disk::None).await;
    pair.here.limit_moves("web", 1).await;
    let home = pair.home();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("● running");
    program.press("m");
    program.until_shown("Move web from lab to another host");
    program.press("\r");
    program.until_shown("Move web from lab to lab2");
    program.press("\r");
    program.press("3");
    program.until("how far it is", |s| s.contents().contains(" %") && s.contents().contains("MiB/s"));
    program.press("x");
    program.until_shown("cancelled");
    assert_eq!(pair.both().await, (Some(PowerState::Running), None));
    program.press("q");
    program.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_asks_is_a_dialog_and_a_refusal_stays_until_the_host_is_tried_again() {
    let daemon = Daemon::new().await;
    let sshd = Sshd::before(&daemon).await;
    sshd.make_key("key", "open sesame");
    sshd.let_in("key");
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config.toml"), sshd.host("lab")).unwrap();
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("lab asks");
    program.until_shown("SHA256:");
    program.press("\x1b");
    program.until_shown("it was not agreed to");
    program.until_shown("No host answers.  ctrl-r try again");
    program.press("\x12");
    program.until_shown("y yes");
    program.press("y");
    program.until_shown("Enter passphrase for key");
    program.press("open sesame\r");
    program.until("the host is up", |screen| {
        let shown = screen.contents();
        assert!(!shown.contains("open sesame"), "{shown}");
        shown.contains("No machines yet") && !shown.contains("lab asks")
    });
    program.press("q");
    program.ends(0);
    let log = fs::read_to_string(home.path().join("state/vmdeck.log")).unwrap_or_default();
    assert!(!log.contains("open sesame"));
}
