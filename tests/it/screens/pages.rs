use crate::support::{
    fleet::{fleet, press},
    screen::{screen, styled},
};
use insta::assert_snapshot;
use ratatui::{Terminal, backend::TestBackend};
use vmdeck::{
    app::Message,
    ui::{Theme, Viewport, render},
};

#[test]
fn help() {
    let mut app = fleet();
    press(&mut app, "?");
    assert_snapshot!("help-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("help-120x40", screen(&mut app, 120, 40));
    press(&mut app, "end");
    assert_snapshot!("help-end-80x24", screen(&mut app, 80, 24));
}

#[test]
fn too_small() {
    assert_snapshot!("too-small-40x8", screen(&mut fleet(), 40, 8));
}

/// Without colours and with ASCII alone: what tells states apart must still do so.
#[test]
fn without_colours_and_boxes() {
    let mut app = fleet();
    app.settings.ascii = true;
    app.update(Message::Resized(80, 24));
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (theme, mut viewport) = (Theme::new(false, true), Viewport::default());
    terminal.draw(|frame| render(frame, &app, &theme, &mut viewport)).unwrap();
    assert_snapshot!("plain-80x24", styled(terminal.backend().buffer(), "no cursor"));
}
