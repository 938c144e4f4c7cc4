//! Proxies, as the environment names them, from the program's own words to the process that fetches.
use super::names;
use crate::support::{
    fetches::Rig,
    http::{Http, answer, raw},
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
