//! SysAdm over HTTP: who may sign in, what comes back that is none, certificates, and downloads that no event tells of.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, Odd, settings, signing_in, sysadm},
    fake_sysadm_world::TOKEN,
    qemu::eventually,
};
use std::{path::PathBuf, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{
        Backend, Call, Images, Machines, Power, Properties,
        sysadm::{Settings, SignIn, Sysadm, Trust},
    },
    domain::{Capabilities, Error, ErrorKind, HostEvent, Image, JobId, Op, Result, Secret, TaskState, VmId},
    transport::{Known, Password},
};

const LONG: Duration = Duration::from_secs(30);
const URL: &str = "file:///iso/tiny.iso";

fn by(password: &str) -> SignIn {
    SignIn::Password { user: None, password: Password::Given(Secret::new(password.to_owned())) }
}

fn web() -> VmId {
    VmId::from("web")
}

async fn fails(server: &FakeSysadm, sign_in: SignIn, kind: ErrorKind, words: &str) {
    let sysadm = Sysadm::new(signing_in(&server.url(), sign_in));
    let Err(error) = sysadm.connect(mpsc::channel(64).0).await else { panic!("no error that says {words}") };
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words), "{error}");
}

/// A server with a machine, and a connection to it.
async fn served(face: Face) -> (FakeSysadm, Sysadm, Capabilities, mpsc::Receiver<HostEvent>) {
    let server = FakeSysadm::rest(face, None).await;
    server.world().iohyve.add("web", "1G");
    let sysadm = sysadm(&server.url());
    let (sink, events) = mpsc::channel(64);
    let capabilities = sysadm.connect(sink).await.unwrap();
    (server, sysadm, capabilities, events)
}

async fn disconnected(events: &mut mpsc::Receiver<HostEvent>) -> Error {
    let lost = async {
        loop {
            if let HostEvent::Disconnected(error) = events.recv().await.unwrap() {
                break error;
            }
        }
    };
    timeout(LONG, lost).await.unwrap()
}

#[tokio::test]
async fn who_cannot_sign_in_is_told_why() {
    let server = FakeSysadm::rest(Face::Recorded, None).await;
    fails(&server, by("wrong"), ErrorKind::Unauthorized, "user or password is wrong").await;
    server.world().says_yes = true;
    fails(&server, by("wrong"), ErrorKind::Unauthorized, "user or password is wrong").await;
    let sent = server.world().requests.len();
    fails(&server, by("a:b"), ErrorKind::Invalid, "cuts it at its colon").await;
    let token = SignIn::Token(Password::Given(Secret::new(TOKEN.to_owned())));
    fails(&server, token, ErrorKind::Invalid, "over wss:// only").await;
    fails(&server, SignIn::Key(PathBuf::from("/k")), ErrorKind::Invalid, "over wss:// only").await;
    assert_eq!(server.world().requests.len(), sent, "nothing was sent");
    let far = Sysadm::new(settings("http://192.0.2.1:1")).connect(mpsc::channel(1).0).await.unwrap_err();
    assert!(far.message.contains("for all to read"), "{far}");
}

