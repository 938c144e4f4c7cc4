//! States of the views that come seldom: nothing there, nothing found, other orders, and the same at another size.
use crate::support::{
    fleet::{self, fleet, tell, vm},
    screen::screen,
    world::{call, known_world, press, select, text, world},
};
use insta::assert_snapshot;
use vmdeck::{
    app::{App, Message, Settings},
    domain::{Error, ErrorKind, HostEvent, Image, Inventory, Link, PowerState, Question, QuestionKind},
};

#[test]
fn no_hosts() {
    let settings = Settings { config_path: "~/.config/vmdeck/config.toml".to_owned(), ..Settings::default() };
    let mut app = App::new(settings, Vec::new());
    assert_snapshot!("no-hosts-machines-80x24", screen(&mut app, 80, 24));
    press(&mut app, "4");
    assert_snapshot!("no-hosts-80x24", screen(&mut app, 80, 24));
}

#[test]
fn orders_and_filters() {
    let mut app = fleet();
    press(&mut app, "o o o O");
    assert_snapshot!("sorted-120x40", screen(&mut app, 120, 40));
    press(&mut app, "/ n o n e");
    assert_snapshot!("no-match-80x24", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    assert_snapshot!("no-match-120x40", screen(&mut app, 120, 40));
}

#[test]
fn a_list_longer_than_the_screen() {
    let mut app = fleet::empty();
    fleet::up(&mut app, "local", (0..100).map(|i| vm(&format!("machine-{i:02}"), PowerState::Running)).collect());
    press(&mut app, "end");
    assert_snapshot!("long-80x24", screen(&mut app, 80, 24));
}

#[test]
fn a_hostile_and_a_wide_name() {
    let mut app = fleet();
    fleet::select(&mut app, "evil [31m name");
    assert_snapshot!("hostile-120x40", screen(&mut app, 120, 40));
    press(&mut app, "D");
    assert_snapshot!("hostile-delete-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    fleet::select(&mut app, "日本語の名前がとても長いのでここで切られるはずです");
    press(&mut app, "enter");
    assert_snapshot!("wide-80x24", screen(&mut app, 80, 24));
    press(&mut app, "X");
    assert_snapshot!("wide-power-off-80x24", screen(&mut app, 80, 24));
    let mut app = world();
    let images = ["evil\x1b[31m\u{202e}\r\n.iso", "日本語の名前がとても長いのでここで切られるはずです.iso"];
    let images = Some(images.map(|name| Image { used_by: vec!["日本語の名前".into()], ..Image::new(name) }).into());
    tell(&mut app, "local", HostEvent::Inventory(Inventory { images, ..Inventory::default() }));
    press(&mut app, "2 down D");
    assert_snapshot!("hostile-image-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    assert_snapshot!("hostile-images-120x40", screen(&mut app, 120, 40));
}

#[test]
fn a_fetch_that_rests() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/debian-13.0.0-amd64-netinst.iso".into()));
    let effects = press(&mut app, "enter");
    let paused = Error::new(ErrorKind::Interrupted, "paused at 1.6 of 3.7 GiB");
    app.update(Message::TaskEnded(call(&effects).0, Err(paused)));
    press(&mut app, "2 home");
    assert_snapshot!("fetch-rests-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("fetch-rests-120x40", screen(&mut app, 120, 40));
}

#[test]
fn hosts_that_are_not_up() {
    let mut app = fleet();
    press(&mut app, "4 end enter");
    assert_snapshot!("host-down-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    let question = Question { number: 1, kind: QuestionKind::Confirm, text: "Trust this certificate?".into() };
    tell(&mut app, "hv2", HostEvent::Link(Link::Asks(question)));
    press(&mut app, "esc");
    assert_snapshot!("host-asks-120x40", screen(&mut app, 120, 40));
    tell(&mut app, "hv2", HostEvent::Link(Link::Connecting));
    press(&mut app, "1");
    assert_snapshot!("host-connecting-80x24", screen(&mut app, 80, 24));
}

#[test]
fn tasks_none_and_wide() {
    let mut app = fleet::empty();
    press(&mut app, "3");
    assert_snapshot!("no-tasks-80x24", screen(&mut app, 80, 24));
    let mut app = fleet();
    fleet::select(&mut app, "web2");
    press(&mut app, "s");
    fleet::select(&mut app, "web1");
    press(&mut app, "p");
    app.update(Message::TaskEnded(
        vmdeck::domain::TaskId(1),
        Err(Error::refused("Could not access KVM kernel module")),
    ));
    press(&mut app, "3");
    assert_snapshot!("tasks-120x40", screen(&mut app, 120, 40));
    press(&mut app, "end enter");
    assert_snapshot!("story-120x40", screen(&mut app, 120, 40));
}

#[test]
fn details_at_other_sizes() {
    let mut app = known_world();
    press(&mut app, "enter tab");
    assert_snapshot!("disks-80x24", screen(&mut app, 80, 24));
    press(&mut app, "tab tab");
    for end in [Ok(vmdeck::domain::Reply::Done), Err(Error::refused("disk0 of web1 is in use by another process"))] {
        let effects = press(&mut app, "p");
        app.update(Message::TaskEnded(call(&effects).0, end));
    }
    assert_snapshot!("log-80x24", screen(&mut app, 80, 24));
    let mut app = fleet();
    press(&mut app, "4 enter");
    assert_snapshot!("host-120x40", screen(&mut app, 120, 40));
}

#[test]
fn more_dialogs() {
    let mut app = known_world();
    press(&mut app, "S");
    assert_snapshot!("shut-down-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc I");
    assert_snapshot!("insert-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc a");
    assert_snapshot!("add-disk-asking-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc n");
    assert_snapshot!("create-asking-120x40", screen(&mut app, 120, 40));
    press(&mut app, "esc");
    select(&mut app, "web2");
    press(&mut app, "i");
    text(&mut app, "none");
    assert_snapshot!("install-no-match-80x24", screen(&mut app, 80, 24));
    let mut app = fleet();
    fleet::select(&mut app, "web1");
    press(&mut app, "R");
    assert_snapshot!("reset-caution-80x24", screen(&mut app, 80, 24));
}
