//! Histories by chance: whatever happens, in whatever order, some things always hold, and it can be drawn.
use crate::support::{
    fleet::{fleet, offers, vm},
    screen::screen,
};
use proptest::prelude::*;
use vmdeck::{
    app::{App, Effect, Message},
    domain::{
        Error, ErrorKind, Figures, HostEvent, Inventory, Link, Op, OpSet, PowerState, Progress, Reply, Stamp, TaskId,
        TaskState,
    },
    input::BINDINGS,
};

fn a_key() -> impl Strategy<Value = Message> {
    let keys: Vec<&str> =
        BINDINGS.iter().flat_map(|b| b.keys).copied().filter(|k| !matches!(*k, "q" | "ctrl-c")).collect();
    prop::sample::select(keys).prop_map(|key| Message::Key(key.parse().unwrap()))
}

fn a_power() -> impl Strategy<Value = PowerState> {
    use PowerState as P;
    prop::sample::select(vec![P::Running, P::Starting, P::Stopping, P::Paused, P::Blocked, P::Off, P::Unknown])
}

fn an_event() -> impl Strategy<Value = HostEvent> {
    let name = prop::sample::select(vec!["web1", "web2", "a", "", "日本\u{202e}", "x\x1b[2J"]);
    let error = || Error::new(ErrorKind::Unreachable, "gone");
    prop_oneof![
        Just(HostEvent::Link(Link::Connecting)),
        Just(HostEvent::Link(Link::Up(Box::new(offers())))),
        Just(HostEvent::Capabilities(Box::new(vmdeck::domain::Capabilities {
            ops: OpSet::of(&[Op::List, Op::Start]),
            ..offers()
        }))),
        any::<u64>().prop_map(move |at| HostEvent::Link(Link::Down { error: error(), retry_at: Some(Stamp(at)) })),
        any::<u64>().prop_map(move |at| HostEvent::Stale { since: Stamp(at), error: error() }),
        (prop::collection::vec((name.clone(), a_power()), 0..5)).prop_map(|all| {
            let vms = all.into_iter().map(|(name, power)| vm(name, power)).collect();
            HostEvent::Inventory(Inventory { vms: Some(vms), ..Inventory::default() })
        }),
        (name.clone(), a_power()).prop_map(|(name, power)| HostEvent::Power(name.into(), power)),
        name.clone().prop_map(|name| HostEvent::Gone(name.into())),
        (name, any::<f32>(), any::<u64>()).prop_map(|(name, cpu, memory)| {
            let figures = Figures { cpu: Some(cpu), memory: Some(memory), ..Figures::default() };
            HostEvent::Figures(vec![(name.into(), figures)])
        }),
    ]
}

fn a_message() -> impl Strategy<Value = Message> {
    let host = prop::sample::select(vec!["local", "hv2", "bsd1", "nobody"]);
    let task = || (1..6_u64).prop_map(TaskId);
    prop_oneof![
        6 => a_key(),
        4 => (host, an_event()).prop_map(|(host, event)| Message::Host(host.into(), event)),
        1 => (task(), any::<f64>(), any::<u64>(), any::<u64>()).prop_map(|(id, share, done, total)| {
            Message::TaskProgress(id, Progress { share: Some(share), rate: Some(share), ..Progress::bytes(done, Some(total)) })
        }),
        1 => task().prop_map(|id| Message::TaskEnded(id, Ok(Reply::Done))),
        1 => task().prop_map(|id| Message::TaskEnded(id, Err(Error::new(ErrorKind::Timeout, "no answer")))),
        1 => task().prop_map(|id| Message::TaskState(id, TaskState::Looking("no answer yet".into()))),
        1 => ".{0,8}".prop_map(Message::Paste),
        1 => Just(Message::Tick),
    ]
}

/// What holds after every message.
fn check(app: &App, effects: &[Effect]) {
    let rows = app.listing.rows();
    assert_eq!(app.listing.selected(), rows.get(app.listing.at()), "the selection is a row");
    assert_eq!(app.selected().is_some(), !rows.is_empty());
    for effect in effects {
        if let Effect::Call { host, task, request } = effect {
            assert!(app.tasks.get(*task).is_some_and(vmdeck::domain::Task::is_running), "a call has a task");
            let offers = app.hosts.get(host).and_then(|h| h.capabilities());
            let is_offered = offers.is_some_and(|c| c.check(request.op()).is_ok());
            assert!(is_offered, "what the host lacks is never asked for");
        }
    }
    for percent in app.tasks.iter().filter_map(|t| t.progress()?.percent()) {
        assert!(percent <= 99);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_holds_together(messages in prop::collection::vec(a_message(), 1..60)) {
        let mut app = fleet();
        for message in messages {
            let effects = app.update(message);
            check(&app, &effects);
        }
        screen(&mut app, 40, 8);
        screen(&mut app, 80, 24);
    }
}
