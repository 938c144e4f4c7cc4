//! Nodes: which are shown, and what the keys ask of their hosts.
use crate::support::{
    fleet::{fleet, press, tell},
    racks::{HEARTBEAT, id, node, racks, report, reported},
    screen::screen,
};
use vmdeck::{
    app::{App, Effect, Message, Settings},
    domain::{
        Error, ErrorKind, FieldKind, FieldSpec, Focus, Host, HostEvent, Inventory, Link, Reply, Request, TaskId, Values,
    },
};

fn names(app: &App) -> Vec<String> {
    app.nodes.rows().iter().map(|(host, node)| format!("{host} {}", node.short())).collect()
}

/// The request that the keys asked for, and its task.
fn asked(effects: &[Effect]) -> (TaskId, Request) {
    match effects {
        [Effect::Call { task, request, .. }] => (*task, request.clone()),
        _ => panic!("one request is wanted: {effects:?}"),
    }
}

fn type_in(app: &mut App, text: &str) {
    for letter in text.chars() {
        app.update(Message::Key(letter.to_string().parse().unwrap()));
    }
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn nodes_are_listed_sorted_and_filtered() {
    let mut app = racks(3);
    press(&mut app, "5");
    let lab: Vec<_> = (0..3).map(|n| format!("lab {n:08x}")).collect();
    assert_eq!(names(&app)[..3], lab);
    assert_eq!(app.nodes.total(), 6);
    // The fullest first; what is not known comes last.
    press(&mut app, "o o o");
    assert_eq!((names(&app)[0].as_str(), names(&app)[5].as_str()), ("store 00001388", "store 0000138a"));
    press(&mut app, "/ r 2 enter");
    assert_eq!(names(&app), ["store 00001388", "lab 00000002"], "in the same order");
    press(&mut app, "esc");
    assert_eq!(app.nodes.rows().len(), 6);
    assert_eq!(app.listing.filter.text(), "", "machines have a filter of their own");
}

#[test]
fn the_selection_stays_with_its_node_and_its_host_is_told_what_is_looked_at() {
    let mut app = racks(3);
    app.update(Message::Resized(120, 40));
    press(&mut app, "5");
    let effects = app.update(Message::Key("down".parse().unwrap()));
    let focus = Focus::Node(id(1).as_str().into());
    assert_eq!(effects, [Effect::Watch { host: "lab".into(), vms: vec![], node: false, selected: Some(focus) }]);
    let nodes = vec![node(7), node(1), node(0)];
    tell(&mut app, "lab", HostEvent::Inventory(Inventory { nodes: Some(nodes), ..Inventory::default() }));
    assert_eq!(app.selected_node().unwrap().1.id.as_str(), id(1));
    tell(&mut app, "lab", HostEvent::Inventory(Inventory { nodes: Some(vec![]), ..Inventory::default() }));
    assert_eq!(app.selected_node().unwrap().0.id().as_str(), "store", "the neighbour, where it is gone");
}

#[test]
fn where_no_host_keeps_nodes_the_key_says_so() {
    let mut app = fleet();
    press(&mut app, "5");
    assert!(screen(&mut app, 80, 24).contains("no host here keeps hypervisors"));
    assert!(!screen(&mut app, 200, 60).contains("5 nodes"));
}

#[test]
fn while_hosts_are_connecting_the_screen_says_so() {
    let host = Host { id: "lab".into(), backend: "chypervisord", address: "http://lab:17000".to_owned(), peer: None };
    let mut app = App::new(Settings::default(), vec![host]);
    tell(&mut app, "lab", HostEvent::Link(Link::Connecting));
    press(&mut app, "5");
    assert!(screen(&mut app, 80, 24).contains("Not known yet: connecting to lab"));
    tell(&mut app, "lab", HostEvent::Link(Link::Up(Box::default())));
    assert!(screen(&mut app, 80, 24).contains("No host here keeps hypervisors"));
}

#[test]
fn a_record_is_changed_from_what_was_read_and_the_hosts_warning_is_seen() {
    let mut app = racks(1);
    let (task, request) = {
        press(&mut app, "5");
        asked(&press(&mut app, "e"))
    };
    assert_eq!(request, Request::NodeForm(Some(id(0).as_str().into())));
    let fields = vec![
        FieldSpec::new("ip", "IP", FieldKind::Ip).default("10.0.0.1"),
        FieldSpec::new("memory", "Memory", FieldKind::Number { least: 0, most: 1 << 40 }).default("64"),
    ];
    app.update(Message::TaskEnded(task, Ok(Reply::Form(fields))));
    assert!(screen(&mut app, 100, 30).contains("ends its heartbeat"), "{HEARTBEAT}");
    press(&mut app, "end backspace");
    type_in(&mut app, "7");
    let (task, request) = asked(&press(&mut app, "enter"));
    let before = values(&[("ip", "10.0.0.1"), ("memory", "64")]);
    let wanted = values(&[("ip", "10.0.0.7"), ("memory", "64")]);
    assert_eq!(request, Request::UpdateNode { node: id(0).as_str().into(), before, values: wanted });
    // Somebody was faster: both are told, and only what we touched is asked for again.
    let clash = "changed by somebody else meanwhile: ip: it was 10.0.0.1, is now 10.0.0.9, and should become 10.0.0.7";
    app.update(Message::TaskEnded(task, Err(Error::conflict(clash))));
    let text = screen(&mut app, 100, 30);
    assert!(text.contains("Changed meanwhile") && text.contains("10.0.0.9"), "{text}");
    let (task, request) = asked(&press(&mut app, "y"));
    let values = values(&[("ip", "10.0.0.7")]);
    let decided = Request::UpdateNode { node: id(0).as_str().into(), before: Values::new(), values };
    assert_eq!(request, decided);
    // And once more, where another write came between.
    app.update(Message::TaskEnded(task, Err(Error::conflict("somebody else wrote it at the same moment: ip"))));
    assert!(screen(&mut app, 100, 30).contains("at the same moment"));
    assert_eq!(asked(&press(&mut app, "y")).1, decided);
}

#[test]
fn a_form_left_as_it_was_changes_nothing() {
    let mut app = racks(1);
    press(&mut app, "5");
    let (task, _) = asked(&press(&mut app, "e"));
    let fields = vec![FieldSpec::new("ip", "IP", FieldKind::Ip).default("10.0.0.1")];
    app.update(Message::TaskEnded(task, Ok(Reply::Form(fields))));
    assert!(app.tasks.told().is_none(), "nothing was done: the form was read");
    assert_eq!(press(&mut app, "enter"), []);
}

#[test]
fn keys_of_the_configuration_are_set_added_and_dropped() {
    let mut app = reported(1);
    press(&mut app, "5");
    let (task, request) = asked(&press(&mut app, "c"));
    assert_eq!(request, Request::ShowNode(id(0).as_str().into()));
    app.update(Message::TaskEnded(task, Ok(Reply::Node(Box::new(report())))));
    press(&mut app, "down enter");
    assert!(screen(&mut app, 100, 30).contains("/mistify/guests"));
    press(&mut app, "ctrl-u");
    assert!(screen(&mut app, 100, 30).contains("guestDiskDir will be dropped"));
    let set = |key: &str, before: &str, value: &str| Request::SetConfig {
        node: id(0).as_str().into(),
        key: key.to_owned(),
        before: Some(before.to_owned()),
        value: value.to_owned(),
    };
    assert_eq!(asked(&press(&mut app, "enter")).1, set("guestDiskDir", "/mistify/guests", ""));
    let (task, _) = asked(&press(&mut app, "c"));
    app.update(Message::TaskEnded(task, Ok(Reply::Node(Box::new(report())))));
    press(&mut app, "down down enter");
    type_in(&mut app, "a/b");
    assert_eq!(press(&mut app, "tab x enter"), [], "a key with a slash is refused in the form");
    press(&mut app, "ctrl-u");
    type_in(&mut app, "ab");
    assert_eq!(asked(&press(&mut app, "enter")).1, set("ab", "", "x"));
}

#[test]
fn subnets_are_attached_moved_and_taken_off() {
    const SUBNET: &str = "c6430cba-648a-41aa-aee4-b59dacfc790d";
    let mut app = reported(1);
    press(&mut app, "5");
    let mut choose = |keys: &str| {
        let (task, _) = asked(&press(&mut app, keys));
        app.update(Message::TaskEnded(task, Ok(Reply::Node(Box::new(report())))));
        press(&mut app, "enter");
        press(&mut app, if keys == "b" { "end 1 enter" } else { "y" })
    };
    let node = || id(0).as_str().into();
    let moved = Request::SetSubnet {
        node: node(),
        subnet: SUBNET.into(),
        before: Some("br0".to_owned()),
        bridge: "br01".into(),
    };
    assert_eq!(asked(&choose("b")).1, moved);
    assert_eq!(asked(&choose("-")).1, Request::RemoveSubnet { node: node(), subnet: SUBNET.into() });
}

#[test]
fn a_node_is_removed_once_its_short_name_was_typed() {
    let mut app = reported(1);
    press(&mut app, "5 D");
    assert!(screen(&mut app, 100, 30).contains("It has 2 guests, which have to leave it first: web,"));
    assert_eq!(press(&mut app, "enter"), []);
    type_in(&mut app, "00000000");
    assert_eq!(asked(&press(&mut app, "enter")).1, Request::RemoveNode(id(0).as_str().into()));
}

#[test]
fn what_others_changed_is_no_clash_of_ours() {
    let mut app = racks(1);
    press(&mut app, "5");
    let (task, _) = asked(&press(&mut app, "n"));
    app.update(Message::TaskEnded(task, Err(Error::new(ErrorKind::Conflict, "it is there"))));
    assert!(app.dialog.is_none());
}

#[test]
fn what_somebody_else_set_meanwhile_is_told_with_both_sides_and_set_by_choice() {
    for (keys, choose) in [("c", "down enter"), ("b", "enter")] {
        let mut app = reported(1);
        press(&mut app, "5");
        let (task, _) = asked(&press(&mut app, keys));
        app.update(Message::TaskEnded(task, Ok(Reply::Node(Box::new(report())))));
        press(&mut app, choose);
        let (task, mut sent) = asked(&press(&mut app, "7 enter"));
        let clash = "changed by somebody else meanwhile: x: it was /a, is now /c, and should become /b";
        app.update(Message::TaskEnded(task, Err(Error::conflict(clash))));
        let text = screen(&mut app, 100, 30);
        assert!(text.contains("Changed meanwhile") && text.contains("is now /c"), "{text}");
        assert!(!text.contains("heartbeat"), "it is safe to change");
        let (Request::SetConfig { before, .. } | Request::SetSubnet { before, .. }) = &mut sent else {
            panic!("{sent:?}")
        };
        assert!(before.take().is_some());
        assert_eq!(asked(&press(&mut app, "y")).1, sent, "whatever stands there by then");
    }
}

#[test]
fn of_a_heartbeat_that_is_not_there_nobody_is_warned() {
    let fields = || vec![FieldSpec::new("ip", "IP", FieldKind::Ip).default("10.0.0.1")];
    for (keys, is_warned) in [("5 / 1 3 8 9 enter e", true), ("5 / 1 3 8 a enter e", false)] {
        let mut app = racks(0);
        let (task, request) = asked(&press(&mut app, keys));
        assert!(matches!(request, Request::NodeForm(Some(_))));
        app.update(Message::TaskEnded(task, Ok(Reply::Form(fields()))));
        assert_eq!(screen(&mut app, 100, 30).contains("ends its heartbeat"), is_warned, "{keys}");
    }
}
