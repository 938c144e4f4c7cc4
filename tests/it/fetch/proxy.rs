//! Proxies, as the environment names them, from the program's own words to the process that fetches.
use super::{image, names, sums::sha256};
use crate::support::{
    fetches::{Rig, TAG},
    ftp::Ftp,
    http::{Http, answer, range, raw, resumable},
    program::{Said, vmdeck_in},
};
use std::fs;

/// Fetches `url` with `env` beside what the tests have.
async fn fetched(rig: &Rig, url: &str, env: &[(&str, &str)]) -> Said {
    vmdeck_in(&rig.home(), &format!("call local fetch-image url={url}"), env).await
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_asked_and_its_password_is_never_told() {
    let proxy = Http::serve_heads(|head| match head.split(' ').nth(1) {
        _ if !head.contains("proxy-authorization: Basic bWU6aHVudGVyMg==\r\n") => {
            answer("407 Proxy Authentication Required", "", b"")
        }
        Some("http://images.example/a%20b.iso") => answer("200 OK", "", b"iso"),
        _ => answer("404 Not Found", "", b""),
    });
    let rig = Rig::new();
    let with = |login: &str| format!("http://{login}127.0.0.1:{}", proxy.port());
    let url = "http://images.example/a%20b.iso";
    let said = fetched(&rig, url, &[("http_proxy", &with("me:hunter2@"))]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(fs::read(rig.folder().join("a b.iso")).unwrap(), b"iso");
    let said = fetched(&rig, "http://images.example/c.iso", &[("http_proxy", &with("me:wrong-hunter2@"))]).await;
    assert!(said.err.contains("the server said 407 Proxy Authentication Required: the proxy"), "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    assert!(!names(&rig.folder()).iter().any(|name| name.contains("c.iso")), "{:?}", names(&rig.folder()));
}

#[tokio::test]
async fn what_needs_no_proxy_has_none() {
    let proxy = Http::serve(|_| answer("500 Wrong", "", b""));
    let server = Http::serve(|path| match path {
        "/a.iso" => answer("200 OK", "", b"iso"),
        _ => answer("404 Not Found", "", b""),
    });
    let rig = Rig::new();
    let at = format!("http://127.0.0.1:{}", proxy.port());
    // This machine is never asked about by way of another.
    let said = fetched(&rig, &server.url("/a.iso"), &[("http_proxy", &at), ("all_proxy", &at)]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let said =
        fetched(&rig, "http://images.invalid/b.iso", &[("http_proxy", &at), ("no_proxy", "images.invalid")]).await;
    assert!(said.err.contains("images.invalid cannot be reached"), "{said:?}");
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
}

#[tokio::test]
async fn behind_a_proxy_tls_goes_through_a_tunnel() {
    let proxy = Http::serve_heads(|_| vec![raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]);
    let rig = Rig::new();
    let at = format!("http://127.0.0.1:{}", proxy.port());
    let said = fetched(&rig, "https://me:hunter2@images.example/a.iso", &[("https_proxy", &at)]).await;
    assert!(said.err.contains("images.example cannot be reached"), "{said:?}");
    let asked = proxy.requests();
    assert!(!asked.is_empty() && asked.iter().all(|head| head.starts_with("CONNECT images.example:443 ")), "{asked:?}");
    assert!(!format!("{asked:?} {said:?}").contains("hunter2"), "{asked:?} {said:?}");
}

#[tokio::test]
async fn a_proxy_is_asked_for_what_lies_on_an_ftp_server() {
    let body = image(300_000);
    let (bytes, sum) = (body.clone(), sha256(&body));
    let proxy = Http::serve_heads(move |head| match head.split(' ').nth(1) {
        _ if !head.contains("proxy-authorization: Basic bWU6aHVudGVyMg==\r\n") => {
            answer("407 Proxy Authentication Required", "", b"")
        }
        _ if !head.contains("\r\nauthorization: Basic eW91OnMzY3JldA==\r\n") => answer("401 Unauthorized", "", b""),
        Some("ftp://images.example/pub/a%20b.iso;type=i") => {
            resumable(head, &bytes, TAG, if range(head).is_some() { usize::MAX } else { 100_000 })
        }
        Some("ftp://images.example/pub/SHA256SUMS;type=i") => {
            answer("200 OK", "", format!("{sum} *a b.iso\n").as_bytes())
        }
        _ => answer("404 Not Found", "", b""),
    });
    let rig = Rig::new();
    let with = |login: &str| format!("http://{login}127.0.0.1:{}", proxy.port());
    let url = |name: &str| format!("ftp://you:s3cret@images.example/pub/{name}");
    let said = fetched(&rig, &url("a%20b.iso"), &[("ftp_proxy", &with("me:hunter2@"))]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(fs::read(rig.folder().join("a b.iso")).unwrap() == body, "the image is wrong");
    let listed = vmdeck_in(&rig.home(), "call local list-images --json", &[]).await.json();
    assert_eq!(listed["result"][0]["checked"], "SHA-256 as in SHA256SUMS", "{listed}");
    let ranges: Vec<_> = proxy.requests().iter().filter_map(|head| range(head)).collect();
    assert_eq!(ranges, [100_000], "it was not taken up where it broke");

    let said = fetched(&rig, &url("c.iso"), &[("all_proxy", &with("me:wrong-hunter2@"))]).await;
    assert!(said.err.contains("the server said 407 Proxy Authentication Required: the proxy"), "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2") && !format!("{said:?}").contains("s3cret"), "{said:?}");
    let said = fetched(&rig, "ftp://images.example/d.iso", &[("ftp_proxy", "http://127.0.0.1:1")]).await;
    assert!(said.err.contains("the proxy 127.0.0.1 cannot be reached: "), "{said:?}");
}

#[tokio::test]
async fn ftp_goes_past_a_proxy_that_cannot_help_or_is_not_for_it() {
    let proxy = Http::serve(|_| answer("500 Wrong", "", b""));
    let server = Ftp::serve("");
    server.put("a.iso", b"iso", 0);
    let rig = Rig::new();
    let at = format!("http://127.0.0.1:{}", proxy.port());
    let said = fetched(&rig, &server.url("/a.iso"), &[("ftp_proxy", &at), ("all_proxy", &at)]).await;
    assert_eq!(said.code, 0, "{said:?}");
    let none = [("ftp_proxy", at.as_str()), ("no_proxy", "images.invalid")];
    let said = fetched(&rig, "ftp://images.invalid/b.iso", &none).await;
    assert!(said.err.contains("images.invalid cannot be reached"), "{said:?}");
    let said = fetched(&rig, "ftp://images.example/b.iso", &[("all_proxy", "socks5://127.0.0.1:1")]).await;
    let why = "FTP goes through an http:// proxy alone, which is not the one of the environment: with \
               no_proxy=images.example the server itself is asked";
    assert!(said.err.contains(why), "{said:?}");
    for secure in ["ftps", "ftpes"] {
        let variables = [("ftps_proxy", at.as_str()), ("ftp_proxy", &at)];
        let said = fetched(&rig, &format!("{secure}://images.example/b.iso"), &variables).await;
        assert!(said.err.contains("FTP with TLS does not go through the proxy of the environment"), "{said:?}");
    }
    assert!(proxy.requests().is_empty(), "{:?}", proxy.requests());
}
