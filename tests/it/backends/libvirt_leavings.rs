//! What a move that came to nothing leaves on the other host: what it made there goes, what may be another's stays.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    fake_libvirt_moves::{DISK, FakeMover, Says},
    guests::BUSY,
    libvirt_pair::{Disk, Pair},
    qemu::eventually,
};
use vmdeck::{
    backend::{Call, Machines},
    domain::{ErrorKind, PowerState, Progress},
};

const ABORTED: Says = Says::No(78, "operation aborted: job 'migration out' canceled by client");
const DENIED: (i32, &str) = (38, "cannot unlink: Permission denied");
const AS_BEFORE: &str = "cancelled: web is running here, as before";
const KEPT: &str = "; the pool of the other host may keep a part of tiny.iso: remove it there";

/// What a move says that copies the disk `tiny.iso`, makes it there this large, and is cancelled then.
async fn stopped(there: &FakeLibvirt, makes: Option<u64>) -> String {
    let fake = FakeMover::new();
    "<disk type='volume' device='disk'><source pool='default' volume='tiny.iso'/><target dev='vda'/></disk>"
        .clone_into(&mut fake.world().devices);
    fake.world().stops = vec![(Says::Yes, Some(ABORTED))];
    let libvirt = fake.connected().await;
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let (vm, to) = ("web".into(), there.uri("sock").replace("qemu:", "qemu+unix:"));
    let cancelling = async {
        eventually("the move", async || !fake.world().sent.is_empty()).await;
        if let Some(size) = makes {
            there.world().volumes.insert("tiny.iso".to_owned(), vec![0; size.try_into().unwrap()]);
        }
        cancel.cancel();
    };
    let error = tokio::join!(libvirt.migrate(&vm, &to, true, call), cancelling).0.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
    error.message.strip_prefix(AS_BEFORE).unwrap_or_else(|| panic!("{error}")).to_owned()
}

fn has(there: &FakeLibvirt) -> bool {
    there.world().volumes.contains_key("tiny.iso")
}

#[tokio::test]
async fn what_a_stopped_move_made_is_removed_and_told() {
    let there = FakeLibvirt::new("sock");
    assert_eq!(stopped(&there, Some(DISK)).await, "; tiny.iso, which it had made there, is removed");
    assert!(!has(&there));
    assert_eq!(stopped(&there, None).await, "", "it had made nothing yet");
}

#[tokio::test]
async fn what_was_there_before_or_may_be_anothers_stays_and_is_named() {
    let there = FakeLibvirt::new("sock");
    there.world().volumes.insert("tiny.iso".to_owned(), vec![0; 1 << 20]);
    assert_eq!(stopped(&there, None).await, KEPT, "it was there before");
    for (what, machine, size) in [
        ("of another size", None, DISK + 512),
        ("in another's drive", Some("mail"), DISK),
        ("its own", Some("web"), DISK),
    ] {
        there.world().volumes.clear();
        there.world().machines = machine.into_iter().collect();
        assert_eq!(stopped(&there, Some(size)).await, KEPT, "{what}");
        assert!(has(&there), "{what}");
    }
    there.world().volumes.clear();
    there.world().machines.clear();
    there.world().refuses.insert(vmdeck::backend::libvirt::wire::procedure::VOLUME_DELETE, DENIED);
    assert_eq!(stopped(&there, Some(DISK)).await, KEPT, "it cannot be removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_libvirt_leaves_no_disk_of_a_move_that_was_stopped() {
    let pair = Pair::new(BUSY, Disk::Volume).await;
    pair.here.limit_moves("web", 1).await;
    let (call, progress) = Call::new();
    let cancel = call.cancel.clone();
    let peer = pair.there.peer_uri();
    let moving = pair.from.migrate(&pair.vm, &peer, true, call);
    let watching = async {
        let is_told = |p: &Progress| p.done.is_some_and(|done| done.0 > 0);
        eventually("the copy", async || is_told(&progress.borrow())).await;
        assert!(pair.there.path("images/web.raw").exists());
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(moving, watching);
    let error = ended.unwrap_err();
    assert_eq!(error.message, format!("{AS_BEFORE}; web.raw, which it had made there, is removed"));
    assert!(!pair.there.path("images/web.raw").exists());
    assert!(pair.here.path("images/web.raw").exists());
    assert_eq!(pair.both().await, (Some(PowerState::Running), None));
}
