use crate::support::{
    fleet::{NOW, fleet, offers, press, tell, vm},
    screen::screen,
};
use vmdeck::{
    app::{App, Effect, Machine, Screen},
    domain::{Capabilities, Error, ErrorKind, HostEvent, Inventory, Link, Op, PowerState, Request, Stamp, Vm},
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
