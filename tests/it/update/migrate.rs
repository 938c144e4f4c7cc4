//! A running machine that goes to another host.
use crate::support::{
    screen::screen,
    world::{call, press, select, text, vm, world},
};
use vmdeck::{
    app::{App, Effect, Message},
    domain::{Error, ErrorKind, HostEvent, Inventory, Link, Moves, Op, PowerState, Reply, Request, TaskId},
};

/// Moves web1 from local to hv2.
fn moved(app: &mut App) -> TaskId {
    press(app, "m");
    press(app, "enter");
    assert_eq!(press(app, "enter"), [], "the address is wanted");
    text(app, "hv2.example");
    let effects = press(app, "enter");
    let (task, host, request) = call(&effects);
    assert_eq!(*request, Request::Migrate { vm: "web1".into(), to: "hv2.example".to_owned(), copy_disks: false });
    assert_eq!(host, "local");
    task
}

#[test]
fn the_target_is_one_of_the_configured_hosts_and_the_machine_is_followed_there() {
    let mut app = world();
    press(&mut app, "m");
    insta::assert_snapshot!("target", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    insta::assert_snapshot!("address", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    let task = moved(&mut app);
    let effects = app.update(Message::TaskEnded(task, Ok(Reply::Done)));
    assert!(effects.contains(&Effect::Refresh("hv2".into())), "{effects:?}");
    assert_eq!(app.selected().unwrap().0.id().as_str(), "local", "it is not listed there yet");
    let vms = Some(vec![vm("db", PowerState::Running), vm("web1", PowerState::Running)]);
    app.update(Message::Host("hv2".into(), HostEvent::Inventory(Inventory { vms, ..Inventory::default() })));
    let (host, machine) = app.selected().unwrap();
    assert_eq!((host.id().as_str(), machine.vm.name.as_str()), ("hv2", "web1"));
}

#[test]
fn an_outcome_that_is_unknown_is_looked_for_on_both_sides() {
    let mut app = world();
    let task = moved(&mut app);
    let effects = app.update(Message::TaskEnded(task, Err(Error::new(ErrorKind::Timeout, "no answer"))));
    assert!(effects.contains(&Effect::Refresh("hv2".into())), "{effects:?}");
    assert_eq!(app.selected().unwrap().0.id().as_str(), "local");
}

#[test]
fn what_cannot_move_is_not_asked_for() {
    let mut app = world();
    select(&mut app, "web2");
    assert_eq!(press(&mut app, "m"), []);
    assert_eq!(app.notices.current().unwrap().text, "web2: it is off: a machine moves while it runs");
    select(&mut app, "web1");
    let vms = Some(vec![vm("web1", PowerState::Running)]);
    app.update(Message::Host("hv2".into(), HostEvent::Inventory(Inventory { vms, ..Inventory::default() })));
    select(&mut app, "web1");
    let from = app.selected().unwrap().0.id().to_string();
    press(&mut app, "m");
    press(&mut app, "enter");
    assert!(app.notices.current().unwrap().text.contains("runs a machine called web1 already"), "from {from}");
    assert!(app.dialog.is_none());
}

/// The world with libvirt's way of naming another host, from `host` on. Others reach hv2, and not local.
fn of_libvirt(host: &str) -> App {
    let mut app = world();
    let mut capabilities = app.hosts.get(&host.into()).unwrap().capabilities().unwrap().clone();
    capabilities.moves = Moves { to: &["demo"], by_uri: true, copies_disks: true };
    capabilities.cautions = vec![(Op::Migrate, "The memory goes through the network as it is".into())];
    app.update(Message::Host(host.into(), HostEvent::Capabilities(Box::new(capabilities))));
    app
}

#[test]
fn a_libvirt_is_told_the_uri_of_the_other_and_what_to_do_with_the_disks() {
    let mut app = of_libvirt("local");
    press(&mut app, "m");
    press(&mut app, "enter");
    insta::assert_snapshot!("uri", screen(&mut app, 80, 24));
    press(&mut app, "tab");
    press(&mut app, "right");
    insta::assert_snapshot!("copied", screen(&mut app, 80, 24));
    let effects = press(&mut app, "enter");
    let to = "qemu+ssh://root@hv2/system".to_owned();
    assert_eq!(*call(&effects).2, Request::Migrate { vm: "web1".into(), to, copy_disks: true });
}

#[test]
fn a_libvirt_that_no_other_reaches_is_asked_about_and_one_that_is_gone_is_no_target() {
    let mut app = of_libvirt("hv2");
    select(&mut app, "db");
    press(&mut app, "m");
    press(&mut app, "enter");
    text(&mut app, "qemu:///system");
    assert_eq!(press(&mut app, "enter"), [], "it names no other computer");
    assert!(screen(&mut app, 80, 24).contains("it names no other computer"));
    press(&mut app, "esc");
    press(&mut app, "y");
    assert!(app.dialog.is_none());
    let gone = Link::Down { error: Error::new(ErrorKind::Unreachable, "no route"), retry_at: None };
    app.update(Message::Host("local".into(), HostEvent::Link(gone)));
    press(&mut app, "m");
    assert!(screen(&mut app, 80, 24).contains("not connected"));
    press(&mut app, "enter");
    let why = "local is not connected: nobody would see the machine arrive";
    assert_eq!((app.notices.current().unwrap().text.as_str(), app.dialog.is_none()), (why, true));
}
