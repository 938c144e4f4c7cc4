//! The store of lochness on a real etcd: what is read, and changes that never undo those of others.
use crate::support::{
    etcd::{Etcd, lochness, settings},
    fake_lochness::{NODE, SUBNET},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinSet};
use vmdeck::{
    backend::{
        Backend, Call, Machines, Nodes, dispatch,
        lochness::{Lochness, Settings},
        prepare,
    },
    domain::{Error, ErrorKind, NodeId, Op, Reply, Request, Result, Values, VmId},
};

const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";

fn node() -> NodeId {
    NodeId::from(NODE)
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn send(backend: &Lochness, request: Request) -> Result<Reply> {
    let prepared = prepare(backend, request).await?;
    dispatch(backend, &prepared, Call::new().0).await
}

fn update(before: &[(&str, &str)], wanted: &[(&str, &str)]) -> Request {
    Request::UpdateNode { node: node(), before: values(before), values: values(wanted) }
}

fn set(key: &str, before: Option<&str>, value: &str) -> Request {
    Request::SetConfig { node: node(), key: key.into(), before: before.map(str::to_owned), value: value.into() }
}

fn conflict(result: Result<Reply>) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    error
}

fn resources(memory: u64, cpu: u64) -> Value {
    json!({"memory": memory, "disk": 4096, "cpu": cpu})
}

#[tokio::test]
async fn nodes_guests_and_who_is_alive_are_read() {
    let etcd = Etcd::new().await;
    let (host, _heard) = etcd.connected().await;
    let nothing = host.inventory(false).await.unwrap();
    assert_eq!((nothing.nodes.unwrap().len(), nothing.vms.unwrap().len()), (0, 0));
    etcd.add(NODE, &json!({"ip": "10.0.0.1", "total_resources": resources(2048, 4)})).await;
    etcd.beat(NODE, "60").await;
    etcd.put(&format!("hypervisors/{NODE}/guests/{GUEST}"), GUEST).await;
    let guest = json!({"id": GUEST, "hypervisor": NODE, "mac": "1", "flavor": "f1"});
    etcd.put(&format!("guests/{GUEST}/metadata"), &guest.to_string()).await;
    etcd.put("flavors/f1/metadata", &json!({"id": "f1", "memory": 2048, "disk": 10240, "cpu": 2}).to_string()).await;
    let (host, _heard) = etcd.connected().await;
    let found = host.inventory(true).await.unwrap();
    let (nodes, vms) = (found.nodes.unwrap(), found.vms.unwrap());
    assert_eq!((nodes.len(), nodes[0].is_alive, nodes[0].cpus), (1, Some(true), Some(4)));
    assert_eq!((vms.len(), vms[0].id.as_str(), vms[0].power), (1, GUEST, None), "no state is told");
    assert_eq!((vms[0].cpus, vms[0].memory, vms[0].disk), (Some(2), Some(2 << 30), Some(10 << 30)), "by its flavor");
    assert_eq!(host.node(&node()).await.unwrap().guests, [VmId::from(GUEST)]);
    assert_eq!(host.find(&VmId::from(GUEST)).await.unwrap(), vms[0]);
    assert_eq!(host.find(&VmId::from(SUBNET)).await.unwrap_err().kind, ErrorKind::NotFound);
    let capabilities = host.connect(mpsc::channel(1).0).await.unwrap();
    assert!(capabilities.version.starts_with("etcd 3."), "{}", capabilities.version);
    let why = capabilities.check(Op::Start).unwrap_err();
    assert!(why.contains("jobs") && why.contains("guests_url"), "{why}");
    assert!(capabilities.caution(Op::UpdateNode).unwrap().contains("heartbeat daemon"));
}

