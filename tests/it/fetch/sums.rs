//! Checksums: given or found, right or wrong, also across an interruption.
use super::{fetch_with, image, names, order};
use crate::support::http::{Http, answer, resumable};
use sha2::{Digest, Sha256, Sha512};
use std::{
    fmt::Write,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::Result,
    fetch::{Fetched, Options, Order, Origin, fetch},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

async fn fetch_into(folder: &Path, url: &str, name: Option<&str>) -> Result<Fetched> {
    fetch_with(folder, url, name, &once()).await.0
}

fn once() -> Options {
    Options { tries: 1, ..Options::default() }
}

/// A server of `body` at `/iso/a.iso`, with a list called `list` beside it.
fn server(body: Vec<u8>, list: &'static str, text: String) -> Http {
    Http::serve(move |path| match path.strip_prefix("/iso/") {
        Some("a.iso") => answer("200 OK", "", &body),
        Some(name) if name == list => answer("200 OK", "", text.as_bytes()),
        _ => answer("404 Not Found", "", b""),
    })
}

#[tokio::test]
async fn a_sum_found_beside_the_image_is_checked_and_kept() {
    let body = image(200_000);
    let long = hex(&Sha512::digest(&body));
    for (list, text, verdict) in [
        ("SHA256SUMS", format!("{}  b.iso\n{} *a.iso\n", "0".repeat(64), sha256(&body)), "SHA-256 as in SHA256SUMS"),
        ("a.iso.sha256", format!("{}\n", sha256(&body)), "SHA-256 as in a.iso.sha256"),
        ("CHECKSUM", format!("SHA512 (a.iso) = {long}\n"), "SHA-512 as in CHECKSUM"),
    ] {
        let server = server(body.clone(), list, text);
        let folder = tempfile::tempdir().unwrap();
        let done = fetch_into(folder.path(), &server.url("/iso/a.iso"), Some("other.iso")).await;
        let done = done.unwrap();
        assert_eq!(done.checked.as_deref(), Some(verdict));
        let origin = Origin::read(folder.path(), "other.iso", &done.path.metadata().unwrap()).unwrap();
        assert_eq!((origin.checked.as_deref(), origin.url), (Some(verdict), server.url("/iso/a.iso")));
    }
}

#[tokio::test]
async fn what_is_not_as_its_sum_says_is_kept_apart() {
    let body = image(1000);
    let server = server(body.clone(), "SHA256SUMS", format!("{}  a.iso\n", "0".repeat(64)));
    let folder = tempfile::tempdir().unwrap();
    let done = fetch_into(folder.path(), &server.url("/iso/a.iso"), None).await;
    let message = done.unwrap_err().message;
    assert!(message.contains("SHA256SUMS says 000000000000. It was kept apart as a.iso.mismatch"), "{message}");
    assert_eq!(names(folder.path()), ["a.iso.mismatch"]);
    assert_eq!(fs::read(folder.path().join("a.iso.mismatch")).unwrap(), body);
}

#[tokio::test]
async fn a_given_sum_counts_and_goes_on_across_an_interruption() {
    let body = image(500_000);
    let is_first = AtomicBool::new(true);
    let bytes = body.clone();
    let server = Http::serve_heads(move |head| {
        let cut = if is_first.swap(false, Ordering::Relaxed) { 123_457 } else { usize::MAX };
        resumable(head, &bytes, "\"v1\"", cut)
    });
    let folder = tempfile::tempdir().unwrap();
    for (name, sum, is_right) in [("right.iso", sha256(&body), true), ("wrong.iso", sha256(b"another"), false)] {
        let order = Order { sum: Some(sum.parse().unwrap()), ..order(&server.url("/a.iso"), Some(name)).unwrap() };
        let stop = CancellationToken::new();
        if is_right {
            fetch(&order, folder.path(), &once(), &stop, drop).await.unwrap_err();
        }
        let done = fetch(&order, folder.path(), &once(), &stop, drop).await;
        match done {
            Ok(done) => assert_eq!((is_right, done.checked.as_deref()), (true, Some("SHA-256 as given"))),
            Err(error) => assert!(!is_right && error.message.contains("given says"), "{error}"),
        }
    }
    assert_eq!(names(folder.path()), ["right.iso", "wrong.iso.mismatch"]);
}

#[tokio::test]
async fn a_copied_file_is_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let from = tempfile::tempdir().unwrap();
    let body = image(300_000);
    fs::write(from.path().join("a.iso"), &body).unwrap();
    fs::write(from.path().join("SHA256SUMS"), format!("{}  a.iso\n", sha256(&body))).unwrap();
    let done = fetch_into(folder.path(), &format!("file://{}/a.iso", from.path().display()), None).await;
    assert_eq!(done.unwrap().checked.as_deref(), Some("SHA-256 as in SHA256SUMS"));
}
