//! How a move may end: what a daemon of the tests says of it, at moments that a real one does not offer.
use crate::support::{
    fake_libvirt_moves::{FakeMover, Says},
    qemu::eventually,
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Machines},
    domain::{Error, ErrorKind, Expect, Reply, Result, Verdict},
};

const THERE: &str = "qemu+ssh://root@big/system";
const ABORTED: Says = Says::No(78, "operation aborted: job 'migration out' canceled by client");
const NONE_YET: Says = Says::No(55, "Requested operation is not valid: no job is active on the domain");

/// What a move comes to that is cancelled as soon as it was sent.
async fn cancelled(fake: &FakeMover) -> Result<Option<String>> {
    let libvirt = fake.connected().await;
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let vm = "web".into();
    let cancelling = async {
        eventually("the move", async || !fake.world().sent.is_empty()).await;
        cancel.cancel();
    };
    tokio::join!(libvirt.migrate(&vm, THERE, false, call), cancelling).0
}

fn told(ended: Result<Option<String>>) -> (ErrorKind, String) {
    let Error { kind, message } = ended.unwrap_err();
    (kind, message)
}

#[tokio::test]
async fn a_move_that_has_not_quite_begun_is_stopped_all_the_same() {
    let fake = FakeMover::new();
    fake.world().stops = vec![(NONE_YET, None), (Says::Yes, Some(ABORTED))];
    let wanted = (ErrorKind::Cancelled, "cancelled: web is running here, as before".to_owned());
    assert_eq!(told(cancelled(&fake).await), wanted);
    assert_eq!(fake.world().aborts, 2);
    assert_eq!(fake.world().sent.len(), 1, "it is sent once");
}

#[tokio::test]
async fn a_move_that_was_done_before_it_could_be_stopped_is_done() {
    let fake = FakeMover::new();
    fake.world().stops = vec![(NONE_YET, Some(Says::Yes))];
    assert_eq!(cancelled(&fake).await, Ok(None));
}

#[tokio::test]
async fn a_machine_that_is_not_as_before_when_its_move_was_stopped_is_not_called_so() {
    let fake = FakeMover::new();
    fake.world().moved = Some(ABORTED);
    fake.world().machine = Some((1, 1));
    let libvirt = fake.connected().await;
    let ended = async || told(libvirt.migrate(&"web".into(), THERE, false, Call::new().0).await);
    assert_eq!(ended().await.0, ErrorKind::Cancelled, "another has stopped it");
    // It stands still, as libvirt leaves it where it could not go on.
    fake.world().stops = vec![(Says::Yes, Some(ABORTED))];
    fake.world().moved = None;
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let vm = "web".into();
    let stopping = async {
        eventually("the second move", async || fake.world().sent.len() == 2).await;
        fake.world().machine = Some((3, 5));
        cancel.cancel();
    };
    let (kind, why) = told(tokio::join!(libvirt.migrate(&vm, THERE, false, call), stopping).0);
    assert_eq!(kind, ErrorKind::Differs);
    assert!(why.contains("canceled by client, but web is"), "{why}");
}

#[tokio::test]
async fn what_is_sent_says_where_to_and_how_and_libvirts_no_is_told() {
    let fake = FakeMover::new();
    fake.world().moved =
        Some(Says::No(38, "Cannot recv data: Host key verification failed.: Connection reset by peer"));
    let libvirt = fake.connected().await;
    let ended = async |to, copy| told(libvirt.migrate(&"web".into(), to, copy, Call::new().0).await);
    let (kind, why) = ended(THERE, false).await;
    assert_eq!(kind, ErrorKind::Refused);
    assert!(why.contains("Host key verification failed") && why.contains("has to sign in to the other one"), "{why}");
    assert_eq!(ended(" qemu+tls://big/system ", true).await.0, ErrorKind::Refused);
    assert_eq!(ended("qemu:///system", false).await.0, ErrorKind::Invalid);
    fake.world().machine = Some((5, 1));
    assert_eq!(ended(THERE, false).await.0, ErrorKind::Conflict, "it is off");
    // Live, by libvirt itself, defined there, and here no more; the disks along.
    let sent = vec![(THERE.to_owned(), 27), ("qemu+tls://big/system".to_owned(), 91)];
    assert_eq!(fake.world().sent, sent);
    assert_eq!(fake.world().aborts, 0);
}

