//! Interrupted fetches go on where they were, and never with the wrong bytes.
use super::{fetch_with, hasty, image, impatient, names};
use crate::support::{
    http::{Http, Step, answer, range, raw, resumable},
    qemu::eventually,
};
use proptest::prelude::*;
use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{ErrorKind, Progress, Result},
    fetch::{Fetched, Journal, Options, State, resume},
};

const TAG: &str = "\"v1\"";

/// A server of `body` whose connections break after each of `cuts` bytes; then it gives the rest.
fn breaking(body: &[u8], cuts: Vec<usize>) -> Http {
    let (body, cuts) = (body.to_vec(), Mutex::new(cuts));
    Http::serve_heads(move |head| {
        if !head.starts_with("GET /a.iso ") {
            return answer("404 Not Found", "", b"");
        }
        let mut cuts = cuts.lock().unwrap();
        let cut = if cuts.is_empty() { usize::MAX } else { cuts.remove(0) };
        resumable(head, &body, TAG, cut)
    })
}

/// The first bytes asked for, image by image; lists of checksums are left out.
fn asked(server: &Http) -> Vec<Option<usize>> {
    server.requests().iter().filter(|head| head.starts_with("GET /a.iso ")).map(|head| range(head)).collect()
}

async fn again(folder: &Path) -> (Result<Fetched>, Vec<Progress>) {
    let mut told = Vec::new();
    let options = Options { tries: 1, ..impatient() };
    let done = resume(folder, "a.iso", None, &options, &CancellationToken::new(), |p| told.push(p)).await;
    (done, told)
}

/// Fetches with one try, which breaks.
async fn interrupted(folder: &Path, server: &Http) {
    let options = Options { tries: 1, ..impatient() };
    let (done, _) = fetch_with(folder, &server.url("/a.iso"), None, &options).await;
    done.unwrap_err();
    assert_eq!(names(folder), [".a.iso.fetch", "a.iso.part"]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_taken_up_where_it_was() {
    let body = image(300_000);
    let server = breaking(&body, vec![100_000, 0, 100_000]);
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = fetch_with(folder.path(), &server.url("/a.iso"), None, &impatient()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), body);
    assert_eq!(asked(&server), [None, Some(100_000), Some(100_000), Some(200_000)]);
    assert!(told.iter().any(|p| p.note.as_ref().is_some_and(|n| n.contains("again in 1 s"))), "{told:?}");
    assert_eq!(names(folder.path()), ["a.iso"]);
}

#[tokio::test]
async fn it_gives_up_when_nothing_new_comes_and_keeps_what_came() {
    let body = image(1000);
    let server = breaking(&body, vec![400, 0, 0, 0, 0, 0, 0]);
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &Options { tries: 3, ..impatient() }).await;
    let why = done.unwrap_err().message;
    assert_eq!(asked(&server).len(), 3);
    let journal = Journal::read(folder.path(), "a.iso").unwrap().unwrap();
    assert_eq!((journal.state, journal.done), (State::Stopped(why), 400));
}

#[tokio::test]
async fn a_changed_file_is_fetched_from_the_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (image(5000), image(6000).split_off(1000));
    let tries = AtomicUsize::new(0);
    let bytes = new.clone();
    let server = Http::serve_heads(move |head| match tries.fetch_add(1, Ordering::Relaxed) {
        n if n > 0 && head.starts_with("GET /a.iso ") => resumable(head, &bytes, "\"v2\"", usize::MAX),
        _ => resumable(head, &old, TAG, 2000),
    });
    interrupted(folder.path(), &server).await;
    let (done, told) = again(folder.path()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), new);
    let notes: Vec<_> = told.iter().filter_map(|p| p.note.as_deref()).collect();
    assert!(notes.contains(&"it has changed at the server: from the beginning"), "{notes:?}");
}

/// Goes on at a server that answers to a request for the rest with `wrong`, and to one for all with all.
async fn after(wrong: impl Fn() -> Vec<Step> + Send + Sync + 'static) {
    let body = image(5000);
    let bytes = body.clone();
    let is_first = AtomicBool::new(true);
    let server = Http::serve_heads(move |head| match range(head) {
        Some(_) => wrong(),
        None if is_first.swap(false, Ordering::Relaxed) => resumable(head, &bytes, TAG, 2000),
        None => resumable(head, &bytes, TAG, usize::MAX),
    });
    let folder = tempfile::tempdir().unwrap();
    interrupted(folder.path(), &server).await;
    let (done, _) = again(folder.path()).await;
    assert!(fs::read(done.unwrap().path).unwrap() == body, "wrong bytes were taken");
    assert_eq!(asked(&server), [None, Some(2000), None]);
}

