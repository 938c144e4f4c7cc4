//! Signing in to a SysAdm server, its certificates, and every way in which the connection can go wrong.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, Odd, settings, signing_in, sysadm},
};
use futures_util::StreamExt as _;
use std::{path::Path, time::Duration};
use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::mpsc, task::JoinSet, time::timeout};
use vmdeck::{
    backend::{
        Backend, Disks, Machines, Power as _,
        sysadm::{Settings, SignIn, Sysadm, Trust},
    },
    domain::{Capabilities, Error, ErrorKind, HostEvent, QuestionKind, Result, Secret},
    transport::{Known, Password, Program},
};

async fn connect(settings: Settings) -> Result<Capabilities> {
    timeout(Duration::from_secs(10), Sysadm::new(settings).connect(mpsc::channel(64).0)).await.unwrap()
}

async fn fails(settings: Settings, kind: ErrorKind, words: &str) {
    let Err(error) = connect(settings).await else { panic!("no error that says {words}") };
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words), "{error}");
}

fn by(password: Password, url: &str) -> Settings {
    signing_in(url, SignIn::Password { user: None, password })
}

fn with(password: &str, url: &str) -> Settings {
    by(Password::Given(Secret::new(password.to_owned())), url)
}

/// Connects, and answers what is asked.
async fn answering(sysadm: &Sysadm, answer: Option<&str>) -> (Result<Capabilities>, Vec<(QuestionKind, String)>) {
    let (sink, mut events) = mpsc::channel(64);
    let mut asked = Vec::new();
    let connecting = sysadm.connect(sink);
    tokio::pin!(connecting);
    let result = loop {
        tokio::select! {
            result = &mut connecting => break result,
            Some(HostEvent::Asks(question)) = events.recv() => {
                asked.push((question.kind, question.text));
                sysadm.answer(question.number, answer.map(|a| Secret::new(a.to_owned()))).await;
            }
        }
    };
    (result, asked)
}

async fn disconnected(events: &mut mpsc::Receiver<HostEvent>) -> Error {
    let lost = async {
        loop {
            if let HostEvent::Disconnected(error) = events.recv().await.unwrap() {
                break error;
            }
        }
    };
    timeout(Duration::from_secs(10), lost).await.unwrap()
}

#[tokio::test]
async fn a_wrong_password_is_refused_even_where_the_server_says_yes() {
    let server = FakeSysadm::new(Face::Recorded).await;
    fails(with("wrong", &server.url()), ErrorKind::Unauthorized, "user or password is wrong").await;
    server.world().says_yes = true;
    fails(with("wrong", &server.url()), ErrorKind::Unauthorized, "user or password is wrong").await;
    assert!(connect(settings(&server.url())).await.is_ok());
}

#[tokio::test]
async fn a_password_is_asked_for_and_asked_again_when_it_was_wrong() {
    let server = FakeSysadm::new(Face::Documented).await;
    let sysadm = Sysadm::new(by(Password::Ask, &server.url()));
    let (result, asked) = answering(&sysadm, Some("wrong")).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(asked[0].0, QuestionKind::Secret);
    let (result, asked) = answering(&sysadm, Some("secret")).await;
    assert!(result.is_ok() && asked.len() == 1);
    let (result, asked) = answering(&sysadm, None).await;
    assert!(result.is_ok() && asked.is_empty(), "it is remembered");
}

#[tokio::test]
async fn a_typed_password_that_is_wrong_meanwhile_is_asked_for_by_the_next_connection_alone() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    let sysadm = Sysadm::new(by(Password::Ask, &server.url()));
    let (sink, mut events) = mpsc::channel(64);
    let (connected, ()) = tokio::join!(sysadm.connect(sink), async {
        let Some(HostEvent::Asks(question)) = events.recv().await else { panic!("nothing was asked") };
        sysadm.answer(question.number, Some(Secret::new("secret".to_owned()))).await;
    });
    connected.unwrap();
    server.world().is_expired = true;
    server.world().password = "changed";
    // Many calls find it out at the same time.
    let vm = "web".into();
    let calls = async { tokio::join!(sysadm.start(&vm), sysadm.inventory(false), sysadm.find(&vm)) };
    let (started, list, found) = timeout(Duration::from_secs(20), Box::pin(calls)).await.expect("nobody is asked");
    assert!(started.is_err() && list.is_err() && found.is_err());
    assert_eq!(server.sign_ins(), 2, "tried once");
    assert!(
        matches!(events.recv().await, Some(HostEvent::Disconnected(error)) if error.kind == ErrorKind::Unauthorized)
    );
}

