//! What is sent to the terminal: on a slow line every byte is waited for.
use crate::support::fleet::{NOW, empty, press, up, vm};
use ratatui::{Terminal, TerminalOptions, layout::Rect};
use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};
use vmdeck::{
    app::{App, Message},
    domain::{Figures, HostEvent, PowerState, Progress, Stamp},
    runtime::Terse,
    ui::{Theme, Viewport, render},
};

/// Counts what is written.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<usize>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.borrow_mut() += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Line {
    terminal: Terminal<Terse<Wire>>,
    wire: Wire,
    viewport: Viewport,
}

impl Line {
    fn new(columns: u16, rows: u16) -> Self {
        let wire = Wire::default();
        let viewport = ratatui::Viewport::Fixed(Rect::new(0, 0, columns, rows));
        let terminal = Terminal::with_options(Terse::new(wire.clone()), TerminalOptions { viewport }).unwrap();
        Self { terminal, wire, viewport: Viewport::default() }
    }

    /// The bytes that drawing `app` costs.
    fn draw(&mut self, app: &App) -> usize {
        let before = *self.wire.0.borrow();
        self.terminal.draw(|frame| render(frame, app, &Theme::default(), &mut self.viewport)).unwrap();
        *self.wire.0.borrow() - before
    }
}

fn machines(count: usize) -> App {
    let mut app = empty();
    let vms = (0..count).map(|i| vm(&format!("machine-{i:05}"), PowerState::Running)).collect();
    up(&mut app, "local", vms);
    app
}

#[test]
fn an_arrow_key_costs_little() {
    for (columns, rows, most) in [(80, 24, 150), (120, 40, 350)] {
        let mut app = machines(20);
        app.update(Message::Resized(columns, rows));
        let mut line = Line::new(columns, rows);
        line.draw(&app);
        press(&mut app, "down");
        let cost = line.draw(&app);
        assert!(cost <= most, "{cost} bytes at {columns} columns");
    }
}

/// Machines that run and some that are off, with all that a local host tells of them: whole lines differ, and the
/// footer's grey moves too.
#[test]
fn an_arrow_key_costs_little_with_the_details_of_machines_that_differ() {
    let mut app = empty();
    let mut all = Vec::new();
    let mut figures = Vec::new();
    for i in 0..10_u8 {
        let is_off = i % 3 == 1;
        let mut vm = vm(&format!("web{i}"), if is_off { PowerState::Off } else { PowerState::Running });
        let (number, bytes) = (u64::from(i), u64::from(i) * 123_456_789);
        let of_process = |text: String| if is_off { String::new() } else { text };
        vm.details = [
            ("Firmware", "BIOS".to_owned()),
            ("Network", "user".to_owned()),
            ("MAC", format!("52:54:00:94:{:02x}:{:02x}", number * 37, number * 29)),
            ("Process", of_process(format!("{}", 3419 + number * 977))),
            ("QEMU", of_process("10.0.2".to_owned())),
            ("Description", String::new()),
            ("Folder", format!("/home/admin/.local/share/vmdeck/machines/web{i}")),
            ("VNC", of_process(format!("unix:/home/admin/.local/state/vmdeck/run/{:012x}/vnc", bytes << 13))),
        ]
        .map(|(label, value)| (label.into(), value))
        .into();
        if !is_off {
            let rates = Figures { disk_read: Some(bytes), disk_write: Some(bytes / 3), ..Figures::default() };
            figures.push((vm.id.clone(), Figures { cpu: Some(f32::from(i) * 7.0), memory: Some(bytes / 2), ..rates }));
        }
        all.push(vm);
    }
    up(&mut app, "local", all);
    app.update(Message::Host("local".into(), HostEvent::Figures(figures)));
    for (columns, rows, most) in [(80, 24, 150), (120, 40, 350)] {
        app.update(Message::Resized(columns, rows));
        let mut line = Line::new(columns, rows);
        press(&mut app, "home");
        line.draw(&app);
        let keys = ["down"; 9].into_iter().chain(["up"; 9]);
        let mut costs: Vec<usize> = keys
            .map(|key| {
                press(&mut app, key);
                line.draw(&app)
            })
            .collect();
        costs.sort_unstable();
        assert!(costs.last().is_some_and(|cost| *cost <= most), "at {columns} columns: {costs:?}");
    }
}

/// Through a list that is longer than the screen and back: rows move, none of them is like the next, and the footer's grey
/// moves with each. Written anew the rows alone would be three times as much.
#[test]
fn an_arrow_key_that_scrolls_costs_little() {
    let mut app = empty();
    let vms = (0..100_u64).map(|i| {
        let power = [PowerState::Running, PowerState::Off, PowerState::Paused][usize::try_from(i % 3).unwrap()];
        let vm = vm(&format!("machine-{i:05}"), power);
        vmdeck::domain::Vm { memory: Some((i % 7 + 1) << 30), disk: Some((i * 37 % 90) << 30), ..vm }
    });
    up(&mut app, "local", vms.collect());
    app.update(Message::Resized(80, 24));
    let mut line = Line::new(80, 24);
    line.draw(&app);
    for key in ["down"; 40].into_iter().chain(["up"; 40]) {
        press(&mut app, key);
        let cost = line.draw(&app);
        assert!(cost <= 300, "{cost} bytes for `{key}`");
    }
}

