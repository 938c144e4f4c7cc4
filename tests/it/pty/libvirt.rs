//! Two hosts of libvirt on the real screen.
use crate::support::{
    guests::TINY,
    libvirt_pair::{Disk, Pair},
    pty::Program,
};
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
