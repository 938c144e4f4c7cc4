//! Fetches of an iohyve host as every vmdeck on this computer sees them: begun by one, followed and gone on with by others.
use crate::support::{
    fetches::{HALF, TAG, halting, kill, told},
    freebsd::Rig,
    http::{Http, resumable},
    qemu::eventually,
};
use serde_json::json;
use std::fs;
use vmdeck::{
    backend::{Call, Images},
    domain::{ByteSize, ErrorKind, Image, Reply, TaskState},
    fetch::Journal,
};

/// A FreeBSD whose fetches end with the test, also when it fails.
struct Shared(Rig);

impl Drop for Shared {
    fn drop(&mut self) {
        for name in Journal::names(&self.0.path("library")) {
            kill(&self.0.path("library"), &name);
        }
    }
}

fn body() -> Vec<u8> {
    (0..75_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vmdeck_follows_a_fetch_until_iohyve_has_it() {
    let rig = Shared(Rig::new());
    let (server, gate) = halting(&body());
    let (first, second) = (rig.0.here(), rig.0.here());
    let url = server.url("/a.iso");
    let fetch = first.fetch_image(&url, None, Call::new().0);
    // It goes on once its first half was seen.
    let watch = told(&second, |state| {
        if matches!(state, TaskState::Running(p) if p.done == Some(ByteSize(HALF as u64))) {
            gate.open();
        }
        state.is_ended()
    });
    let (fetched, seen) = tokio::join!(fetch, watch);
    assert_eq!(fetched.unwrap().name, "a.iso");
    assert_eq!((seen.title.as_str(), seen.image.as_deref()), ("fetch a.iso", Some("a.iso")));
    assert_eq!(seen.state, TaskState::Succeeded(Some(Reply::Fetched(Image::new("a.iso")))));
    assert_eq!(rig.0.world()["isos"], json!(["a.iso"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_nobody_looked_is_handed_over_by_whoever_goes_on() {
    let rig = Shared(Rig::new());
    let (server, gate) = halting(&body());
    let url = server.url("/a.iso");
    let folder = rig.0.path("library");
    let first = rig.0.here();
    tokio::select! {
        ended = first.fetch_image(&url, None, Call::new().0) => panic!("{ended:?}"),
        () = eventually("the fetch", async || Journal::names(&folder) == ["a.iso"]) => {}
    }
    gate.open();
    eventually("the image", async || folder.join("a.iso").is_file() && Journal::names(&folder).is_empty()).await;
    let second = rig.0.here();
    let job = told(&second, |state| matches!(state, TaskState::Unknown(_))).await;
    let TaskState::Unknown(error) = &job.state else { panic!("{job:?}") };
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Interrupted, "it has come whole, and iohyve has not taken it yet")
    );
    let open = second.fetches().await.unwrap().open;
    assert!(open[0].source.ends_with("/a.iso") && open[0].halt.is_some(), "{open:?}");
    assert_eq!(second.resume_fetch("a.iso", Call::new().0).await.unwrap().name, "a.iso");
    assert_eq!((rig.0.world()["isos"].clone(), second.fetches().await.unwrap().open.len()), (json!(["a.iso"]), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_wait_for_the_same_image_one_hands_it_over() {
    let rig = Shared(Rig::new());
    let body = body();
    let server = Http::serve_heads(move |head| resumable(head, &body, TAG, usize::MAX));
    let url = server.url("/a.iso");
    let (first, second) = (rig.0.here(), rig.0.here());
    let fetched =
        tokio::join!(first.fetch_image(&url, None, Call::new().0), second.fetch_image(&url, None, Call::new().0));
    // Whoever looks when it is there already is told so.
    for one in [fetched.0, fetched.1] {
        assert!(one.as_ref().map_or_else(|e| e.kind == ErrorKind::Conflict, |i| i.name == "a.iso"), "{one:?}");
    }
    assert_eq!(rig.0.world()["isos"], json!(["a.iso"]));
    assert_eq!(rig.0.sent(&["cpiso", "rmiso"]).len(), 1, "{:?}", rig.0.sent(&["cpiso", "rmiso"]));
    assert!(fs::read_dir(rig.0.path("library/whole")).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_beside_a_fetch_is_no_image_that_has_come() {
    let rig = Rig::new();
    let iohyve = rig.here();
    for name in ["x.iso.part", "x.iso.mismatch"] {
        let file = rig.path("library").join(name);
        fs::write(&file, "kept").unwrap();
        let ended = [
            iohyve.pause_fetch(name).await,
            iohyve.cancel_fetch(name).await,
            iohyve.resume_fetch(name, Call::new().0).await.map(drop),
        ];
        for error in ended.map(Result::unwrap_err) {
            let told = format!("image: `{name}` must not end in ");
            assert!(error.kind == ErrorKind::Invalid && error.message.starts_with(&told), "{error}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    }
    assert_eq!(rig.world()["isos"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_whose_journal_is_broken_can_be_cancelled() {
    let rig = Rig::new();
    let (iohyve, library) = (rig.here(), rig.path("library"));
    fs::write(library.join(".x.iso.fetch"), "{").unwrap();
    fs::write(library.join("x.iso.part"), "half").unwrap();
    let error = iohyve.resume_fetch("x.iso", Call::new().0).await.unwrap_err();
    assert_eq!(error.message, "the journal of x.iso cannot be read: cancel the fetch and begin it anew");
    iohyve.cancel_fetch("x.iso").await.unwrap();
    assert!(!library.join(".x.iso.fetch").exists() && !library.join("x.iso.part").exists());
}
