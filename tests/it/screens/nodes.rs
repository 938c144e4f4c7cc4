use crate::support::{
    fleet::{fleet, press, tell},
    racks::{racks, reported},
    screen::screen,
};
use insta::assert_snapshot;
use vmdeck::{
    app::App,
    domain::{Error, HostEvent, Link},
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
