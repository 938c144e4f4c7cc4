//! The HTTP client of the adapters, against servers that behave and servers that do not.
use crate::support::web::{Told, Web};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use vmdeck::{
    domain::{ErrorKind, Result, Secret},
    transport::{
        Latency,
        http::{Answer, Ask, Http, Method, Settings},
        tls::{Server, Trust},
    },
};

fn settings(url: &str) -> Settings {
    Settings::new(Server::read(url, 1).unwrap(), Trust::Any)
}

fn client(web: &Web) -> Http {
    Http::new(settings(&web.url()))
}

async fn get(web: &Web) -> Result<Answer> {
    client(web).send(&Ask::get("/")).await
}

/// The answer is an error of this kind that holds these words.
async fn fails(told: Told, kind: ErrorKind, words: &str) {
    let web = Web::serve(move |_| told.clone());
    let error = get(&web).await.and_then(|answer| answer.ok()).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words) && error.message.starts_with("127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn bodies_go_with_any_method_and_connections_are_kept() {
    let web = Web::serve(|_| Told::json(200, r#"{"yes":true}"#));
    let http = client(&web);
    for method in [Method::GET, Method::DELETE, Method::PATCH, Method::POST] {
        let ask = Ask::new(method, "/a?b=c").json(&json!({"x": 1})).header("x-token", "t");
        assert_eq!(http.send(&ask).await.unwrap().ok().unwrap(), json!({"yes": true}));
    }
    http.send(&Ask::new(Method::PUT, "/f").form(&[("value", "a&b c"), ("ttl", "")])).await.unwrap();
    let asked = web.asked();
    let methods: Vec<_> = asked.iter().map(|a| a.method.as_str()).collect();
    assert_eq!(methods, ["GET", "DELETE", "PATCH", "POST", "PUT"]);
    for request in asked.iter().take(4) {
        assert_eq!((request.path.as_str(), request.body.as_str()), ("/a?b=c", r#"{"x":1}"#));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-token"), Some("t"));
    }
    assert_eq!(asked[4].body, "value=a%26b+c&ttl=");
    assert_eq!(web.connections(), 1);
}

#[tokio::test]
async fn what_odd_servers_want_is_done_for_them_alone() {
    let web = Web::serve(|_| Told::json(200, "1"));
    let odd = Settings { title_case: true, one_request_a_connection: true, ..settings(&web.url()) };
    let http = Http::new(odd);
    for _ in 0..2 {
        http.send(&Ask::get("/").basic("root", Secret::new("pw".into())).json(&json!(1))).await.unwrap();
    }
    let asked = web.asked();
    assert!(
        asked.iter().all(|a| a.head.contains("\r\nContent-Type: ") && a.head.contains("\r\nAuthorization: Basic "))
    );
    assert!(asked.iter().all(|a| a.header("connection") == Some("close")));
    assert_eq!(web.connections(), 2);
    get(&web).await.unwrap();
    assert!(web.asked()[2].head.contains("\r\naccept: ") && web.asked()[2].header("connection").is_none());
}

#[tokio::test]
async fn packed_answers_are_unpacked_and_measured_unpacked() {
    // `{"a":"<200 × x>"}`, packed by gzip.
    const PACKED: &[u8] = include_bytes!("../../fixtures/http/packed.gz");
    let web = Web::serve(|asked| {
        let takes = asked.header("accept-encoding").is_some_and(|value| value.contains("gzip"));
        assert!(takes, "gzip is offered");
        Told::Answer(200, "Content-Encoding: gzip\r\n".to_owned(), PACKED.to_vec())
    });
    assert_eq!(get(&web).await.unwrap().ok().unwrap(), json!({"a": "x".repeat(200)}));
    let http = Http::new(Settings { largest: 100, ..settings(&web.url()) });
    let error = http.send(&Ask::get("/")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.message.contains("more than 100 B"), "{error}");
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let flood = b"HTTP/1.1 200 OK\r\n\r\n".iter().copied().chain(std::iter::repeat_n(b'x', 4 << 20)).collect();
    let web = Web::serve(move |_| Told::Raw(Vec::clone(&flood)));
    let http = Http::new(Settings { largest: 1 << 20, ..settings(&web.url()) });
    assert!(http.send(&Ask::get("/")).await.unwrap_err().message.contains("more than 1 MiB"));
    fails(Told::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec()), ErrorKind::Protocol, "32 MiB")
        .await;
}

#[tokio::test]
async fn no_answer_is_a_time_out_and_a_change_is_sent_once() {
    let web = Web::serve(|asked| match asked.path.as_str() {
        "/cut" => Told::Raw(Vec::new()),
        "/half" => Told::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc".to_vec()),
        "/late" => Told::Late(Duration::from_millis(50), Box::new(Told::json(200, "1"))),
        _ => Told::Stall,
    });
    let http = client(&web);
    assert!(http.send(&Ask::get("/late").within(Duration::from_secs(10))).await.unwrap().is_success());
    let change = |path: &str| Ask::new(Method::POST, path).within(Duration::from_millis(300));
    let error = http.send(&change("/hang")).await.unwrap_err();
    assert!(error.kind == ErrorKind::Timeout && error.message.ends_with("no answer for 0.3 s"), "{error}");
    for (path, words) in [("/cut", "closed the connection without an answer"), ("/half", "broke within the answer")] {
        let error = http.send(&change(path)).await.unwrap_err();
        assert!(error.kind == ErrorKind::Unreachable && error.message.contains(words), "{error}");
        assert!(error.leaves_unknown());
    }
    assert_eq!(web.asked().len(), 4, "each once");
}

#[tokio::test]
async fn the_time_to_an_answer_is_measured_and_not_that_of_its_body() {
    let web = Web::serve(|asked| match asked.path.as_str() {
        "/late" => Told::Late(Duration::from_secs(1), Box::new(Told::json(200, "1"))),
        _ => Told::json(200, "1"),
    });
    let (http, latency) = (client(&web), Arc::<Latency>::default());
    http.send(&Ask::get("/")).await.unwrap();
    assert_eq!(latency.now(), None, "nobody measures");
    latency.measure(http.send(&Ask::get("/late"))).await.unwrap();
    let late = latency.now().unwrap();
    assert!(late >= Duration::from_secs(1), "{late:?}");
    latency.measure(http.send(&Ask::get("/"))).await.unwrap();
    assert!(latency.now().unwrap() < late);
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_in_a_sentence() {
    use ErrorKind as E;
    let page = || "Content-Type: text/html\r\n".to_owned();
    fails(Told::Answer(502, page(), b"<html>Squid".to_vec()), E::Unreachable, "a web page came").await;
    fails(Told::Answer(200, page(), b"<html>Log in".to_vec()), E::Unreachable, "a web page came").await;
    fails(Told::Answer(200, String::new(), b" <!doctype".to_vec()), E::Unreachable, "a web page came").await;
    fails(Told::json(401, "{}"), E::Unauthorized, "it wants a sign-in").await;
    fails(Told::json(403, "{}"), E::Unauthorized, "not allowed").await;
    fails(Told::json(407, "{}"), E::Unreachable, "a proxy in between").await;
    fails(Told::Answer(404, String::new(), b"404 page not found".to_vec()), E::NotFound, "the right server?").await;
    fails(Told::json(503, ""), E::Unreachable, "503 Service Unavailable").await;
    fails(Told::json(500, "it \x1b[31mburns"), E::Refused, "500 Internal Server Error: it [31mburns").await;
    fails(Told::json(200, "{oops"), E::Protocol, "no JSON").await;
    fails(Told::json(200, ""), E::Protocol, "an empty answer").await;
    let tls = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    fails(Told::Raw(tls.to_vec()), E::Invalid, "write https://").await;
    fails(Told::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), E::Unreachable, "it does not speak HTTP").await;
    fails(Told::Raw(vec![0x15, 3, 1, 0, 2, 2, 0x28]), E::Unreachable, "want https://").await;
}

#[tokio::test]
async fn nobody_there_is_told_with_the_port() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Http::new(settings(&format!("http://{closed}"))).send(&Ask::get("/")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(error.message, format!("{closed}: nothing listens there (connection refused)"));
    let error = Http::new(settings("http://no-such-host.invalid:1")).send(&Ask::get("/")).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreachable && error.message.contains("no such host"), "{error}");
}

#[tokio::test]
async fn a_read_follows_the_same_server_and_nothing_goes_to_another() {
    let other = Web::serve(|_| Told::json(200, "1"));
    let away = format!("Location: {}/?token=secret\r\n", other.url());
    let web = Web::serve(move |asked| match asked.path.as_str() {
        "/here" => Told::Answer(301, "Location: /there\r\n".to_owned(), Vec::new()),
        "/there" => Told::json(200, "1"),
        "/round" => Told::Answer(302, "Location: /round\r\n".to_owned(), Vec::new()),
        _ => Told::Answer(307, away.clone(), Vec::new()),
    });
    let http = client(&web);
    assert!(http.send(&Ask::get("/here")).await.unwrap().is_success());
    let key = || Secret::new("key".into());
    let error = http.send(&Ask::get("/away").bearer(key())).await.unwrap_err();
    assert!(error.message.contains(&format!("it leads to {}/: another server", other.url())), "{error}");
    assert!(!error.message.contains("secret"));
    assert!(http.send(&Ask::get("/round")).await.unwrap_err().message.contains("without end"));
    let error = http.send(&Ask::new(Method::PATCH, "/here")).await.unwrap_err();
    assert!(error.message.contains("a change is not sent on"), "{error}");
    assert!(other.asked().is_empty());
}
