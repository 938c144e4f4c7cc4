//! What others change in the store is seen as it happens, whatever becomes of the watch.
use crate::support::{
    etcd::{Etcd, lochness},
    fake_lochness::NODE,
    hosts::Stage,
    qemu::eventually,
    valve::Valve,
};
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::time::Duration;
use vmdeck::{
    app::{Effect, Message},
    backend::Backend,
    domain::{Focus, HostEvent, Inventory, Link, Node, NodeReport, Vm},
    runtime::{Hosts, Policy},
};

const OTHER: &str = "0f00dead-97ae-467d-a56e-d0cccbd2adc7";
const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";

/// A host on this address that asks for nothing unless it is told to.
fn stage(url: &str) -> Stage {
    let (mut hosts, inbox) = Hosts::new();
    let never = Duration::from_secs(100_000);
    hosts.add("store".into(), lochness(url), Policy { resync_every: never, poll_every: never, ..Policy::default() });
    Stage::of(hosts, inbox)
}

async fn listed(stage: &mut Stage, wanted: impl Fn(&[Node], &[Vm]) -> bool) {
    stage
        .until(|message| match message {
            Message::Host(_, HostEvent::Inventory(Inventory { nodes: Some(nodes), vms: Some(vms), .. })) => {
                wanted(nodes, vms).then_some(())
            }
            _ => None,
        })
        .await;
}

async fn shown(stage: &mut Stage, wanted: impl Fn(&NodeReport) -> bool) {
    stage
        .until(|message| match message {
            Message::Host(_, HostEvent::Node(report)) => wanted(report).then_some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn what_others_change_is_seen_without_asking() {
    let etcd = Etcd::new().await;
    let mut stage = stage(&etcd.url());
    listed(&mut stage, |nodes, _| nodes.is_empty()).await;
    etcd.add(NODE, &json!({"ip": "10.0.0.1"})).await;
    listed(&mut stage, |nodes, _| nodes.len() == 1 && nodes[0].is_alive == Some(false)).await;
    etcd.beat(NODE, "600").await;
    listed(&mut stage, |nodes, _| nodes[0].is_alive == Some(true)).await;
    // Its time is over without a word.
    etcd.beat(NODE, "1").await;
    listed(&mut stage, |nodes, _| nodes[0].is_alive == Some(false)).await;
    etcd.add(NODE, &json!({"ip": "10.0.0.2"})).await;
    listed(&mut stage, |nodes, _| nodes[0].address.as_deref() == Some("10.0.0.2")).await;
    etcd.put(&format!("guests/{GUEST}/metadata"), &json!({"id": GUEST}).to_string()).await;
    listed(&mut stage, |_, vms| vms.len() == 1 && vms[0].remark.as_deref() == Some("not placed")).await;
    etcd.put(&format!("guests/{GUEST}/metadata"), &json!({"id": GUEST, "hypervisor": NODE}).to_string()).await;
    listed(&mut stage, |_, vms| vms[0].remark.is_none()).await;
    etcd.delete(&format!("guests/{GUEST}")).await;
    listed(&mut stage, |_, vms| vms.is_empty()).await;
    let selected = Some(Focus::Node(NODE.into()));
    stage.hosts.execute(Effect::Watch { host: "store".into(), vms: Vec::new(), node: false, selected });
    shown(&mut stage, |report| report.config.is_empty()).await;
    etcd.put(&format!("hypervisors/{NODE}/config/a"), "b").await;
    shown(&mut stage, |report| report.config.get("a").is_some_and(|value| value == "b")).await;
    etcd.delete("").await;
    listed(&mut stage, |nodes, _| nodes.is_empty()).await;
    stage.hosts.stop().await;
}

/// While the watch hears nothing, so much happens that etcd forgets what it was about to tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_left_behind_reads_all_again_and_goes_on() {
    for changes in [300, 1200] {
        let etcd = Etcd::new().await;
        etcd.add(NODE, &json!({})).await;
        let valve = Valve::new(etcd.port()).await;
        let mut stage = stage(&valve.url());
        listed(&mut stage, |nodes, _| nodes.len() == 1).await;
        listed(&mut stage, |nodes, _| nodes.len() == 1).await;
        valve.set_open(false);
        etcd.put("config/x", "first").await;
        etcd.delete(&format!("hypervisors/{NODE}")).await;
        etcd.add(OTHER, &json!({})).await;
        let writes = (0..changes).map(|_| etcd.put("config/x", "noise"));
        stream::iter(writes).buffer_unordered(16).collect::<Vec<()>>().await;
        valve.set_open(true);
        listed(&mut stage, |nodes, _| nodes.len() == 1 && nodes[0].id.as_str() == OTHER).await;
        etcd.beat(OTHER, "60").await;
        listed(&mut stage, |nodes, _| nodes[0].is_alive == Some(true)).await;
        let is_down = |m: &Message| matches!(m, Message::Host(_, HostEvent::Link(Link::Down { .. })));
        assert!(!stage.seen.iter().any(is_down), "the connection was never lost");
        stage.hosts.stop().await;
    }
}

/// Whatever changes where, what was followed is what a new connection reads.
#[tokio::test]
async fn following_is_as_good_as_reading_all_again() {
    let etcd = Etcd::new().await;
    let (followed, _heard) = etcd.connected().await;
    let mut chance = 7_u32;
    let mut one_of = |all: &[&'static str]| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        all[usize::try_from(chance >> 16).unwrap() % all.len()]
    };
    for _ in 0..400 {
        let id = one_of(&["a", "b", ".c", "a b"]).replace(' ', "%20");
        let key = match one_of(&["hypervisors", "hypervisors", "guests", "guests", "flavors", "subnets", "all"]) {
            "all" => String::new(),
            folder => match one_of(&["metadata", "metadata", "heartbeat", "config/x", "guests/y", "whole", "folder"]) {
                "folder" => folder.to_owned(),
                "whole" => format!("{folder}/{id}"),
                part => format!("{folder}/{id}/{part}"),
            },
        };
        match one_of(&["put", "put", "put", "delete"]) {
            "put" => {
                let all = ["", "{}", r#"{"id":"a","flavor":"a"}"#, r#"{"id":"a","ip":"10.0.0.1"}"#, r#"{"cpu":2}"#];
                etcd.try_put(&key, one_of(&all)).await;
            }
            _ => etcd.try_delete(&key).await,
        }
    }
    eventually("the same", async || {
        let (read, _heard) = etcd.connected().await;
        read.inventory(true).await.unwrap() == followed.inventory(true).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_stopped_and_comes_back_is_found_again() {
    let mut etcd = Etcd::new().await;
    etcd.add(NODE, &json!({})).await;
    let mut stage = stage(&etcd.url());
    listed(&mut stage, |nodes, _| nodes.len() == 1).await;
    etcd.stop();
    let is_tried_again = stage
        .until(|m| match m {
            Message::Host(_, HostEvent::Link(Link::Down { retry_at, .. })) => Some(retry_at.is_some()),
            _ => None,
        })
        .await;
    assert!(is_tried_again);
    etcd.start().await;
    etcd.add(OTHER, &json!({})).await;
    stage.up().await;
    listed(&mut stage, |nodes, _| nodes.len() == 2).await;
    etcd.beat(OTHER, "60").await;
    listed(&mut stage, |nodes, _| nodes.iter().any(|node| node.is_alive == Some(true))).await;
    stage.hosts.stop().await;
}
