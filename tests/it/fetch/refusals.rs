use super::{fetch_into, fetch_with, hasty, impatient, names};
use crate::support::{
    http::{Http, Step, answer, raw},
    tls::certificate,
};
use std::fs;
use vmdeck::{domain::ErrorKind, fetch::Options};

/// What a fetch from `steps` fails with; no image is left of it, and nothing at all where nothing came.
async fn why(path: &str, steps: Vec<Step>) -> String {
    why_with(&impatient(), path, steps).await
}

async fn why_with(options: &Options, path: &str, steps: Vec<Step>) -> String {
    let server = Http::serve(move |_| steps.clone());
    let folder = tempfile::tempdir().unwrap();
    let options = Options { tries: 1, ..options.clone() };
    let (done, _) = fetch_with(folder.path(), &server.url(path), None, &options).await;
    let error = done.unwrap_err();
    assert!(!error.leaves_unknown(), "what became of a fetch is known: {error:?}");
    let left = names(folder.path());
    assert!(left.is_empty() || left == [".a.iso.fetch", "a.iso.part"], "{left:?}");
    error.message
}

#[tokio::test]
async fn a_half_file_is_never_an_image() {
    let cut = vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")];
    assert!(why("/a.iso", cut).await.starts_with("the connection broke before all had come"));
    let chunked = vec![raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n")];
    assert!(why("/a.iso", chunked).await.starts_with("the connection broke before all had come"));
    assert_eq!(why("/a.iso", answer("200 OK", "", b"")).await, "the server sent an empty file");
}

#[tokio::test]
async fn a_stall_is_noticed() {
    let late = vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), Step::Stall];
    assert!(why_with(&hasty(), "/a.iso", late).await.starts_with("nothing came for 0.3 s"));
    assert!(why_with(&hasty(), "/a.iso", vec![Step::Stall]).await.starts_with("nothing came for 0.3 s"));
}

#[tokio::test]
async fn a_web_page_is_no_image() {
    let page = |kind: &str| answer("200 OK", &format!("Content-Type: {kind}\r\n"), b"<html>Sign in</html>");
    assert!(why("/a.iso", page("text/html; charset=utf-8")).await.contains("a web page and not with an image"));
    assert!(why("/download", page("Text/HTML")).await.contains("a web page"));
    let packed = answer("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b");
    assert!(why("/a.iso", packed).await.contains("packed the image (gzip)"));
}

#[tokio::test]
async fn the_servers_no_is_told_with_its_number() {
    assert!(why("/a.iso", answer("404 Not Found", "", b"")).await.starts_with("the server said 404 Not Found"));
    assert!(why("/a.iso", answer("503 Busy", "", b"")).await.starts_with("the server said 503 Service Unavailable"));
    assert!(why("/a.iso", answer("206 Partial Content", "", b"x")).await.contains("206"));
    assert!(why("/", answer("200 OK", "", b"x")).await.contains("give it a name"));
    assert!(why("/a.iso", answer("302 Found", "Location: file:///etc/passwd\r\n", b"")).await.contains("302"));
}

#[tokio::test]
async fn what_does_not_fit_is_not_begun() {
    let huge = "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nx";
    let message = why("/a.iso", vec![raw(huge)]).await;
    assert!(message.starts_with("it has 7.8 EiB, and ") && message.ends_with(" left"), "{message}");
}

#[tokio::test]
async fn an_image_that_exists_is_not_touched() {
    let server = Http::serve(|_| answer("200 OK", "", b"new"));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.iso"), "old").unwrap();
    let (done, _) = fetch_into(folder.path(), &server.url("/a.iso"), None).await;
    assert_eq!(done.unwrap_err().kind, ErrorKind::Conflict);
    let (done, _) = fetch_into(folder.path(), &server.url("/b.iso"), Some("a.iso")).await;
    assert_eq!(done.unwrap_err().message, "a.iso is in the library already");
    assert_eq!(server.requests().len(), 1, "a name that is taken needs no request");
    let (done, _) = fetch_into(folder.path(), &server.url("/b.iso"), Some("../b.iso")).await;
    assert_eq!(done.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(names(folder.path()), ["a.iso"]);
    assert_eq!(fs::read(folder.path().join("a.iso")).unwrap(), b"old");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_into(folder.path(), "http://127.0.0.1:1/a.iso", None).await;
    assert!(done.unwrap_err().message.starts_with("127.0.0.1 cannot be reached: "));
}

#[tokio::test]
async fn certificates_to_trust_must_be_some() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, "nothing").unwrap();
    let options = Options { ca: Some(ca), ..Options::default() };
    let (done, _) = fetch_with(folder.path(), "https://127.0.0.1:1/a.iso", None, &options).await;
    assert!(done.unwrap_err().message.ends_with("ca.pem holds no PEM certificate"));
}

#[tokio::test]
async fn endless_headers_are_not_read_to_their_end() {
    let huge = vec![raw("HTTP/1.1 200 OK\r\nX-Huge: "), Step::Send(vec![b'x'; 10 << 20]), raw("\r\n\r\nx")];
    let message = why("/a.iso", huge).await;
    assert_eq!(message, "the server's answer is no HTTP: message head is too large");
}

#[tokio::test]
async fn only_trusted_certificates_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let trusting = Options { ca: Some(certificate("authority.pem")), tries: 1, ..impatient() };
    let server = Http::secure("signed", |path| match path {
        "/a.iso" => answer("200 OK", "", b"iso"),
        _ => answer("404 Not Found", "", b""),
    });
    let (done, _) = fetch_into(folder.path(), &server.url("/a.iso"), None).await;
    let message = done.unwrap_err().message;
    assert!(message.starts_with("the certificate of 127.0.0.1 is not trusted here (UnknownIssuer): `ca`"), "{message}");
    assert!(server.requests().is_empty(), "something was asked: {:?}", server.requests());
    let (done, _) = fetch_with(folder.path(), &server.url("/a.iso"), None, &trusting).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), b"iso");
    let expired = Http::secure("expired", |_| answer("200 OK", "", b"iso"));
    let (done, _) = fetch_with(folder.path(), &expired.url("/b.iso"), None, &trusting).await;
    let message = done.unwrap_err().message;
    assert!(message.starts_with("the certificate of 127.0.0.1 is not trusted here (certificate expired"), "{message}");
}
