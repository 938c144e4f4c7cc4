//! A look at an address before it is fetched.
use super::names;
use crate::support::http::{Http, answer, raw};
use std::{fs, path::Path};
use vmdeck::{
    domain::{ByteSize, Prospect, Result},
    fetch::{Options, probe},
};

async fn seen(folder: &Path, url: &str) -> Result<Prospect> {
    probe(&url.parse()?, folder, &Options::default()).await
}

#[tokio::test]
async fn size_name_and_checksum_are_told_and_nothing_is_fetched() {
    let server = Http::serve(|path| match path {
        "/iso/a.iso" => answer("200 OK", "ETag: \"v1\"\r\nAccept-Ranges: bytes\r\n", &[7; 5000]),
        "/iso/c.iso" => answer("200 OK", "ETag: \"v1\"\r\n", &[7; 5000]),
        "/iso/SHA256SUMS" => answer("200 OK", "", format!("{}  a.iso\n", "0".repeat(64)).as_bytes()),
        "/get?id=7" => vec![raw(
            "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=b.img\r\nConnection: close\r\n\r\nx",
        )],
        _ => answer("404 Not Found", "", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("not/there/yet");
    let found = seen(&images, &server.url("/iso/a.iso")).await.unwrap();
    assert_eq!((found.name.as_deref(), found.size), (Some("a.iso"), Some(ByteSize(5000))));
    assert!(found.is_resumable && !found.is_taken && found.free.is_some_and(|free| free.0 > 0), "{found:?}");
    assert_eq!(found.checksum.as_deref(), Some("SHA-256 in SHA256SUMS"));
    let found = seen(folder.path(), &server.url("/iso/c.iso")).await.unwrap();
    assert!(!found.is_resumable, "the server did not say that it gives parts");
    let found = seen(folder.path(), &server.url("/get?id=7")).await.unwrap();
    assert_eq!((found.name.as_deref(), found.size, found.is_resumable), (Some("b.img"), None, false));
    assert_eq!(found.checksum, None);
    assert!(names(folder.path()).is_empty() && !images.exists(), "a look leaves nothing");
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_beforehand() {
    let server = Http::serve(|path| match path {
        "/" | "/a.iso" => answer("200 OK", "", b"iso"),
        "/page.iso" => answer("200 OK", "Content-Type: text/html\r\n", b"<html>"),
        "/huge.iso" => vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\nx")],
        _ => answer("404 Not Found", "", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.iso"), "old").unwrap();
    let obstacle = async |path: &str| seen(folder.path(), &server.url(path)).await.unwrap().obstacle().unwrap();
    assert_eq!(obstacle("/a.iso").await, "a.iso is in the library already: give it another name");
    assert!(obstacle("/huge.iso").await.starts_with("it has 7.8 EiB, and only "));
    assert!(obstacle("/").await.ends_with("give it a name"));
    let refused = async |path: &str| seen(folder.path(), &server.url(path)).await.unwrap_err().message;
    assert!(refused("/page.iso").await.contains("a web page and not with an image"));
    assert!(refused("/gone.iso").await.starts_with("the server said 404 Not Found"));
    let file = format!("file://{}", folder.path().join("a.iso").display());
    assert_eq!(seen(folder.path(), &file).await.unwrap().size, Some(ByteSize(3)));
}
