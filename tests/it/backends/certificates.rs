//! Certificates of lochness' services and of a Velocity server's proxy, on both sides of the connection.
use crate::support::{
    answers, etcd,
    fake_lochness::{Lochness, NODE, settings},
    fake_velocity::{self, Face, FakeVelocity},
    web::{Told, Web, certificate},
};
use serde_json::json;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend,
        chypervisord::{Chypervisord, Settings},
        lochness::{self, Lochness as Store},
        velocity::{self, Velocity},
    },
    domain::{Capabilities, ErrorKind, QuestionKind, Result},
    transport::{Known, Trust, tls::Identity},
};

/// The SHA-256 of `first.pem`.
const FIRST: &str = "5293c799130b0ea8f016da259b80c91f1e5b886d05e23490c1722ff3dee312a5";

fn authority() -> Trust {
    Trust::System { ca: Some(certificate("authority.pem")) }
}

fn ours() -> Identity {
    Identity { certificate: certificate("signed.pem"), key: certificate("signed.key") }
}

fn lochness(name: &str, mutual: bool) -> Lochness {
    let lochness = Lochness::secure(name, mutual);
    lochness.add(NODE, &json!({}));
    lochness
}

/// Both services, judged by `trust`.
fn judged(lochness: &Lochness, trust: Trust) -> Settings {
    Settings { trust, ..lochness.settings() }
}

/// Connects, and answers what is asked.
async fn answering(host: &impl Backend, answer: &str) -> (Result<Capabilities>, Vec<String>) {
    answers::answering(host, QuestionKind::Confirm, answer).await
}

async fn connect(settings: Settings) -> Result<Capabilities> {
    let (result, asked) = answering(&Chypervisord::new(settings), "yes").await;
    assert!(asked.is_empty(), "{asked:?}");
    result
}

fn detail(found: &Capabilities, label: &str) -> String {
    found.details.iter().find(|(l, _)| l == label).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[tokio::test]
async fn lochness_is_judged_as_configured() {
    let signed = lochness("signed", false);
    let found = connect(judged(&signed, authority())).await.unwrap();
    assert_eq!(detail(&found, "Certificate"), "by an authority that is trusted here");
    let own = lochness("first", false);
    let found = connect(judged(&own, Trust::Pin(FIRST.to_owned()))).await.unwrap();
    assert!(detail(&found, "Certificate").starts_with("5293 c799 "), "{:?}", found.details);
    assert_eq!(detail(&found, "Guests"), "0 by cguestd");
    let found = connect(judged(&own, Trust::Insecure)).await.unwrap();
    assert!(detail(&found, "Certificate").starts_with("NOT CHECKED"), "{:?}", found.details);
    let asked = own.chypervisord.asked().len();
    for (trust, words) in [
        (Trust::System { ca: None }, "comes from no authority that is trusted here: write tls = \"accept-new\""),
        (authority(), "comes from no authority that is trusted here"),
        (Trust::Pin("ab".repeat(32)), "is not the one that was pinned"),
    ] {
        let error = connect(judged(&own, trust)).await.unwrap_err();
        assert!(error.kind == ErrorKind::NeedsAnswer && error.message.contains(words), "{words}: {error}");
    }
    assert_eq!(own.chypervisord.asked().len(), asked, "nothing was sent where the certificate would not do");
}

#[tokio::test]
async fn a_new_certificate_of_each_service_is_asked_about_once() {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let lochness = lochness("first", false);
    let host = Chypervisord::new(judged(&lochness, trust.clone()));
    assert_eq!(host.inventory(false).await.unwrap_err().kind, ErrorKind::Unreachable, "nobody was asked yet");
    let (refused, asked) = answering(&host, "no").await;
    assert!(refused.unwrap_err().message.contains("its certificate was not accepted"));
    assert!(asked.len() == 1 && asked[0].contains("for the first time"), "{asked:?}");
    assert!(host.inventory(false).await.is_err());
    assert!(lochness.chypervisord.asked().is_empty(), "nothing was sent");
    let (accepted, asked) = answering(&host, "yes").await;
    assert!(detail(&accepted.unwrap(), "of cguestd").starts_with("5293 c799 "));
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(host.inventory(false).await.unwrap().nodes.unwrap().len(), 1);
    let known = connect(judged(&lochness, trust)).await.unwrap();
    assert!(detail(&known, "Certificate").starts_with("5293 c799 "), "{:?}", known.details);
}

#[tokio::test]
async fn a_cguestd_that_comes_late_is_there_where_its_certificate_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let mut lochness = lochness("first", false);
    let host = Chypervisord::new(judged(&lochness, trust.clone()));
    lochness.cguestd.stop();
    answering(&host, "yes").await.0.unwrap();
    let early = host.inventory(false).await.unwrap();
    assert_eq!((early.nodes.unwrap().len(), early.vms), (1, None), "guests that cannot be asked for are not none");
    lochness.cguestd.start();
    assert_eq!(host.inventory(false).await.unwrap().vms, None, "nobody was asked yet");
    assert!(lochness.cguestd.asked().is_empty(), "nothing was sent");
    answering(&host, "yes").await.0.unwrap();
    let late = Chypervisord::new(judged(&lochness, trust));
    lochness.cguestd.stop();
    answering(&late, "no").await.0.unwrap();
    lochness.cguestd.start();
    assert_eq!(late.inventory(false).await.unwrap().vms, Some(Vec::new()), "it is known from before");
}

