//! A running machine that goes to another host.
use crate::support::{
    screen::screen,
    world::{call, press, select, text, vm, world},
};
use vmdeck::{
    app::{App, Effect, Message},
    domain::{Error, ErrorKind, HostEvent, Inventory, PowerState, Reply, Request, TaskId},
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
