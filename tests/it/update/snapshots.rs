//! Snapshots of a machine, a new name for it, a copy of it.
use crate::support::{
    screen::screen,
    world::{call, press, reply, select, text, vm, world},
};
use vmdeck::{
    app::{App, Message},
    domain::{ByteSize, HostEvent, Inventory, PowerState, Reply, Request, Snapshot, Stamp},
};

fn taken(name: &str, minutes: u64, power: PowerState) -> Snapshot {
    Snapshot {
        name: name.to_owned(),
        taken: Some(Stamp(1_790_000_000_000 + minutes * 60_000)),
        power: Some(power),
        is_current: name == "patched",
        size: Some(ByteSize(3 << 20)),
        ..Snapshot::default()
    }
}

/// The list of web1's snapshots is open.
fn listed(app: &mut App) {
    let effects = press(app, "z");
    assert_eq!(*call(&effects).2, Request::ListSnapshots("web1".into()));
    let all = vec![taken("fresh", 0, PowerState::Off), taken("patched", 90, PowerState::Running)];
    reply(app, &effects, Reply::Snapshots(all));
}

#[test]
fn one_is_taken_by_two_keys_under_the_time_or_a_name() {
    let mut app = world();
    listed(&mut app);
    insta::assert_snapshot!("list", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    insta::assert_snapshot!("take", screen(&mut app, 80, 24));
    assert_eq!(press(&mut app, "ctrl-u - x enter"), [], "no name of a snapshot");
    let effects = press(&mut app, "ctrl-u n e w enter");
    assert_eq!(*call(&effects).2, Request::TakeSnapshot { vm: "web1".into(), name: "new".into() });
}

#[test]
fn going_back_is_asked_about_and_removing_needs_a_name() {
    let mut app = world();
    listed(&mut app);
    press(&mut app, "down enter");
    insta::assert_snapshot!("what", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    insta::assert_snapshot!("back", screen(&mut app, 80, 24));
    assert_eq!(press(&mut app, "enter"), [], "no is the default");
    listed(&mut app);
    let effects = press(&mut app, "down enter enter y");
    assert_eq!(*call(&effects).2, Request::RevertSnapshot { vm: "web1".into(), snapshot: "patched".into() });
    listed(&mut app);
    assert_eq!(press(&mut app, "down down enter down enter y enter"), [], "its machine is named first");
    insta::assert_snapshot!("remove", screen(&mut app, 80, 24));
    press(&mut app, "backspace");
    text(&mut app, "web1");
    let effects = press(&mut app, "enter");
    assert_eq!(*call(&effects).2, Request::RemoveSnapshot { vm: "web1".into(), snapshot: "fresh".into() });
}

#[test]
fn a_machine_with_a_new_name_or_a_copy_is_selected_once_it_is_there() {
    for (key, what) in [("M", "rename"), ("C", "clone")] {
        let mut app = world();
        select(&mut app, "web1");
        assert_eq!(press(&mut app, key), []);
        assert!(app.dialog.is_none() && app.notices.current().unwrap().text.contains("it is not off"), "{what}");
        select(&mut app, "web2");
        press(&mut app, key);
        insta::assert_snapshot!(what, screen(&mut app, 80, 24));
        if key == "M" {
            assert_eq!(press(&mut app, "enter"), [], "it is called so");
            press(&mut app, key);
        }
        let effects = press(&mut app, "ctrl-u n e w enter");
        let wanted = match key {
            "M" => Request::Rename { vm: "web2".into(), name: "new".into() },
            _ => Request::Clone { vm: "web2".into(), name: "new".into() },
        };
        let (task, _, request) = call(&effects);
        assert_eq!(*request, wanted);
        app.update(Message::TaskEnded(task, Ok(Reply::Done)));
        let vms = Some(vec![vm("web1", PowerState::Running), vm("new", PowerState::Off)]);
        app.update(Message::Host("local".into(), HostEvent::Inventory(Inventory { vms, ..Inventory::default() })));
        assert_eq!(app.selected().unwrap().1.vm.name, "new");
    }
}
