use crate::support::{
    fleet::{NOW, fleet, offers, press, tell, vm},
    screen::screen,
    world::disk,
};
use vmdeck::{
    app::{App, Effect, Machine, Message, Screen, Visible},
    domain::{
        Amount, ByteSize, Capabilities, Error, ErrorKind, HostEvent, Inventory, Link, Node, Op, PowerState, Request,
        Stamp, Vm,
    },
};

fn machine<'a>(app: &'a App, name: &str) -> &'a Machine {
    app.hosts.iter().find_map(|h| h.machine(&name.into())).unwrap()
}

#[test]
fn a_state_that_was_not_told_stays_and_is_marked_as_old() {
    let mut app = fleet();
    let list =
        Inventory { vms: Some(vec![Vm { power: None, ..vm("web1", PowerState::Running) }]), ..Inventory::default() };
    tell(&mut app, "local", HostEvent::Inventory(list));
    assert_eq!((machine(&app, "web1").vm.power(), machine(&app, "web1").old_power), (PowerState::Running, true));
    tell(&mut app, "local", HostEvent::Power("web1".into(), PowerState::Off));
    assert_eq!((machine(&app, "web1").vm.power(), machine(&app, "web1").old_power), (PowerState::Off, false));
}

#[test]
fn a_host_that_goes_down_keeps_its_rows_and_says_of_when_they_are() {
    let mut app = fleet();
    let bsd = app.hosts.get(&"bsd1".into()).unwrap();
    assert_eq!(bsd.counts().1, 1);
    assert_eq!(bsd.stale.as_ref().map(|(since, _)| *since), Some(Stamp(NOW.0 - 240_000)));
    assert!(app.is_moving(), "the time to the next try is counted down");
    tell(&mut app, "bsd1", HostEvent::Link(Link::Up(Box::default())));
    tell(&mut app, "bsd1", HostEvent::Inventory(Inventory::default()));
    assert!(app.hosts.get(&"bsd1".into()).unwrap().stale.is_none());
    assert!(!app.is_moving());
}

#[test]
fn a_part_that_is_not_told_stays() {
    let mut app = fleet();
    tell(&mut app, "local", HostEvent::Inventory(Inventory { images: Some(Vec::new()), ..Inventory::default() }));
    assert_eq!(app.hosts.get(&"local".into()).unwrap().counts(), (3, 4));
}

#[test]
fn a_failed_poll_is_told_once() {
    let mut app = fleet();
    app.take_changed();
    let stale = |text| HostEvent::Stale { since: NOW, error: Error::new(ErrorKind::Timeout, text) };
    tell(&mut app, "local", stale("no answer"));
    assert!(app.take_changed());
    tell(&mut app, "local", stale("no answer"));
    assert!(!app.take_changed());
}

#[test]
fn hosts_are_reconnected_and_refreshed() {
    let mut app = fleet();
    assert_eq!(press(&mut app, "4 end r"), [Effect::Refresh("bsd1".into())]);
    assert_eq!(press(&mut app, "ctrl-r").len(), 3);
    press(&mut app, "enter");
    assert!(app.overlay.is_some());
    press(&mut app, "esc");
    assert!(app.overlay.is_none() && app.screen == Screen::Hosts);
}

#[test]
fn a_host_is_set_up_by_one_key_from_the_first_screen() {
    let lacks = Capabilities { ops: offers().ops.without(Op::Create), is_set_up: Some(false), ..offers() };
    let mut app = fleet();
    for host in ["local", "hv2", "bsd1"] {
        tell(&mut app, host, HostEvent::Link(Link::Up(Box::new(offers()))));
        tell(&mut app, host, HostEvent::Inventory(Inventory { vms: Some(Vec::new()), ..Inventory::default() }));
    }
    tell(&mut app, "hv2", HostEvent::Link(Link::Up(Box::new(lacks))));
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("hv2 is not set up") && text.contains("U set it up"), "{text}");
    let effects = press(&mut app, "U");
    assert!(
        matches!(effects.as_slice(), [Effect::Call { host, request: Request::CheckSetup, .. }] if host.as_str() == "hv2"),
        "{effects:?}"
    );
}

