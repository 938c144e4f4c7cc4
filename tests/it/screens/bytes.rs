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
    domain::PowerState,
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

#[test]
fn only_the_rows_that_are_seen_are_built() {
    let mut app = machines(10_000);
    let mut line = Line::new(80, 24);
    press(&mut app, "end");
    line.draw(&app);
    assert_eq!(line.viewport.visible().len(), 24 - 6);
    assert_eq!(line.viewport.visible().last().map(|(_, vm)| vm.as_str()), Some("machine-09999"));
}