#[tokio::test]
async fn a_connection_that_ends_with_a_move_under_way_leaves_its_end_unknown() {
    let fake = FakeMover::new();
    fake.world().moved = Some(Says::Nothing);
    let left = Expect::Left("web".into());
    let libvirt = fake.connected().await;
    let error = libvirt.migrate(&"web".into(), THERE, false, Call::new().0).await.unwrap_err();
    assert!(error.leaves_unknown(), "{error}");
    assert!(matches!(libvirt.look(&left).await, Verdict::Unknown(_)), "nobody answers");
    let libvirt = fake.connected().await;
    assert_eq!(libvirt.look(&left).await, Verdict::NotMet("it still runs here".to_owned()));
    // Off because it has moved, off for another reason, gone.
    for (machine, wanted) in [
        (Some((5, 4)), Verdict::Met(None)),
        (Some((5, 1)), Verdict::Failed(Error::refused("web is off here, and has not moved"))),
        (None, Verdict::Met(None)),
    ] {
        fake.world().machine = machine;
        assert_eq!(libvirt.look(&left).await, wanted, "{machine:?}");
    }
}

#[tokio::test]
async fn how_far_a_move_is_is_asked_for_while_it_goes_on() {
    let fake = FakeMover::new();
    let at = |done, ahead| vec![("data_processed", done), ("data_remaining", ahead), ("memory_total", 32 << 20)];
    fake.world().job = at(8 << 20, 24 << 20);
    fake.world().stops = vec![(Says::Yes, Some(ABORTED))];
    let libvirt = fake.connected().await;
    let (call, progress) = Call::new();
    let (cancel, vm) = (call.cancel.clone(), "web".into());
    let watching = async {
        eventually("a quarter", async || progress.borrow().percent() == Some(25)).await;
        fake.world().job = at(32 << 20, 0);
        eventually("all of it, and not the end", async || progress.borrow().percent() == Some(99)).await;
        // What the guest has written meanwhile.
        fake.world().job = at(32 << 20, 32 << 20);
        eventually("half of what it is now", async || progress.borrow().percent() == Some(50)).await;
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(libvirt.migrate(&vm, THERE, false, call), watching);
    assert_eq!(told(ended).0, ErrorKind::Cancelled);
    assert_eq!(progress.borrow().note.as_deref(), Some("asked to stop"));
}

#[tokio::test]
async fn what_is_not_known_of_a_start_with_the_other_host_is_not_told_as_no() {
    let (here, there) = (FakeMover::new(), FakeMover::new());
    here.world().moved = Some(Says::Yes);
    here.world().autostart = Some(Says::Yes);
    let libvirt = here.connected().await;
    let moved = async || libvirt.migrate(&"web".into(), &there.peer_uri(), false, Call::new().0).await.unwrap();
    let (no, unknown) =
        ("it started with this host, and does not start", "whether it starts with the other one is not");
    here.world().starts = Some(true);
    for (set, read, wanted) in [
        (Says::Yes, Some(true), None),
        (Says::Yes, Some(false), Some(no)),
        (Says::No(38, "no room for a link"), Some(true), Some(no)),
        // It was sent, and nobody answered; it was set, and could not be read.
        (Says::Nothing, Some(true), Some(unknown)),
        (Says::Yes, None, Some(unknown)),
    ] {
        (there.world().autostart, there.world().starts) = (Some(set.clone()), read);
        let told = moved().await;
        assert!(
            told.as_deref().map_or(wanted.is_none(), |told| wanted.is_some_and(|wanted| told.starts_with(wanted))),
            "{set:?} {read:?}: {told:?}"
        );
    }
    // Nothing is sent to one that does not have it.
    there.world().machine = None;
    assert!(moved().await.unwrap().starts_with(no));
    // Nor where it has no such setting, or cannot be told whether it starts with this one.
    here.world().autostart = None;
    assert_eq!(moved().await, None);
    (here.world().autostart, here.world().starts) = (Some(Says::Yes), None);
    assert!(moved().await.unwrap().starts_with(unknown));
    // The same is told where nobody has seen the move end.
    here.world().moved = Some(Says::Nothing);
    libvirt.migrate(&"web".into(), &there.peer_uri(), false, Call::new().0).await.unwrap_err();
    here.world().machine = None;
    libvirt.connect(mpsc::channel(64).0).await.unwrap();
    let left = libvirt.look(&Expect::Left("web".into())).await;
    assert!(matches!(&left, Verdict::Met(Some(Reply::Remark(told))) if told.starts_with(unknown)), "{left:?}");
}
