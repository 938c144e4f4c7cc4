use super::{
    Theme, pane, plain,
    widget::{clock, cut, dated, gauge, spark, wrap},
};
use crate::{
    app::App,
    domain::{Progress, Task, TaskId, TaskState, clean, span},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

/// Columns of the bar.
const BAR: u16 = 24;
/// Columns of the rates of the last seconds.
const RATES: u16 = 60;

/// The longest step that is shown, in characters: longer than any error.
const LONGEST: usize = 2000;

/// The whole story of a task: each step with its time.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, id: TaskId, scroll: usize) -> usize {
    let Some(task) = app.tasks.get(id) else {
        return pane::page(frame, area, "Task", vec![Line::from(" This task was forgotten.")], 0, theme);
    };
    let until = task.ended.unwrap_or(app.now());
    let mut lines = vec![
        Line::from(vec![Span::styled(" Host   ", theme.dim), Span::raw(task.host.to_string())]),
        Line::from(vec![Span::styled(" Took   ", theme.dim), Span::raw(span(until.since(task.begun)))]),
    ];
    let (begun, zone) = (task.begun, &app.settings.zone);
    let told = dated(begun, app.now(), zone);
    if told != clock(begun, zone) {
        lines.push(Line::from(vec![Span::styled(" Begun  ", theme.dim), Span::raw(told)]));
    }
    if let Some(job) = &task.job {
        lines.push(Line::from(vec![Span::styled(" Job    ", theme.dim), Span::raw(job.to_string())]));
    }
    if let Some(progress) = task.progress() {
        if let Some(note) = &progress.note {
            lines.push(Line::from(vec![
                Span::styled(" Now    ", theme.dim),
                Span::raw(cut(note, area.width.saturating_sub(11))),
            ]));
        }
        lines.extend(far(app, task, progress, theme));
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
    // What is looked at is the newest step.
    if task.is_running() && !matches!(task.state, TaskState::Looking(_)) {
        lines.push(Line::from(Span::raw(format!("           {}", app.outcome(task)))));
    }
    pane::page(frame, area, &format!("{} on {}", task.title, task.host), lines, scroll, theme)
}

/// How far a running task is, and how fast it was in the last seconds.
fn far<'a>(app: &App, task: &Task, progress: &Progress, theme: &Theme) -> Vec<Line<'a>> {
    let label = |name: &str| Span::styled(format!(" {name:6} "), theme.dim);
    let mut lines = Vec::new();
    if progress.percent().is_some() || progress.done.is_some() {
        let mut line = vec![label("Done")];
        line.extend(gauge(progress, BAR, app.now().since(task.begun).as_secs(), theme));
        let percent = progress.percent().map(|p| format!("{p:>3} %  ")).unwrap_or_default();
        line.push(Span::raw(format!("  {percent}{}", progress.figures())));
        lines.push(Line::from(line));
    }
    let rates = app.tasks.rates(task.id);
    if rates.len() > 0 {
        lines.push(Line::from(vec![label("Rate"), Span::styled(spark(rates, RATES, theme), theme.accent)]));
    }
    lines
}
