use crate::support::{
    fleet::{fleet, press, tell},
    racks::{racks, report, reported},
    screen::screen,
};
use insta::assert_snapshot;
use vmdeck::{
    app::{App, Effect, Message},
    domain::{Error, FieldKind, FieldSpec, HostEvent, Link, Reply},
};

fn shown(mut app: App) -> App {
    press(&mut app, "5");
    app
}

#[test]
fn nodes() {
    let mut app = shown(reported(40));
    assert_snapshot!("nodes-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("nodes-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("nodes-200x60", screen(&mut app, 200, 60));
    press(&mut app, "end");
    assert_snapshot!("nodes-last-80x24", screen(&mut app, 80, 24));
    app.settings.ascii = true;
    assert_snapshot!("nodes-ascii-80x24", screen(&mut app, 80, 24));
}

#[test]
fn a_narrow_screen_has_fewer_columns_and_each_is_whole() {
    for (width, titles) in [(60, &["CPUS"][..]), (66, &["CPUS", "MEM"]), (80, &["CPUS", "MEM", "STORAGE"])] {
        let mut app = shown(reported(3));
        let shown = screen(&mut app, width, 16);
        let head = shown.lines().find(|row| row.contains("ADDRESS")).unwrap();
        let all = ["CPUS", "MEM", "STORAGE"].into_iter().filter(|title| head.contains(title));
        assert!(all.eq(titles.iter().copied()) && !head.contains('…'), "{shown}");
        for row in shown.lines().filter(|row| row.contains('░')) {
            let row = row.trim_end_matches('│').trim_end();
            assert!(row.ends_with(['%', '–']), "{shown}");
        }
    }
}

#[test]
fn the_details_of_a_node() {
    let mut app = shown(reported(3));
    press(&mut app, "enter");
    assert_snapshot!("node-80x24", screen(&mut app, 80, 24));
    press(&mut app, "end");
    assert_snapshot!("node-end-80x24", screen(&mut app, 80, 24));
}

#[test]
fn no_nodes() {
    assert_snapshot!("nodes-none-80x24", screen(&mut shown(fleet()), 80, 24));
    let mut app = shown(racks(1));
    press(&mut app, "/ x x");
    assert_snapshot!("nodes-filter-80x24", screen(&mut app, 80, 24));
}

#[test]
fn nodes_of_a_host_that_is_down() {
    let mut app = shown(racks(2));
    let error = Error::new(vmdeck::domain::ErrorKind::Unreachable, "nothing listens there");
    tell(&mut app, "lab", HostEvent::Link(Link::Down { error, retry_at: None }));
    assert_snapshot!("nodes-down-80x24", screen(&mut app, 80, 24));
}

/// Presses a key that asks the host, which answers.
fn answered(app: &mut App, key: &str, reply: Reply) {
    match press(app, key).as_slice() {
        [Effect::Call { task, .. }] => drop(app.update(Message::TaskEnded(*task, Ok(reply)))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dialogs_of_a_node() {
    let told = || Reply::Node(Box::new(report()));
    let fields = || {
        let number = |most| FieldKind::Number { least: 0, most };
        Reply::Form(vec![
            FieldSpec::new("ip", "IP", FieldKind::Ip).default("10.0.0.1").help("of the hypervisor itself"),
            FieldSpec::new("memory", "Memory", number(1 << 40)).default("65536").help("in MiB"),
        ])
    };
    for (name, key, reply, more) in [
        ("config", "c", told(), ""),
        ("config-key", "c", told(), "down enter"),
        ("config-drop", "c", told(), "down enter backspace"),
        ("subnet", "b", told(), ""),
        ("subnet-bridge", "b", told(), "enter"),
        ("subnet-detach", "-", told(), "enter"),
        ("edit", "e", fields(), ""),
        ("add", "n", fields(), ""),
    ] {
        let mut app = shown(reported(3));
        answered(&mut app, key, reply);
        press(&mut app, more);
        assert_snapshot!(format!("node-{name}-80x24"), screen(&mut app, 80, 24));
    }
    let mut app = shown(reported(3));
    press(&mut app, "D 0 1");
    assert_snapshot!("node-remove-80x24", screen(&mut app, 80, 24));
}
