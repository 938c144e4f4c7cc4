//! The task strip and the line of keys.
use super::{
    Theme, plain,
    widget::{cut, gauge, put, wrap},
};
use crate::{
    app::{App, Screen, dialog::Dialog},
    domain::{Task, TaskState, clean, span},
    input::{Action, BINDINGS, Scope},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

/// Columns of the bar in the strip.
const BAR: u16 = 16;
const LEAST_BAR: u16 = 6;
/// Columns that the title keeps beside a reason.
const LEAST_TITLE: u16 = 24;

/// The longest sentence that is looked at, in characters.
const LONGEST: usize = 1000;

/// Lines that the strip takes at most.
const LINES: usize = 3;

/// A notice; else the last outcome, one line or as many as a long sentence needs, and below it what runs.
pub(super) fn strip(app: &App, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    if let Some(notice) = app.notices.current() {
        let text = plain::sentence(&notice.text, theme.ascii);
        return sentence(&text, None, width, theme.warning, "");
    }
    let mut lines = app.tasks.told().map(|task| outcome(app, task, width, theme)).unwrap_or_default();
    lines.extend(app.tasks.running().next_back().map(|task| running(app, task, width.saturating_sub(1), theme)));
    if lines.is_empty() {
        lines.push(Line::default());
    }
    lines
}

/// `text` after its mark; where it is longer than the strip, `more` says how to read the rest.
fn sentence(text: &str, mark: Option<Span<'static>>, width: u16, style: Style, more: &str) -> Vec<Line<'static>> {
    let indent = if mark.is_some() { 3 } else { 1 };
    let room = width.saturating_sub(indent + 1);
    let mut lines = wrap(&clean(text, LONGEST), room);
    if lines.len() > LINES {
        let rest = lines.split_off(LINES - 1).join(" ");
        let tail = u16::try_from(more.width()).unwrap_or(0);
        lines.push(format!("{}{more}", cut(&rest, room.saturating_sub(tail))));
    }
    let mut mark = mark;
    let mut rows = Vec::new();
    for line in lines {
        let mut spans = vec![Span::raw(" ")];
        match mark.take() {
            Some(mark) => spans.extend([mark, Span::raw(" ")]),
            None if indent > 1 && !rows.is_empty() => spans.push(Span::raw("  ")),
            None => {}
        }
        spans.push(Span::styled(line, style));
        rows.push(Line::from(spans));
    }
    rows
}

fn running(app: &App, task: &Task, width: u16, theme: &Theme) -> Line<'static> {
    let count = app.tasks.running().count();
    let more = match count {
        1 => String::new(),
        n => format!("  + {} more ({})", n - 1, app.settings.keymap.first(Action::Tasks)),
    };
    let room = width.saturating_sub(u16::try_from(more.len()).unwrap_or(0));
    let title = format!("{} {} {}  ", task.title, if theme.ascii { "on" } else { "→" }, task.host);
    let elapsed = span(app.now().since(task.begun));
    let mut spans = vec![Span::raw(" ")];
    match &task.state {
        TaskState::Running(progress) if progress.percent().is_some() || progress.done.is_some() => {
            let percent = progress.percent().map(|p| format!(" {p:>3} %")).unwrap_or_default();
            // Where there is no room for both, why nothing comes says more than how much came.
            let whole = format!("{percent}  {}", progress.told());
            let told = match &progress.note {
                Some(note) if whole.width() + usize::from(LEAST_TITLE) > usize::from(room) => {
                    cut(&format!("{percent}  {note}"), room.saturating_sub(LEAST_TITLE))
                }
                _ => whole,
            };
            // The bar gives way to the title, down to a few columns; then the title is cut.
            let told_width = u16::try_from(told.width()).unwrap_or(0);
            let title_width = u16::try_from(title.width()).unwrap_or(u16::MAX);
            let left = room.saturating_sub(told_width);
            let bar = left.saturating_sub(title_width).clamp(LEAST_BAR, BAR);
            let has_bar = left > bar + 12;
            let left = if has_bar { left - bar } else { left };
            spans.push(Span::raw(format!("{}  ", cut(title.trim_end(), left.saturating_sub(2)))));
            if has_bar {
                spans.extend(gauge(progress, bar, app.now().0 / 1000, theme));
            }
            spans.push(Span::raw(told));
        }
        state => {
            let what = match state {
                TaskState::Queued => "asked".to_owned(),
                TaskState::Looking(why) => why.clone(),
                TaskState::Running(progress) => progress.note.clone().unwrap_or_else(|| "under way".to_owned()),
                _ => String::new(),
            };
            spans.push(Span::raw(cut(&format!("{title}{what}  {elapsed}"), room)));
        }
    }
    spans.push(Span::styled(more, theme.dim));
    Line::from(spans)
}

fn outcome(app: &App, task: &Task, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let (mark, style) = super::tasks::mark(task, theme);
    let host = if app.hosts.len() > 1 { format!(" ({})", task.host) } else { String::new() };
    let text = format!("{}{host}", app.outcome(task));
    let key = |action| app.settings.keymap.first(action);
    let more = match app.screen {
        Screen::Tasks => format!("  {} tells all", key(Action::TaskStory)),
        _ => format!("  {} {} tells all", key(Action::Tasks), key(Action::TaskStory)),
    };
    let text = plain::sentence(&text, theme.ascii);
    sentence(&text, Some(Span::styled(mark, style)), width, theme.text, &more)
}

/// Whether the list of machines stands there without one: what is for machines has no place in the footer then.
fn is_bare(app: &App) -> bool {
    let is_listed = app.hosts.iter().any(|host| host.listed);
    let is_open = app.overlay.is_none() && app.dialog.is_none();
    app.screen == Screen::Machines && is_open && is_listed && app.listing.total() == 0
}

/// The keys that are live here: those that fit, grey where they cannot be used now.
pub(super) fn keys(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let scopes = app.scopes();
    let mut line = Line::from(Span::raw(" "));
    if let Some(filter) = app.typed_filter().filter(|_| app.overlay.is_none() && app.dialog.is_none()) {
        line.push_span(Span::styled("/", theme.key));
        line.push_span(Span::raw(format!("{}  ", cut(filter.text(), area.width / 2))));
        let column = 2 + u16::try_from(filter.cursor()).unwrap_or(u16::MAX).min(area.width / 2);
        frame.set_cursor_position((area.x + column, area.y));
    }
    let keymap = &app.settings.keymap;
    if app.overlay.is_some() && app.dialog.is_none() {
        line.push_span(Span::styled(keymap.first(Action::Back), theme.key));
        line.push_span(Span::raw(" close  "));
    }
    // Details that are open take the arrow keys: how to leave them, and the other tabs, come first.
    if app.screen == Screen::Machines && app.details_open && app.overlay.is_none() && app.dialog.is_none() {
        for (action, what) in [(Action::Back, " close  "), (Action::NextTab, " next tab  ")] {
            line.push_span(Span::styled(keymap.first(action), theme.key));
            line.push_span(Span::raw(what));
        }
    }
    let has_nodes = app.keeps_nodes();
    let has_no_machines = is_bare(app);
    let shown = |scope: Scope| {
        let of_rows = [Action::Filter, Action::Sort];
        let is_live = move |action| !of_rows.contains(&action) && app.refusal(action).is_none();
        let is_shown = move |action| (has_nodes || action != Action::Nodes) && (!has_no_machines || is_live(action));
        BINDINGS.iter().filter(move |b| b.scope == scope && !b.label.is_empty() && is_shown(b.action))
    };
    // Help and quit stand at the end whatever else fits.
    let last = [Action::Help, Action::Quit].map(|a| format!("{} {}", keymap.first(a), a.binding().label));
    let has_last = scopes.contains(&Scope::Global);
    let kept = if has_last { last.iter().map(|t| t.len() + 2).sum::<usize>() } else { 0 };
    let rows = scopes.iter().flat_map(|s| shown(*s)).filter(|b| !matches!(b.action, Action::Help | Action::Quit));
    let mut room = usize::from(area.width).saturating_sub(line.width() + kept);
    for row in rows {
        let Some(key) = keymap.keys(row.action).first() else { continue };
        let label = app.label(row.action);
        if label.is_empty() {
            continue;
        }
        let text = format!("{key} {label}  ");
        if text.chars().count() > room {
            break;
        }
        room -= text.chars().count();
        // The word stays as it is: from one machine to the next only keys change, and little is sent.
        let style = if app.refusal(row.action).is_none() { theme.key } else { theme.dim };
        line.push_span(Span::styled(key.to_string(), style));
        line.push_span(Span::raw(format!(" {label}  ")));
    }
    // What was typed before stays: how it goes is no key of the table.
    if app.dialog.as_ref().is_some_and(Dialog::holds_text) && room > 14 {
        line.push_span(Span::styled("ctrl-u", theme.key));
        line.push_span(Span::raw(" clear  "));
    }
    if has_last {
        for action in [Action::Help, Action::Quit] {
            line.push_span(Span::styled(keymap.first(action), theme.key));
            line.push_span(Span::raw(format!(" {}  ", action.binding().label)));
        }
    }
    put(frame.buffer_mut(), area, &line);
}
