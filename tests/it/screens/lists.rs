use crate::support::{
    fleet::{empty, fleet, offers, press, select, tell, up, vm, waiting},
    screen::screen,
};
use insta::assert_snapshot;
use std::{borrow::Cow, time::Duration};
use vmdeck::{
    app::Message,
    domain::{Capabilities, Error, Figures, HostEvent, Link, Op, PowerState, Progress, Reply, TaskId, Vm},
};

#[test]
fn machines() {
    let mut app = fleet();
    assert_snapshot!("machines-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("machines-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("machines-200x60", screen(&mut app, 200, 60));
}

/// Hosts have a column, and all the others are there beside the details.
#[test]
fn no_column_is_lost_with_several_hosts() {
    let mut app = fleet();
    for (width, columns) in [(80, "UP"), (120, "UP"), (200, "UP"), (70, "DISK")] {
        let text = screen(&mut app, width, 40);
        assert!(text.lines().nth(2).is_some_and(|head| head.contains(columns)), "{width}: {text}");
    }
    let mut large = vm("large", PowerState::Running);
    (large.memory, large.disk) = (Some(128 << 30), Some(1023 << 30 | 512 << 20));
    tell(&mut app, "local", HostEvent::Vm(Box::new(large)));
    let figures = Figures { memory: Some((127 << 30) + (1 << 29)), ..Figures::default() };
    tell(&mut app, "local", HostEvent::Figures(vec![("large".into(), figures)]));
    let text = screen(&mut app, 120, 40);
    assert!(text.contains(" 128/128 GiB 1024 GiB   3d 4h"), "{text}");
}

/// Where names have room to spare, what a state is called is told whole; its column stands where it stood before.
#[test]
fn a_long_state_has_the_room_that_names_leave() {
    let mut app = empty();
    let watched = Vm { power: None, remark: Some("watched by others".to_owned()), ..vm("web1", PowerState::Running) };
    for (width, shown) in
        [(80, "? watched by others  "), (100, "? watched by others  "), (109, "? watched by others  ")]
    {
        up(&mut app, "local", vec![vm("web1", PowerState::Running)]);
        let before = screen(&mut app, width, 24);
        up(&mut app, "local", vec![watched.clone()]);
        let text = screen(&mut app, width, 24);
        assert!(text.contains(shown) && text.contains(" 3d 4h"), "{width}: {text}");
        assert_eq!(before.lines().nth(2), text.lines().nth(2), "the headings");
    }
}

/// A state that is longer than its column goes on over the blanks before the numbers; it touches none.
#[test]
fn a_long_state_takes_the_blanks_before_the_numbers() {
    for app in [&mut empty(), &mut fleet()] {
        let watched = Vm { power: None, remark: Some("watched by others".to_owned()), ..vm("w", PowerState::Running) };
        up(app, "local", vec![watched]);
        for (width, height) in [(80, 24), (120, 40)] {
            let text = screen(app, width, height);
            assert!(text.contains("? watched by others ") && text.contains(" 3d 4h"), "{width}: {text}");
        }
        let busy = Figures { cpu: Some(100.0), ..Figures::default() };
        tell(app, "local", HostEvent::Figures(vec![("w".into(), busy)]));
        let text = screen(app, 80, 24);
        assert!(text.contains("? watched by… ") && text.contains(" 100 % "), "{text}");
    }
}

/// What there is no room for is left away; what is shown is true.
#[test]
fn narrow_cells_are_not_rounded_to_something_else() {
    let mut app = empty();
    let small = Vm { memory: Some(3 << 19), ..vm("small", PowerState::Running) };
    up(&mut app, "local", vec![small]);
    let used = Figures { memory: Some((36 << 20) + (200 << 10)), ..Figures::default() };
    tell(&mut app, "local", HostEvent::Figures(vec![("small".into(), used)]));
    for (width, shown) in [(60, " 36/1.5 MiB"), (120, " 36.2/1.5 MiB")] {
        let text = screen(&mut app, width, 24);
        assert!(text.contains(shown), "{width}: {text}");
    }
}

#[test]
fn machines_while_a_filter_is_typed() {
    let mut app = fleet();
    press(&mut app, "o o o / w e b");
    assert_snapshot!("filter-80x24", screen(&mut app, 80, 24));
}

#[test]
fn machines_of_a_host_that_is_down() {
    let mut app = fleet();
    select(&mut app, "testguest");
    press(&mut app, "s");
    assert_snapshot!("down-80x24", screen(&mut app, 80, 24));
}

#[test]
fn no_machines() {
    assert_snapshot!("waiting-80x24", screen(&mut waiting(), 80, 24));
    assert_snapshot!("empty-80x24", screen(&mut empty(), 80, 24));
    assert_snapshot!("empty-120x40", screen(&mut empty(), 120, 40));
    let mut app = waiting();
    let lacks = Capabilities {
        is_set_up: Some(false),
        missing: vec![(Op::Create, Cow::Borrowed("QEMU is missing"))],
        ops: offers().ops.without(Op::Create),
        ..offers()
    };
    tell(&mut app, "local", HostEvent::Link(Link::Up(Box::new(lacks))));
    assert_snapshot!("not-set-up-80x24", screen(&mut app, 80, 24));
}

#[test]
fn tasks() {
    let mut app = fleet();
    select(&mut app, "web2");
    press(&mut app, "s");
    select(&mut app, "old-mail");
    press(&mut app, "p");
    app.update(Message::TaskEnded(TaskId(2), Err(Error::refused("No space left on device"))));
    app.update(Message::TaskEnded(TaskId(2), Ok(Reply::Done)));
    let progress = Progress { rate: Some(50_541_363.0), ..Progress::bytes(1_717_986_918, Some(3_972_844_748)) };
    app.update(Message::TaskProgress(TaskId(1), progress));
    assert_snapshot!("tasks-strip-80x24", screen(&mut app, 80, 24));
    press(&mut app, "3");
    assert_snapshot!("tasks-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("tasks-200x60", screen(&mut app, 200, 60));
    press(&mut app, "down enter");
    assert_snapshot!("tasks-story-80x24", screen(&mut app, 80, 24));
}

#[test]
fn a_long_sentence_takes_three_lines_and_says_where_the_rest_is() {
    let mut app = fleet();
    select(&mut app, "web2");
    press(&mut app, "s");
    let words = "qemu-system-x86_64: error: failed to set MSR 0x345 to 0x2000. ".repeat(6);
    app.update(Message::TaskEnded(TaskId(1), Err(Error::refused(words))));
    assert_snapshot!("long-80x24", screen(&mut app, 80, 24));
    press(&mut app, "3 enter");
    let story = screen(&mut app, 80, 24);
    assert_eq!(story.matches("0x345").count(), 6 + 3, "the story has all of it, the strip three");
}

#[test]
fn hosts() {
    let mut app = fleet();
    tell(&mut app, "hv2", HostEvent::Latency(Duration::from_millis(12)));
    press(&mut app, "4");
    assert_snapshot!("hosts-80x24", screen(&mut app, 80, 24));
    assert_snapshot!("hosts-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("hosts-200x60", screen(&mut app, 200, 60));
    press(&mut app, "enter");
    assert_snapshot!("hosts-details-80x24", screen(&mut app, 80, 24));
    press(&mut app, "esc end enter");
    assert_snapshot!("host-log-80x24", screen(&mut app, 80, 24));
}
