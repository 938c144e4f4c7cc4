//! The state drawn, and nothing else: the application is borrowed, never changed.
mod details;
mod dialog;
mod footer;
mod form;
mod grow;
mod header;
mod help;
mod history;
mod host;
mod hosts;
mod image;
mod images;
mod machines;
mod nodes;
mod pane;
mod plain;
mod review;
mod sheet;
mod state;
mod story;
mod tasks;
mod theme;
mod viewport;
mod widget;

pub use theme::Theme;
pub use viewport::Viewport;

use crate::app::{App, Overlay, SIDE_BY_SIDE, Screen};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    widgets::{Paragraph, Wrap},
};

/// The least that the screens can be drawn in: columns, rows.
const LEAST: (u16, u16) = (60, 15);

/// Draws everything.
///
/// ```text
///  header: the hosts
/// ┌ the screen ──────────────────────────┐┌ details ──────────┐
/// │                                      ││ (wide terminals)  │
/// └──────────────────────────────────────┘└───────────────────┘
///  task strip, or the last outcome, or a notice: one line, three where a sentence is long
///  footer: the keys that work here
/// ```
pub fn render(frame: &mut Frame<'_>, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let area = frame.area();
    viewport.visible.vms.clear();
    viewport.visible.hosts.clear();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!(
            "vmdeck needs {} columns and {} rows; here are {} and {}.",
            LEAST.0, LEAST.1, area.width, area.height
        );
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let told = footer::strip(app, area.width, theme);
    let [top, body, strip, keys] = area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(u16::try_from(told.len()).unwrap_or(1)),
        Constraint::Length(1),
    ]));
    header::render(frame, top, app, theme);
    viewport.visible.scroll = match &app.overlay {
        Some(Overlay::Help { scroll }) => help::render(frame, body, app, theme, *scroll),
        Some(Overlay::Story { task, scroll }) => story::render(frame, body, app, theme, *task, *scroll),
        Some(Overlay::Host { host, scroll }) => host::render(frame, body, app, theme, host, *scroll),
        Some(Overlay::Image { host, name, scroll }) => image::render(frame, body, app, theme, (host, name), *scroll),
        Some(Overlay::Past { host, scroll }) => history::render(frame, body, app, theme, host, *scroll),
        None => screen(frame, body, app, theme, viewport),
    };
    frame.render_widget(Paragraph::new(told), strip);
    footer::keys(frame, keys, app, theme);
    if let Some(dialog) = &app.dialog {
        dialog::render(frame, area, dialog, app, theme);
    }
    if theme.ascii {
        plain::cells(frame.buffer_mut());
    }
}

/// Returns how far the details can be scrolled, where they are shown.
fn screen(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) -> usize {
    let side_by_side = |area: Rect| {
        let side = (area.width / 3).clamp(38, 60);
        area.layout(&Layout::horizontal([Constraint::Fill(1), Constraint::Length(side)]))
    };
    match app.screen {
        // Without a machine there are no details: the table says what to press, over the whole width.
        Screen::Machines if area.width >= SIDE_BY_SIDE && app.listing.total() > 0 => {
            let [left, right] = side_by_side(area);
            machines::render(frame, left, app, theme, viewport);
            return details::render(frame, right, app, theme);
        }
        Screen::Machines => {
            machines::render(frame, area, app, theme, viewport);
            if app.details_open {
                return details::render(frame, area, app, theme);
            }
        }
        Screen::Images => images::render(frame, area, app, &mut viewport.images, theme),
        Screen::Tasks => tasks::render(frame, area, app, theme, viewport),
        Screen::Hosts => hosts::render(frame, area, app, theme, viewport),
        Screen::Nodes if area.width >= SIDE_BY_SIDE && app.nodes.total() > 0 => {
            let [left, right] = side_by_side(area);
            nodes::render(frame, left, app, theme, viewport);
            return details::node(frame, right, app, theme);
        }
        Screen::Nodes if app.details_open => return details::node(frame, area, app, theme),
        Screen::Nodes => nodes::render(frame, area, app, theme, viewport),
    }
    0
}
