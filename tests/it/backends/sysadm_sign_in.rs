//! Signing in to a SysAdm server by token and key, and sessions that end while they are used.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, Odd, signing_in, sysadm},
    fake_sysadm_world::TOKEN,
};
use std::{path::Path, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{
        Backend, Machines, Power,
        sysadm::{SignIn, Sysadm},
    },
    domain::{Capabilities, ErrorKind, HostEvent, Result, Secret},
    transport::Password,
};

/// A session by its token.
fn token(text: &str) -> SignIn {
    SignIn::Token(Password::Given(Secret::new(text.to_owned())))
}

fn key(file: &str) -> SignIn {
    SignIn::Key(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(file))
}

async fn connect(server: &FakeSysadm, sign_in: SignIn) -> Result<Capabilities> {
    let sysadm = Sysadm::new(signing_in(&server.url(), sign_in));
    timeout(Duration::from_secs(20), sysadm.connect(mpsc::channel(64).0)).await.unwrap()
}

async fn fails(server: &FakeSysadm, sign_in: SignIn, kind: ErrorKind, words: &str) {
    let Err(error) = connect(server, sign_in).await else { panic!("no error that says {words}") };
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words), "{error}");
}

/// A server with a machine and a connection to it.
async fn served(sign_in: Option<SignIn>) -> (FakeSysadm, Sysadm, mpsc::Receiver<HostEvent>) {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    let made = match sign_in {
        Some(sign_in) => Sysadm::new(signing_in(&server.url(), sign_in)),
        None => sysadm(&server.url()),
    };
    let (sink, events) = mpsc::channel(64);
    made.connect(sink).await.unwrap();
    (server, made, events)
}

/// Waits until the connection is given up, and tells why.
async fn given_up(events: &mut mpsc::Receiver<HostEvent>) -> ErrorKind {
    let reason = async {
        loop {
            if let HostEvent::Disconnected(error) = events.recv().await.unwrap() {
                break error.kind;
            }
        }
    };
    timeout(Duration::from_secs(20), reason).await.unwrap()
}

#[tokio::test]
async fn a_token_signs_in_and_one_that_is_unknown_or_empty_does_not() {
    for face in [Face::Documented, Face::Recorded] {
        let server = FakeSysadm::new(face).await;
        assert!(connect(&server, token(TOKEN)).await.is_ok());
        assert!(connect(&server, token(&format!("{TOKEN}\n"))).await.is_ok());
        fails(&server, token("another"), ErrorKind::Unauthorized, "knows no session by it").await;
        server.world().says_yes = true;
        fails(&server, token("another"), ErrorKind::Unauthorized, "knows no session by it").await;
        let before = server.sign_ins();
        fails(&server, token(" "), ErrorKind::Unauthorized, "it is empty").await;
        assert_eq!(server.sign_ins(), before, "an empty one would be taken for anybody's: it is not sent");
        let missing = SignIn::Token(Password::Missing("the variable X is not set".to_owned()));
        fails(&server, missing, ErrorKind::NeedsAnswer, "token: the variable X is not set").await;
    }
}

#[tokio::test]
async fn a_key_signs_in_and_one_that_the_server_does_not_know_does_not() {
    for face in [Face::Documented, Face::Recorded] {
        let server = FakeSysadm::new(face).await;
        assert!(connect(&server, key("sign-in.key")).await.is_ok());
        assert!(connect(&server, key("sign-in-pkcs1.key")).await.is_ok());
        fails(&server, key("unknown.key"), ErrorKind::Unauthorized, "the server knows no certificate of it").await;
        server.world().says_yes = true;
        fails(&server, key("unknown.key"), ErrorKind::Unauthorized, "the server knows no certificate of it").await;
        fails(&server, key("sign-in-encrypted.key"), ErrorKind::Invalid, "locked with a passphrase").await;
        let sly = r#"{"args":{"test_string":"0!0\t"},"id":"ID","name":"response","namespace":"rpc"}"#;
        server.world().odd.insert("auth_ssl".to_owned(), vec![Odd::WithId(sly)]);
        fails(&server, key("sign-in.key"), ErrorKind::Protocol, "no text of letters and digits").await;
    }
}

#[tokio::test]
async fn a_session_that_ended_is_begun_anew_once_and_what_was_asked_is_done() {
    for sign_in in [None, Some(key("sign-in.key"))] {
        let (server, sysadm, mut events) = served(sign_in).await;
        let before = server.sign_ins();
        server.world().is_expired = true;
        // Many calls find it out at the same time.
        let vm = "web".into();
        let (started, list, found) = tokio::join!(sysadm.start(&vm), sysadm.inventory(false), sysadm.find(&vm));
        assert!(started.is_ok() && list.is_ok() && found.is_ok(), "{started:?} {list:?} {found:?}");
        assert!(server.world().iohyve.guests["web"].is_running);
        assert!([1, 2].contains(&(server.sign_ins() - before)), "a key signs in by two requests");
        assert_eq!(server.count("start"), 1);
        assert!(events.try_recv().is_err(), "the connection was kept");
    }
}

#[tokio::test]
async fn where_signing_in_again_fails_the_connection_is_given_up() {
    let (server, sysadm, mut events) = served(None).await;
    server.world().is_expired = true;
    server.world().password = "changed";
    let error = sysadm.start(&"web".into()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("user or password is wrong"), "{error}");
    assert!(sysadm.inventory(true).await.is_err());
    assert_eq!(given_up(&mut events).await, ErrorKind::Unauthorized);
    // A session that somebody else ended takes its token along.
    let (server, sysadm, mut events) = served(Some(token(TOKEN))).await;
    server.world().is_expired = true;
    let error = sysadm.inventory(true).await.unwrap_err();
    assert!(error.message.contains("a session ends 15 minutes after"), "{error}");
    assert_eq!((server.sign_ins(), given_up(&mut events).await), (2, ErrorKind::Unauthorized));
}

#[tokio::test]
async fn a_server_that_ends_every_session_at_once_is_not_asked_for_ever() {
    let (server, sysadm, mut events) = served(None).await;
    let no = || Odd::WithId(r#"{"args":{"code":"401","message":"Unauthorized"},"id":"ID","name":"error"}"#);
    server.world().odd.insert("listvms".to_owned(), vec![no(), no(), no()]);
    assert_eq!(sysadm.inventory(true).await.unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!((server.sign_ins(), server.count("listvms")), (2, 2));
    assert_eq!(given_up(&mut events).await, ErrorKind::Unauthorized);
}