#[tokio::test]
async fn a_part_of_another_place_or_version_is_not_taken() {
    let part = |tag: &str, range: &str| {
        let lines = format!("ETag: {tag}\r\nContent-Range: bytes {range}\r\n");
        answer("206 Partial Content", &lines, &[0; 3000])
    };
    after(move || part("\"v2\"", "2000-4999/5000")).await;
    after(move || part(TAG, "1000-3999/5000")).await;
    after(move || part(TAG, "2000-4999/9000")).await;
    after(move || part(TAG, "2000-4999")).await;
    after(|| answer("416 Range Not Satisfiable", "Content-Range: bytes */5000\r\n", b"")).await;
}

#[tokio::test]
async fn without_a_version_nothing_is_gone_on_with() {
    let body = image(3000);
    let bytes = body.clone();
    let tries = AtomicUsize::new(0);
    let server = Http::serve(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n"), Step::Send(bytes[..1000].to_vec())],
        _ => answer("200 OK", "ETag: W/\"weak\"\r\n", &bytes),
    });
    let folder = tempfile::tempdir().unwrap();
    interrupted(folder.path(), &server).await;
    let (done, _) = again(folder.path()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), body);
    assert!(asked(&server).iter().all(Option::is_none), "{:?}", asked(&server));
}

#[tokio::test]
async fn a_stall_is_overcome() {
    let body = image(9000);
    let bytes = body.clone();
    let server = Http::serve_heads(move |head| {
        let mut steps = resumable(head, &bytes, TAG, if range(head).is_some() { 9000 } else { 5000 });
        if range(head).is_none() {
            steps.push(Step::Stall);
        }
        steps
    });
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = fetch_with(folder.path(), &server.url("/a.iso"), None, &hasty()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), body);
    assert!(told.iter().any(|p| p.note.as_ref().is_some_and(|n| n.starts_with("nothing came for 0.3 s"))), "{told:?}");
}

#[tokio::test]
async fn all_that_came_is_whole_without_asking_again() {
    let body = image(5000);
    let server = breaking(&body, vec![2000]);
    let folder = tempfile::tempdir().unwrap();
    interrupted(folder.path(), &server).await;
    // As a kill leaves it between the last byte and the name.
    fs::write(folder.path().join("a.iso.part"), &body).unwrap();
    let (done, _) = again(folder.path()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), body);
    assert_eq!(asked(&server).len(), 1);
}

#[tokio::test]
async fn a_pause_is_gone_on_with() {
    let body = image(200_000);
    let bytes = body.clone();
    let server = Http::serve_heads(move |head| {
        let is_last = range(head) == Some(150_000);
        let mut steps = resumable(head, &bytes, TAG, if is_last { usize::MAX } else { 75_000 });
        // The first breaks, so that there is something to go on with; the second waits for ever.
        steps.extend((range(head) == Some(75_000)).then_some(Step::Stall));
        steps
    });
    let folder = tempfile::tempdir().unwrap();
    interrupted(folder.path(), &server).await;
    let stop = CancellationToken::new();
    let options = impatient();
    let part = folder.path().join("a.iso.part");
    let (done, ()) = tokio::join!(resume(folder.path(), "a.iso", None, &options, &stop, drop), async {
        eventually("some bytes", async || fs::metadata(&part).is_ok_and(|meta| meta.len() == 150_000)).await;
        stop.cancel();
    });
    assert_eq!(done.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(Journal::read(folder.path(), "a.iso").unwrap().unwrap().state, State::Paused);
    assert_eq!(fs::read(again(folder.path()).await.0.unwrap().path).unwrap(), body);
    assert_eq!(asked(&server), [None, Some(75_000), Some(150_000)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Wherever the connection breaks, and wherever the process was killed after that, the image is right.
    #[test]
    fn wherever_it_breaks_the_image_is_right(cuts in prop::collection::vec(0_usize..90_000, 1..4), kept in 0_u64..100_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let body = image(100_000);
            let server = breaking(&body, cuts);
            let folder = tempfile::tempdir().unwrap();
            let options = Options { tries: 1, ..impatient() };
            let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &options).await;
            if done.is_err() && folder.path().join("a.iso.part").exists() {
                // A loss of power takes bytes from the end.
                let part = fs::File::options().write(true).open(folder.path().join("a.iso.part")).unwrap();
                part.set_len(part.metadata().unwrap().len().min(kept)).unwrap();
            }
            for _ in 0..5 {
                if !folder.path().join(".a.iso.fetch").exists() {
                    break;
                }
                let _ = again(folder.path()).await;
            }
            if let Ok(found) = fs::read(folder.path().join("a.iso")) {
                assert!(found == body, "the image is wrong");
            } else {
                assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
            }
        });
    }
}
