//! What chypervisord is asked and answers: the document's examples word for word, all that a running server answered when
//! it was recorded, and what none should.
use super::chypervisord::{backend, node, send, update, values};
use crate::support::{
    fake_lochness::{NODE, SUBNET},
    spoilt::{self, spoilt},
    web::{Told, Web},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Nodes,
        chypervisord::{Chypervisord, wire},
        lochness_records as records,
    },
    domain::{ByteSize, Error, ErrorKind, NodeId, Request, Result, Values},
};

const GUESTS: &str = r#"["ad762efc-3c23-402b-8e1f-a248a005efb9","f2011319-ad59-42fb-9bad-92e261f0651c"]"#;
const RECORD: &str = r#"{"id":"abcd1234-abcd-1234-abcd-1234abcd1234","metadata":{},"ip":"10.100.101.35","netmask":"255.255.255.255","gateway":"10.100.101.35","mac":"01:23:45:67:89:ac","total_resources":{"memory":1024,"disk":1024,"cpu":1},"available_resources":{"memory":1024,"disk":1024,"cpu":1}}"#;

/// What went over the wire between curl and a chypervisord over etcd, in the order of its time.
#[derive(serde::Deserialize)]
struct Exchange {
    what: String,
    method: String,
    path: String,
    status: u16,
    answer: String,
}

