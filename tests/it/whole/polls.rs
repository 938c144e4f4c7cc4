use crate::support::{
    fake::{Fake, Way, flood},
    hosts::Stage,
};
use std::time::Duration;
use vmdeck::{
    app::{Effect, Message},
    domain::{Error, ErrorKind, Events, Focus, HostEvent, PowerState, Request},
};

const SECOND: Duration = Duration::from_secs(1);

fn inventory(message: &Message) -> Option<()> {
    matches!(message, Message::Host(_, HostEvent::Inventory(_))).then_some(())
}

async fn serve(fake: &Fake) -> Stage {
    let mut stage = Stage::new(&[("a", fake)]);
    stage.up().await;
    stage
}

#[tokio::test(start_paused = true)]
async fn names_first_then_all_then_every_few_seconds() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    stage.until(inventory).await;
    // However many turns the host gets: time has to pass.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((fake.count("quick"), fake.count("list")), (1, 0), "the names are to be drawn first");
    stage.pass(SECOND).await;
    assert_eq!((fake.count("quick"), fake.count("list")), (1, 1));
    stage.pass(20 * SECOND).await;
    assert_eq!(fake.count("list"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_pushes_is_listed_rarely() {
    let fake = Fake::new(&[]);
    fake.set(|w| w.capabilities.events = Events::Push);
    let mut stage = serve(&fake).await;
    stage.pass(59 * SECOND).await;
    assert_eq!(fake.count("list"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_longer_a_list_takes_the_rarer_it_comes() {
    let fake = Fake::new(&[]);
    fake.set(|w| {
        w.capabilities.events = Events::Push;
        w.list = Way::After(SECOND / 10);
    });
    let mut stage = serve(&fake).await;
    stage.pass(299 * SECOND).await;
    assert_eq!(fake.count("list"), 1, "what the first cost is known before the second");
    stage.pass(10 * SECOND).await;
    assert_eq!(fake.count("list"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_began_before_a_push_does_not_undo_it() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    stage.pass(SECOND).await;
    fake.set(|w| w.list = Way::After(2 * SECOND));
    stage.hosts.execute(Effect::Refresh("a".into()));
    stage.pass(SECOND).await;
    fake.sink().send(HostEvent::Power("web".into(), PowerState::Running)).await.unwrap();
    stage.until(inventory).await;
    assert_eq!(stage.power("web"), Some(PowerState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_began_before_a_change_does_not_undo_it() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    stage.pass(SECOND).await;
    fake.set(|w| w.list = Way::After(2 * SECOND));
    stage.hosts.execute(Effect::Refresh("a".into()));
    stage.pass(SECOND).await;
    let task = stage.call("a", Request::Start("web".into()));
    stage.end(task).await.unwrap();
    stage.until(inventory).await;
    assert_eq!(stage.power("web"), Some(PowerState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_hangs_or_panics_says_so() {
    for (way, kind) in [
        (Way::Fails(ErrorKind::Refused), ErrorKind::Refused),
        (Way::Hangs, ErrorKind::Timeout),
        (Way::Panics, ErrorKind::Panicked),
    ] {
        let fake = Fake::new(&[]);
        let mut stage = serve(&fake).await;
        stage.pass(SECOND).await;
        fake.set(|w| w.list = way);
        stage.hosts.execute(Effect::Refresh("a".into()));
        let error = stage
            .until(|m| match m {
                Message::Host(_, HostEvent::Stale { error, .. }) => Some(error.clone()),
                _ => None,
            })
            .await;
        assert_eq!(error.kind, kind);
        fake.set(|w| w.list = Way::Works);
        stage.until(inventory).await;
    }
}

#[tokio::test(start_paused = true)]
async fn hints_about_one_machine_are_read_together() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    stage.pass(SECOND).await;
    for _ in 0..50 {
        fake.sink().send(HostEvent::Hint(Some("web".into()))).await.unwrap();
    }
    stage.pass(SECOND).await;
    assert!((1..50).contains(&fake.count("find")), "{}", fake.count("find"));
    fake.set(|w| w.vms.clear());
    fake.sink().send(HostEvent::Hint(Some("web".into()))).await.unwrap();
    stage.until(|m| matches!(m, Message::Host(_, HostEvent::Gone(_))).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn figures_are_read_for_what_is_seen_and_told_when_they_change() {
    let fake = Fake::new(&[("web", PowerState::Running), ("db", PowerState::Running)]);
    let mut stage = serve(&fake).await;
    stage.pass(5 * SECOND).await;
    assert_eq!(fake.count("figures web"), 0);
    let watch = |vms: &[&str]| Effect::Watch {
        host: "a".into(),
        vms: vms.iter().map(|vm| (*vm).into()).collect(),
        node: false,
        selected: None,
    };
    stage.hosts.execute(watch(&["web"]));
    stage.pass(10 * SECOND).await;
    assert!((9..=11).contains(&fake.count("figures web")));
    assert_eq!(fake.count("figures db"), 0);
    let told = stage.seen.iter().filter(|m| matches!(m, Message::Host(_, HostEvent::Figures(_)))).count();
    assert_eq!(told, 1, "the same figures are not told twice");
    stage.hosts.execute(watch(&[]));
    stage.pass(SECOND).await;
    let asked = fake.count("figures web");
    stage.pass(10 * SECOND).await;
    assert_eq!(fake.count("figures web"), asked);
}

#[tokio::test(start_paused = true)]
async fn figures_and_what_is_selected_wait_for_the_first_list_and_are_read_once() {
    let fake = Fake::new(&[("web", PowerState::Running)]);
    fake.set(|w| w.capabilities.events = Events::Push);
    let mut stage = serve(&fake).await;
    stage.until(inventory).await;
    let selected = Some(Focus::Vm("web".into()));
    stage.hosts.execute(Effect::Watch { host: "a".into(), vms: vec!["web".into()], node: false, selected });
    stage.pass(SECOND).await;
    let log = fake.0.lock().unwrap().log.clone();
    let first = |deed: &str| log.iter().position(|done| done == deed).unwrap();
    assert!(first("list") < first("figures web") && first("list") < first("disks web"), "{log:?}");
    assert_eq!(fake.count("disks web"), 1);
    // Back after a cut, it is read with the names, and not again with the list.
    let cut = Error::new(ErrorKind::Unreachable, "cut");
    fake.sink().send(HostEvent::Disconnected(cut)).await.unwrap();
    stage.up().await;
    stage.pass(SECOND).await;
    assert_eq!((fake.count("list"), fake.count("disks web")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_falls_silent_or_speaks_again_is_looked_at() {
    let fake = Fake::new(&[("web", PowerState::Running)]);
    fake.set(|w| w.capabilities.events = Events::Push);
    let mut stage = serve(&fake).await;
    stage.hosts.execute(Effect::Watch { host: "a".into(), vms: vec!["web".into()], node: false, selected: None });
    stage.pass(10 * SECOND).await;
    let told = |stage: &Stage| {
        stage.seen.iter().rev().find_map(|m| match m {
            Message::Host(_, HostEvent::Vm(vm)) => Some(vm.power),
            _ => None,
        })
    };
    assert_eq!((fake.count("list"), fake.count("find"), told(&stage)), (1, 0, None));
    // Once is none too many.
    fake.set(|w| w.is_mute = true);
    stage.pass(SECOND).await;
    fake.set(|w| w.is_mute = false);
    stage.pass(2 * SECOND).await;
    assert_eq!(fake.count("find"), 0);
    fake.set(|w| w.is_mute = true);
    stage.pass(3 * SECOND).await;
    assert_eq!((fake.count("find"), told(&stage)), (1, Some(None)));
    fake.set(|w| w.is_mute = false);
    stage.pass(2 * SECOND).await;
    assert_eq!((fake.count("find"), told(&stage)), (2, Some(Some(PowerState::Running))));
    assert_eq!(fake.count("list"), 1, "neither waits for the list");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_waited_for_a_machine_comes_again_soon() {
    let fake = Fake::new(&[("web", PowerState::Running)]);
    fake.set(|w| {
        w.capabilities.events = Events::Push;
        w.list = Way::After(2 * SECOND);
        w.is_mute = true;
    });
    let mut stage = serve(&fake).await;
    stage.pass(59 * SECOND).await;
    assert_eq!(fake.count("list"), 2);
}

#[tokio::test(start_paused = true)]
async fn machines_that_are_passed_by_are_not_asked_for_their_disks() {
    let fake = Fake::new(&[("a", PowerState::Off), ("b", PowerState::Off), ("c", PowerState::Off)]);
    fake.set(|w| w.capabilities.events = Events::Push);
    let mut stage = serve(&fake).await;
    stage.pass(SECOND).await;
    for vm in ["a", "b", "c"] {
        let selected = Some(Focus::Vm(vm.into()));
        stage.hosts.execute(Effect::Watch { host: "a".into(), vms: Vec::new(), node: false, selected });
        stage.pass(SECOND / 20).await;
    }
    stage.pass(SECOND).await;
    assert_eq!(["a", "b", "c"].map(|vm| fake.count(&format!("disks {vm}"))), [0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_and_a_flooding_one_delay_nobody() {
    let (slow, wild, calm) = (Fake::new(&[]), Fake::new(&[("x", PowerState::Off)]), Fake::new(&[]));
    slow.set(|w| w.list = Way::Hangs);
    let mut stage = Stage::new(&[("slow", &slow), ("wild", &wild), ("calm", &calm)]);
    for _ in 0..3 {
        stage.up().await;
    }
    let mut floods = tokio::task::JoinSet::new();
    floods.spawn(flood(wild.sink(), "x", 5_000));
    let task = stage.call("calm", Request::List);
    stage.end(task).await.unwrap();
    let before = stage.seen.len();
    assert!(before < 4_000, "the calm host was heard only after {before} messages");
    stage.until(|m| matches!(m, Message::Host(_, HostEvent::Power(_, PowerState::Paused))).then_some(())).await;
}
