//! One machine in full: at the right of the table, or over it.
//!
//! ```text
//! ┌ web1 on local ──────────────────────┐
//! │ Overview  Disks  Properties  Log    │
//! │                                     │
//! │ the lines of the tab, scrolled      │
//! └─────────────────────────────────────┘
//! ```
mod disks;
mod graphs;
mod log;
mod node;
mod overview;
mod properties;

pub(super) use node::render as node;

use super::{
    Theme,
    pane::{bordered, hidden},
    widget::put,
};
use crate::app::{App, Tab};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Clear,
};

/// The lines of a tab, and the lines of the selected entry: they stay in view.
#[derive(Default)]
struct Page {
    lines: Vec<Line<'static>>,
    /// The first and the last line of what is selected.
    selected: Option<(usize, usize)>,
}

impl Page {
    fn line(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    fn gap(&mut self) {
        self.line("");
    }

    /// A paragraph, moved in.
    fn text(&mut self, text: &str, width: u16, indent: u16, style: ratatui::style::Style) {
        for part in super::widget::wrap(text, width.saturating_sub(indent).max(8)) {
            self.line(Line::from(vec![Span::raw(" ".repeat(indent.into())), Span::styled(part, style)]));
        }
    }

    /// A label and what it tells, on as many lines as it needs.
    fn pair(&mut self, theme: &Theme, label: &str, value: &str, width: u16) {
        const LABEL: u16 = 12;
        let head = super::widget::fit(label, LABEL);
        let parts = super::widget::wrap(value, width.saturating_sub(LABEL + 1).max(8));
        for (i, part) in parts.into_iter().enumerate() {
            // Blanks have no style, and all values the same: each change of a style is sent with each arrow key.
            let head = if i == 0 { Span::styled(head.clone(), theme.dim) } else { Span::raw(" ".repeat(LABEL.into())) };
            self.line(Line::from(vec![head, Span::raw(" "), Span::styled(part, theme.text)]));
        }
    }

    /// The lines after the first `skipped`; beside them, on the border, whether some are hidden.
    fn show(&self, frame: &mut Frame<'_>, body: Rect, skipped: usize, theme: &Theme) {
        for (line, row) in self.lines.iter().skip(skipped).zip(body.rows()) {
            put(frame.buffer_mut(), row, line);
        }
        hidden(frame, Rect { width: body.width + 2, ..body }, (skipped, self.lines.len()), theme);
    }
}

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) -> usize {
    frame.render_widget(Clear, area);
    let style = if app.details_open { theme.accent } else { theme.dim };
    let Some((host, machine)) = app.selected() else {
        let inside = bordered(frame, area, None, style, theme);
        frame.render_widget(Line::styled(" No machine is selected.", theme.dim), inside);
        return 0;
    };
    let inside = bordered(frame, area, Some(&format!("{} on {}", machine.vm.name, host.id())), style, theme);
    let inner = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    tabs(frame, inner, app.tab, theme);
    let width = inner.width;
    let page = match app.tab {
        Tab::Overview => overview::page(app, host, machine, width, theme),
        Tab::Disks => disks::page(app, host, machine, width, theme),
        Tab::Properties => properties::page(app, host, machine, width, theme),
        Tab::Log => log::page(app, host.id(), &machine.vm.id, width, theme),
    };
    let body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    let most = page.lines.len().saturating_sub(body.height.into());
    let skipped = match page.selected {
        Some((_, last)) => (last + 1).saturating_sub(body.height.into()),
        // The newest is at the end: scrolling goes back from there.
        None if app.tab == Tab::Log => most.saturating_sub(app.details.scroll.into()),
        None => usize::from(app.details.scroll).min(most),
    };
    page.show(frame, body, skipped, theme);
    most
}

fn tabs(frame: &mut Frame<'_>, area: Rect, open: Tab, theme: &Theme) {
    let names = Tab::ALL.iter().flat_map(|tab| {
        let style = if *tab == open { theme.selected } else { theme.dim };
        [Span::styled(tab.title(), style), Span::raw("  ")]
    });
    put(frame.buffer_mut(), area, &names.collect());
}
