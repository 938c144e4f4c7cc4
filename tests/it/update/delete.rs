//! What cannot be undone: the name is typed, or a yes is said that was not the default.
use crate::support::world::{call, disk, known_world, press, select, text, world};
use vmdeck::{
    app::Message,
    domain::{HostEvent, PowerState, Request},
};

#[test]
fn a_machine_goes_only_when_its_name_was_typed() {
    let mut app = known_world();
    select(&mut app, "web2");
    assert_eq!(press(&mut app, "D enter"), []);
    assert_eq!(text(&mut app, "web"), []);
    assert_eq!(press(&mut app, "enter y"), [], "y is a letter here");
    press(&mut app, "backspace 2");
    let effects = press(&mut app, "enter");
    assert_eq!(*call(&effects).2, Request::Delete { vm: "web2".into(), keep_disks: false });
}

#[test]
fn its_disks_can_be_kept() {
    let mut app = known_world();
    select(&mut app, "web2");
    press(&mut app, "D down");
    text(&mut app, "web2");
    assert_eq!(*call(&press(&mut app, "enter")).2, Request::Delete { vm: "web2".into(), keep_disks: true });
}

#[test]
fn a_running_machine_is_refused_before_anything_is_typed() {
    let mut app = known_world();
    assert_eq!(press(&mut app, "D"), []);
    assert!(app.dialog.is_none());
    assert_eq!(app.notices.current().unwrap().text, "web1: it is not off: power it off first");
}

#[test]
fn a_machine_started_meanwhile_is_not_deleted() {
    let mut app = known_world();
    select(&mut app, "web2");
    press(&mut app, "D");
    app.update(Message::Host("local".into(), HostEvent::Power("web2".into(), PowerState::Running)));
    text(&mut app, "web2");
    assert_eq!(press(&mut app, "enter"), []);
}

#[test]
fn no_is_the_default_of_every_question() {
    for keys in ["X enter", "S enter", "R enter", "X esc", "X n", "X x q s"] {
        assert_eq!(press(&mut known_world(), keys), [], "{keys}");
    }
    assert_eq!(*call(&press(&mut known_world(), "X y")).2, Request::PowerOff("web1".into()));
    assert_eq!(*call(&press(&mut known_world(), "X tab enter")).2, Request::PowerOff("web1".into()));
}

#[test]
fn a_disk_is_removed_and_its_file_kept_unless_it_is_said() {
    let remove = |keys: &str| {
        let effects = press(&mut known_world(), keys);
        match call(&effects).2 {
            Request::RemoveDisk { disk, delete, .. } => (disk.to_string(), *delete),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(remove("- enter y"), ("disk0".into(), false));
    assert_eq!(remove("- down enter down y"), ("disk1".into(), true));
    let mut app = world();
    app.update(Message::Host("local".into(), HostEvent::Disks("web1".into(), vec![disk("disk9", 1 << 30, 0)])));
    assert_eq!(press(&mut app, "- enter"), [], "no is the default");
}
