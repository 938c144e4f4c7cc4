use super::{fetch_into, fetch_with, image, names, order};
use crate::support::http::{Http, Step, answer, raw};
use std::{fs, net::Ipv6Addr, time::Duration};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{ByteSize, ErrorKind},
    fetch::{Limit, Options, fetch},
};

#[tokio::test]
async fn an_image_comes_whole_under_its_name() {
    let body = image(3_000_000);
    let server = Http::serve({
        let body = body.clone();
        move |_| answer("200 OK", "", &body)
    });
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = fetch_into(folder.path(), &server.url("/iso/tiny%20os.iso?x=1"), None).await;
    let done = done.unwrap();
    assert_eq!((done.name.as_str(), done.size), ("tiny os.iso", ByteSize(3_000_000)));
    assert_eq!(fs::read(&done.path).unwrap(), body);
    assert_eq!(names(folder.path()), ["tiny os.iso"]);
    assert_eq!(told.iter().find_map(|p| p.total), Some(ByteSize(3_000_000)));
    assert!(server.requests()[0].contains("accept-encoding: identity\r\n"), "{:?}", server.requests());
}

#[tokio::test]
async fn an_unknown_length_gives_no_invented_total() {
    let server = Http::serve(|_| {
        vec![raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n4\r\n iso\r\n0\r\n\r\n")]
    });
    let folder = tempfile::tempdir().unwrap();
    let (done, told) = fetch_into(folder.path(), &server.url("/a.iso"), None).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), b"whole iso");
    assert!(told.iter().all(|p| p.total.is_none()), "{told:?}");
}

#[tokio::test]
async fn redirects_are_followed_and_the_server_may_name_the_file() {
    let server = Http::serve(|path| match path {
        "/get?id=7" => answer("302 Found", "Location: /mirror/5f3a\r\n", b""),
        "/mirror/5f3a" => answer("200 OK", "Content-Disposition: attachment; filename=\"os 7.iso\"\r\n", b"iso"),
        _ => answer("302 Found", "Location: /round\r\n", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_into(folder.path(), &server.url("/get?id=7"), None).await;
    assert_eq!(done.unwrap().name, "os 7.iso");
    let (done, _) = fetch_into(folder.path(), &server.url("/round.iso"), None).await;
    assert!(done.unwrap_err().message.contains("without end"));
}

#[tokio::test]
async fn an_address_of_ipv6_is_asked_as_well() {
    let server = Http::serve_on(Ipv6Addr::LOCALHOST.into(), |_| answer("200 OK", "", b"iso"));
    assert!(server.url("/a.iso").starts_with("http://[::1]:"));
    let folder = tempfile::tempdir().unwrap();
    let (done, _) = fetch_into(folder.path(), &server.url("/a.iso"), None).await;
    assert_eq!(fs::read(done.unwrap().path).unwrap(), b"iso");
}

#[tokio::test]
async fn a_password_is_sent_and_never_told() {
    let server = Http::serve(|path| match path {
        "/ok.iso" => answer("200 OK", "", b"iso"),
        _ => answer("401 Unauthorized", "", b""),
    });
    let folder = tempfile::tempdir().unwrap();
    let with = |path: &str| format!("http://me:hunter2@127.0.0.1:{}{path}", server.port());
    let (done, told) = fetch_into(folder.path(), &with("/ok.iso"), None).await;
    done.unwrap();
    assert!(server.requests()[0].contains("authorization: Basic bWU6aHVudGVyMg==\r\n"));
    let (done, more) = fetch_into(folder.path(), &with("/no.iso"), None).await;
    let error = done.unwrap_err();
    assert!(error.message.starts_with("the server said 401 Unauthorized"), "{error}");
    let (gone, _) = fetch_into(folder.path(), "http://me:hunter2@127.0.0.1:1/x.iso", None).await;
    let all = format!("{error:?} {told:?} {more:?} {:?}", gone.unwrap_err());
    assert!(!all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn cancelled_it_leaves_nothing() {
    let server = Http::serve(|_| {
        vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), Step::Send(vec![1; 50]), Step::Stall]
    });
    let folder = tempfile::tempdir().unwrap();
    let cancel = CancellationToken::new();
    let order = order(&server.url("/a.iso"), None).unwrap();
    let options = Options::default();
    // The first report with a total comes when the part is open.
    let done = fetch(&order, folder.path(), &options, &cancel, |p| {
        if p.total.is_some() {
            cancel.cancel();
        }
    })
    .await;
    assert_eq!(done.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(names(folder.path()).is_empty());
}

#[tokio::test]
async fn a_second_fetch_of_the_same_name_is_refused() {
    let server = Http::serve(|_| vec![raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"), Step::Stall]);
    let folder = tempfile::tempdir().unwrap();
    let url = server.url("/a.iso");
    let (open, is_open) = tokio::sync::watch::channel(false);
    let cancel = CancellationToken::new();
    let options = Options::default();
    let order = order(&url, None).unwrap();
    let first = fetch(&order, folder.path(), &options, &cancel, |p| {
        open.send_replace(p.total.is_some());
    });
    let second = async {
        is_open.clone().wait_for(|open| *open).await.unwrap();
        let (done, _) = fetch_into(folder.path(), &url, None).await;
        cancel.cancel();
        done.unwrap_err()
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(second.message, "a.iso is being fetched already");
    assert_eq!(first.unwrap_err().kind, ErrorKind::Cancelled);
}

#[tokio::test]
async fn the_rate_is_held() {
    let body = image(300_000);
    let server = Http::serve(move |_| answer("200 OK", "", &body));
    let folder = tempfile::tempdir().unwrap();
    let watch = vmdeck::transport::Stopwatch::start();
    let options = Options { limit: Limit::new(Some(600_000)), ..Options::default() };
    let (done, told) = fetch_with(folder.path(), &server.url("/a.iso"), None, &options).await;
    done.unwrap();
    assert!(watch.elapsed() >= Duration::from_millis(490), "{:?}", watch.elapsed());
    assert!(told.iter().any(|p| p.rate.is_some()), "the rate is told");
}

#[tokio::test]
async fn a_rate_is_one_of_all_who_fetch_into_a_folder() {
    let body = image(300_000);
    let server = Http::serve(move |_| answer("200 OK", "", &body));
    let folder = tempfile::tempdir().unwrap();
    let watch = vmdeck::transport::Stopwatch::start();
    let one = async |name| {
        // As two processes have it: nothing is shared but the folder.
        let limit = Limit::new(Some(400_000)).shared_in(folder.path());
        fetch_with(folder.path(), &server.url(name), None, &Options { limit, ..Options::default() }).await.0.unwrap()
    };
    tokio::join!(one("/a.iso"), one("/b.iso"));
    assert!(watch.elapsed() >= Duration::from_millis(1290), "{:?}", watch.elapsed());
}
