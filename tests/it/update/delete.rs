//! What cannot be undone: the name is typed, or a yes is said that was not the default.
use crate::support::world::{call, cdrom, disk, known_world, minus, press, reply, select, text, world};
use vmdeck::{
    app::{App, Effect, Message, dialog::Body},
    domain::{Disk, Error, HostEvent, Link, PowerState, Reply, Request, Snapshot, TaskId, Vm},
    runtime::headless::parse,
};

#[test]
fn a_machine_goes_only_when_its_name_was_typed() {
    let mut app = known_world();
    select(&mut app, "web2");
    assert!(press(&mut app, "D enter").iter().all(is_question));
    assert_eq!(text(&mut app, "web"), []);
    assert_eq!(press(&mut app, "enter y"), [], "y is a letter here");
    press(&mut app, "backspace 2");
    let effects = press(&mut app, "enter");
    assert_eq!(*call(&effects).2, Request::Delete { vm: "web2".into(), keep_disks: false });
}

/// What the dialog asks for, so that it can list what goes.
fn is_question(effect: &Effect) -> bool {
    matches!(effect, Effect::Call { request: Request::ListSnapshots(_) | Request::ListDisks(_), .. })
}

fn told(app: &App) -> Vec<String> {
    match &app.dialog.as_ref().unwrap().body {
        Body::Typed(typed) => typed.told().map(|note| note.text.clone()).collect(),
        other => panic!("{other:?}"),
    }
}

/// The task that reads the disks, if one does.
fn reading_disks(effects: &[Effect]) -> Option<TaskId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Call { task, request: Request::ListDisks(_), .. } => Some(*task),
        _ => None,
    })
}

#[test]
fn the_files_are_read_where_they_are_not_shown_and_follow_what_is_chosen() {
    let mut app = known_world();
    select(&mut app, "web2");
    let task = reading_disks(&press(&mut app, "D")).unwrap();
    app.update(Message::TaskEnded(task, Ok(Reply::Disks(vec![disk("vda", 20 << 30, 6 << 30)]))));
    assert_eq!(told(&app)[1..], ["vda: /var/lib/vmdeck/machines/web1/vda.qcow2, 6 GiB"]);
    press(&mut app, "down");
    assert_eq!(told(&app), ["Its settings go: there is no way back. The files of its disks stay."]);

    press(&mut app, "esc");
    let Link::Up(mut can) = app.hosts.get(&"local".into()).unwrap().link.clone() else { panic!("it is up") };
    can.keeps_disks = Some(true);
    app.update(Message::Host("local".into(), HostEvent::Link(Link::Up(can.clone()))));
    assert_eq!(reading_disks(&press(&mut app, "D")), None);
    assert_eq!(told(&app), ["Its settings go: there is no way back. The files of its disks stay."]);

    let mut app = known_world();
    (can.keeps_disks, can.looks_leave_traces) = (None, true);
    app.update(Message::Host("local".into(), HostEvent::Link(Link::Up(can))));
    select(&mut app, "web2");
    assert_eq!(reading_disks(&press(&mut app, "D")), None, "a look would leave traces");
}