#[tokio::test]
async fn of_two_editors_the_second_is_told_what_the_first_did() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({"ip": "10.0.0.1", "rack": 7, "total_resources": resources(2048, 4)})).await;
    let ((one, _), (two, _)) = (etcd.connected().await, etcd.connected().await);
    let before = [("ip", "10.0.0.1"), ("netmask", "")];
    send(&one, update(&before, &[("ip", "10.0.0.2")])).await.unwrap();
    let error = conflict(send(&two, update(&before, &[("ip", "10.0.0.3"), ("netmask", "")])).await);
    assert!(error.message.ends_with("ip: it was 10.0.0.1, is now 10.0.0.2, and should become 10.0.0.3"), "{error}");
    // Another field is nobody's clash; nor is what both want; and by choice ours stands.
    send(&two, update(&before, &[("ip", "10.0.0.1"), ("netmask", "255.0.0.0")])).await.unwrap();
    send(&two, update(&before, &[("ip", "10.0.0.2")])).await.unwrap();
    send(&two, update(&[], &[("ip", "10.0.0.3")])).await.unwrap();
    let record = etcd.record(NODE).await;
    assert_eq!((record["ip"].as_str(), record["netmask"].as_str()), (Some("10.0.0.3"), Some("255.0.0.0")));
    assert_eq!((&record["rack"], &record["total_resources"]), (&json!(7), &resources(2048, 4)), "the rest is kept");
    // Both looked when nothing stood there; the check before and the change itself see the same.
    send(&one, set("dir", Some(""), "/a")).await.unwrap();
    let error = conflict(send(&two, set("dir", Some(""), "/b")).await);
    assert!(error.message.ends_with("dir: it was none, is now /a, and should become /b"), "{error}");
    let late = two.set_config(&node(), "dir", Some(""), "/b").await.unwrap_err();
    assert_eq!((late.kind, late.message), (error.kind, error.message));
    conflict(send(&two, set("dir", Some("/old"), "")).await);
    send(&two, set("dir", None, "/b")).await.unwrap();
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/dir")).await.as_deref(), Some("/b"));
}

/// Each changes another field of the same record, and a key of its own, at the same moment: none is lost.
#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_the_same_moment_none_is_lost() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    let (host, _heard) = etcd.connected().await;
    let host = Arc::new(host);
    let mut editors = JoinSet::new();
    let fields = [
        ("ip", "10.0.0.2"),
        ("netmask", "255.0.0.0"),
        ("gateway", "10.0.0.1"),
        ("memory", "7"),
        ("disk", "8"),
        ("cpus", "9"),
    ];
    for (field, value) in fields {
        let host = host.clone();
        editors.spawn(async move {
            send(&host, update(&[], &[(field, value)])).await.unwrap();
            send(&host, set(field, None, value)).await.unwrap();
        });
    }
    editors.join_all().await;
    let record = etcd.record(NODE).await;
    assert_eq!(record["total_resources"], json!({"memory": 7, "disk": 8, "cpu": 9}));
    assert_eq!((record["ip"].as_str(), record["gateway"].as_str()), (Some("10.0.0.2"), Some("10.0.0.1")));
    assert_eq!(host.node(&node()).await.unwrap().config, values(&fields));
}

#[tokio::test]
async fn hostile_names_and_values_survive() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({"metadata": {"name": "\u{1b}[2Jx\u{202e}"}})).await;
    let (host, _heard) = etcd.connected().await;
    let long = "x".repeat(3000);
    let hostile = [
        ("a b%2F?#&=+é\u{1f600}", "with\nlines\tand \u{1b}[31m, \"quotes\" & %00 + ="),
        ("..a", "/"),
        (long.as_str(), "日本語"),
    ];
    for (key, value) in hostile {
        send(&host, set(key, Some(""), value)).await.unwrap();
    }
    etcd.put(&format!("hypervisors/{NODE}/config/deep/er/key"), "by others").await;
    let mut wanted = values(&hostile);
    wanted.insert("deep/er/key".to_owned(), "by others".to_owned());
    assert_eq!(host.node(&node()).await.unwrap().config, wanted);
    for (bad, kind) in [
        ("a/b", ErrorKind::Invalid),
        ("..", ErrorKind::Invalid),
        ("_hidden", ErrorKind::Invalid),
        ("deep", ErrorKind::Refused),
    ] {
        let error = send(&host, set(bad, None, "1")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{bad}: {error}");
    }
    for bad in ["", ".", "..", "a/b", "a/../b", "x\u{0}"] {
        let error = host.remove_node(&NodeId::from(bad)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{bad}: {error}");
    }
    // What others left there under any name can be seen and taken away.
    for odd in ["ABCD1234-ABCD-1234-ABCD-1234ABCD1234", "not an id ?%2e"] {
        let id = NodeId::from(odd);
        etcd.put(
            &format!("hypervisors/{}/metadata", odd.replace('%', "%25").replace('?', "%3F").replace(' ', "%20")),
            "broken",
        )
        .await;
        assert_eq!(host.node(&id).await.unwrap().node.details[0].0, "Record");
        host.remove_node(&id).await.unwrap();
        assert_eq!(host.node(&id).await.unwrap_err().kind, ErrorKind::NotFound);
    }
    host.node(&node()).await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    let (host, _heard) = etcd.connected().await;
    let most = "x".repeat(1 << 20);
    send(&host, set("most", None, &most)).await.unwrap();
    assert_eq!(host.node(&node()).await.unwrap().config["most"].len(), 1 << 20);
    let error = send(&host, set("more", None, &format!("{most}x"))).await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("1048577 bytes"), "{error}");
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/more")).await, None);
}

