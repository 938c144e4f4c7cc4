//! The help page, made from the table of bindings: what is grey says why.
use super::{Theme, pane, widget::fit};
use crate::{
    app::App,
    input::{BINDINGS, Scope},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of the keys.
const KEYS: u16 = 18;

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, scroll: usize) {
    let mut lines = Vec::new();
    for scope in app.screen_scopes().iter().copied().chain([Scope::Filter, Scope::Dialog, Scope::Form]) {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::from(Span::styled(format!(" {}", scope.title()), theme.title)));
        for row in BINDINGS.iter().filter(|b| b.scope == scope) {
            let keys = app.settings.keymap.all(row.action);
            let keys = fit(if keys.is_empty() { "–" } else { &keys }, KEYS);
            let room = area.width.saturating_sub(KEYS + 6);
            lines.push(match app.refusal(row.action) {
                None => Line::from(vec![
                    Span::raw("   "),
                    Span::styled(keys, theme.key),
                    Span::raw(format!(" {}", super::widget::cut(row.help, room))),
                ]),
                Some(why) => {
                    let text = super::widget::cut(&format!("{} ({why})", row.help), room);
                    Line::from(Span::styled(format!("   {keys} {text}"), theme.dim))
                }
            });
        }
    }
    pane::page(frame, area, "Help", lines, scroll, theme);
}
