use crate::support::{
    fleet::{fleet, press},
    screen::{screen, styled},
    world::{self, known_world},
};
use insta::assert_snapshot;
use ratatui::{Terminal, backend::TestBackend};
use vmdeck::{
    app::Message,
    domain::{ByteSize, Reply, ResizePlan},
    ui::{Theme, Viewport, render},
};

#[test]
fn help() {
    let mut app = fleet();
    press(&mut app, "?");
    assert_snapshot!("help-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("help-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("help-200x60", screen(&mut app, 200, 60));
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

/// What is ours is ASCII on every screen; names of others are as they are.
#[test]
fn ascii_means_all_of_the_screen() {
    let mut app = known_world();
    app.settings.ascii = true;
    let foreign = |c: char| "日本語の名前".contains(c);
    let mut check = |keys: &str| {
        world::press(&mut app, keys);
        for (columns, rows) in [(80, 24), (120, 40)] {
            let text = screen(&mut app, columns, rows);
            let ours = text.chars().find(|c| !c.is_ascii() && !foreign(*c));
            assert_eq!(ours, None, "after {keys:?}:\n{text}");
        }
    };
    for keys in
        ["o", "enter", "tab", "tab", "tab", "esc esc", "+ 1 0 G", "esc y D", "esc", "i", "esc", "e enter", "esc"]
    {
        check(keys);
    }
    for keys in ["n", "esc", "2", "m x", "esc y", "f", "esc", "3", "4", "enter", "esc ?"] {
        check(keys);
    }
    let plan = ResizePlan { from: ByteSize(20 << 30), to: ByteSize(30 << 30) };
    world::press(&mut app, "esc 1 home down s");
    let task = app.tasks.running().next_back().unwrap().id;
    app.update(Message::TaskEnded(task, Ok(Reply::Resized { vm: "web1".into(), disk: "disk0".into(), plan })));
    let text = screen(&mut app, 80, 24);
    assert!(text.contains("+ web1 disk0: 20 -> 30 GiB, read back 30 GiB"), "{text}");
}