#[tokio::test]
async fn a_node_with_guests_is_kept_and_they_are_named() {
    let etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    etcd.beat(NODE, "60").await;
    let (host, _heard) = etcd.connected().await;
    send(&host, set("a", None, "1")).await.unwrap();
    etcd.put(&format!("hypervisors/{NODE}/guests/{GUEST}"), GUEST).await;
    let error = conflict(send(&host, Request::RemoveNode(node())).await);
    assert!(error.message.contains(&format!("a guest: {GUEST}")), "{error}");
    assert_eq!(etcd.record(NODE).await["id"], NODE);
    etcd.delete(&format!("hypervisors/{NODE}/guests/{GUEST}")).await;
    send(&host, Request::RemoveNode(node())).await.unwrap();
    assert_eq!(etcd.get(&format!("hypervisors/{NODE}/config/a")).await, None);
    let error = send(&host, set("a", None, "1")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "nothing is written for a node that is not there: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_hypervisors_are_read_in_one_answer() {
    let etcd = Etcd::new().await;
    let id = |n: u32| format!("{n:08x}-97ae-467d-a56e-d0cccbd2adc7");
    let writes = (0..1000).map(|n| {
        let etcd = &etcd;
        async move {
            etcd.add(&id(n), &json!({"total_resources": resources(2048, 4), "available_resources": resources(64, 1)}))
                .await;
            if n % 2 == 0 {
                etcd.beat(&id(n), "600").await;
            }
        }
    });
    stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
    let (host, _heard) = etcd.connected().await;
    let nodes =
        tokio::time::timeout(Duration::from_secs(10), host.inventory(true)).await.unwrap().unwrap().nodes.unwrap();
    assert_eq!(nodes.len(), 1000);
    assert!(nodes.iter().enumerate().all(|(n, node)| node.is_alive == Some(n % 2 == 0) && node.cpus_used == Some(3)));
    host.remove_node(&NodeId::from(id(7).as_str())).await.unwrap();
    let (host, _heard) = etcd.connected().await;
    assert_eq!(host.inventory(false).await.unwrap().nodes.unwrap().len(), 999);
}

#[tokio::test]
async fn without_a_screen_the_store_is_read_anew_each_time() {
    let etcd = Etcd::new().await;
    let host = Lochness::new(Settings { headless: true, ..settings(&[&etcd.url()]) });
    host.connect(mpsc::channel(1).0).await.unwrap();
    etcd.add(NODE, &json!({})).await;
    assert_eq!(host.inventory(false).await.unwrap().nodes.unwrap().len(), 1);
}

#[tokio::test]
async fn of_several_servers_one_that_answers_is_taken() {
    let etcd = Etcd::new().await;
    let host = Lochness::new(settings(&["http://127.0.0.1:1", &etcd.url()]));
    let capabilities = host.connect(mpsc::channel(1).0).await.unwrap();
    let server = format!("127.0.0.1:{}", etcd.port());
    assert!(capabilities.details.contains(&("Server".to_owned(), server)), "{:?}", capabilities.details);
    host.inventory(false).await.unwrap();
    let error = lochness("http://127.0.0.1:1").connect(mpsc::channel(1).0).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreachable && error.message.contains("nothing listens there"), "{error}");
}