#[test]
fn a_page_is_scrolled_to_its_end_and_back_from_there() {
    let mut app = fleet();
    press(&mut app, "4 enter");
    for (width, height) in [(80, 24), (120, 40)] {
        assert!(screen(&mut app, width, height).contains("Backend"), "from the top");
        press(&mut app, "end");
        let end = screen(&mut app, width, height);
        assert!(end.contains("Log of the link") && end.contains("connected: QEMU 10.0.2"), "{end}");
        press(&mut app, "up");
        let above = screen(&mut app, width, height);
        assert!(!above.contains("connected: QEMU 10.0.2"), "one step is seen: {above}");
        press(&mut app, "home");
    }
}

/// The hosts whose own figures are asked for after `key`, of those that hear of a change.
fn asked(app: &mut App, message: Message) -> Vec<(String, bool)> {
    let effects = app.update(message);
    let of = |effect: Effect| match effect {
        Effect::Watch { host, node, .. } => Some((host.to_string(), node)),
        _ => None,
    };
    effects.into_iter().filter_map(of).collect()
}

fn key(name: &str) -> Message {
    Message::Key(name.parse().unwrap())
}

#[test]
fn hosts_are_asked_what_they_use_where_that_is_shown() {
    let on = |host: &str| (host.to_owned(), true);
    let off = |host: &str| (host.to_owned(), false);
    let mut app = fleet();
    app.update(Message::Resized(80, 24));
    assert_eq!(asked(&mut app, key("4")), [], "nothing is drawn yet");
    let seen = Visible { hosts: vec!["local".into(), "bsd1".into()], ..Visible::default() };
    assert_eq!(asked(&mut app, Message::Visible(seen)), [on("local"), on("bsd1")]);
    assert_eq!(asked(&mut app, key("enter")), [off("bsd1")], "the page of one lies over all");
    assert_eq!(asked(&mut app, key("?")), [off("local")]);
    assert_eq!(asked(&mut app, key("esc")), [on("local"), on("bsd1")]);
    assert_eq!(asked(&mut app, key("1")), [off("local"), off("bsd1")]);
    assert_eq!(asked(&mut app, key("+")), [on("local")], "what is free decides");
    assert_eq!(asked(&mut app, key("esc")), [off("local")]);
    press(&mut app, "enter");
    assert_eq!(asked(&mut app, key("tab")), [on("local")], "the page of the disks tells what is free");
    assert_eq!(asked(&mut app, key("tab")), [off("local")]);
    for form in ["f", "n", "a"] {
        assert_eq!(asked(&mut app, key(form)), [on("local")], "{form}");
        assert_eq!(asked(&mut app, key("esc")), [off("local")], "{form}");
    }
}

#[test]
fn what_is_free_is_judged_by_the_newest_word() {
    let mut app = fleet();
    press(&mut app, "+");
    tell(&mut app, "local", HostEvent::Disks("web1".into(), vec![disk("disk0", 20 << 30, 1 << 30)]));
    press(&mut app, "1 0 G");
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("free on local: 73 GiB") && !text.contains("more than"), "{text}");
    let storage = Amount { used: ByteSize(98 << 30), total: ByteSize(100 << 30) };
    let node = Node { id: "local".into(), storage: Some(storage), ..Node::default() };
    tell(&mut app, "local", HostEvent::OwnNode(Box::new(node)));
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("free on local: 2 GiB") && text.contains("8 GiB more than"), "{text}");
    app.set_now(Stamp(NOW.0 + 60_000));
    let error = Error::new(ErrorKind::Timeout, "no answer");
    tell(&mut app, "local", HostEvent::Stale { since: NOW, error });
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("free on local: 2 GiB as of 14:02"), "{text}");
}

#[test]
fn what_a_fetch_may_fill_is_the_newest_word_or_none() {
    let mut app = fleet();
    press(&mut app, "f");
    assert!(screen(&mut app, 80, 24).contains("73 GiB free"));
    let storage = Amount { used: ByteSize(98 << 30), total: ByteSize(100 << 30) };
    let node = Node { id: "local".into(), storage: Some(storage), ..Node::default() };
    tell(&mut app, "local", HostEvent::OwnNode(Box::new(node)));
    assert!(screen(&mut app, 80, 24).contains("2 GiB free"));
    tell(&mut app, "local", HostEvent::Stale { since: NOW, error: Error::new(ErrorKind::Timeout, "no answer") });
    assert!(screen(&mut app, 80, 24).contains("How much is free is not known"));
}