#[tokio::test]
async fn the_password_of_a_program_is_its_first_line() {
    let server = FakeSysadm::new(Face::Recorded).await;
    let run = |script: &str| by(Password::Program(Program::new("/bin/sh").args(["-c", script])), &server.url());
    assert!(connect(run("echo secret; echo more")).await.is_ok());
    fails(run("echo a-secret; echo locked >&2; exit 3"), ErrorKind::NeedsAnswer, "sh failed: locked").await;
    fails(run("true"), ErrorKind::NeedsAnswer, "sh printed none").await;
    assert!(!connect(run("echo a-secret; exit 3")).await.unwrap_err().message.contains("a-secret"));
}

#[tokio::test]
async fn a_new_certificate_is_shown_and_a_changed_one_is_shown_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeSysadm::secure(Face::Recorded, "first").await;
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let sysadm = Sysadm::new(Settings { trust, ..settings(&server.url()) });
    let (result, asked) = answering(&sysadm, None).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::NeedsAnswer);
    assert!(asked[0].1.contains("for the first time"), "{asked:?}");
    assert!(server.world().requests.is_empty(), "nothing was sent before the answer");
    let (result, asked) = answering(&sysadm, Some("yes")).await;
    let told = result.unwrap().details.into_iter().find(|(label, _)| label == "Certificate").unwrap().1;
    assert!(told.len() > 64 && asked.len() == 1 && asked[0].1.contains(&told), "{told} is shown: {asked:?}");
    let (result, asked) = answering(&sysadm, None).await;
    assert!(result.is_ok() && asked.is_empty(), "it is known now");
    server.present("second");
    server.world().requests.clear();
    let (result, asked) = answering(&sysadm, None).await;
    assert!(result.is_err() && server.world().requests.is_empty());
    assert!(asked[0].1.contains("ANOTHER certificate than before"), "{asked:?}");
    assert!(asked[0].1.contains(&format!("before {told}")), "both are shown: {asked:?}");
    assert!(answering(&sysadm, Some("yes")).await.0.is_ok());
}

#[tokio::test]
async fn certificates_are_judged_as_configured() {
    let fixture = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(name);
    let own = FakeSysadm::secure(Face::Recorded, "first").await;
    let trusting = |url: String, trust| Settings { trust, ..settings(&url) };
    let system = || Trust::System { ca: None };
    fails(trusting(own.url(), system()), ErrorKind::NeedsAnswer, "no authority that is trusted here").await;
    fails(trusting(own.url(), Trust::Pin("ab".repeat(32))), ErrorKind::NeedsAnswer, "not the one that was pinned")
        .await;
    let told = connect(trusting(own.url(), Trust::Insecure)).await.unwrap().details;
    assert!(told.iter().any(|(label, value)| label == "Certificate" && value.starts_with("NOT CHECKED")), "{told:?}");
    let ca = || Trust::System { ca: Some(fixture("authority.pem")) };
    let signed = FakeSysadm::secure(Face::Recorded, "signed").await;
    assert!(connect(trusting(signed.url(), ca())).await.is_ok());
    let expired = FakeSysadm::secure(Face::Recorded, "expired").await;
    fails(trusting(expired.url(), ca()), ErrorKind::NeedsAnswer, "has expired").await;
    assert!(expired.world().requests.is_empty());
}

#[tokio::test]
async fn what_is_no_sysadm_server_is_told_in_a_sentence() {
    let plain = FakeSysadm::new(Face::Recorded).await;
    let secure = plain.url().replace("ws:", "wss:");
    fails(settings(&secure), ErrorKind::Unreachable, "is it the right port?").await;
    let http = crate::support::http::Http::serve(|_| crate::support::http::answer("404 Not Found", "", b""));
    let url = format!("ws://127.0.0.1:{}", http.port());
    fails(settings(&url), ErrorKind::Unreachable, "answers HTTP 404").await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    fails(settings(&format!("ws://{closed}")), ErrorKind::Unreachable, "nothing listens there").await;
    fails(settings("ws://192.0.2.1:1"), ErrorKind::Invalid, "for all to read").await;
}