#[tokio::test]
async fn a_session_and_a_password_that_end_are_noticed() {
    let (server, sysadm, _, mut events) = served(Face::Recorded).await;
    server.world().is_expired = true;
    assert!(sysadm.start(&web()).await.is_ok());
    assert_eq!(server.count("start"), 1);
    server.world().password = "changed";
    assert_eq!(sysadm.find(&web()).await.unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(disconnected(&mut events).await.kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn what_is_no_answer_is_told_in_a_sentence() {
    let (server, sysadm, _, mut events) = served(Face::Recorded).await;
    let http = |status: &str, body: &str| {
        Odd::Text(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    };
    let cases = [
        (http("400 Bad Request", "{\"args\":{}}"), ErrorKind::Unsupported, "does not know this request"),
        (http("404 Not Found", "{\"args\":{}}"), ErrorKind::Unsupported, "does not offer this"),
        (http("200 OK", "hello"), ErrorKind::Protocol, "no JSON"),
        (http("200 OK", ""), ErrorKind::Protocol, "an empty answer"),
        (http("200 OK", "{}"), ErrorKind::Protocol, "something else"),
        (http("200 OK", "{\"args\":{\"listvms\":7}}"), ErrorKind::Protocol, "something else"),
        (http("500 Oh", "out of \u{1b}[31morder"), ErrorKind::Refused, "500"),
    ];
    for (odd, kind, words) in cases {
        server.world().odd.insert("listvms".to_owned(), vec![odd]);
        let error = sysadm.inventory(true).await.unwrap_err();
        assert_eq!(error.kind, kind, "{words}: {error}");
        assert!(error.message.contains(words) && !error.message.contains('\u{1b}'), "{words}: {error}");
    }
    assert!(sysadm.inventory(true).await.is_ok(), "each concerned its own request alone");
    // One that is never answered keeps nothing else from being answered.
    server.world().odd.insert("listvms".to_owned(), vec![Odd::Silence]);
    let before = server.count("listvms");
    let others = async {
        eventually("it is asked", async || server.count("listvms") > before).await;
        sysadm.inventory(true).await
    };
    tokio::select! {
        answer = sysadm.inventory(true) => panic!("there was none: {answer:?}"),
        list = others => assert!(list.is_ok()),
    }
    server.world().odd.insert("listvms".to_owned(), vec![Odd::Cut]);
    assert_eq!(sysadm.inventory(true).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(disconnected(&mut events).await.kind, ErrorKind::Unreachable);
    let (sink, _events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    assert!(sysadm.inventory(true).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_changes_is_asked_about_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = FakeSysadm::rest(Face::Recorded, Some("first")).await;
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let sysadm = Sysadm::new(Settings { trust, ..settings(&server.url()) });
    let connect = async |answer: &str| {
        let (sink, mut events) = mpsc::channel(64);
        let connecting = sysadm.connect(sink);
        tokio::pin!(connecting);
        let mut asked = Vec::new();
        loop {
            tokio::select! {
                result = &mut connecting => break (result, asked, events),
                Some(HostEvent::Asks(question)) = events.recv() => {
                    asked.push(question.text);
                    sysadm.answer(question.number, Some(Secret::new(answer.to_owned()))).await;
                }
            }
        }
    };
    let (result, asked, mut events) = connect("yes").await;
    let details = result.unwrap().details;
    assert!(asked[0].contains("for the first time"), "{asked:?}");
    assert!(details.iter().any(|(label, sum)| label == "Certificate" && sum.len() > 64), "{details:?}");
    sysadm.inventory(false).await.unwrap();
    server.present("second");
    server.world().requests.clear();
    assert_eq!(sysadm.inventory(true).await.unwrap_err().kind, ErrorKind::Unreachable);
    assert_eq!(disconnected(&mut events).await.kind, ErrorKind::Unreachable);
    let (result, asked, _) = connect("no").await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::NeedsAnswer);
    assert!(asked[0].contains("ANOTHER certificate than before"), "{asked:?}");
    assert!(server.world().requests.is_empty(), "nothing was sent to it");
    assert!(connect("yes").await.0.is_ok());
}

#[tokio::test]
async fn how_a_download_ended_is_read_from_the_servers_log_and_unknown_without() {
    let (server, sysadm, ..) = served(Face::Recorded).await;
    let fetch = async |url: &str| timeout(LONG, sysadm.fetch_image(url, None, Call::new().0)).await.unwrap();
    assert_eq!(fetch(URL).await.unwrap().name, "tiny.iso");
    let failed = fetch("http://x/missing.iso").await.unwrap_err();
    assert_eq!(failed.kind, ErrorKind::Refused);
    assert!(failed.message.contains("fetch: File not found"), "{failed}");
    server.world().logs = "";
    let unseen: Result<Image> = fetch("http://x/other.iso").await;
    let unseen = unseen.unwrap_err();
    assert_eq!(unseen.kind, ErrorKind::Timeout, "{unseen}");
    assert!(unseen.message.contains("whether other.iso is whole is not known"), "{unseen}");
}

#[tokio::test]
async fn the_jobs_of_others_are_seen_by_asking() {
    let (server, _sysadm, _, mut events) = served(Face::Documented).await;
    server.world().iohyve.jobs.insert("of-others".to_owned(), "iohyve fetch http://x/other.iso".to_owned());
    let mut states = Vec::new();
    let mut is_ended = false;
    eventually("the job of others ends", async || {
        while let Ok(HostEvent::Job(job)) = events.try_recv() {
            assert_eq!((job.id, job.title.as_str()), (JobId::from("of-others"), "fetch other.iso"));
            states.push(job.state);
        }
        if matches!(states.last(), Some(TaskState::Running(_))) && !is_ended {
            is_ended = true;
            server.world().iohyve.finish("of-others", 1);
        }
        states.last().is_some_and(TaskState::is_ended)
    })
    .await;
    let TaskState::Failed(error) = states.pop().unwrap() else { panic!("it failed") };
    assert_eq!(error.message, "fetch: File not found");
}

#[tokio::test]
async fn what_cannot_be_done_is_grey_with_the_reason_and_nothing_is_sent_for_it() {
    let (server, sysadm, capabilities, _) = served(Face::Recorded).await;
    assert!(capabilities.check(Op::ListProperties).unwrap_err().contains("write wss://"));
    let sent = server.world().requests.len();
    assert_eq!(sysadm.properties(&web()).await.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(sysadm.set_property(&web(), "cpus", "2").await.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(sysadm.power_off(&web()).await.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(server.world().requests.len(), sent);
    let (server, _, capabilities, _) = served(Face::Documented).await;
    assert_eq!(capabilities.check(Op::SetProperty), Ok(()));
    // Neither a user who may not see jobs nor one who may only read is left to find out.
    let again = async |url: &str| {
        let sysadm = Sysadm::new(settings(url));
        let told = sysadm.connect(mpsc::channel(64).0).await.unwrap();
        (sysadm, told)
    };
    server.world().dispatcher = "";
    let (sysadm, told) = again(&server.url()).await;
    assert!(told.check(Op::FetchImage).unwrap_err().contains("tells nothing of its downloads"));
    let refused = sysadm.fetch_image(URL, None, Call::new().0).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported);
    server.world().class = "read";
    let (sysadm, told) = again(&server.url()).await;
    assert!(told.check(Op::Start).unwrap_err().contains("may only read"));
    let sent = server.world().requests.len();
    assert_eq!(sysadm.start(&web()).await.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(sysadm.delete(&web(), false).await.unwrap_err().kind, ErrorKind::Unsupported);
    assert_eq!(server.world().requests.len(), sent, "nothing was sent");
    server.world().iohyve.version = "iohyve v0.7.3 2016/01/08 Bear in a Datacenter Edition";
    let (_, told) = again(&server.url()).await;
    assert!(told.caution(Op::Delete).unwrap().contains("before 0.7.6"));
}
