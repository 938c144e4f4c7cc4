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

/// From this width on the sections stand in two columns.
const TWO: u16 = 150;

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, scroll: usize) -> usize {
    let width = if area.width < TWO { area.width } else { area.width / 2 };
    let scopes = app.screen_scopes().iter().copied().chain([Scope::Filter, Scope::Dialog, Scope::Form]);
    let mut sections: Vec<_> = scopes.map(|scope| section(app, scope, width, theme)).collect();
    sections.push(typing(width, theme));
    let lines = if area.width < TWO { stacked(sections) } else { beside(sections, width) };
    pane::page(frame, area, "Help", lines, scroll, theme)
}

/// What edits a field of text, in every form and filter: no configuration changes these.
const TYPING: [(&str, &str); 5] = [
    ("ctrl-u", "Clear the field"),
    ("ctrl-w", "Delete the word before the cursor"),
    ("ctrl-k", "Delete what is behind the cursor"),
    ("home end", "Go to the beginning or the end of the text (ctrl-a, ctrl-e)"),
    ("left right", "Move in the text; with ctrl from word to word"),
];

fn typing(width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let row = |(keys, what): (&str, &str)| {
        let what = format!(" {}", cut(what, width.saturating_sub(KEYS + 6)));
        Line::from(vec![Span::raw("   "), Span::styled(fit(keys, KEYS), theme.key), Span::raw(what)])
    };
    let title = Line::from(Span::styled(" Typing", theme.title));
    std::iter::once(title).chain(TYPING.map(row)).collect()
}

/// The keys of one scope.
fn section(app: &App, scope: Scope, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(Span::styled(format!(" {}", scope.title()), theme.title))];
    for row in BINDINGS.iter().filter(|b| b.scope == scope) {
        let keys = app.settings.keymap.all(row.action);
        let keys = fit(if keys.is_empty() { "–" } else { &keys }, KEYS);
        let room = width.saturating_sub(KEYS + 6);
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
    lines
}

/// One below the other, with a line between.
fn stacked(sections: Vec<Vec<Line<'static>>>) -> Vec<Line<'static>> {
    let mut all = Vec::new();
    for section in sections {
        if !all.is_empty() {
            all.push(Line::default());
        }
        all.extend(section);
    }
    all
}

/// In two columns of about the same height, the first `width` wide; no section is broken.
fn beside(mut sections: Vec<Vec<Line<'static>>>, width: u16) -> Vec<Line<'static>> {
    let height = |part: &[Vec<Line<'_>>]| part.iter().map(|section| section.len() + 1).sum::<usize>();
    let longer = |at: &usize| {
        let (left, right) = sections.split_at(*at);
        height(left).max(height(right))
    };
    let at = (0..=sections.len()).min_by_key(longer).unwrap_or(0);
    let mut right = stacked(sections.split_off(at)).into_iter();
    let mut lines = stacked(sections);
    for line in &mut lines {
        let Some(other) = right.next() else { break };
        let gap = usize::from(width).saturating_sub(line.width());
        line.spans.push(Span::raw(" ".repeat(gap)));
        line.spans.extend(other.spans);
    }
    lines.extend(right.map(|mut other| {
        other.spans.insert(0, Span::raw(" ".repeat(width.into())));
        other
    }));
    lines
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
