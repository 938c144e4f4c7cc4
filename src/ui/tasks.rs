//! All tasks: running above, ended below.
use super::{
    Theme, Viewport, pane, plain,
    viewport::scrolled,
    widget::{cut, fit, fit_right, power, when},
};
use crate::{
    app::App,
    domain::{ErrorKind, PowerState, Progress, Task, TaskState, clean_line, span},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};
use unicode_width::UnicodeWidthStr as _;

/// So much of a title is seen beside how far it is.
const TITLE: u16 = 12;

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let rows = app.tasks.rows();
    let running = app.tasks.running().count();
    let dot = theme.dot;
    let inner = pane::frame_of(frame, area, &format!("Tasks {} {dot} {running} running", rows.len()), theme);
    if rows.is_empty() {
        frame.render_widget(
            Paragraph::new("\n No tasks yet: what you ask of a host stands here, with how it ended."),
            inner,
        );
        return;
    }
    let [first, rest] = [
        Rect { height: 1.min(inner.height), ..inner },
        Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(1), ..inner },
    ];
    let host = width_of(rows.iter().map(|t| t.host.to_string()), 4, 14);
    let head = format!("   {}  {}  {}  WHAT AND HOW", fit("AT", 8), fit("HOST", host), fit_right("TOOK", 7));
    frame.render_widget(Span::styled(cut(&head, first.width), theme.heading), first);
    let at = app.tasks.at();
    viewport.tasks = scrolled(viewport.tasks, at, rest.height.into(), rows.len());
    let lines: Vec<Line<'_>> = rows
        .iter()
        .enumerate()
        .skip(viewport.tasks)
        .take(rest.height.into())
        .map(|(i, task)| row(app, task, i == at, host, rest.width, theme))
        .collect();
    frame.render_widget(Paragraph::new(lines), rest);
}

/// The width of a column: as wide as its widest text, between two bounds.
pub(super) fn width_of(texts: impl Iterator<Item = String>, least: u16, most: u16) -> u16 {
    texts.map(|t| u16::try_from(t.width()).unwrap_or(most)).max().unwrap_or(least).clamp(least, most)
}

/// The mark of how a task stands, and its style.
pub(super) fn mark(task: &Task, theme: &Theme) -> (&'static str, Style) {
    let [done, failed, unknown] = theme.verdict();
    match &task.state {
        TaskState::Succeeded(_) => (done, theme.good),
        TaskState::Failed(_) => (failed, theme.bad),
        TaskState::Cancelled => (theme.cancelled(), theme.dim),
        TaskState::Unknown(why) if why.kind == ErrorKind::Interrupted => power(theme, PowerState::Paused),
        TaskState::Unknown(_) | TaskState::Looking(_) => (unknown, theme.warning),
        TaskState::Queued | TaskState::Running(_) => power(theme, PowerState::Starting),
    }
}

/// A title, and behind it how far it is: the title is cut before that is.
fn under_way(title: &str, progress: &Progress, room: u16) -> String {
    let width = |text: &str| u16::try_from(text.width()).unwrap_or(u16::MAX);
    let title = clean_line(title);
    let told = progress.told_within(room.saturating_sub(width(&title) + 2).into());
    if told.is_empty() {
        return title.into_owned();
    }
    let left = room.saturating_sub(width(&told) + 2).max(TITLE);
    format!("{}  {told}", cut(&title, left))
}

fn row<'a>(app: &App, task: &Task, is_selected: bool, host: u16, width: u16, theme: &Theme) -> Line<'a> {
    let (mark, style) = mark(task, theme);
    let marker = if is_selected { theme.marker } else { " " };
    let took = span(task.ended.unwrap_or(app.now()).since(task.begun));
    let room = width.saturating_sub(3 + 8 + 2 + host + 2 + 7 + 2 + 2);
    let told = match &task.state {
        TaskState::Running(progress) => under_way(&task.title, progress, room),
        _ => plain::sentence(&app.outcome(task), theme.ascii).into_owned(),
    };
    let name = if is_selected { theme.selected } else { theme.text };
    Line::from(vec![
        Span::raw(format!(" {marker} ")),
        Span::styled(fit(&when(task.begun, app.now(), &app.settings.zone), 8), theme.dim),
        Span::raw(format!("  {}  {}  ", fit(task.host.as_str(), host), fit_right(&took, 7))),
        Span::styled(mark, style),
        Span::styled(format!(" {}", cut(told.trim_end(), room)), name),
    ])
}
