//! What a host itself uses: asked for once a second while it is on the screen, and never otherwise.
use crate::support::{
    fake::{Fake, Way},
    film::{Show, count, until_shown},
    hosts::Stage,
};
use std::time::Duration;
use tokio::time::sleep;
use vmdeck::{
    app::{Effect, Message},
    domain::{Error, ErrorKind, Events, HostEvent, PowerState, Request},
};

const SECOND: Duration = Duration::from_secs(1);

fn quiet() -> Fake {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.capabilities.events = Events::Push);
    fake
}

fn watch(node: bool) -> Effect {
    Effect::Watch { host: "a".into(), vms: Vec::new(), node, selected: None }
}

fn loads(stage: &Stage) -> Vec<f32> {
    let load = |message: &Message| match message {
        Message::Host(_, HostEvent::OwnNode(node)) => node.load,
        _ => None,
    };
    stage.seen.iter().filter_map(load).collect()
}

#[tokio::test(start_paused = true)]
async fn a_host_is_asked_at_once_and_each_second_while_it_is_seen() {
    let fake = quiet();
    let mut stage = Stage::new(&[("a", &fake)]);
    stage.up().await;
    stage.pass(60 * SECOND).await;
    assert_eq!(fake.count("node"), 0, "nobody looks");
    stage.hosts.execute(watch(true));
    stage.pass(SECOND / 100).await;
    assert_eq!(loads(&stage).first(), Some(&0.4), "what stood there is old");
    stage.pass(10 * SECOND).await;
    assert!((10..=12).contains(&fake.count("node")), "{}", fake.count("node"));
    stage.hosts.execute(watch(false));
    stage.pass(SECOND / 100).await;
    let asked = fake.count("node");
    stage.pass(60 * SECOND).await;
    assert_eq!(fake.count("node"), asked);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_or_is_away_is_not_asked_again_and_again() {
    let fake = quiet();
    fake.set(|w| w.node = Way::Hangs);
    let mut stage = Stage::new(&[("a", &fake)]);
    stage.up().await;
    stage.hosts.execute(watch(true));
    stage.pass(9 * SECOND).await;
    assert_eq!(fake.count("node"), 1);
    fake.set(|w| w.node = Way::Works);
    stage.pass(4 * SECOND).await;
    assert!(loads(&stage).len() >= 2, "the next question is answered");
    fake.set(|w| w.connect = Way::Fails(ErrorKind::Unreachable));
    let gone = HostEvent::Disconnected(Error::new(ErrorKind::Unreachable, "gone"));
    fake.sink().send(gone).await.unwrap();
    stage.pass(SECOND / 100).await;
    let asked = fake.count("node");
    stage.hosts.execute(watch(false));
    stage.hosts.execute(watch(true));
    stage.pass(20 * SECOND).await;
    assert_eq!(fake.count("node"), asked);
}

#[tokio::test(start_paused = true)]
async fn the_hosts_screen_follows_and_the_machines_cost_nothing() {
    let fake = quiet();
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        sleep(20 * SECOND).await;
        assert_eq!(fake.count("node"), 0);
        hands.press("4").await;
        until_shown(frames, 0, " 0.4 ").await;
        fake.set(|w| w.load = 2.0);
        sleep(SECOND + SECOND / 10).await;
        let shown = frames.lock().unwrap().last().unwrap().text.clone();
        assert!(shown.contains("  2.0 "), "{shown}");
        let (asked, drawn) = (fake.count("node"), count(frames));
        for load in [2.03, 1.98, 2.05, 2.0, 2.01, 1.99, 2.04, 2.02] {
            fake.set(|w| w.load = load);
            sleep(SECOND).await;
        }
        assert!(fake.count("node") >= asked + 7, "it is asked");
        // A new minute may show: ages are told in minutes.
        assert!(count(frames) <= drawn + 1, "{} frames of the same", count(frames) - drawn);
        hands.press("1").await;
        until_shown(frames, drawn, "web").await;
        let asked = fake.count("node");
        sleep(20 * SECOND).await;
        assert_eq!(fake.count("node"), asked);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn how_long_a_server_takes_is_measured_by_what_is_read_anyway() {
    let fake = quiet();
    let mut stage = Stage::new(&[("a", &fake)]);
    stage.up().await;
    stage.pass(SECOND).await;
    let latency = |stage: &Stage| {
        let of = |message: &Message| match message {
            Message::Host(_, HostEvent::Latency(time)) => Some(*time),
            _ => None,
        };
        stage.seen.iter().rev().find_map(of)
    };
    assert_eq!(latency(&stage), None, "it has no server");
    // What a person waits for may take as long as it likes.
    fake.set(|w| w.latency = Some(9 * SECOND));
    let task = stage.call("a", Request::Start("web".into()));
    fake.set(|w| w.latency = Some(SECOND / 50));
    stage.end(task).await.unwrap();
    let asked = fake.0.lock().unwrap().log.len();
    stage.pass(60 * SECOND).await;
    assert_eq!(latency(&stage), Some(SECOND / 50));
    let more = fake.0.lock().unwrap().log[asked..].to_vec();
    assert!(more.iter().all(|deed| deed == "list" || deed == "find"), "nothing is asked for its sake: {more:?}");
}
