//! From the machine list to the grown disk: `+`, the size, Enter.
use crate::support::{
    screen::screen,
    world::{call, create_form, disk, known_world, press, reply, select, text, world},
};
use vmdeck::{
    app::{Effect, Message},
    domain::{ByteSize, Error, HostEvent, Op, PowerState, Reply, Request, SizeChange},
};

const G: u64 = 1 << 30;

fn resize(effects: &[Effect]) -> (String, SizeChange) {
    match call(effects).2 {
        Request::ResizeDisk { vm, disk, size } => (format!("{vm} {disk}"), *size),
        other => panic!("{other:?}"),
    }
}

#[test]
fn three_steps_from_the_list() {
    let mut app = known_world();
    let effects = press(&mut app, "+ 1 0 G enter");
    assert_eq!(resize(&effects), ("web1 disk0".into(), SizeChange::By(ByteSize(10 * G))));
    assert!(app.dialog.is_none());
}

#[test]
fn a_plus_typed_at_the_plus_of_the_field_is_that_plus() {
    let mut app = known_world();
    let effects = press(&mut app, "+ + 1 0 G enter");
    assert_eq!(resize(&effects), ("web1 disk0".into(), SizeChange::By(ByteSize(10 * G))));
}

#[test]
fn backspace_makes_it_absolute_and_right_takes_the_next_disk() {
    let mut app = known_world();
    let effects = press(&mut app, "+ backspace 2 0 0 G right enter");
    assert_eq!(resize(&effects), ("web1 disk1".into(), SizeChange::To(ByteSize(200 * G))));
}

#[test]
fn what_would_not_grow_is_not_sent_and_keeps_its_text() {
    for keys in ["backspace 1 5 G", "backspace 2 0 G", "", "1 0", "x", "0 G", "9 9 9 9 9 9 T"] {
        let mut app = known_world();
        press(&mut app, "+");
        press(&mut app, keys);
        assert_eq!(press(&mut app, "enter"), [], "{keys}");
        assert!(app.dialog.is_some(), "{keys}");
    }
    let mut app = known_world();
    assert_eq!(press(&mut app, "+ backspace 1 5 G enter"), []);
    let effects = press(&mut app, "ctrl-u 2 5 G enter");
    assert_eq!(resize(&effects).1, SizeChange::To(ByteSize(25 * G)));
}

#[test]
fn unknown_disks_are_asked_for_while_one_types() {
    let mut app = world();
    let effects = press(&mut app, "+");
    assert_eq!(*call(&effects).2, Request::ListDisks("web1".into()));
    assert_eq!(press(&mut app, "5 G enter"), [], "nothing can be judged yet");
    reply(&mut app, &effects, Reply::Disks(vec![disk("disk0", 20 * G, 0)]));
    assert_eq!(resize(&press(&mut app, "enter")), ("web1 disk0".into(), SizeChange::By(ByteSize(5 * G))));
}

#[test]
fn disks_that_nobody_watched_are_read_again_while_the_old_sizes_stand() {
    let mut app = known_world();
    app.update(Message::Resized(80, 24));
    let effects = press(&mut app, "+");
    assert_eq!(*call(&effects).2, Request::ListDisks("web1".into()));
    press(&mut app, "backspace 3 0 G");
    reply(&mut app, &effects, Reply::Disks(vec![disk("disk0", 40 * G, 0)]));
    assert_eq!(press(&mut app, "enter"), [], "it has 40 GiB by now");

    let mut app = known_world();
    app.update(Message::Resized(80, 24));
    let effects = press(&mut app, "+");
    let (task, ..) = call(&effects);
    app.update(Message::TaskEnded(task, Err(Error::refused("not now"))));
    assert_eq!(resize(&press(&mut app, "1 G enter")).0, "web1 disk0");
}

#[test]
fn a_host_that_refuses_to_list_disks_closes_the_dialog_and_is_heard() {
    let mut app = world();
    let effects = press(&mut app, "+");
    let (task, ..) = call(&effects);
    app.update(Message::TaskEnded(task, Err(Error::refused("the lock is taken"))));
    assert!(app.dialog.is_none());
    assert!(app.tasks.told().is_some_and(|t| app.outcome(t).contains("the lock is taken")));
}

#[test]
fn a_size_that_changes_meanwhile_is_judged_anew() {
    let mut app = known_world();
    press(&mut app, "+ backspace 3 0 G");
    let disks = vec![disk("disk0", 40 * G, 0)];
    app.update(Message::Host("local".into(), HostEvent::Disks("web1".into(), disks)));
    assert_eq!(press(&mut app, "enter"), []);
}

#[test]
fn a_machine_that_is_gone_meanwhile_gets_no_request() {
    let mut app = known_world();
    press(&mut app, "+ 1 G");
    app.update(Message::Host("local".into(), HostEvent::Gone("web1".into())));
    assert_eq!(press(&mut app, "enter"), []);
    assert!(app.notices.current().is_some());
}

#[test]
fn a_pasted_size_takes_the_place_of_the_plus() {
    let mut app = known_world();
    press(&mut app, "+");
    app.update(Message::Paste("+1.5T\n".into()));
    assert_eq!(resize(&press(&mut app, "enter")).1, SizeChange::By(ByteSize(3 << 39)));
}

#[test]
fn the_selected_disk_of_the_details_is_grown() {
    let mut app = known_world();
    let effects = press(&mut app, "enter tab down + 1 G enter");
    assert_eq!(resize(&effects).0, "web1 disk1");
}

#[test]
fn a_disk_is_added_by_the_hosts_own_form() {
    let mut app = world();
    select(&mut app, "web2");
    let effects = press(&mut app, "a");
    assert_eq!(*call(&effects).2, Request::Form { op: Op::AddDisk, vm: Some("web2".into()) });
    let least = ByteSize(1 << 20);
    let size = vmdeck::domain::FieldKind::Size { least, most: ByteSize(100 * G) };
    reply(&mut app, &effects, Reply::Form(vec![vmdeck::domain::FieldSpec::new("size", "Size", size)]));
    assert_eq!(text(&mut app, "200G"), []);
    assert_eq!(press(&mut app, "enter"), [], "more than the host allows");
    let effects = press(&mut app, "ctrl-u 8 G enter");
    let values = [("size".to_owned(), "8G".to_owned())].into();
    assert_eq!(*call(&effects).2, Request::AddDisk { vm: "web2".into(), values });
}

#[test]
fn power_changes_are_told_while_the_dialog_is_open() {
    let mut app = known_world();
    press(&mut app, "+");
    app.update(Message::Host("local".into(), HostEvent::Power("web1".into(), PowerState::Off)));
    let shown = crate::support::screen::screen(&mut app, 80, 24);
    assert!(shown.contains("The machine is off"), "{shown}");
}

#[test]
fn a_new_disk_larger_than_what_is_free_is_told_while_it_is_typed() {
    let mut app = known_world();
    let effects = press(&mut app, "n");
    reply(&mut app, &effects, Reply::Form(create_form()));
    text(&mut app, "big");
    let short = "more than the storage of local holds";
    assert!(!screen(&mut app, 120, 40).contains(short));
    press(&mut app, "tab tab tab ctrl-u");
    text(&mut app, "3T");
    let shown = screen(&mut app, 120, 40);
    assert!(shown.contains(short), "{shown}");
    assert!(matches!(call(&press(&mut app, "enter")).2, Request::Create { .. }), "a warning, no refusal");
}
