//! What a store may answer at the wrong moment, and what is no store at all.
use crate::support::{
    etcd::{Etcd, lochness},
    fake_lochness::NODE,
    web::{Told, Web},
};
use std::sync::Mutex;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Machines, Nodes, dispatch, prepare},
    domain::{ErrorKind, NodeId, Request, Verdict, VmId},
};

const INDEX: &str = "Content-Type: application/json\r\nX-Etcd-Index: 7\r\n";
const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";

fn told(status: u16, body: &str) -> Told {
    Told::Answer(status, INDEX.to_owned(), body.as_bytes().to_vec())
}

/// The folder of a node with its record, and a guest where one was placed.
fn folder(has_record: bool, has_guest: bool) -> Told {
    let path = format!("/lochness/hypervisors/{NODE}");
    let mut inside = Vec::new();
    if has_record {
        inside.push(format!(r#"{{"key":"{path}/metadata","value":"{{\"id\":\"{NODE}\"}}","modifiedIndex":5}}"#));
    }
    if has_guest {
        let guest = format!(r#"{{"key":"{path}/guests/{GUEST}","value":"{GUEST}","modifiedIndex":6}}"#);
        inside.push(format!(r#"{{"key":"{path}/guests","dir":true,"nodes":[{guest}]}}"#));
    }
    told(200, &format!(r#"{{"action":"get","node":{{"key":"{path}","dir":true,"nodes":[{}]}}}}"#, inside.join(",")))
}

/// Where a guest is placed while its node is being removed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BeforeItsFolderGoes,
    BeforeTheRecordGoes,
}

#[tokio::test]
async fn a_guest_that_is_placed_while_its_node_is_removed_keeps_it() {
    for moment in [Moment::BeforeItsFolderGoes, Moment::BeforeTheRecordGoes] {
        let (record, guest) = (Mutex::new(true), Mutex::new(false));
        let web = Web::serve(move |asked| {
            let (mut record, mut guest) = (record.lock().unwrap(), guest.lock().unwrap());
            match (asked.method.as_str(), asked.path.as_str()) {
                ("GET", "/version") => told(200, r#"{"etcdserver":"3.4.23"}"#),
                ("GET", path) if path.contains("wait=true") => Told::Stall,
                ("GET", path) if path.contains("/hypervisors/") => folder(*record, *guest),
                ("GET", _) => told(404, r#"{"errorCode":100,"message":"Key not found","cause":"/lochness","index":7}"#),
                ("DELETE", path) if path.ends_with("/guests?dir=true") => {
                    *guest = true;
                    match moment {
                        Moment::BeforeItsFolderGoes => {
                            told(403, r#"{"errorCode":108,"message":"Directory not empty"}"#)
                        }
                        Moment::BeforeTheRecordGoes => told(200, r#"{"action":"delete","node":{"key":"/x"}}"#),
                    }
                }
                ("DELETE", path) if path.ends_with("/metadata?prevIndex=5") => {
                    *record = false;
                    told(200, r#"{"action":"compareAndDelete","node":{"key":"/x"}}"#)
                }
                ("PUT", path) if path.ends_with("/metadata?prevExist=false") => {
                    *record = true;
                    told(201, r#"{"action":"create","node":{"key":"/x"}}"#)
                }
                other => panic!("{other:?} was not to be asked"),
            }
        });
        let host = lochness(&web.url());
        host.connect(mpsc::channel(8).0).await.unwrap();
        let error = host.remove_node(&NodeId::from(NODE)).await.unwrap_err();
        assert!(error.kind == ErrorKind::Conflict && error.message.contains(GUEST), "{moment:?}: {error}");
        let report = host.node(&NodeId::from(NODE)).await.unwrap();
        assert!(report.node.details.is_empty(), "{moment:?}: its record is there: {:?}", report.node.details);
    }
}

#[tokio::test]
async fn a_change_without_an_answer_is_looked_at() {
    let tried = Mutex::new(0);
    let web = Web::serve(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/version") => told(200, "{}"),
        ("GET", path) if path.contains("wait=true") => Told::Stall,
        ("GET", path) if path.contains("/config/") => told(404, r#"{"errorCode":100}"#),
        ("GET", path) if path.contains("/hypervisors/") => folder(true, false),
        ("GET", _) => told(404, r#"{"errorCode":100}"#),
        _ => {
            let mut tried = tried.lock().unwrap();
            *tried += 1;
            match *tried {
                1 => Told::Raw(Vec::new()),
                _ => told(
                    500,
                    r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out"}"#,
                ),
            }
        }
    });
    let host = lochness(&web.url());
    host.connect(mpsc::channel(8).0).await.unwrap();
    let set = Request::SetConfig { node: NodeId::from(NODE), key: "a".into(), before: None, value: "1".into() };
    let prepared = prepare(&host, set).await.unwrap();
    for _ in 0..2 {
        let error = dispatch(&host, &prepared, Call::new().0).await.unwrap_err();
        assert!(error.leaves_unknown(), "{error}");
    }
    assert!(matches!(host.look(&prepared.expect).await, Verdict::NotMet(told) if told == "it is not set"));
    assert_eq!(web.asked().iter().filter(|asked| asked.method == "PUT").count(), 2, "each is sent once");
}

#[tokio::test]
async fn a_first_connection_tells_what_stands_in_the_way() {
    let first = async |told: Told| {
        let web = Web::serve(move |_| told.clone());
        lochness(&web.url()).connect(mpsc::channel(1).0).await.unwrap_err()
    };
    let page = Told::Answer(502, "Content-Type: text/html\r\n".to_owned(), b"<html>squid".to_vec());
    let plain = Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404 page not found\n".to_vec());
    let asleep =
        r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
    for (told, kind, words) in [
        (page, ErrorKind::Unreachable, "a proxy in between"),
        (plain, ErrorKind::Unsupported, "--enable-v2"),
        (told(500, asleep), ErrorKind::Timeout, "has not agreed"),
        (
            told(401, r#"{"errorCode":110,"message":"The request requires user authentication"}"#),
            ErrorKind::Unauthorized,
            "sign-in",
        ),
        (told(200, "{}"), ErrorKind::Protocol, "is it the right server?"),
        (told(200, "[1"), ErrorKind::Protocol, "is it the right server?"),
        (Told::json(200, r#"{"node":{"key":"/lochness","dir":true}}"#), ErrorKind::Unsupported, "X-Etcd-Index"),
        (Told::Raw(vec![0x15, 3, 1, 0, 2, 2, 0x28]), ErrorKind::Unreachable, "want https://"),
    ] {
        let error = first(told.clone()).await;
        assert!(error.kind == kind && error.message.contains(words), "{told:?}: {:?} {error}", error.kind);
    }
}

#[tokio::test]
async fn an_etcd_without_its_second_api_says_how_to_start_it() {
    let etcd = Etcd::with(&["--enable-v2=false"]).await;
    let error = lochness(&etcd.url()).connect(mpsc::channel(1).0).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unsupported && error.message.contains("start etcd with --enable-v2"), "{error}");
}

#[tokio::test]
async fn a_guest_whose_flavor_cannot_be_read_is_there() {
    let web = Web::serve(|asked| match asked.path.as_str() {
        "/version" => told(200, "{}"),
        path if path.contains("wait=true") => Told::Stall,
        path if path.contains("/flavors/") => {
            told(500, r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out"}"#)
        }
        path if path.contains("/guests/") => {
            let record = r#"{\"id\":\"g\",\"flavor\":\"f1\"}"#;
            let path = format!("/lochness/guests/{GUEST}");
            let metadata = format!(r#"{{"key":"{path}/metadata","value":"{record}","modifiedIndex":5}}"#);
            told(200, &format!(r#"{{"action":"get","node":{{"key":"{path}","dir":true,"nodes":[{metadata}]}}}}"#))
        }
        _ => told(404, r#"{"errorCode":100}"#),
    });
    let host = lochness(&web.url());
    host.connect(mpsc::channel(8).0).await.unwrap();
    let guest = host.find(&VmId::from(GUEST)).await.unwrap();
    assert_eq!((guest.id.as_str(), guest.cpus), (GUEST, None));
    assert!(guest.details.iter().any(|(_, value)| value == "f1"), "{:?}", guest.details);
}
