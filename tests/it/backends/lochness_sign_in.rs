//! Signing in to a store that has users.
use crate::support::{
    answers,
    etcd::{Etcd, PASSWORD, settings},
    fake_lochness::NODE,
    web::{Told, Web},
};
use serde_json::json;
use std::time::Duration;
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{
        Backend, Nodes,
        lochness::{Lochness, Settings},
    },
    domain::{Capabilities, ErrorKind, HostEvent, NodeId, QuestionKind, Result, Secret},
    transport::Password,
};

/// As `user`, with a password that is configured, or asked for.
fn store(urls: &[&str], user: &str, password: Option<&str>) -> Lochness {
    let password = password.map_or(Password::Ask, |text| Password::Given(Secret::new(text.to_owned())));
    Lochness::new(Settings { user: Some(user.to_owned()), password, ..settings(urls) })
}

async fn typing(host: &Lochness, password: &str) -> (Result<Capabilities>, Vec<String>) {
    answers::answering(host, QuestionKind::Secret, password).await
}

/// Waits until this is told.
async fn heard(events: &mut mpsc::Receiver<HostEvent>, mut wanted: impl FnMut(&HostEvent) -> bool) {
    let wait = async { while !wanted(&events.recv().await.unwrap()) {} };
    timeout(Duration::from_secs(60), wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_reads_watches_and_changes() {
    let mut etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    etcd.want_sign_in().await;
    let host = store(&[&etcd.url()], "lo", Some(PASSWORD));
    let (sink, mut events) = mpsc::channel(64);
    let found = host.connect(sink).await.unwrap();
    assert!(found.details.contains(&("Signed in as".to_owned(), "lo".to_owned())), "{:?}", found.details);
    etcd.beat(NODE, "600").await;
    heard(&mut events, |event| matches!(event, HostEvent::Hint(None))).await;
    assert_eq!(host.inventory(true).await.unwrap().nodes.unwrap()[0].is_alive, Some(true));
    host.set_config(&NodeId::from(NODE), "a", None, "1").await.unwrap();
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/a")).await.as_deref(), Some("1"));
    // Somebody changes the password: the watch finds it out.
    etcd.tell("users/lo", r#"{"user":"lo","password":"another"}"#).await;
    etcd.beat(NODE, "600").await;
    let mut why = None;
    heard(&mut events, |event| match event {
        HostEvent::Disconnected(error) => why.insert(error.clone()).kind == ErrorKind::Unauthorized,
        _ => false,
    })
    .await;
    assert!(why.unwrap().message.contains("etcd does not let lo do this"));
}

#[tokio::test]
async fn without_a_password_a_person_is_asked_until_it_is_right() {
    let mut etcd = Etcd::new().await;
    etcd.want_sign_in().await;
    let host = store(&[&etcd.url()], "lo", None);
    let (wrong, asked) = typing(&host, "secret-guess").await;
    let error = wrong.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.message.contains("or this password"), "{error}");
    assert!(!format!("{error:?} {host:?}").contains("secret-guess"), "{error:?} {host:?}");
    assert_eq!(asked, [format!("Password of lo on 127.0.0.1:{}", etcd.port())]);
    let (right, asked) = typing(&host, PASSWORD).await;
    assert!(right.is_ok() && asked.len() == 1, "{right:?} {asked:?}");
    let (again, asked) = typing(&host, "not asked for").await;
    assert!(again.is_ok() && asked.is_empty(), "it is remembered as long as it is right: {again:?} {asked:?}");
}

#[tokio::test]
async fn who_may_not_is_told_so_and_whom_to_be() {
    let mut etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    etcd.want_sign_in().await;
    let reader = store(&[&etcd.url()], "re", Some(PASSWORD));
    reader.connect(mpsc::channel(8).0).await.unwrap();
    let error = reader.set_config(&NodeId::from(NODE), "a", None, "1").await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Unauthorized && error.message.ends_with("etcd does not let re do this"),
        "{error}"
    );
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/a")).await, None);
    let error = Lochness::new(settings(&[&etcd.url()])).connect(mpsc::channel(8).0).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unauthorized && error.message.contains("write user = "), "{error}");
}

#[tokio::test]
async fn a_refused_password_is_not_tried_on_the_other_servers() {
    let serve = || {
        Web::serve(|asked| match asked.path.as_str() {
            "/version" => Told::json(200, r#"{"etcdserver":"3.4.23"}"#),
            _ => Told::json(401, r#"{"errorCode":110,"message":"The request requires user authentication"}"#),
        })
    };
    let (first, second) = (serve(), serve());
    let host = store(&["http://127.0.0.1:1", &first.url(), &second.url()], "lo", None);
    let (wrong, asked) = typing(&host, "hunter2").await;
    assert!(wrong.unwrap_err().kind == ErrorKind::Unauthorized && asked.len() == 1, "{asked:?}");
    assert_eq!((first.asked().len(), second.asked().len()), (2, 0));
    let [version, tree] = first.asked().try_into().unwrap();
    assert_eq!(version.header("authorization"), None, "whoever answers is known before it is shown the password");
    assert_eq!(tree.header("authorization"), Some("Basic bG86aHVudGVyMg=="));
    assert!(!tree.path.contains("hunter2"), "{}", tree.path);
}

#[tokio::test]
async fn an_etcd_that_has_lost_its_second_api_is_told_from_one_that_was_started_without() {
    for (version, words) in
        [("3.6.4", "etcd 3.6.4 has no second API any more"), ("3.5.16", "start etcd with --enable-v2")]
    {
        let web = Web::serve(move |asked| match asked.path.as_str() {
            "/version" => Told::json(200, format!(r#"{{"etcdserver":"{version}","etcdcluster":"{version}"}}"#)),
            _ => Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404 page not found\n".to_vec()),
        });
        let error = Lochness::new(settings(&[&web.url()])).connect(mpsc::channel(8).0).await.unwrap_err();
        assert!(error.kind == ErrorKind::Unsupported && error.message.contains(words), "{error}");
    }
}
