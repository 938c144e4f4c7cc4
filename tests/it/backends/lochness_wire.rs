//! The store's tree and its changes as etcd 3.4.23 told them, and whatever else may come instead.
use proptest::prelude::*;
use serde_json::{Value, json};
use vmdeck::{
    backend::{
        lochness::{
            mirror::{self, Mirror},
            record,
            wire::{self, Code},
        },
        lochness_records::Hypervisor,
    },
    domain::{ByteSize, ErrorKind, Node, NodeId, Values},
};

const TREE: &str = include_str!("../../fixtures/lochness/tree.json");
const EVENTS: &str = include_str!("../../fixtures/lochness/events.jsonl");
const NODE: &str = "abcd1234-abcd-1234-abcd-1234abcd1234";
const OTHER: &str = "0f00dead-97ae-467d-a56e-d0cccbd2adc7";
const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";
const SUBNET: &str = "c6430cba-648a-41aa-aee4-b59dacfc790d";
/// The change that the tree was read after.
const INDEX: u64 = 22;

fn recorded() -> Mirror {
    Mirror::new(Some(&wire::entry(TREE.as_bytes()).unwrap()), INDEX)
}

fn node(mirror: &Mirror, id: &str) -> Option<Node> {
    mirror.inventory().nodes.unwrap().into_iter().find(|node| node.id.as_str() == id)
}

#[test]
fn the_recorded_tree_is_read() {
    let found = recorded().inventory();
    let (nodes, vms) = (found.nodes.unwrap(), found.vms.unwrap());
    assert_eq!((nodes.len(), vms.len()), (1, 1));
    assert_eq!((nodes[0].id.as_str(), nodes[0].is_alive), (NODE, Some(false)));
    assert_eq!(nodes[0].memory.unwrap().total, ByteSize(1 << 30));
    assert!(nodes[0].details.contains(&("foo".to_owned(), "bar".to_owned())));
    assert!(vms[0].details.contains(&("Hypervisor".into(), NODE.to_owned())));
    assert!(vms[0].details.contains(&("Bridge".into(), "br0".to_owned())));
    assert_eq!((vms[0].cpus, vms[0].memory, vms[0].disk), (Some(1), Some(128 << 20), Some(1 << 30)));
    let tree = wire::entry(TREE.as_bytes()).unwrap();
    let folder = tree.get("hypervisors").unwrap().get(NODE).unwrap();
    let report = mirror::report(NODE, folder);
    assert_eq!(report.config, Values::from([("guestDiskDir".to_owned(), "/mistify/guests".to_owned())]));
    assert_eq!(report.subnets, Values::from([(SUBNET.to_owned(), "br0".to_owned())]));
    assert_eq!(report.guests, [GUEST.into()]);
    assert_eq!(report.node, nodes[0]);
}

#[test]
fn the_recorded_changes_are_followed_and_those_that_are_known_already_are_not() {
    let mut mirror = recorded();
    let mut told = Vec::new();
    for line in EVENTS.lines() {
        let event = wire::event(line.as_bytes()).unwrap();
        assert!(mirror.apply(&event), "{line}");
        assert!(!mirror.apply(&event), "once is enough: {line}");
        let first = node(&mirror, NODE).unwrap();
        told.push((first.is_alive, first.address.unwrap(), node(&mirror, OTHER).is_some(), mirror.counts().1));
    }
    let (old, new) = ("10.100.101.35".to_owned(), "10.100.101.36".to_owned());
    let wanted = [
        (Some(true), old.clone(), false, 1),
        (Some(false), old, false, 1),
        (Some(false), new.clone(), false, 1),
        (Some(false), new.clone(), false, 1),
        (Some(false), new.clone(), false, 1),
        (Some(false), new.clone(), true, 1),
        (Some(false), new.clone(), false, 1),
        (Some(false), new, false, 0),
    ];
    assert_eq!(told, wanted);
}

fn event(action: &str, key: &str, value: Option<&str>, index: u64) -> wire::Event {
    let node = json!({"key": format!("/lochness{key}"), "value": value, "modifiedIndex": index});
    wire::event(json!({"action": action, "node": node}).to_string().as_bytes()).unwrap()
}

