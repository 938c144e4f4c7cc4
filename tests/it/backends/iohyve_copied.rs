//! Images that iohyve copies: how far it is, what is left where it is cut off, and what is somebody else's.
use crate::support::{
    fetches::{HALF, TAG, halting},
    freebsd::Rig,
    http::{Http, resumable},
    qemu::eventually,
};
use serde_json::json;
use std::fs;
use vmdeck::{
    backend::{Backend, Call, Images, iohyve::Iohyve},
    domain::{ByteSize, ErrorKind},
};

const COPIES: &str = "iohyve copies it into its library";
/// How much of an image is copied at first.
const PART: u64 = 1000;
const SIZE: u64 = 4096;

/// How much of the image the library has.
fn there(rig: &Rig, name: &str) -> Option<u64> {
    Some(fs::metadata(rig.path(&format!("mnt/ISO/{name}/{name}"))).ok()?.len())
}

async fn names(iohyve: &Iohyve) -> Vec<String> {
    iohyve.images().await.unwrap().into_iter().map(|image| image.name).collect()
}

/// Fetches an image, of which iohyve copies no more than a part.
async fn held_half_way(rig: &Rig, call: Call, then: impl AsyncFnOnce()) -> vmdeck::domain::Result<()> {
    rig.set("copies", json!(PART));
    let (iohyve, url) = (rig.here(), rig.image());
    let fetch = iohyve.fetch_image(&url, None, call);
    tokio::pin!(fetch);
    tokio::select! {
        ended = &mut fetch => panic!("{ended:?}"),
        () = eventually("a part of it", async || there(rig, "x.iso") == Some(PART)) => {}
    }
    then().await;
    fetch.await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_it_is_grows_through_both_halves_of_the_way() {
    let rig = Rig::new();
    let body = vec![7; 2 * HALF];
    let (server, gate) = halting(&body);
    rig.set("copies", json!(PART));
    let (call, progress) = Call::new();
    let watch = async {
        let is_at = |percent| progress.borrow().percent() == Some(percent);
        eventually("half of it here", async || is_at(25)).await;
        gate.open();
        eventually("a part of it there", async || {
            let now = progress.borrow();
            now.note.as_deref() == Some(COPIES) && now.done == Some(ByteSize(2 * HALF as u64 + PART))
        })
        .await;
        assert!(is_at(50), "{:?}", progress.borrow());
        fs::write(rig.path("copied"), "").unwrap();
    };
    let (iohyve, url) = (rig.here(), server.url("/a.iso"));
    let (image, ()) = tokio::join!(iohyve.fetch_image(&url, None, call), watch);
    assert_eq!((image.unwrap().name.as_str(), there(&rig, "a.iso")), ("a.iso", Some(2 * HALF as u64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_cut_off_is_no_image_and_is_made_good() {
    let rig = Rig::new();
    rig.set("copies", json!(PART));
    let (first, url) = (rig.here(), rig.image());
    tokio::select! {
        ended = first.fetch_image(&url, None, Call::new().0) => panic!("{ended:?}"),
        () = eventually("a part of it", async || there(&rig, "x.iso") == Some(PART)) => {}
    }
    drop(first);
    let second = rig.here();
    assert_eq!((rig.world()["isos"].clone(), names(&second).await), (json!(["x.iso"]), Vec::<String>::new()));
    assert_eq!(second.inventory(false).await.unwrap().images, Some(Vec::new()));
    let open = second.fetches().await.unwrap().open;
    assert!(open[0].name == "x.iso" && open[0].halt.is_some(), "{open:?}");
    fs::write(rig.path("copied"), "").unwrap();
    assert_eq!(second.resume_fetch("x.iso", Call::new().0).await.unwrap().name, "x.iso");
    assert_eq!((names(&second).await, there(&rig, "x.iso")), (vec!["x.iso".to_owned()], Some(SIZE)));
    assert_eq!(second.fetches().await.unwrap().open, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_put_there_meanwhile_is_left_alone() {
    let rig = Rig::new();
    let (server, gate) = halting(&vec![7; 2 * HALF]);
    let (iohyve, url) = (rig.here(), server.url("/a.iso"));
    let meanwhile = async {
        let part = rig.path("library/a.iso.part");
        eventually("half of it", async || fs::metadata(&part).is_ok_and(|part| part.len() == HALF as u64)).await;
        rig.set("isos", json!(["a.iso"]));
        gate.open();
    };
    let (ended, ()) = tokio::join!(iohyve.fetch_image(&url, None, Call::new().0), meanwhile);
    let waits = rig.path("library/whole/a.iso");
    let told = format!("a.iso is there already, and not from here; what has come waits as {}", waits.display());
    let error = ended.unwrap_err();
    assert_eq!((error.kind, error.message), (ErrorKind::Conflict, told));
    assert!(waits.is_file());
    // What waits can be thrown away, and that is all that goes.
    let rests = iohyve.pause_fetch("a.iso").await.unwrap_err();
    assert_eq!(rests.message, "a.iso has come whole: it cannot rest, only be thrown away");
    iohyve.cancel_fetch("a.iso").await.unwrap();
    assert!(!waits.exists() && iohyve.fetches().await.unwrap().open.is_empty());
    assert_eq!((rig.sent(&["cpiso", "rmiso"]), names(&iohyve).await), (Vec::new(), vec!["a.iso".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_in_the_library_after_a_cancel_is_told_and_is_no_image() {
    let rig = Rig::new();
    rig.set("lies", json!(["rmiso"]));
    rig.set("cuts", json!(true));
    let (call, _progress) = Call::new();
    let cancel = call.cancel.clone();
    let ended = held_half_way(&rig, call, async || {
        cancel.cancel();
        fs::write(rig.path("copied"), "").unwrap();
    });
    let error = ended.await.unwrap_err();
    let told = "cancelled: x.iso is still in iohyve's library, and may not be whole; iohyve said: Deleting x.iso...";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Differs, told));
    let iohyve = rig.here();
    assert_eq!(names(&iohyve).await, Vec::<String>::new());
    rig.set("lies", json!([]));
    iohyve.cancel_fetch("x.iso").await.unwrap();
    assert_eq!((rig.world()["isos"].clone(), iohyve.fetches().await.unwrap().open), (json!([]), Vec::new()));
    assert!(fs::read_dir(rig.path("library/whole")).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_to_a_copy_that_is_short_is_not_believed() {
    let rig = Rig::new();
    rig.set("cuts", json!(true));
    let ended = held_half_way(&rig, Call::new().0, async || fs::write(rig.path("copied"), "").unwrap());
    let error = ended.await.unwrap_err();
    let told = "iohyve did not take x.iso: it has 1000 B of 4 KiB; ";
    assert!(error.kind == ErrorKind::Differs && error.message.starts_with(told), "{error}");
    assert_eq!(rig.world()["isos"], json!([]), "half an image is not left in the library");
    rig.set("cuts", json!(false));
    assert_eq!(rig.here().resume_fetch("x.iso", Call::new().0).await.unwrap().name, "x.iso");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_see_how_much_came_iohyve_is_believed() {
    let rig = Rig::new();
    let server = Http::serve_heads(move |head| resumable(head, &[7; 5000], TAG, usize::MAX));
    rig.set("home", json!("tank/elsewhere"));
    assert_eq!(rig.here().fetch_image(&server.url("/a.iso"), None, Call::new().0).await.unwrap().name, "a.iso");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_does_not_outlive_what_it_was_for() {
    let rig = Rig::new();
    rig.set("copies", json!(PART));
    let (first, url) = (rig.here(), rig.image());
    tokio::select! {
        ended = first.fetch_image(&url, None, Call::new().0) => panic!("{ended:?}"),
        () = eventually("a part of it", async || there(&rig, "x.iso") == Some(PART)) => {}
    }
    drop(first);
    // Somebody clears up by hand, and puts an image of that name there; then it comes once more.
    fs::remove_file(rig.path("library/whole/x.iso")).unwrap();
    fs::write(rig.path("library/x.iso"), "whole").unwrap();
    let iohyve = rig.here();
    iohyve.cancel_fetch("x.iso").await.unwrap();
    assert_eq!((rig.sent(&["rmiso"]), names(&iohyve).await), (Vec::new(), vec!["x.iso".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_has_handed_over_meanwhile_is_not_cancelled() {
    let rig = Rig::new();
    let (iohyve, whole) = (rig.here(), rig.path("library/whole/x.iso"));
    for is_taken in [true, false] {
        fs::create_dir_all(rig.path("library/whole")).unwrap();
        fs::write(&whole, "whole").unwrap();
        let theirs = fs::File::open(&whole).unwrap();
        theirs.lock().unwrap();
        // The cancel has found it held by the time that this begins.
        let ends = async {
            if is_taken {
                rig.set("isos", json!(["x.iso"]));
            }
            fs::remove_file(&whole).unwrap();
        };
        let (ended, ()) = tokio::join!(iohyve.cancel_fetch("x.iso"), ends);
        match is_taken {
            true => {
                let error = ended.unwrap_err();
                let told = "iohyve has taken x.iso meanwhile: it is whole";
                assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, told));
                rig.set("isos", json!([]));
            }
            false => ended.unwrap(),
        }
    }
}

#[tokio::test]
async fn one_that_cannot_be_looked_at_hides_no_other() {
    let (rig, bytes) = (Rig::new(), vec![7; 4096]);
    for folder in ["library/whole", "mnt/ISO/x.iso"] {
        fs::create_dir_all(rig.path(folder)).unwrap();
        fs::write(rig.path(folder).join("x.iso"), &bytes).unwrap();
    }
    fs::write(rig.path("library/whole/.x.iso.begun"), "").unwrap();
    rig.set("isos", json!(["x.iso", "y.iso"]));
    // It cannot be run.
    fs::write(rig.path("wc"), "").unwrap();
    let iohyve = rig.here();
    assert_eq!(names(&iohyve).await, ["y.iso"]);
    fs::remove_file(rig.path("wc")).unwrap();
    assert_eq!(names(&iohyve).await, ["x.iso", "y.iso"]);
}
