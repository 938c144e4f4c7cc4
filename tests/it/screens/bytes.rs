//! What is sent to the terminal: on a slow line every byte is waited for.
use crate::support::fleet::{empty, press, up, vm};
use ratatui::{Terminal, TerminalOptions, backend::CrosstermBackend, layout::Rect};
use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};
use vmdeck::{
    app::{App, Message},
    domain::{Figures, HostEvent, PowerState},
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
    terminal: Terminal<CrosstermBackend<Wire>>,
    wire: Wire,
    viewport: Viewport,
}

impl Line {
    fn new(columns: u16, rows: u16) -> Self {
        let wire = Wire::default();
        let viewport = ratatui::Viewport::Fixed(Rect::new(0, 0, columns, rows));
        let terminal =
            Terminal::with_options(CrosstermBackend::new(wire.clone()), TerminalOptions { viewport }).unwrap();
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

/// Machines that run and some that are off, with all that a local host tells of them. Between one that runs and one
/// that is off, the footer's grey moves too.
#[test]
fn an_arrow_key_costs_little_with_the_details_of_machines_that_differ() {
    let mut app = empty();
    let mut all = Vec::new();
    let mut figures = Vec::new();
    for i in 0..10_u8 {
        let mut vm = vm(&format!("web{i}"), if i % 5 == 1 { PowerState::Off } else { PowerState::Running });
        let mut tell = |label: &str, value: String| vm.details.push((label.to_owned(), value));
        tell("Firmware", "BIOS".to_owned());
        tell("Network", "user".to_owned());
        tell("MAC", format!("52:54:00:94:{i:02}:58"));
        if i % 5 != 1 {
            tell("Process", format!("{}", 3419 + u32::from(i) * 977));
            tell("QEMU", "10.0.2".to_owned());
            let number = f32::from(i) * 7.0;
            let bytes = u64::from(i) * 123_456_789;
            let some =
                Figures { cpu: Some(number), memory: Some(bytes / 2), disk_read: Some(bytes), ..Figures::default() };
            figures.push((vm.id.clone(), some));
        }
        all.push(vm);
    }
    up(&mut app, "local", all);
    app.update(Message::Host("local".into(), HostEvent::Figures(figures)));
    app.update(Message::Resized(120, 40));
    let mut line = Line::new(120, 40);
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
    assert!(costs[9] <= 200 && costs[17] <= 500, "{costs:?}");
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
    assert_eq!(line.viewport.visible().len(), 24 - 6);
    assert_eq!(line.viewport.visible().last().map(|(_, vm)| vm.as_str()), Some("machine-09999"));
}
