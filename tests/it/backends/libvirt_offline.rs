//! Machines that are off, moved from one libvirt to another: all of the move or nothing, and never to where their disks are
//! not.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    fake_libvirt_moves::{DISK, FakeMover, Says},
    guests::TINY,
    libvirt_pair::{Disk, Pair},
    program::vmdeck,
};
use vmdeck::{
    backend::{Call, Machines, Power, libvirt::wire::procedure as p},
    domain::{Error, ErrorKind, PowerState, Result},
};

/// A machine that is off on one host, and another host that sees its disk.
fn hosts() -> (FakeMover, FakeLibvirt) {
    let (here, there) = (FakeMover::new(), FakeLibvirt::new("sock"));
    "<disk type='file' device='disk'><source file='/shared/tiny.iso'/><target dev='vda'/></disk>"
        .clone_into(&mut here.world().devices);
    here.world().machine = Some((5, 1));
    here.world().moved = Some(Says::Yes);
    there.world().volumes.insert("tiny.iso".to_owned(), vec![0; DISK.try_into().unwrap()]);
    (here, there)
}

async fn moved(here: &FakeMover, there: &FakeLibvirt, copy_disks: bool) -> Result<()> {
    let to = there.uri("sock").replace("qemu:", "qemu+unix:");
    here.connected().await.migrate(&"web".into(), &to, copy_disks, Call::new().0).await
}

fn told(ended: Result<()>) -> (ErrorKind, String) {
    let Error { kind, message } = ended.unwrap_err();
    (kind, message)
}

fn undefined(there: &FakeLibvirt) -> usize {
    there.world().called.iter().filter(|call| **call == p::UNDEFINE).count()
}

#[tokio::test]
async fn what_is_off_is_defined_there_first_and_forgotten_here_then() {
    let (here, there) = hosts();
    assert_eq!(moved(&here, &there, false).await, Ok(()));
    // By libvirt itself, defined there, off; here it is forgotten afterwards.
    assert_eq!(here.world().sent.iter().map(|(_, flags)| *flags).collect::<Vec<_>>(), [2 | 8 | 1024]);
    assert_eq!((here.world().machine, undefined(&there)), (None, 0));
}

#[tokio::test]
async fn what_cannot_go_whole_stays_here_and_is_taken_back_there() {
    let unseen = "the other host does not see vda of web, /shared/tiny.iso: a machine that is off moves only where both \
        hosts see its disks";
    for size in [None, Some(512)] {
        let (here, there) = hosts();
        there.world().volumes.clear();
        there.world().volumes.extend(size.map(|size| ("tiny.iso".to_owned(), vec![0; size])));
        assert_eq!(told(moved(&here, &there, false).await), (ErrorKind::Conflict, unseen.to_owned()), "{size:?}");
        assert_eq!((here.world().machine, undefined(&there)), (Some((5, 1)), 1));
    }
    let (here, there) = hosts();
    here.world().undefined = Says::No(55, "cannot delete inactive domain with 1 snapshots");
    let (kind, why) = told(moved(&here, &there, false).await);
    assert!(kind == ErrorKind::Conflict && why.contains("with 1 snapshots"), "{why}");
    assert_eq!((here.world().machine, undefined(&there)), (Some((5, 1)), 1));
    // Where that is not known, or not done, the machine may be on both.
    for (undefined, refuses) in
        [(Says::Nothing, None), (Says::No(55, "it has snapshots"), Some((p::UNDEFINE, (38, "no"))))]
    {
        let (here, there) = hosts();
        here.world().undefined = undefined;
        there.world().refuses.extend(refuses);
        let (kind, why) = told(moved(&here, &there, false).await);
        assert!(kind == ErrorKind::Differs && why.contains("web may be defined on both hosts"), "{why}");
    }
}

#[tokio::test]
async fn what_would_lose_something_is_not_sent() {
    type Change = fn(&FakeMover, &FakeLibvirt);
    let cases: [(&str, bool, Change); 4] = [
        ("web: it is off: its disks are copied only while it runs", true, |_, _| {}),
        ("web: its memory is saved, which stays here", false, |here, _| here.world().machine = Some((5, 5))),
        ("web: it is off, and what its TPM keeps stays here", false, |here, _| {
            here.world().devices.push_str("<tpm model='tpm-crb'><backend type='emulator'/></tpm>");
        }),
        ("web: there is a machine of this name there already", false, |_, there| there.world().machines = vec!["web"]),
    ];
    for (wanted, copy_disks, change) in cases {
        let (here, there) = hosts();
        change(&here, &there);
        let (kind, why) = told(moved(&here, &there, copy_disks).await);
        assert!(kind == ErrorKind::Conflict && why.starts_with(wanted), "{wanted}: {why}");
        assert_eq!((here.world().sent.len(), undefined(&there)), (0, 0), "{wanted}");
    }
    let (here, _) = hosts();
    let nobody = "qemu+unix:///session?socket=/nonexistent/sock";
    let (kind, why) = told(here.connected().await.migrate(&"web".into(), nobody, false, Call::new().0).await);
    assert!(
        kind == ErrorKind::Refused && why.starts_with("nothing was sent, since nobody could tell whether"),
        "{why}"
    );
    assert_eq!(here.world().sent.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_libvirt_takes_a_machine_over_that_is_off() {
    let pair = Pair::new(TINY, Disk::File).await;
    pair.from.power_off(&pair.vm).await.unwrap();
    let home = pair.home();
    let said = vmdeck(home.path(), "call lab migrate vm=web yes=web to=lab2").await;
    assert_eq!((said.code, said.out.trim()), (0, "web is on lab2, off"), "{said:?}");
    assert_eq!(pair.both().await, (None, Some(PowerState::Off)));
    // It is whole: it runs there, and comes back off.
    pair.to.start(&pair.vm).await.unwrap();
    pair.to.power_off(&pair.vm).await.unwrap();
    pair.to.migrate(&pair.vm, &pair.here.peer_uri(), false, Call::new().0).await.unwrap();
    assert_eq!(pair.both().await, (Some(PowerState::Off), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_libvirt_that_does_not_see_the_disks_does_not_keep_the_machine() {
    let pair = Pair::new(TINY, Disk::Volume).await;
    pair.from.power_off(&pair.vm).await.unwrap();
    let ended = pair.from.migrate(&pair.vm, &pair.there.peer_uri(), false, Call::new().0).await;
    let (kind, why) = told(ended);
    assert!(kind == ErrorKind::Conflict && why.starts_with("the other host does not see vda of web, web.raw"), "{why}");
    assert_eq!(pair.both().await, (Some(PowerState::Off), None));
}
