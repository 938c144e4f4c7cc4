//! A govirthost on the real screen: its list, a machine, a change, the server gone and back.
use crate::support::{fake_govirthost::FakeGovirthost, pty::Program};
use vmdeck::backend::govirthost::wire::Build;

#[test]
fn a_govirthost_is_used_lost_and_found_again() {
    let mut server = FakeGovirthost::new(Build::Last);
    server.world().add("web", "shutoff");
    server.world().add("db", "running");
    let home = server.home();
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
    program.until_shown("virsh blockresize");
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
