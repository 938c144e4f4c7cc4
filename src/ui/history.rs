//! The fetches of a host that have ended.
use super::{
    Theme, pane, plain,
    widget::{clock, cut, cut_middle, day, wrap},
};
use crate::{app::App, domain::HostId};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    app: &App,
    theme: &Theme,
    host: &HostId,
    scroll: usize,
) -> usize {
    let past = app.past_fetches();
    // Within the frame, behind the mark.
    let room = area.width.saturating_sub(2 + 3);
    let zone = &app.settings.zone;
    let mut lines = Vec::new();
    for fetch in past {
        let [done, failed, _] = theme.verdict();
        let (mark, style) = match fetch.why {
            None => (done, theme.good),
            Some(_) if fetch.is_cancelled() => (theme.cancelled(), theme.dim),
            Some(_) => (failed, theme.bad),
        };
        let when = format!("{} {}", day(fetch.ended, zone), clock(fetch.ended, zone));
        let left = room.saturating_sub(u16::try_from(when.len()).unwrap_or(0) + 2);
        lines.push(Line::from(vec![
            Span::styled(format!(" {mark} "), style),
            Span::styled(format!("{when}  "), theme.dim),
            Span::styled(cut(&format!("{}  {}", fetch.title(), fetch.figures()), left), theme.selected),
        ]));
        let told = plain::sentence(&fetch.outcome(), theme.ascii).into_owned();
        lines.extend(wrap(&told, room).into_iter().map(|part| Line::from(format!("   {part}"))));
        lines.push(Line::styled(format!("   {}", cut_middle(&fetch.source, room)), theme.dim));
    }
    if lines.is_empty() {
        lines.push(Line::from(format!(" No fetch has ended on {host} yet.")));
    }
    pane::page(frame, area, &format!("Past fetches of {host} {} {}", theme.dot, past.len()), lines, scroll, theme)
}
