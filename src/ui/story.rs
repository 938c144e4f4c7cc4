use super::{
    Theme, pane, plain,
    widget::{clock, wrap},
};
use crate::{
    app::App,
    domain::{TaskId, clean, span},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// The longest step that is shown, in characters: longer than any error.
const LONGEST: usize = 2000;

/// The whole story of a task: each step with its time.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, id: TaskId, scroll: usize) {
    let Some(task) = app.tasks.get(id) else {
        pane::page(frame, area, "Task", vec![Line::from(" This task was forgotten.")], 0, theme);
        return;
    };
    let until = task.ended.unwrap_or(app.now());
    let mut lines = vec![
        Line::from(vec![Span::styled(" Host   ", theme.dim), Span::raw(task.host.to_string())]),
        Line::from(vec![Span::styled(" Took   ", theme.dim), Span::raw(span(until.since(task.begun)))]),
    ];
    if let Some(job) = &task.job {
        lines.push(Line::from(vec![Span::styled(" Job    ", theme.dim), Span::raw(job.to_string())]));
    }
    lines.push(Line::default());
    for step in &task.steps {
        let mut time = clock(step.at, &app.settings.zone);
        let text = plain::sentence(&step.text, theme.ascii);
        for line in wrap(&clean(&text, LONGEST), area.width.saturating_sub(14)) {
            lines.push(Line::from(vec![Span::styled(format!(" {time:8}  "), theme.dim), Span::raw(line)]));
            time.clear();
        }
    }
    if task.is_running() {
        lines.push(Line::from(Span::raw(format!("           {}", app.outcome(task)))));
    }
    pane::page(frame, area, &format!("{} on {}", task.title, task.host), lines, scroll, theme);
}