#[test]
fn what_goes_with_a_machine_is_listed() {
    let mut app = known_world();
    let files = vec![
        Disk { pool: Some("default".into()), ..disk("vda", 20 << 30, 6 << 30) },
        cdrom(Some("debian-13.iso")),
        Disk { stays: true, ..disk("vdb", 1, 1) },
    ];
    app.update(Message::Host("local".into(), HostEvent::Disks("web2".into(), files)));
    let details = vec![(Vm::VARIABLES.into(), "/nvram/web2_VARS.fd".to_owned())];
    let vm = Vm { power: Some(PowerState::Off), details, ..Vm::named("web2") };
    app.update(Message::Host("local".into(), HostEvent::Vm(Box::new(vm))));
    select(&mut app, "web2");
    let effects = press(&mut app, "D");
    let before = told(&app);
    let files = [
        "Its disk, and its settings go with it: there is no way back.",
        "vda: /var/lib/vmdeck/machines/web1/vda.qcow2 in pool default, 6 GiB",
        "vdb stays: /var/lib/vmdeck/machines/web1/vdb.qcow2, 1 B",
        "UEFI variables: /nvram/web2_VARS.fd",
    ];
    assert!(before.ends_with(&files.map(str::to_owned)), "{before:?}");
    let snapshot = |name: &str| Snapshot { name: name.to_owned(), ..Snapshot::default() };
    reply(&mut app, &effects, Reply::Snapshots(vec![snapshot("fresh"), snapshot("patched")]));
    assert_eq!(told(&app).last().unwrap(), "Snapshots: fresh, patched");

    press(&mut app, "esc");
    let effects = press(&mut app, "D");
    let (task, ..) = call(&effects);
    app.update(Message::TaskEnded(task, Err(Error::refused("busy"))));
    assert_eq!(told(&app).last().unwrap(), "Whether it has snapshots could not be read.");
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
fn a_disk_is_removed_by_a_yes_and_deleted_by_the_name_of_its_machine() {
    let removed = |effects: &[Effect]| match call(effects).2 {
        Request::RemoveDisk { disk, delete, .. } => (disk.to_string(), *delete),
        other => panic!("{other:?}"),
    };
    let mut app = known_world();
    minus(&mut app);
    assert_eq!(removed(&press(&mut app, "enter y")), ("disk0".into(), false));
    let mut app = known_world();
    minus(&mut app);
    assert_eq!(press(&mut app, "down enter down y"), [], "its name is asked for first");
    assert_eq!(press(&mut app, "y enter backspace"), [], "y is a letter here");
    assert_eq!(text(&mut app, "disk1"), []);
    assert_eq!(press(&mut app, "enter ctrl-u"), [], "another machine may have one that is called so");
    text(&mut app, "web1");
    assert_eq!(removed(&press(&mut app, "enter")), ("disk1".into(), true));
    let mut app = world();
    app.update(Message::Host("local".into(), HostEvent::Disks("web1".into(), vec![disk("disk9", 1 << 30, 0)])));
    minus(&mut app);
    assert_eq!(press(&mut app, "enter"), [], "no is the default");
}

/// A list that is a while old has not what was added since, and what it has may be another disk by now.
#[test]
fn which_disk_goes_is_chosen_from_what_the_host_has_now() {
    let mut app = known_world();
    let asked = press(&mut app, "-");
    assert_eq!(*call(&asked).2, Request::ListDisks("web1".into()));
    reply(&mut app, &asked, Reply::Disks(vec![disk("disk7", 1 << 30, 0)]));
    let removed = press(&mut app, "y");
    assert!(matches!(call(&removed).2, Request::RemoveDisk { disk, .. } if disk.as_str() == "disk7"), "{removed:?}");
}

#[test]
fn where_no_disk_can_be_kept_its_removal_is_a_deletion_at_once() {
    let mut app = known_world();
    let Link::Up(mut can) = app.hosts.get(&"local".into()).unwrap().link.clone() else { panic!("it is up") };
    can.keeps_disks = Some(false);
    app.update(Message::Host("local".into(), HostEvent::Link(Link::Up(can))));
    minus(&mut app);
    press(&mut app, "enter");
    assert_eq!(press(&mut app, "y enter ctrl-u"), [], "y is a letter here");
    text(&mut app, "web1");
    let wanted = Request::RemoveDisk { vm: "web1".into(), disk: "disk0".into(), delete: true };
    assert_eq!(*call(&press(&mut app, "enter")).2, wanted);
}

#[test]
fn what_is_typed_is_what_a_command_must_name() {
    let typed = |app: &App| match &app.dialog.as_ref().unwrap().body {
        Body::Typed(typed) => typed.name.clone(),
        other => panic!("{other:?}"),
    };
    let named = |line: &str| {
        let words: Vec<_> = line.split(' ').skip(1).map(str::to_owned).collect();
        let error = parse(line.split(' ').next().unwrap(), &words, &mut std::io::empty()).unwrap_err();
        error.message.rsplit_once("add yes=").unwrap().1.to_owned()
    };
    let mut app = known_world();
    minus(&mut app);
    press(&mut app, "enter down y");
    assert_eq!(typed(&app), named("remove-disk vm=web1 disk=disk0 delete=yes"));
    let mut app = known_world();
    press(&mut app, "2 home D");
    assert_eq!(typed(&app), named("remove-image image=alpine.iso"));
    let mut app = known_world();
    let effects = press(&mut app, "z");
    let fresh = Snapshot { name: "fresh".to_owned(), ..Snapshot::default() };
    reply(&mut app, &effects, Reply::Snapshots(vec![fresh]));
    press(&mut app, "down enter down enter");
    assert_eq!(typed(&app), named("remove-snapshot vm=web1 snapshot=fresh"));
}
