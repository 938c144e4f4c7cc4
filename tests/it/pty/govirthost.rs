//! A govirthost on the real screen: its list, a machine, a change, the server gone and back.
use crate::support::{
    fake_govirthost::{FakeGovirthost, home},
    pty::Program,
};
use std::os::unix::fs::PermissionsExt;
use vmdeck::backend::govirthost::wire::Build;

#[test]
fn a_govirthost_is_used_lost_and_found_again() {
    let mut server = FakeGovirthost::new(Build::Last);
    server.world().add("web", "shutoff");
    server.world().add("db", "running");
    let home = home(&[("lab", &server)]);
    let mut program = Program::start(home.path(), &[]);
    program.until("both machines, described", |s| {
        let text = s.contents();
        text.contains("● running") && text.contains("○ off") && text.contains("64 MiB")
    });
    program.press("/web\r");
    program.until("one row", |s| !s.contents().contains("db "));
    program.press("\t");
    program.until_shown("/images/web.qcow2");
    program.press("+");
    program.until_told("govirthost grows no disks: run `virsh blockresize NAME DISK SIZE` on its host");
    program.press("p");
    program.until_shown("govirthost pauses no machines");
    program.press("s");
    program.until_shown("web is running");
    server.web.stop();
    program.until_shown("nothing listens there");
    server.web.start();
    program.until("the host up again", |s| {
        let text = s.contents();
        text.contains("● lab") && text.contains("● running") && !text.contains("nothing listens")
    });
    program.press("q");
    program.ends(0);
}

/// An editor that waits for a word: `break` spoils the file, `fix` makes it whole with three CPUs.
const EDITOR: &str = "#!/bin/sh
shift
echo \"the editor has ${1##*/}\"
read word
case $word in
break) cp \"$1\" \"$0.kept\"; echo '<domain' > \"$1\" ;;
fix) sed 's|>1</vcpu>|>3</vcpu>|' \"$0.kept\" > \"$1\" ;;
esac
";

#[test]
fn the_editor_has_the_terminal_and_what_was_written_is_looked_through_before_it_is_sent() {
    let server = FakeGovirthost::new(Build::First);
    server.world().add("web", "shutoff");
    let home = home(&[("lab", &server)]);
    let editor = home.path().join("editor");
    std::fs::write(&editor, EDITOR).unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let line = format!("{} -n", editor.display());
    let mut program = Program::with(home.path(), &[], &[("VISUAL", &line), ("EDITOR", "false")]);
    program.until_shown("64 MiB");
    program.press("v");
    program.until("the editor", |s| s.contents().contains("the editor has web.xml") && !s.alternate_screen());
    assert!(!program.is_raw(), "its keys are its own");
    program.press("\x03");
    program.until_shown("web was not edited");
    program.press("v");
    program.until("the editor", |s| s.contents().contains("the editor has web.xml") && !s.alternate_screen());
    program.press("break\n");
    program.until_shown("This cannot be defined. Edit it again?");
    assert_eq!(server.changes(), 0, "a failure would lock this build");
    program.press("\r");
    program.until("the editor again", |s| s.contents().contains("the editor has web.xml") && !s.alternate_screen());
    program.press("fix\n");
    program.until("the difference", |s| {
        let text = s.contents();
        text.contains("-   <vcpu placement='static'>1</vcpu>") && text.contains("+   <vcpu placement='static'>3</vcpu>")
    });
    program.press("y");
    program.until_shown("web is defined anew");
    assert!(server.world().guests["web"].kept.contains(">3</vcpu>"));
    assert_eq!(server.changes(), 1);
    program.press("q");
    program.ends(0);
}

#[test]
fn a_machine_that_moves_is_followed_to_the_other_host() {
    let (lab, lab2) = (FakeGovirthost::new(Build::Last), FakeGovirthost::new(Build::Last));
    lab.world().add("web", "running");
    lab2.world().add("db", "shutoff");
    lab.leads_to(&lab2);
    let home = home(&[("lab", &lab), ("lab2", &lab2)]);
    let mut program = Program::start(home.path(), &[]);
    program.until("both hosts", |s| s.contents().contains("● running") && s.contents().contains("db"));
    program.press("/web\r");
    program.until("one row", |s| !s.contents().contains("db "));
    program.press("m");
    program.until_shown("Move web from lab to another host");
    program.press("\r");
    program.until_shown("Move web from lab to lab2");
    program.press("lab2.example\r");
    program.until_shown("web on lab2");
    assert_eq!(lab.count("POST", "migrate"), 1);
    assert_eq!(lab.world().requests.iter().find(|r| r.1["action"] == "migrate").unwrap().1["target"], "lab2.example");
    program.press("q");
    program.ends(0);
}

/// Changes hang and questions are answered: the program says what that is, sends nothing more, and forgets it when the
/// service comes back.
#[test]
fn a_lock_that_is_never_given_back_is_recognised_and_explained() {
    let mut server = FakeGovirthost::new(Build::First);
    server.world().add("web", "shutoff");
    server.world().is_stuck = true;
    let home = home(&[("lab", &server)]);
    let mut program = Program::start(home.path(), &[]);
    program.until_shown("64 MiB");
    program.press("s");
    // The server is given fifteen seconds.
    program.until_told("changes hang on this server while questions are answered");
    program.press("3");
    program.until_told("the service needs a restart there");
    program.press("1s");
    program.until_told("nothing was sent: changes hang on this server");
    assert_eq!(server.count("POST", "start"), 1);
    server.web.stop();
    program.until_shown("nothing listens there");
    server.world().is_stuck = false;
    server.web.start();
    program.until("the host up again", |s| s.contents().contains("● lab") && !s.contents().contains("nothing listens"));
    program.press("s");
    program.until_shown("web is running");
    program.press("q");
    program.ends(0);
}