#[test]
fn a_beat_that_changes_nothing_is_no_news() {
    let mut mirror = recorded();
    let heart = format!("/hypervisors/{NODE}/heartbeat");
    let mut apply = |action, key: &str, value, index| mirror.apply(&event(action, key, value, index));
    assert!(apply("set", &heart, Some("1"), 100));
    assert!(!apply("set", &heart, Some("2"), 101), "it is alive already");
    let text = wire::entry(TREE.as_bytes()).unwrap();
    let folder = text.get("hypervisors").unwrap().get(NODE).unwrap();
    let record = folder.get("metadata").unwrap().value.clone();
    let metadata = format!("/hypervisors/{NODE}/metadata");
    assert!(!apply("compareAndSwap", &metadata, record.as_deref(), 102), "the same record");
    assert!(!apply("set", "/subnets/x/addresses/10.0.0.1", Some(GUEST), 103), "addresses are not shown");
    assert!(!apply("set", &heart, None, 101), "older than what is known");
    assert!(apply("expire", &heart, None, 104));
    assert!(apply("delete", "", None, 105), "all of it");
    assert_eq!(mirror.counts(), (0, 0));
}

#[test]
fn refusals_are_told_by_their_numbers() {
    for (body, code, kind) in [
        (
            r#"{"errorCode":100,"message":"Key not found","cause":"/lochness","index":3}"#,
            Code::NotFound,
            ErrorKind::NotFound,
        ),
        (
            r#"{"errorCode":101,"message":"Compare failed","cause":"[1 != 25]","index":30}"#,
            Code::Changed,
            ErrorKind::Conflict,
        ),
        (
            r#"{"errorCode":105,"message":"Key already exists","cause":"/x","index":30}"#,
            Code::Exists,
            ErrorKind::Conflict,
        ),
        (
            r#"{"errorCode":108,"message":"Directory not empty","cause":"/x","index":30}"#,
            Code::NotEmpty,
            ErrorKind::Conflict,
        ),
        (
            r#"{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [131/10]","index":1130}"#,
            Code::Cleared,
            ErrorKind::Conflict,
        ),
        // Nobody knows whether it was done.
        (
            r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#,
            Code::Other(300),
            ErrorKind::Timeout,
        ),
        (
            r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#,
            Code::NoRight,
            ErrorKind::Unauthorized,
        ),
        (r#"{"errorCode":102,"message":"Not a file","cause":"/x","index":30}"#, Code::Other(102), ErrorKind::Refused),
    ] {
        let refused = wire::refused(body.as_bytes()).unwrap();
        assert_eq!((refused.0, wire::error(&refused).kind), (code, kind), "{body}");
    }
    assert_eq!(wire::refused(b"404 page not found"), None);
    assert_eq!(wire::version(br#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#), "etcd 3.4.23");
    assert_eq!(wire::version(b"etcd 0.4.6\n"), "etcd 0.4.6");
}

#[test]
fn a_record_that_cannot_be_read_is_there_all_the_same() {
    for (text, told) in [
        (None, "it has none"),
        (Some("{"), "no JSON"),
        (Some("[]"), "no hypervisor"),
        (Some(r#"{"id":""}"#), "no hypervisor"),
        (Some(r#"{"id":"another","ip":"10.0.0.1"}"#), "it says that it is another"),
    ] {
        let node = mirror::node(NODE, text, true);
        assert_eq!((node.id, node.is_alive), (NodeId::from(NODE), Some(true)));
        assert!(node.details[0].0 == "Record" && node.details[0].1.starts_with(told), "{:?}", node.details);
    }
    assert!(mirror::guest(GUEST, Some("{}")).remark.is_some());
}

fn values(record: &Value) -> Values {
    let fields = Hypervisor::read(record).unwrap().fields();
    fields.into_iter().map(|field| (field.name.to_owned(), field.default)).collect()
}

#[test]
fn what_is_not_touched_stays_letter_for_letter() {
    let record = json!({
        "id": NODE, "metadata": {"a": "b"}, "ip": null, "mac": "01:23:45:67:89:ab", "rack": {"row": [1, 2]},
        "total_resources": {"memory": 1024, "disk": -1, "cpu": 1.5, "gpu": 2}, "available_resources": "none",
    });
    let (now, mut map) = (values(&record), record.as_object().unwrap().clone());
    record::change(&mut map, &now, &now).unwrap();
    assert_eq!(Value::Object(map.clone()), record);
    let touch = |name: &str, value: &str| {
        let mut wanted = now.clone();
        wanted.insert(name.to_owned(), value.to_owned());
        let mut map = map.clone();
        record::change(&mut map, &now, &wanted).unwrap();
        Value::Object(map)
    };
    let with = |pointer: &str, value: Value| {
        let mut record = record.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        record
    };
    assert_eq!(touch("memory", "2048"), with("/total_resources/memory", 2048.into()));
    assert_eq!(touch("cpus-free", "1"), with("/available_resources", json!({"cpu": 1})));
    assert_eq!(touch("ip", "10.0.0.1"), with("/ip", "10.0.0.1".into()));
    assert_eq!(touch("mac", ""), with("/mac", "".into()), "in the store it can be taken away");
    assert_eq!(touch("metadata", "c=d\ne=f=g"), with("/metadata", json!({"c": "d", "e": "f=g"})));
}

/// JSON of any kind, often with the keys of etcd's answers and of records.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "/lochness(/hypervisors|/guests)?(/[ab]){0,2}(/metadata|/heartbeat|/config)?|.{0,8}".prop_map(Value::from),
        Just(Value::from(json!({"id": "a", "metadata": {"k": "v"}}).to_string())),
    ];
    let keys = "node|nodes|key|value|dir|action|modifiedIndex|errorCode|id|metadata|ip|total_resources|memory|cpu";
    leaf.prop_recursive(5, 48, 6, move |inner| {
        let all = proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = proptest::collection::hash_map(keys, inner, 0..6);
        prop_oneof![all, map.prop_map(|map| map.into_iter().collect())]
    })
}

/// A key of the tree, often one that counts.
fn key() -> impl Strategy<Value = String> {
    "(/(hypervisors|guests|config|[a-z]))?(/(a|b|\\.|é|_x|))?(/(metadata|heartbeat|config|guests)(/[a-z]){0,2})?"
}

proptest! {
    #[test]
    fn no_answer_breaks_the_readers(value in anything(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        for body in [value.to_string().into_bytes(), bytes] {
            let _ = (wire::refused(&body), wire::version(&body), wire::event(&body));
            if let Ok(entry) = wire::entry(&body) {
                for node in Mirror::new(Some(&entry), 1).inventory().nodes.unwrap() {
                    prop_assert!(node.memory.is_none_or(|m| m.used <= m.total));
                }
                let _ = mirror::report("a", &entry);
            }
        }
    }

    #[test]
    fn no_record_breaks_the_readers(value in anything()) {
        let text = value.to_string();
        let (node, guest) = (mirror::node("a", Some(&text), false), mirror::guest("a", Some(&text)));
        prop_assert_eq!((node.id.as_str(), guest.id.as_str()), ("a", "a"));
        if let Ok(mut map) = record::read(&text) && Hypervisor::read(&value).is_ok() {
            let now = values(&value);
            record::change(&mut map, &now, &now).unwrap();
            prop_assert_eq!(Value::Object(map), value, "nothing was touched");
        }
    }

    /// Whatever changes where, what is shown changes only where that is said.
    #[test]
    fn what_is_shown_never_changes_unsaid(steps in proptest::collection::vec((key(), any::<bool>(), 0..3_u8), 0..24)) {
        let mut mirror = Mirror::new(None, 0);
        let mut last = 0;
        for (at, (key, is_gone, value)) in steps.into_iter().enumerate() {
            let index = u64::try_from(at).unwrap() + 1;
            let before = mirror.inventory();
            let value = json!({"id": "a", "ip": format!("10.0.0.{value}")}).to_string();
            let (action, value) = if is_gone { ("delete", None) } else { ("set", Some(value.as_str())) };
            let is_news = mirror.apply(&event(action, &key, value, index));
            prop_assert!(is_news || mirror.inventory() == before, "a change that was not told");
            last = index;
        }
        prop_assert!(mirror.index == last);
    }
}
