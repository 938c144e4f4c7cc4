//! Certificates of servers and of ours.
use crate::support::web::{Told, Web, certificate};
use std::sync::{Arc, Mutex};
use vmdeck::{
    domain::{ErrorKind, Result},
    transport::{
        Known, Trust,
        http::{Ask, Http, Settings},
        tls::{Identity, Server, Trust as Rule},
    },
};

fn yes(_: &crate::support::web::Asked) -> Told {
    Told::json(200, "1")
}

async fn ask(url: &str, trust: Rule, identity: Option<Identity>) -> Result<()> {
    let settings = Settings { identity, ..Settings::new(Server::read(url, 1).unwrap(), trust) };
    Http::new(settings).send(&Ask::get("/")).await.map(drop)
}

async fn fails(url: &str, trust: Rule, identity: Option<Identity>, kind: ErrorKind, words: &str) {
    let error = ask(url, trust, identity).await.unwrap_err();
    assert!(error.kind == kind && error.message.contains(words), "{:?} {error}", error.kind);
}

fn authority() -> Rule {
    Rule::System { ca: Some(certificate("authority.pem")) }
}

#[tokio::test]
async fn a_server_is_judged_as_configured() {
    use ErrorKind::NeedsAnswer;
    let own = Web::secure("first", false, yes);
    assert!(ask(&own.url(), Rule::Any, None).await.is_ok());
    fails(&own.url(), Rule::System { ca: None }, None, NeedsAnswer, "no authority that is trusted here").await;
    fails(&own.url(), Rule::Pin("ab".repeat(32)), None, NeedsAnswer, "not the one that was pinned").await;
    assert!(ask(&Web::secure("signed", false, yes).url(), authority(), None).await.is_ok());
    assert_eq!(own.asked().len(), 1, "nothing was sent where the certificate would not do");
    let plain = Web::serve(yes);
    let secure = plain.url().replace("http:", "https:");
    fails(&secure, Rule::Any, None, ErrorKind::Unreachable, "is it the right port?").await;
    let bare = own.url().replace("https:", "http:");
    fails(&bare, Rule::Any, None, ErrorKind::Unreachable, "127.0.0.1").await;
}

#[tokio::test]
async fn a_server_that_wants_to_know_us_is_shown_our_certificate() {
    let web = Web::secure("signed", true, yes);
    let identity = |name: &str, key: &str| Some(Identity { certificate: certificate(name), key: certificate(key) });
    assert!(ask(&web.url(), authority(), identity("signed.pem", "signed.key")).await.is_ok());
    fails(&web.url(), authority(), None, ErrorKind::NeedsAnswer, "it wants a certificate of ours").await;
    let stranger = identity("first.pem", "first.key");
    fails(&web.url(), authority(), stranger, ErrorKind::NeedsAnswer, "does not take our certificate").await;
    let crossed = identity("signed.pem", "first.key");
    fails(&web.url(), authority(), crossed, ErrorKind::Invalid, "cannot be used together").await;
    fails(&web.url(), authority(), identity("no.pem", "first.key"), ErrorKind::Invalid, "no.pem cannot be read").await;
    assert_eq!(web.asked().len(), 1);
}

#[tokio::test]
async fn a_new_certificate_is_asked_about_once() {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let web = Web::secure("first", false, yes);
    let server = Server::read(&web.url(), 1).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let settle = async |answer: bool| {
        let asked = asked.clone();
        let told = async move |text: String| {
            asked.lock().unwrap().push(text);
            Ok(answer)
        };
        trust.settle(&server, None, told).await
    };
    assert_eq!(settle(false).await.unwrap_err().kind, ErrorKind::NeedsAnswer);
    let rule = settle(true).await.unwrap();
    assert!(ask(&web.url(), rule.clone(), None).await.is_ok());
    assert_eq!(settle(false).await.unwrap(), rule, "it is known now");
    assert_eq!(asked.lock().unwrap().len(), 2);
    assert!(asked.lock().unwrap()[0].contains("for the first time"));
    Known { file: folder.path().join("certificates") }.set(&server.shown(), "11").unwrap();
    assert!(settle(false).await.is_err());
    assert!(asked.lock().unwrap()[2].contains("ANOTHER certificate than before"));
}
