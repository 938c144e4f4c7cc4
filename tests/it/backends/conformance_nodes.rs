//! What every backend that manages nodes must do.
use super::conformance::Check;
use crate::support::{
    etcd::{Etcd, lochness},
    fake_lochness::{Face, Lochness, SUBNET},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::Backend,
    domain::{ErrorKind, NodeId, NodeReport, OPS, Op, Reply, Request, Values},
};

const ID: &str = "11111111-2222-3333-4444-555555555555";

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn node() -> NodeId {
    NodeId::from(ID)
}

async fn shown<B: Backend>(check: &Check<B>) -> NodeReport {
    let Reply::Node(report) = check.good(Request::ShowNode(node())).await else { panic!("a node is wanted") };
    *report
}

/// Checks a backend that has no node of this name, and knows the subnet.
pub(crate) async fn check<B: Backend>(backend: B) {
    let (events, _heard) = mpsc::channel(64);
    let capabilities = backend.connect(events).await.unwrap();
    let check = Check { backend, capabilities };
    check.bad(Request::ShowNode(node()), ErrorKind::NotFound).await;
    check.bad(Request::RemoveNode(node()), ErrorKind::NotFound).await;
    let new = || Request::AddNode { values: values(&[("id", ID), ("ip", "10.0.0.7"), ("memory", "1024")]) };
    check.good(new()).await;
    check.bad(new(), ErrorKind::Conflict).await;
    check.bad(Request::AddNode { values: values(&[("id", &ID.replace('1', "A"))]) }, ErrorKind::Invalid).await;
    check.bad(Request::AddNode { values: values(&[("ip", "zz")]) }, ErrorKind::Invalid).await;
    let Reply::Nodes(all) = check.good(Request::ListNodes).await else { panic!("nodes are wanted") };
    assert!(all.iter().any(|found| found.id == node() && found.address.as_deref() == Some("10.0.0.7")));
    record(&check).await;
    config(&check).await;
    subnets(&check).await;
    check.good(Request::RemoveNode(node())).await;
    check.bad(Request::ShowNode(node()), ErrorKind::NotFound).await;
    refused(&check).await;
}

async fn record<B: Backend>(check: &Check<B>) {
    let update =
        |pairs: &[(&str, &str)]| Request::UpdateNode { node: node(), before: Values::new(), values: values(pairs) };
    check.good(update(&[("mac", "01-23-45-67-89-AB"), ("metadata", "rack=7\nname=big=one")])).await;
    let report = shown(check).await;
    assert_eq!(report.node.name, "big=one");
    assert_eq!(report.node.memory.unwrap().total.0, 1 << 30, "what was not touched stays");
    check.good(update(&[])).await;
    check.bad(update(&[("cpus", "-1")]), ErrorKind::Invalid).await;
    check.bad(update(&[("color", "red")]), ErrorKind::Invalid).await;
    check.bad(update(&[("metadata", "no value")]), ErrorKind::Invalid).await;
    // Chosen when something else stood there.
    let late = Request::UpdateNode {
        node: node(),
        before: values(&[("ip", "10.0.0.1")]),
        values: values(&[("ip", "10.0.0.8")]),
    };
    check.bad(late, ErrorKind::Conflict).await;
    assert_eq!(shown(check).await.node.address.as_deref(), Some("10.0.0.7"));
}

async fn config<B: Backend>(check: &Check<B>) {
    let from = |key: &str, before: Option<&str>, value: &str| Request::SetConfig {
        node: node(),
        key: key.into(),
        before: before.map(str::to_owned),
        value: value.into(),
    };
    let set = |key: &str, value: &str| from(key, None, value);
    check.good(from("guestDiskDir", Some(""), "/mistify/guests")).await;
    // Chosen when nothing, and when something else, stood there; both want the same in the end.
    check.bad(from("guestDiskDir", Some(""), "/other"), ErrorKind::Conflict).await;
    check.bad(from("guestDiskDir", Some("/old"), ""), ErrorKind::Conflict).await;
    check.good(from("guestDiskDir", Some("/old"), "/mistify/guests")).await;
    check.good(set("other", "1")).await;
    for bad in ["a/b", "", "."] {
        check.bad(set(bad, "1"), ErrorKind::Invalid).await;
    }
    check.good(set("other", "")).await;
    check.good(set("other", "")).await;
    assert_eq!(shown(check).await.config, values(&[("guestDiskDir", "/mistify/guests")]));
}

async fn subnets<B: Backend>(check: &Check<B>) {
    let from = |subnet: &str, before: Option<&str>, bridge: &str| Request::SetSubnet {
        node: node(),
        subnet: subnet.into(),
        before: before.map(str::to_owned),
        bridge: bridge.into(),
    };
    let set = |subnet: &str, bridge: &str| from(subnet, None, bridge);
    check.good(from(SUBNET, Some(""), "br0")).await;
    check.bad(from(SUBNET, Some("br7"), "br1"), ErrorKind::Conflict).await;
    check.good(set(SUBNET, "br1")).await;
    check.bad(set(SUBNET, ""), ErrorKind::Invalid).await;
    check.bad(set("nope", "br0"), ErrorKind::Invalid).await;
    check.bad(set(ID, "br0"), ErrorKind::NotFound).await;
    assert_eq!(shown(check).await.subnets, values(&[(SUBNET, "br1")]));
    check.good(Request::RemoveSubnet { node: node(), subnet: SUBNET.into() }).await;
    assert!(shown(check).await.subnets.is_empty());
}

/// What is not offered is refused with a reason of its own, and by the methods too.
async fn refused<B: Backend>(check: &Check<B>) {
    for row in OPS.iter().filter(|row| !check.capabilities.ops.contains(row.op)) {
        let why = check.capabilities.check(row.op).unwrap_err();
        assert!(why != "this kind of host cannot do that", "{}: no reason", row.op.name());
        let vm = || ID.into();
        let request = match row.op {
            Op::Start => Request::Start(vm()),
            Op::ShutDown => Request::ShutDown(vm()),
            Op::PowerOff => Request::PowerOff(vm()),
            Op::Pause => Request::Pause(vm()),
            Op::Reset => Request::Reset(vm()),
            Op::Create => Request::Create { values: Values::new() },
            Op::Delete => Request::Delete { vm: vm(), keep_disks: false },
            Op::ListDisks => Request::ListDisks(vm()),
            Op::ListProperties => Request::ListProperties(vm()),
            Op::SetUp => Request::CheckSetup,
            _ => continue,
        };
        check.bad(request, ErrorKind::Unsupported).await;
    }
}

#[tokio::test]
async fn chypervisord_conforms_with_all_its_faces() {
    for face in [Face::Documented, Face::Etcd, Face::Consul] {
        let lochness = Lochness::new(face);
        check(lochness.backend()).await;
        assert!(lochness.store().nodes.is_empty());
        for asked in lochness.chypervisord.asked().iter().filter(|a| a.method == "PATCH" && a.path.ends_with(ID)) {
            for key in ["total_resources", "available_resources"] {
                let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
                assert!(["memory", "disk", "cpu"].iter().all(|n| body.pointer(&format!("/{key}/{n}")).is_some()));
            }
        }
    }
}

#[tokio::test]
async fn lochness_conforms_on_a_real_store() {
    let etcd = Etcd::new().await;
    etcd.put(&format!("subnets/{SUBNET}/metadata"), "{}").await;
    check(lochness(&etcd.url())).await;
    assert_eq!(etcd.get(&format!("hypervisors/{ID}")).await, None, "nothing is left of it");
}