fn recorded() -> Vec<Exchange> {
    let text = include_str!("../../fixtures/lochness/chypervisord.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The document's examples, word for word: each answer is read, each request is sent as it stands there.
#[tokio::test]
async fn the_documents_examples_are_sent_and_read() {
    const LIST: &str = r#"[{"id":"e88a75a6-7ae6-487c-9634-6553d3793437","metadata":{},"ip":"10.100.101.34","netmask":"","gateway":"","mac":"01:23:45:67:89:ab","total_resources":{"memory":0,"disk":0,"cpu":0},"available_resources":{"memory":0,"disk":0,"cpu":0}}]"#;
    let one = format!("/hypervisors/{NODE}");
    let prefix = one.clone();
    let is_left = Arc::new(AtomicBool::new(false));
    let has_none = is_left.clone();
    let web = Web::serve(move |asked| {
        let rest = asked.path.strip_prefix(&prefix);
        Told::json(
            200,
            match (asked.method.as_str(), rest) {
                ("GET", None) => LIST,
                ("POST", None) | ("GET" | "PATCH" | "DELETE", Some("")) => RECORD,
                ("GET", Some("/config")) => r#"{"bar":"baz"}"#,
                ("PATCH", Some("/config")) => r#"{"foobar":"asdf"}"#,
                ("GET" | "PATCH", Some("/subnets")) => r#"{"c6430cba-648a-41aa-aee4-b59dacfc790d":"br0"}"#,
                ("DELETE", Some(_)) => "{}",
                ("GET", Some("/guests")) if has_none.load(Ordering::SeqCst) => "[]",
                _ => GUESTS,
            },
        )
    });
    let host = backend(web.url());
    host.connect(mpsc::channel(1).0).await.unwrap();
    let nodes = host.inventory(false).await.unwrap().nodes.unwrap();
    assert_eq!(nodes[0].address.as_deref(), Some("10.100.101.34"));
    assert_eq!((nodes[0].cpus, nodes[0].memory), (None, None), "nothing told is unknown");
    let report = host.node(&node()).await.unwrap();
    assert_eq!(report.config, values(&[("bar", "baz")]));
    assert_eq!(report.subnets, values(&[(SUBNET, "br0")]));
    assert_eq!(report.guests.len(), 2);
    assert_eq!(report.node.memory.unwrap().total, ByteSize(1 << 30));
    let filled = [
        ("id", NODE),
        ("ip", "10.100.101.35"),
        ("netmask", "255.255.255.255"),
        ("gateway", "10.100.101.35"),
        ("mac", "01:23:45:67:89:ac"),
        ("memory", "1024"),
        ("memory-free", "1024"),
        ("disk", "1024"),
        ("disk-free", "1024"),
        ("cpus", "1"),
        ("cpus-free", "1"),
    ];
    send(&host, Request::AddNode { values: values(&filled) }).await.unwrap();
    send(&host, update(&[], &[("metadata", "foo=bar")])).await.unwrap();
    host.set_config(&node(), "bar", None, "").await.unwrap();
    host.set_subnet(&node(), SUBNET, None, "br0").await.unwrap();
    host.remove_subnet(&node(), SUBNET).await.unwrap();
    let error = host.remove_node(&node()).await.unwrap_err();
    assert!(error.message.contains("2 guests: ad762efc-3c23-402b-8e1f-a248a005efb9, f2011319"), "{error}");
    is_left.store(true, Ordering::SeqCst);
    host.remove_node(&node()).await.unwrap();
    let record: Value = serde_json::from_str(RECORD).unwrap();
    let resources = json!({"memory": 1024, "disk": 1024, "cpu": 1});
    let patch = json!({"metadata": {"foo": "bar"}, "total_resources": resources, "available_resources": resources});
    let sent: Vec<_> = web.asked().into_iter().filter(|a| a.method != "GET").collect();
    let sent: Vec<_> = sent.iter().map(|a| (a.method.as_str(), a.path.clone(), read(&a.body))).collect();
    assert_eq!(
        sent,
        [
            ("POST", "/hypervisors".to_owned(), record),
            ("PATCH", one.clone(), patch),
            ("PATCH", format!("{one}/config"), json!({"bar": ""})),
            ("PATCH", format!("{one}/subnets"), json!({SUBNET: "br0"})),
            ("DELETE", format!("{one}/subnets/{SUBNET}"), Value::Null),
            ("DELETE", one.clone(), Value::Null),
        ]
    );
}

fn read(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

/// Asks what curl asked. None: nothing here asks so.
async fn replay(host: &Chypervisord, row: &Exchange) -> Option<Result<()>> {
    let parts: Vec<&str> = row.path.trim_start_matches('/').split('/').collect();
    let name = parts.get(1).copied().unwrap_or_default();
    let id = || NodeId::from(name);
    Some(match (row.method.as_str(), parts.get(2..).unwrap_or_default()) {
        ("GET", []) if parts == ["hypervisors"] => host.inventory(false).await.map(drop),
        ("POST", []) if parts == ["hypervisors"] => host.add_node(&Values::new()).await,
        ("GET", []) if name.len() == 36 => host.node_form(Some(&id())).await.map(drop),
        ("GET", ["config" | "subnets" | "guests"]) => host.node(&id()).await.map(drop),
        ("PATCH", []) => host.update_node(&id(), &Values::new(), &Values::new()).await,
        ("PATCH", ["config"]) => host.set_config(&id(), "key", None, "value").await,
        ("PATCH", ["subnets"]) => host.set_subnet(&id(), SUBNET, None, "br0").await,
        ("DELETE", []) => host.remove_node(&id()).await,
        ("DELETE", ["subnets", subnet]) if subnet.len() == 36 => host.remove_subnet(&id(), subnet).await,
        _ => return None,
    })
}

/// Every recorded answer is understood: what is a yes, what kind of no it is, and nothing of the server's insides is told.
#[tokio::test]
async fn every_recorded_answer_is_understood() {
    let mut count = 0;
    for row in recorded() {
        let (path, method, status, answer) = (row.path.clone(), row.method.clone(), row.status, row.answer.clone());
        let web = Web::serve(move |asked| match asked.path.eq_ignore_ascii_case(&path) && asked.method == method {
            true => Told::json(status, answer.clone()),
            // What is read beside it.
            false if asked.path.ends_with("/guests") => Told::json(200, "null"),
            false if asked.path.ends_with("/config") || asked.path.ends_with("/subnets") => Told::json(200, "{}"),
            false => Told::json(200, RECORD),
        });
        let Some(result) = replay(&backend(web.url()), &row).await else { continue };
        count += 1;
        let message = spoilt::json(row.answer.as_bytes()).and_then(|v| Some(v.get("message")?.as_str()?.to_owned()));
        let message = message.unwrap_or_default();
        let is_empty = row.path == "/hypervisors" && message.contains("(/lochness) ");
        let kind = match message.split(' ').next().unwrap_or_default() {
            _ if row.status < 300 || is_empty => None,
            // A list has no record of its own that could be missing.
            "100:" if row.path == "/hypervisors" => Some(ErrorKind::Refused),
            "100:" => Some(ErrorKind::NotFound),
            "101:" | "105:" | "not" => Some(ErrorKind::Conflict),
            _ => Some(ErrorKind::Refused),
        };
        let told = result.as_ref().err().map_or("", |error| error.message.as_str());
        assert_eq!(result.as_ref().err().map(|error: &Error| error.kind), kind, "{}: {} {told}", row.what, row.answer);
        assert!(!told.contains("stack") && !told.contains("0x"), "{}: {told}", row.what);
    }
    assert!(count > 60, "{count} of them were asked for");
}

proptest! {
    /// Whatever comes, the readers end, and what they take for a record has a name.
    #[test]
    fn no_answer_breaks_the_readers(value in json()) {
        for record in records::Hypervisor::read_all(&value).unwrap_or_default() {
            prop_assert!(!record.id.is_empty());
            let node = record.node();
            prop_assert!(node.memory.is_none_or(|m| m.used <= m.total));
            let fields = wire::fields(&record);
            let now: Values = fields.iter().map(|f| (f.name.to_owned(), f.default.clone())).collect();
            let body = wire::changes(&now, &now).unwrap();
            let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
            prop_assert_eq!(keys, ["available_resources", "total_resources"]);
        }
        let _ = (records::guests(&value), records::ids(&value), records::map(&value));
    }

    /// The same of what was recorded, after accidents, and of bytes that mean nothing.
    #[test]
    fn no_spoilt_answer_breaks_the_readers(bytes in spoilt(recorded().into_iter().map(|row| row.answer).collect())) {
        let Some(value) = spoilt::json(&bytes) else { return Ok(()) };
        let ids: Vec<_> = records::Hypervisor::read_all(&value).unwrap_or_default().into_iter().map(|one| one.id).collect();
        prop_assert!(ids.is_sorted_by(|a, b| a < b), "each once, in order: {:?}", ids);
        let _ = (records::Hypervisor::read(&value), records::guests(&value), records::ids(&value), records::map(&value));
    }
}

/// JSON of any kind, often with the keys of a record.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-f=\n0-9]{0,12}".prop_map(Value::from),
    ];
    let keys = "id|metadata|ip|mac|total_resources|available_resources|memory|disk|cpu|[a-c=]{0,3}";
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let all = proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = proptest::collection::hash_map(keys, inner, 0..9);
        prop_oneof![all, map.prop_map(|map| map.into_iter().collect())]
    })
}
