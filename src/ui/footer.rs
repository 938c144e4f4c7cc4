//! The task strip and the line of keys.
use super::{
    Theme,
    widget::{cut, gauge},
};
use crate::{
    app::{App, Screen},
    domain::{Task, TaskState, span},
    input::{Action, BINDINGS, Scope},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of the bar in the strip.
const BAR: u16 = 16;

/// One line: a notice, else what runs, else the last outcome.
pub(super) fn strip(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let width = area.width.saturating_sub(1);
    let line = if let Some(notice) = app.notices.current() {
        Line::from(vec![Span::raw(" "), Span::styled(cut(&notice.text, width), theme.warning)])
    } else if let Some(task) = app.tasks.running().next_back() {
        running(app, task, width, theme)
    } else if let Some(task) = app.tasks.told() {
        outcome(app, task, width, theme)
    } else {
        return;
    };
    frame.render_widget(line, area);
}

fn running<'a>(app: &App, task: &Task, width: u16, theme: &Theme) -> Line<'a> {
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
            let told = format!("{percent}  {}", progress.figures());
            let tail = u16::try_from(told.chars().count()).unwrap_or(0) + BAR;
            spans.push(Span::raw(cut(&title, room.saturating_sub(tail))));
            if room > tail + 12 {
                spans.extend(gauge(progress, BAR, app.now().0 / 1000, theme));
            }
            spans.push(Span::raw(told));
        }
        state => {
            let what = match state {
                TaskState::Queued => "asked".to_owned(),
                TaskState::Looking(why) => format!("{why}: looking"),
                TaskState::Running(progress) => progress.note.clone().unwrap_or_else(|| "under way".to_owned()),
                _ => String::new(),
            };
            spans.push(Span::raw(cut(&format!("{title}{what}  {elapsed}"), room)));
        }
    }
    spans.push(Span::styled(more, theme.dim));
    Line::from(spans)
}

fn outcome<'a>(app: &App, task: &Task, width: u16, theme: &Theme) -> Line<'a> {
    let [done, failed, unknown] = theme.verdict();
    let (mark, style) = match &task.state {
        TaskState::Succeeded(_) => (done, theme.good),
        TaskState::Failed(_) => (failed, theme.bad),
        TaskState::Cancelled => (failed, theme.warning),
        _ => (unknown, theme.warning),
    };
    let host = if app.hosts.len() > 1 { format!(" ({})", task.host) } else { String::new() };
    let text = cut(&format!("{}{host}", app.outcome(task)), width.saturating_sub(3));
    Line::from(vec![Span::raw(" "), Span::styled(mark, style), Span::raw(format!(" {text}"))])
}

/// The keys that are live here: those that fit, grey where they cannot be used now.
pub(super) fn keys(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let scopes = app.scopes();
    let mut line = Line::from(Span::raw(" "));
    if app.listing.typing && app.screen == Screen::Machines && app.overlay.is_none() && app.dialog.is_none() {
        line.push_span(Span::styled("/", theme.key));
        line.push_span(Span::raw(format!("{}  ", cut(app.listing.filter.text(), area.width / 2))));
        let column = 2 + u16::try_from(app.listing.filter.cursor()).unwrap_or(u16::MAX).min(area.width / 2);
        frame.set_cursor_position((area.x + column, area.y));
    }
    let keymap = &app.settings.keymap;
    if app.overlay.is_some() {
        line.push_span(Span::styled(keymap.first(Action::Back), theme.key));
        line.push_span(Span::raw(" close  "));
    }
    let shown = |scope: Scope| BINDINGS.iter().filter(move |b| b.scope == scope && !b.label.is_empty());
    // Help and quit stand at the end whatever else fits.
    let last = [Action::Help, Action::Quit].map(|a| format!("{} {}", keymap.first(a), a.binding().label));
    let has_last = scopes.contains(&Scope::Global);
    let kept = if has_last { last.iter().map(|t| t.len() + 2).sum::<usize>() } else { 0 };
    let rows = scopes.iter().flat_map(|s| shown(*s)).filter(|b| !matches!(b.action, Action::Help | Action::Quit));
    let mut room = usize::from(area.width).saturating_sub(line.width() + kept);
    for row in rows {
        let Some(key) = keymap.keys(row.action).first() else { continue };
        let label = app.label(row.action);
        let text = format!("{key} {label}  ");
        if text.chars().count() > room {
            break;
        }
        room -= text.chars().count();
        if app.refusal(row.action).is_none() {
            line.push_span(Span::styled(key.to_string(), theme.key));
            line.push_span(Span::raw(format!(" {label}  ")));
        } else {
            line.push_span(Span::styled(text, theme.dim));
        }
    }
    if has_last {
        for action in [Action::Help, Action::Quit] {
            line.push_span(Span::styled(keymap.first(action), theme.key));
            line.push_span(Span::raw(format!(" {}  ", action.binding().label)));
        }
    }
    frame.render_widget(line, area);
}