#[tokio::test]
async fn answers_may_come_in_any_order() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    server.world().slow.insert("delete".to_owned(), Duration::from_millis(600));
    let sysadm = sysadm(&server.url());
    sysadm.connect(mpsc::channel(64).0).await.unwrap();
    let vm = "web".into();
    let (mut slow, mut first) = (Box::pin(sysadm.delete(&vm, false)), None);
    for _ in 0..3 {
        tokio::select! {
            biased;
            _ = &mut slow => { first.get_or_insert("the deletion"); break }
            found = sysadm.inventory(false) => { found.unwrap(); first.get_or_insert("the list"); }
        }
    }
    assert_eq!(first, Some("the list"));
    slow.await.unwrap();
}

#[tokio::test]
async fn hostile_servers_end_the_connection_with_a_sentence_and_nothing_else() {
    let server = FakeSysadm::new(Face::Recorded).await;
    let sysadm = sysadm(&server.url());
    let giant = format!("{{\"args\":\"{}\"}}", "x".repeat(9 << 20));
    let cases = [
        (Odd::Text("hello".to_owned()), "no SysAdm message"),
        (Odd::Text("[1,2".to_owned()), "no SysAdm message"),
        (Odd::Text(giant), "more than is taken"),
        (Odd::Close(1011, "out of\u{1b}[31m order"), "code 1011: out of [31m order"),
        (Odd::Close(1000, ""), "closed the connection (code 1000)"),
        (Odd::Cut, "without a word"),
    ];
    for (odd, words) in cases {
        let (sink, mut events) = mpsc::channel(64);
        sysadm.connect(sink).await.unwrap();
        server.world().odd.insert("listvms".to_owned(), vec![odd]);
        let error = sysadm.inventory(true).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
        assert!(error.message.contains(words), "{words}: {error}");
        assert!(disconnected(&mut events).await.message.contains(words));
    }
    // What is odd but whole concerns its own request alone.
    let (sink, _events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    for text in [r#"{"args":7,"id":"ID"}"#, r#"{"id":"ID"}"#, r#"{"args":{"listvms":"x"},"id":"ID","more":[]}"#] {
        server.world().odd.insert("listvms".to_owned(), vec![Odd::WithId(text)]);
        assert_eq!(sysadm.inventory(true).await.unwrap_err().kind, ErrorKind::Protocol, "{text}");
    }
    assert!(sysadm.inventory(true).await.is_ok());
}

/// A server that shakes hands, hears one request and then sends these bytes.
async fn raw(bytes: &'static [u8]) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let mut work = JoinSet::new();
    work.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.next().await;
        let _ = socket.get_mut().write_all(bytes).await;
        let _ = socket.get_mut().shutdown().await;
    });
    (url, work)
}

#[tokio::test]
async fn frames_that_are_none_end_the_connection_with_a_sentence() {
    let cases: [(&'static [u8], &str); 6] = [
        // The first half of a header, and of a text.
        (&[0x81, 0x7e, 0x10], "broke off without a word"),
        (&[0x81, 0x05, b'{', b'"'], "broke off without a word"),
        // One that would take a million million bytes.
        (&[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0], "more than is taken"),
        (&[0x81, 2, 0xff, 0xfe], "no text"),
        (&[0x82, 2, 0xff, 0xfe], "no text"),
        (&[0xf3, 0], "the WebSocket connection broke"),
    ];
    for (bytes, words) in cases {
        let (url, _work) = raw(bytes).await;
        fails(settings(&url), ErrorKind::Unreachable, words).await;
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_or_comes_twice_is_no_other_ones() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    let sysadm = sysadm(&server.url());
    let (sink, mut events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    server.world().odd.insert("listvms".to_owned(), vec![Odd::Silence, Odd::Twice]);
    let silent = timeout(Duration::from_millis(300), sysadm.inventory(true)).await;
    assert!(silent.is_err());
    assert_eq!(sysadm.inventory(true).await.unwrap().vms.unwrap().len(), 1);
    assert_eq!(sysadm.disks(&"web".into()).await.unwrap().len(), 1, "the second answer is nobody's");
    assert!(events.try_recv().is_err(), "the connection lives");
}

#[tokio::test]
async fn a_connection_without_a_sign_of_life_is_given_up() {
    let server = FakeSysadm::new(Face::Recorded).await;
    let sysadm = sysadm(&server.url());
    let (sink, mut events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    server.world().odd.insert("identify".to_owned(), vec![Odd::Silence]);
    // A minute goes by, and the time that an answer may take.
    tokio::time::pause();
    let lost = loop {
        if let HostEvent::Disconnected(error) = events.recv().await.unwrap() {
            break error;
        }
    };
    assert_eq!(lost.message, "the server gave no sign of life for 20 s");
    assert_eq!(sysadm.inventory(true).await.unwrap_err().kind, ErrorKind::Unreachable);
}
