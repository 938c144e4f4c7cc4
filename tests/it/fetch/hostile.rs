//! Servers that break the rules on purpose: nothing of theirs becomes an image that it is not, and nothing secret is theirs.
use super::{fetch_into, fetch_with, hasty, image, impatient, names};
use crate::support::{
    http::{Http, Step, answer, range, raw, resumable},
    tls::certificate,
};
use std::{
    fs,
    io::Write,
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};
use tokio_util::sync::CancellationToken;
use vmdeck::fetch::{Options, resume};

const TAG: &str = "\"v1\"";

/// Fetches from a server that breaks after 2,000 of 5,000 bytes, answers to a request for the rest with `rest`, and to
/// the next one for all with all. The first bytes that were asked for, in order, and what was told.
async fn gone_on_with(rest: impl Fn(&[u8]) -> Vec<Step> + Send + Sync + 'static) -> (Vec<Option<usize>>, String) {
    let body = image(5000);
    let (bytes, is_first, has_lied) = (body.clone(), AtomicBool::new(true), AtomicBool::new(false));
    let server = Http::serve_heads(move |head| {
        if !head.starts_with("GET /a.iso ") {
            return answer("404 Not Found", "", b"");
        }
        match range(head) {
            Some(_) if !has_lied.swap(true, Ordering::Relaxed) => rest(&bytes),
            None if is_first.swap(false, Ordering::Relaxed) => resumable(head, &bytes, TAG, 2000),
            _ => resumable(head, &bytes, TAG, usize::MAX),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tries: 1, ..impatient() };
    fetch_with(folder.path(), &server.url("/a.iso"), None, &options).await.0.unwrap_err();
    let mut told = String::new();
    for _ in 0..2 {
        let stop = CancellationToken::new();
        let tell = |p: vmdeck::domain::Progress| told.extend(p.note);
        match resume(folder.path(), "a.iso", None, &options, &stop, tell).await {
            Ok(done) => {
                assert!(fs::read(done.path).unwrap() == body, "wrong bytes were taken");
                break;
            }
            Err(error) => told += &error.message,
        }
    }
    assert_eq!(names(folder.path()), ["a.iso"]);
    let requests = server.requests();
    let asked = requests.iter().filter(|head| head.starts_with("GET /a.iso ")).map(|head| range(head));
    (asked.collect(), told)
}

#[tokio::test]
async fn a_range_that_is_not_kept_is_no_rest() {
    // All of it, though the rest was asked for.
    let (asked, told) = gone_on_with(|all| answer("200 OK", &format!("ETag: {TAG}\r\n"), all)).await;
    assert_eq!(asked, [None, Some(2000)]);
    assert!(told.contains("from the beginning"), "{told}");
    // A length that is not that of the range.
    let line = format!("ETag: {TAG}\r\nContent-Range: bytes 2000-4999/5000\r\n");
    let longer = line.clone();
    let (asked, _) = gone_on_with(move |_| answer("206 Partial Content", &longer, &[0; 4000])).await;
    assert_eq!(asked, [None, Some(2000), None]);
    // More than the range, where no length is told: nothing of it is kept.
    let (asked, told) = gone_on_with(move |_| {
        let head = format!("HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n{line}\r\nfa0\r\n");
        vec![raw(&head), Step::Send(vec![0; 4000]), raw("\r\n0\r\n\r\n")]
    })
    .await;
    assert_eq!(asked, [None, Some(2000), None]);
    assert!(told.contains("more came than the 4.9 KiB that the server told"), "{told}");
}

#[tokio::test]
async fn a_length_that_is_told_twice_is_believed_neither_time() {
    let server = Http::serve(|_| vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nwhole")]);
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_into(folder.path(), &server.url("/a.iso"), None).await;
    assert!(done.unwrap_err().message.starts_with("the server's answer is no HTTP"));
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_password_does_not_follow_to_another_server() {
    let other = Http::serve(|_| answer("200 OK", "", b"iso"));
    let there = other.url("/b.iso");
    let server = Http::serve(move |_| answer("302 Found", &format!("Location: {there}\r\n"), b""));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://me:hunter2@127.0.0.1:{}/a.iso", server.port());
    fetch_into(folder.path(), &url, None).await.0.unwrap();
    assert!(server.requests()[0].contains("authorization: Basic "));
    let heads = other.requests();
    assert!(!heads.is_empty() && heads.iter().all(|head| !head.contains("authorization")), "{heads:?}");
}

#[tokio::test]
async fn a_checked_connection_is_not_left_for_one_that_anybody_can_read() {
    let open = Http::serve(|_| answer("200 OK", "", b"iso"));
    let there = open.url("/a.iso");
    let server = Http::secure("signed", move |_| answer("302 Found", &format!("Location: {there}\r\n"), b""));
    let folder = tempfile::tempdir().unwrap();
    let trusting = Options { ca: Some(certificate("authority.pem")), tries: 1, ..impatient() };
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &trusting).await;
    assert_eq!(done.unwrap_err().message, "the server leads from https:// to http://");
    assert!(open.requests().is_empty());
}

#[tokio::test]
async fn an_ftp_server_that_never_ends_its_line_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // Until the other side goes.
            while stream.write_all(&[b'2'; 8192]).is_ok() {}
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tries: 1, ..hasty() };
    let (done, _) = fetch_with(folder.path(), &format!("ftp://127.0.0.1:{port}/a.iso"), None, &options).await;
    let error = done.unwrap_err();
    assert!(error.message.starts_with("127.0.0.1 "), "{error}");
    assert!(names(folder.path()).is_empty());
}