#[tokio::test]
async fn servers_that_want_to_know_us_are_shown_our_certificate() {
    let lochness = lochness("signed", true);
    let url = lochness.chypervisord.url();
    let alone = Settings { trust: authority(), ..settings(url.replace("127.0.0.1", "localhost")) };
    let found = connect(Settings { identity: Some(ours()), ..alone.clone() }).await.unwrap();
    assert_eq!(detail(&found, "Certificate"), "by an authority that is trusted here, and the server judges ours");
    let error = connect(alone).await.unwrap_err();
    assert!(error.message.contains("certificate of ours") || error.message.contains("without an answer"), "{error}");

    let velocity = FakeVelocity::secure(Face::Head);
    let settings = velocity::Settings { trust: authority(), ..fake_velocity::settings(&velocity.web.url()) };
    let connect = async |identity| {
        Velocity::new(velocity::Settings { identity, ..settings.clone() }).connect(mpsc::channel(8).0).await
    };
    let found = connect(Some(ours())).await.unwrap();
    assert_eq!(detail(&found, "Certificate"), "by an authority that is trusted here, and the server judges ours");
    let error = connect(None).await.unwrap_err();
    assert!(error.message.contains("certificate of ours") || error.message.contains("without an answer"), "{error}");
}

/// An etcd that nothing was ever written to.
fn empty_etcd(name: &str, mutual: bool) -> Web {
    Web::secure(name, mutual, |asked| {
        if asked.path == "/version" {
            return Told::json(200, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#);
        }
        let body = r#"{"errorCode":100,"message":"Key not found","cause":"/lochness","index":3}"#;
        Told::Answer(404, "Content-Type: application/json\r\nX-Etcd-Index: 3\r\n".to_owned(), body.into())
    })
}

#[tokio::test]
async fn the_store_of_lochness_is_judged_as_configured_too() {
    let folder = tempfile::tempdir().unwrap();
    let (own, mutual) = (empty_etcd("first", false), empty_etcd("signed", true));
    let by = |web: &Web, trust, identity| {
        let settings = etcd::settings(&[&web.url()]);
        Store::new(lochness::Settings { headless: true, trust, identity, ..settings })
    };
    let (error, asked) = answering(&by(&own, Trust::System { ca: None }, None), "yes").await;
    assert!(error.unwrap_err().message.contains("no authority that is trusted here") && asked.is_empty());
    assert!(own.asked().is_empty(), "nothing was sent");
    let found = answering(&by(&own, Trust::Pin(FIRST.to_owned()), None), "yes").await.0.unwrap();
    assert!(detail(&found, "Certificate").starts_with("5293 c799 "));
    let trust = Trust::AcceptNew(Known { file: folder.path().join("certificates") });
    let (accepted, asked) = answering(&by(&own, trust.clone(), None), "yes").await;
    assert!(accepted.is_ok() && asked.len() == 1, "{accepted:?} {asked:?}");
    let (known, asked) = answering(&by(&own, trust, None), "no").await;
    assert!(known.is_ok() && asked.is_empty(), "{known:?} {asked:?}");
    let found = answering(&by(&mutual, authority(), Some(ours())), "yes").await.0.unwrap();
    assert_eq!(detail(&found, "Certificate"), "by an authority that is trusted here, and the server judges ours");
    let error = answering(&by(&mutual, authority(), None), "yes").await.0.unwrap_err();
    assert!(error.message.contains("certificate of ours") || error.message.contains("without an answer"), "{error}");
}
