use crate::support::fleet::{fleet, names, offers, press, select, selected, tell, vm};
use vmdeck::{
    app::{App, Column, Effect, Message, Visible},
    domain::{Capabilities, Error, ErrorKind, Figures, Focus, HostEvent, Inventory, Link, PowerState, Vm},
};

fn list(app: &mut App, vms: Vec<Vm>) {
    tell(app, "local", HostEvent::Inventory(Inventory { vms: Some(vms), ..Inventory::default() }));
}

#[test]
fn names_are_sorted_as_people_do_and_the_selection_keeps_its_machine() {
    let mut app = fleet();
    let order: Vec<String> = names(&app).into_iter().filter(|n| n.starts_with("web")).collect();
    assert_eq!(order, ["web1", "web2", "web10"]);
    press(&mut app, "O");
    assert_eq!(selected(&app), "web1", "though it stands elsewhere now");
}

#[test]
fn when_the_selected_machine_goes_its_neighbour_is_selected() {
    let mut app = fleet();
    select(&mut app, "web2");
    tell(&mut app, "local", HostEvent::Gone("web2".into()));
    assert_eq!(selected(&app), "web10");
    list(&mut app, vec![vm("aaa", PowerState::Off), vm("web10", PowerState::Off)]);
    assert_eq!(selected(&app), "web10", "rows above came and went");
    list(&mut app, Vec::new());
    assert!(app.selected().is_some(), "other hosts still have machines");
}

#[test]
fn the_filter_works_as_it_is_typed_and_keys_are_text() {
    let mut app = fleet();
    assert_eq!(press(&mut app, "/ w e b 1"), []);
    assert_eq!(names(&app), ["web1", "web10"]);
    assert_eq!(press(&mut app, "s X"), [], "no action while a text field has the focus");
    assert_eq!(names(&app), Vec::<String>::new());
    press(&mut app, "esc");
    assert_eq!(names(&app).len(), 8);
    app.update(Message::Paste("x".to_owned()));
    assert!(app.listing.filter.is_empty(), "a paste goes nowhere when nothing is typed");
    press(&mut app, "/ p a u s e d enter");
    assert_eq!(names(&app), ["web10"], "states can be looked for");
    press(&mut app, "esc");
    assert_eq!(names(&app).len(), 8, "esc drops the filter");
}

#[test]
fn the_busiest_stands_first() {
    let mut app = fleet();
    press(&mut app, "o o o");
    assert_eq!(app.listing.sort, Column::Cpu);
    assert_eq!(names(&app)[0], "web1");
    let busy = Figures { cpu: Some(90.0), ..Figures::default() };
    let figures = HostEvent::Figures(vec![("old-mail".into(), busy)]);
    tell(&mut app, "hv2", figures);
    assert_eq!(names(&app)[0], "old-mail");
}

#[test]
fn figures_that_look_the_same_change_nothing() {
    let mut app = fleet();
    app.take_changed();
    let figures = |cpu| {
        let figures = Figures { cpu: Some(cpu), memory: Some(1_288_490_188), ..Figures::default() };
        HostEvent::Figures(vec![("web1".into(), figures)])
    };
    tell(&mut app, "local", figures(12.4));
    assert!(!app.take_changed());
    tell(&mut app, "local", figures(15.0));
    assert!(app.take_changed());
}

#[test]
fn hosts_are_told_what_is_seen_and_only_when_it_changes() {
    let mut app = fleet();
    press(&mut app, "down up");
    app.update(Message::Resized(80, 24));
    let vms = vec![("local".into(), "web1".into()), ("hv2".into(), "old-mail".into())];
    let seen = Visible { vms, ..Visible::default() };
    let watch =
        |host: &str, vm: &str| Effect::Watch { host: host.into(), vms: vec![vm.into()], node: false, selected: None };
    let effects = app.update(Message::Visible(seen.clone()));
    assert_eq!(effects, [watch("local", "web1"), watch("hv2", "old-mail")]);
    assert_eq!(app.update(Message::Visible(seen)), []);
    let opened = app.update(Message::Key("enter".parse().unwrap()));
    assert!(
        matches!(opened.as_slice(), [Effect::Watch { selected: Some(Focus::Vm(vm)), .. }] if vm.as_str() == "web1")
    );
}

/// On a wide screen the details stand beside the table: where a look leaves traces, that alone is no reason for one.
#[test]
fn a_host_on_which_looks_leave_traces_is_asked_for_what_is_opened() {
    let mut app = fleet();
    app.update(Message::Resized(140, 40));
    let looked = |app: &mut App, key: &str| {
        let effects = app.update(Message::Key(key.parse().unwrap()));
        let of = |effect: &Effect| match effect {
            Effect::Watch { selected: Some(Focus::Vm(vm)), .. } => Some(vm.to_string()),
            _ => None,
        };
        effects.iter().find_map(of)
    };
    assert_eq!(looked(&mut app, "down").as_deref(), Some("web2"));
    let wary = Capabilities { looks_leave_traces: true, ..offers() };
    tell(&mut app, "local", HostEvent::Link(Link::Up(Box::new(wary))));
    assert_eq!((looked(&mut app, "down"), looked(&mut app, "up")), (None, None));
    assert_eq!(looked(&mut app, "enter").as_deref(), Some("web2"));
    press(&mut app, "tab esc");
    assert_eq!(
        (looked(&mut app, "down"), looked(&mut app, "up")),
        (None, None),
        "disks are shown, and not of every machine"
    );
    let cut = Error::new(ErrorKind::Unreachable, "the connection broke");
    tell(&mut app, "local", HostEvent::Link(Link::Down { error: cut, retry_at: None }));
    assert_eq!((looked(&mut app, "down"), looked(&mut app, "up")), (None, None), "nor once it is back");
}

#[test]
fn a_state_moves_its_row_only_where_states_are_sorted_or_filtered() {
    let mut app = fleet();
    let before = names(&app);
    tell(&mut app, "local", HostEvent::Power("web10".into(), PowerState::Running));
    assert_eq!(names(&app), before);
    press(&mut app, "/ p a u s e d enter");
    assert_eq!(names(&app), Vec::<String>::new());
    tell(&mut app, "local", HostEvent::Power("web10".into(), PowerState::Paused));
    assert_eq!(names(&app), ["web10"]);
    press(&mut app, "esc");
    tell(&mut app, "local", HostEvent::Vm(Box::new(Vm { name: "aaa".into(), ..vm("web10", PowerState::Off) })));
    assert_eq!(names(&app)[0], "web10", "a new name moves its row");
}
