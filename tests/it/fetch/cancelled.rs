//! A fetch that is cancelled has ended when that is said, and no other is taken for it.
use super::{image, names};
use crate::support::{
    fetches::{Rig, begun, halting, kill, signal},
    program::vmdeck,
    qemu::eventually,
};
use rustix::process::Signal;
use std::{fs, path::Path};
use vmdeck::{
    backend::{Call, Images},
    domain::ErrorKind,
};

/// What is there of `a.iso`.
fn left(folder: &Path) -> Vec<String> {
    names(folder).into_iter().filter(|name| name.contains("a.iso")).collect()
}

/// Returns when somebody has asked the fetch of `a.iso` to end.
async fn asked_to_end(folder: &Path) {
    eventually("the wish", async || folder.join(".a.iso.wish").exists()).await;
}

#[tokio::test]
async fn it_is_over_when_cancel_says_so() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    let home = rig.0.path("");
    let said = vmdeck(&home, "call local cancel-fetch image=a.iso").await;
    assert_eq!((said.code, left(&folder)), (0, Vec::new()), "{said:?}");
    let said = vmdeck(&home, "call local cancel-fetch image=a.iso").await;
    assert_eq!((said.code, said.err.as_str()), (1, "vmdeck: a.iso is not being fetched\n"));
}

#[tokio::test]
async fn a_new_fetch_waits_for_the_end_of_the_one_that_is_cancelled() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    let url = server.url("/a.iso");
    begun(&rig, &url).await;
    // Its process takes its time.
    signal(&folder, "a.iso", Signal::STOP);
    let [first, other, third] = [rig.another(), rig.another(), rig.another()];
    let ((call, progress), (again, asked)) = (Call::new(), Call::new());
    let waits = "waiting for the end of the fetch that was cancelled";
    let steps = async {
        asked_to_end(&folder).await;
        let noted = |progress: &vmdeck::domain::Progress| progress.note.as_deref() == Some(waits);
        eventually("the waits", async || noted(&progress.borrow()) && noted(&asked.borrow())).await;
        assert_eq!(rig.another().pause_fetch("a.iso").await.unwrap_err().message, "a.iso is being cancelled");
        signal(&folder, "a.iso", Signal::CONT);
    };
    let later = async {
        asked_to_end(&folder).await;
        tokio::join!(other.fetch_image(&url, None, call), third.resume_fetch("a.iso", again))
    };
    let end_it = async {
        let cancelled = first.cancel_fetch("a.iso").await;
        gate.open();
        cancelled
    };
    let (cancelled, (new, resumed), ()) = tokio::join!(end_it, later, steps);
    cancelled.unwrap();
    assert!(fs::read(new.unwrap().path.unwrap()).unwrap() == body, "the image is wrong");
    // Which of the two begins first is anybody's guess: what is gone on with is the new one.
    assert!(resumed.as_ref().err().is_none_or(|why| why.kind == ErrorKind::NotFound), "{resumed:?}");
    let past = other.fetches().await.unwrap().past;
    assert!(past.iter().any(|past| past.why.as_deref() == Some("cancelled")), "{past:?}");
}

#[tokio::test]
async fn what_its_process_can_do_no_more_is_done_by_who_cancels() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    signal(&folder, "a.iso", Signal::STOP);
    let other = rig.another();
    let (cancelled, ()) = tokio::join!(other.cancel_fetch("a.iso"), async {
        asked_to_end(&folder).await;
        kill(&folder, "a.iso");
    });
    cancelled.unwrap();
    assert_eq!(left(&folder), Vec::<String>::new());
    let past = other.fetches().await.unwrap().past;
    assert_eq!((past.len(), past[0].why.as_deref()), (1, Some("cancelled")));
}
