use crate::support::{
    fleet::{fleet, offers, press, select, tell, vm},
    screen::screen,
};
use std::borrow::Cow;
use vmdeck::{
    app::{App, Effect},
    domain::{Capabilities, HostEvent, Link, Op, PowerState, Request, TaskId, Vm},
    input::KeyMap,
};

fn said(app: &App) -> &str {
    app.notices.current().map_or("", |n| &n.text)
}

fn call(request: Request) -> Vec<Effect> {
    vec![Effect::Call { host: "local".into(), task: TaskId(1), request }]
}

#[test]
fn start_and_pause_need_one_key() {
    let mut app = fleet();
    select(&mut app, "web2");
    assert_eq!(press(&mut app, "s"), call(Request::Start("web2".into())));
    let mut app = fleet();
    assert_eq!(press(&mut app, "p"), call(Request::Pause("web1".into())));
    let mut app = fleet();
    select(&mut app, "web10");
    assert_eq!(press(&mut app, "p"), call(Request::Resume("web10".into())), "a paused machine is resumed");
}

#[test]
fn what_may_lose_something_asks_and_enter_means_no() {
    for key in ["S", "X", "R"] {
        let mut app = fleet();
        assert_eq!(press(&mut app, key), []);
        assert!(app.dialog.is_some(), "{key} asks");
        assert_eq!(press(&mut app, "enter"), [], "no is the default");
        assert!(app.dialog.is_none());
    }
    let mut app = fleet();
    assert_eq!(press(&mut app, "X y"), call(Request::PowerOff("web1".into())));
}

#[test]
fn the_state_is_looked_at_again_after_the_yes() {
    let mut app = fleet();
    press(&mut app, "X");
    tell(&mut app, "local", HostEvent::Power("web1".into(), PowerState::Off));
    assert_eq!(press(&mut app, "y"), []);
    assert_eq!(said(&app), "web1: it is off");
}

#[test]
fn what_is_off_and_still_in_memory_can_be_powered_off_and_its_console_opens() {
    let mut app = fleet();
    let capabilities = Capabilities { ops: offers().ops.with(Op::OpenConsole), ..offers() };
    tell(&mut app, "local", HostEvent::Link(Link::Up(Box::new(capabilities))));
    let held = Vm { remark: Some("stale".to_owned()), is_held: true, ..vm("web2", PowerState::Off) };
    select(&mut app, "web2");
    assert_eq!(press(&mut app, "X"), []);
    assert_eq!(said(&app), "web2: it is off");
    tell(&mut app, "local", HostEvent::Vm(Box::new(held)));
    assert_eq!(press(&mut app, "c"), [Effect::Console { host: "local".into(), vm: "web2".into() }]);
    press(&mut app, "X");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("No guest runs: what the host"), "{shown}");
    assert_eq!(press(&mut app, "y"), call(Request::PowerOff("web2".into())));
}

#[test]
fn a_refusal_says_why_and_sends_nothing() {
    let mut app = fleet();
    assert_eq!(press(&mut app, "s"), []);
    assert_eq!(said(&app), "web1: it is running already");
    assert_eq!(press(&mut app, "c"), []);
    assert_eq!(said(&app), "local: this host has no serial lines");
    select(&mut app, "testguest");
    assert_eq!(press(&mut app, "s"), []);
    assert_eq!(said(&app), "bsd1 is not connected: connection refused");
}

/// What helps is named by the key that it has, and left out where the host cannot do it.
#[test]
fn a_refusal_names_the_keys_of_what_can_be_done() {
    let mut app = fleet();
    select(&mut app, "web10");
    press(&mut app, "s");
    assert_eq!(said(&app), "web10: it is paused · p resume · X power off");
    app.settings.keymap = KeyMap::new(&[("power-off".to_owned(), vec!["f5".to_owned()])].into()).unwrap();
    press(&mut app, "S");
    assert_eq!(said(&app), "web10: it is paused: the guest cannot hear · p resume · f5 power off");
    let nap = Vm { remark: Some("asleep".to_owned()), ..vm("web10", PowerState::Paused) };
    tell(&mut app, "local", HostEvent::Vm(Box::new(nap)));
    press(&mut app, "s");
    assert_eq!(said(&app), "web10: it is asleep · p resume · f5 power off");
    let mut lacks = |op: Op, why: &'static str| {
        let missing = vec![(op, Cow::Borrowed(why))];
        let can = Capabilities { ops: offers().ops.without(op), missing, ..offers() };
        tell(&mut app, "local", HostEvent::Link(Link::Up(Box::new(can))));
        press(&mut app, if op == Op::Resume { "s" } else { "+" });
        said(&app).to_owned()
    };
    assert_eq!(lacks(Op::Resume, "it resumes nothing"), "web10: it is asleep; it resumes nothing · f5 power off");
    assert_eq!(lacks(Op::ResizeDisk, "it grows nothing"), "local: it grows nothing · e edit · v edit description");
}

#[test]
fn what_a_machine_that_cannot_be_read_lacks_is_said_and_it_can_be_deleted() {
    let mut app = fleet();
    let details = vec![(Vm::PROBLEM.into(), "vm.toml: line 1: no value".to_owned())];
    let remark = Some(Vm::UNREADABLE.to_owned());
    let bad = Vm { remark, details, ..vm("bad", PowerState::Off) };
    tell(&mut app, "local", HostEvent::Vm(Box::new(bad)));
    select(&mut app, "bad");
    for key in ["s", "+", "i", "a", "-", "e"] {
        assert_eq!(press(&mut app, key), [], "{key}");
        assert!(said(&app).starts_with("bad: vm.toml: line 1: no value"), "{key}: {}", said(&app));
        assert!(app.dialog.is_none(), "{key}");
    }
    assert_eq!(press(&mut app, "D"), [], "what it has is not asked for");
    let effects = press(&mut app, "b a d enter");
    assert_eq!(effects, call(Request::Delete { vm: "bad".into(), keep_disks: false }));
}

#[test]
fn the_same_change_is_not_asked_for_twice() {
    let mut app = fleet();
    select(&mut app, "web2");
    assert_eq!(press(&mut app, "s s").len(), 1);
    assert_eq!(said(&app), "start web2: this is under way already");
}

#[test]
fn ctrl_c_quits_even_while_something_is_typed() {
    for before in ["/", "X", "?", "2"] {
        let mut app = fleet();
        press(&mut app, before);
        press(&mut app, "ctrl-c");
        assert!(app.quit, "after {before}");
    }
}
