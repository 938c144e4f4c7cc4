//! Packed images, unpacked once they are whole and checked.
use super::{fetch_with, impatient, names, order, sums::sha256};
use crate::support::http::{Http, answer, range, resumable};
use std::{fs, path::Path};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{ErrorKind, Progress, Result},
    fetch::{Fetched, Journal, Options, Order, fetch, resume},
};

const XZ: &[u8] = include_bytes!("packed/image.xz");
const GZ: &[u8] = include_bytes!("packed/image.gz");

fn is_the_image(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.len() == 1_000_010 && bytes.starts_with(b"the image \0") && bytes.ends_with(b"\0end")
}

fn serve(path: &'static str, body: &'static [u8]) -> Http {
    Http::serve_heads(move |head| match head.starts_with(&format!("GET {path} ")) {
        true => resumable(head, body, "\"v1\"", usize::MAX),
        false => answer("404 Not Found", "", b""),
    })
}

async fn unpacked(folder: &Path, url: &str, told: &mut Vec<Progress>) -> Result<Fetched> {
    let order = Order::new(url, None)?;
    let options = Options { tries: 1, ..impatient() };
    fetch(&order, folder, &options, &CancellationToken::new(), |p| told.push(p)).await
}

#[tokio::test]
async fn an_image_comes_out_under_its_own_name_and_the_sum_is_that_of_what_came() {
    let server = serve("/a.img.xz", XZ);
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let url = format!("{}#sha256={}&unpack", server.url("/a.img.xz"), sha256(XZ));
    let done = unpacked(folder.path(), &url, &mut told).await.unwrap();
    assert_eq!((done.name.as_str(), done.size.0), ("a.img", 1_000_010));
    assert_eq!(done.checked.as_deref(), Some("SHA-256 as given, before it was unpacked"));
    assert!(is_the_image(&done.path));
    assert_eq!(names(folder.path()), ["a.img"]);
    assert!(told.iter().any(|p| p.note.as_ref().is_some_and(|n| n.starts_with("unpacking "))), "{told:?}");
    assert!(told.iter().all(|p| p.percent().is_none_or(|percent| percent < 100)));
}

#[tokio::test]
async fn a_wrong_sum_is_not_unpacked_and_what_is_not_packed_is_refused() {
    let server = serve("/a.img.xz", XZ);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}#sha256={}&unpack", server.url("/a.img.xz"), "0".repeat(64));
    let error = unpacked(folder.path(), &url, &mut Vec::new()).await.unwrap_err();
    assert!(error.message.contains("kept apart as a.img.mismatch"), "{error}");
    assert_eq!(names(folder.path()), ["a.img.mismatch"]);

    let server = serve("/a.zip", b"PK");
    let url = format!("{}#unpack", server.url("/a.zip"));
    let error = unpacked(folder.path(), &url, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.message, "unpack: a.zip does not end in .xz, .gz, .zst or .bz2: fetch it as it is");
    let server = serve("/b.xz", b"PK\x03\x04");
    let url = format!("{}#unpack", server.url("/b.xz"));
    let error = unpacked(folder.path(), &url, &mut Vec::new()).await.unwrap_err();
    assert!(error.message.starts_with("it is not packed by xz"), "{error}");
    assert!(!folder.path().join("b").exists());
}

#[tokio::test]
async fn damage_leaves_no_image_and_what_came_stays_until_it_is_thrown_away() {
    let mut damaged = XZ.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let server = serve("/a.img.xz", damaged.leak());
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}#unpack", server.url("/a.img.xz"));
    let error = unpacked(folder.path(), &url, &mut Vec::new()).await.unwrap_err();
    assert!(error.message.starts_with("what came cannot be unpacked: "), "{error}");
    assert_eq!(names(folder.path()), [".a.img.fetch", "a.img.part"]);
    vmdeck::fetch::forget(folder.path(), "a.img").unwrap();
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn interrupted_while_it_unpacks_nothing_comes_twice() {
    let server = serve("/a.img.gz", GZ);
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let order = Order::new(&format!("{}#sha256={}&unpack", server.url("/a.img.gz"), sha256(GZ)), None).unwrap();
    let look = vmdeck::fetch::look(&order, folder.path(), &impatient()).await.unwrap();
    vmdeck::fetch::ask(&order, &look, folder.path()).unwrap();
    drop(look);
    let is_unpacking = |p: &Progress| p.note.as_ref().is_some_and(|note| note.starts_with("unpacking "));
    let stopped = resume(folder.path(), "a.img", None, &impatient(), &stop, |p| {
        if is_unpacking(&p) {
            stop.cancel();
        }
    })
    .await;
    let requests = server.requests().iter().filter(|head| head.starts_with("GET /a.img.gz ")).count();
    if let Err(error) = stopped {
        assert_eq!(error.kind, ErrorKind::Cancelled);
        assert!(!folder.path().join("a.img").exists());
        assert!(Journal::read(folder.path(), "a.img").unwrap().is_some_and(|journal| journal.unpack));
        let go_on = CancellationToken::new();
        let done = resume(folder.path(), "a.img", None, &impatient(), &go_on, |_| {}).await.unwrap();
        assert_eq!(done.checked.as_deref(), Some("SHA-256 as given, before it was unpacked"));
    }
    assert!(is_the_image(&folder.path().join("a.img")));
    assert_eq!(names(folder.path()), ["a.img"]);
    let after = server.requests().iter().filter(|head| head.starts_with("GET /a.img.gz ")).count();
    assert_eq!(after, requests, "it was fetched again");
    assert!(server.requests().iter().all(|head| range(head).is_none()));
}

#[tokio::test]
async fn without_the_wish_a_packed_image_stays_packed() {
    let server = serve("/a.img.gz", GZ);
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_with(folder.path(), &server.url("/a.img.gz"), None, &impatient()).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), GZ);
    assert!(!order(&server.url("/a.img.gz"), None).unwrap().unpack);
}
