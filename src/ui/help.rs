//! The help page, made from the table of bindings: what is grey says why.
use super::{
    Theme, pane,
    widget::{cut, fit, wrap},
};
use crate::{
    app::App,
    domain::clean_line,
    input::{BINDINGS, Scope},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

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
            match app.refusal(row.action) {
                None => lines.push(Line::from(vec![
                    Span::raw("   "),
                    Span::styled(keys, theme.key),
                    Span::raw(format!(" {}", cut(row.help, room))),
                ])),
                Some(why) => {
                    let mut keys = keys;
                    for text in refused(row.help, &why, room) {
                        lines.push(Line::from(Span::styled(format!("   {keys} {text}"), theme.dim)));
                        keys = fit("", KEYS);
                    }
                }
            }
        }
    }
    pane::page(frame, area, "Help", lines, scroll, theme);
}

/// What a key would do, and why it does not: the reason is told whole, below where it is long.
fn refused(help: &str, why: &str, room: u16) -> Vec<String> {
    let whole = format!("{help} ({why})");
    if whole.width() <= room.into() {
        return vec![whole];
    }
    let reason = wrap(&clean_line(why), room.saturating_sub(2)).into_iter().map(|line| format!("  {line}"));
    std::iter::once(cut(help, room)).chain(reason).collect()
}
