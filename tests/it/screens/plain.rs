//! Without colours, and with ASCII alone: every view and the dialogs that warn must be told by words and marks.
use crate::support::{
    fleet::{fleet, select as select_in_fleet},
    screen::plain,
    world::{call, known_world, press, select, text},
};
use insta::assert_snapshot;
use vmdeck::{
    app::Message,
    domain::{Error, Progress},
};

#[test]
fn without_colours() {
    let mut app = fleet();
    select_in_fleet(&mut app, "old-mail");
    assert_snapshot!("mono-machines-120x40", plain(&mut app, 120, 40));
    press(&mut app, "4");
    assert_snapshot!("mono-hosts-80x24", plain(&mut app, 80, 24));
    let mut app = known_world();
    press(&mut app, "+ backspace");
    text(&mut app, "15G");
    assert_snapshot!("mono-grow-80x24", plain(&mut app, 80, 24));
}

#[test]
fn without_colours_and_with_ascii_alone() {
    let mut app = known_world();
    app.settings.ascii = true;
    press(&mut app, "enter tab");
    assert_snapshot!("ascii-disks-120x40", plain(&mut app, 120, 40));
    press(&mut app, "esc");
    select(&mut app, "web2");
    press(&mut app, "D");
    text(&mut app, "wex");
    assert_snapshot!("ascii-delete-80x24", plain(&mut app, 80, 24));
    press(&mut app, "esc 2 f");
    app.update(Message::Paste("https://a/debian-13.iso".into()));
    let first = press(&mut app, "enter");
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/alpine-3.iso".into()));
    let second = press(&mut app, "enter");
    let progress = Progress { rate: Some(50_541_363.0), ..Progress::bytes(1_717_986_918, Some(3_972_844_748)) };
    app.update(Message::TaskProgress(call(&first).0, progress));
    app.update(Message::TaskEnded(call(&second).0, Err(Error::refused("the server says 404 Not Found"))));
    press(&mut app, "2 home");
    assert_snapshot!("ascii-images-80x24", plain(&mut app, 80, 24));
    press(&mut app, "3");
    assert_snapshot!("ascii-tasks-80x24", plain(&mut app, 80, 24));
}