#[test]
fn what_changes_nothing_on_the_screen_sends_nothing() {
    let mut app = machines(20);
    app.update(Message::Resized(120, 40));
    let mut line = Line::new(120, 40);
    line.draw(&app);
    assert!(app.take_changed());
    let figures = |app: &mut App, cpu: f32, memory: u64| {
        let all = (0..20).map(|i| {
            let id = format!("machine-{i:05}");
            (id.as_str().into(), Figures { cpu: Some(cpu), memory: Some(memory), ..Figures::default() })
        });
        app.update(Message::Host("local".into(), HostEvent::Figures(all.collect())));
    };
    figures(&mut app, 0.4, 300 << 20);
    assert!(app.take_changed());
    line.draw(&app);
    let mut sent = 0;
    for second in 0_u16..60 {
        let jitter = f32::from(second % 3);
        figures(&mut app, 0.2 + 0.4 * jitter, (300 << 20) + u64::from(second % 5) * 8192);
        // The loop draws only what changed.
        if app.take_changed() {
            sent += line.draw(&app);
        }
    }
    assert_eq!(sent, 0, "bytes for guests between 0 and 1 %");
}

#[test]
fn only_the_rows_that_are_seen_are_built() {
    let mut app = machines(10_000);
    let mut line = Line::new(80, 24);
    press(&mut app, "end");
    line.draw(&app);
    assert_eq!(line.viewport.visible().vms.len(), 24 - 6);
    assert_eq!(line.viewport.visible().vms.last().map(|(_, vm)| vm.as_str()), Some("machine-09999"));
}

/// The bytes a second that a minute costs in which `second` happens once a second, after one to begin with.
fn a_second(app: &mut App, (columns, rows): (u16, u16), mut second: impl FnMut(&mut App, u64)) -> usize {
    const LONG: u64 = 60;
    app.update(Message::Resized(columns, rows));
    let mut line = Line::new(columns, rows);
    let mut sent = 0;
    for at in 0..=2 * LONG {
        app.set_now(Stamp(NOW.0 + at * 1000));
        second(app, at);
        app.update(Message::Tick);
        if app.take_changed() {
            let cost = line.draw(app);
            // Graphs fill in the first minute.
            sent += if at > LONG { cost } else { 0 };
        }
    }
    sent / usize::try_from(LONG).unwrap()
}

/// Numbers each second and graphs each five seconds, of guests that never do the same.
#[test]
fn busy_guests_cost_little_to_watch() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut app = machines(20);
        let cost = a_second(&mut app, (columns, rows), |app, at| {
            let all = (0..20_u64).map(|i| {
                let busy = (at * (7 + i) + i * i) % 83;
                let figures = Figures {
                    cpu: Some(f32::from(u8::try_from(busy).unwrap())),
                    memory: Some((900 + busy) << 20),
                    disk_read: Some(busy << 19),
                    disk_write: Some(busy << 18),
                    ..Figures::default()
                };
                (format!("machine-{i:05}").as_str().into(), figures)
            });
            app.update(Message::Host("local".into(), HostEvent::Figures(all.collect())));
        });
        assert!(cost <= 400, "{cost} bytes a second at {columns} columns");
    }
}

/// A key on the way through machines whose graphs are full.
#[test]
fn an_arrow_key_costs_little_with_graphs() {
    for (columns, rows) in [(120, 40), (200, 60)] {
        let mut app = machines(20);
        a_second(&mut app, (columns, rows), |app, at| {
            let busy = (at * 7) % 83;
            let figures = Figures {
                cpu: Some(f32::from(u8::try_from(busy).unwrap())),
                disk_read: Some(busy << 19),
                ..Figures::default()
            };
            let all = (0..20).map(|i| (format!("machine-{i:05}").as_str().into(), figures));
            app.update(Message::Host("local".into(), HostEvent::Figures(all.collect())));
        });
        let mut line = Line::new(columns, rows);
        line.draw(&app);
        for key in ["down", "down", "up", "up"] {
            press(&mut app, key);
            let cost = line.draw(&app);
            assert!(cost <= 350, "{cost} bytes at {columns} columns");
        }
    }
}

/// One fetch: in the strip alone, and with its row on the images screen.
#[test]
fn a_fetch_costs_little_to_watch() {
    for (keys, most) in [("1", 80), ("2", 120)] {
        let mut app = machines(3);
        press(&mut app, "2 f");
        app.update(Message::Paste("https://cdimage.debian.org/iso/debian-13.0.0-amd64-netinst.iso".into()));
        press(&mut app, "enter");
        press(&mut app, keys);
        let task = app.tasks.running().next().unwrap().id;
        let mut done = 0;
        let cost = a_second(&mut app, (80, 24), |app, at| {
            let rate = 9_000_000 + (at * 7919) % 2_000_000;
            done += rate;
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            let rate = Some(rate as f64);
            app.update(Message::TaskProgress(task, Progress { rate, ..Progress::bytes(done, Some(3_972_844_748)) }));
        });
        assert!(cost <= most, "{cost} bytes a second after {keys}");
    }
}
