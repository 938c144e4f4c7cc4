//! The hosts, two lines each.
use super::{
    Theme, Viewport, header, pane,
    tasks::width_of,
    viewport::scrolled,
    widget::{self, cut, fit, fit_right},
};
use crate::{
    app::{App, HostState},
    domain::{Amount, Link, clean_line},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};
use std::{fmt::Write as _, time::Duration};
use unicode_width::UnicodeWidthStr;

/// Columns after the link: heading and width.
const COLUMNS: [(&str, u16); 6] =
    [("MACHINES", 8), ("CPUS", 5), ("LOAD", 5), ("MEM", 14), ("STORAGE", 16), ("LATENCY", 8)];

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let inner = pane::frame_of(frame, area, &format!("Hosts {}", app.hosts.len()), theme);
    if app.hosts.is_empty() {
        let text = format!("\n No host is configured: {}", clean_line(&app.settings.config_path));
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let name = width_of(app.hosts.iter().map(|h| h.id().to_string()), 4, 16);
    let backend = width_of(app.hosts.iter().map(|h| h.host.backend.to_owned()), 8, 12) + 2;
    let mut left = inner.width.saturating_sub(3 + name + 2 + backend + 26);
    let mut columns = 0;
    for (_, width) in COLUMNS {
        if left < width + 2 {
            break;
        }
        left -= width + 2;
        columns += 1;
    }
    let link = 25 + left;
    let mut head = format!("   {}  {}{}", fit("NAME", name), fit("BACKEND", backend), fit("LINK", link));
    for (title, width) in COLUMNS.iter().take(columns) {
        let _ = write!(head, "  {}", fit_right(title, *width));
    }
    let mut lines = vec![Line::from(Span::styled(head, theme.heading))];
    let height = usize::from(inner.height.saturating_sub(1) / 2).max(1);
    viewport.hosts = scrolled(viewport.hosts, app.host_row, height, app.hosts.len());
    for (i, host) in app.hosts.iter().enumerate().skip(viewport.hosts).take(height) {
        let is_selected = i == app.host_row;
        let (glyph, style, text) = header::chip(host, app.now(), theme);
        let text = text.strip_prefix(host.id().as_str()).unwrap_or(&text).trim_start().to_owned();
        let text =
            if matches!(host.link, Link::Up(_)) && host.listed && host.stale.is_none() { version(host) } else { text };
        let marker = if is_selected { theme.marker } else { " " };
        let mut spans = vec![
            Span::raw(format!(" {marker} ")),
            Span::styled(fit(host.id().as_str(), name), if is_selected { theme.selected } else { theme.text }),
            Span::raw(format!("  {}", fit(host.host.backend, backend))),
            Span::styled(glyph, style),
            Span::raw(format!(" {}", fit(&text, link.saturating_sub(2)))),
        ];
        for (cell, (_, width)) in cells(host).iter().zip(COLUMNS).take(columns) {
            let style = if host.stale.is_some() { theme.dim } else { theme.text };
            spans.push(Span::styled(format!("  {}", fit_right(cell, width)), style));
        }
        lines.push(Line::from(spans));
        let room = inner.width.saturating_sub(name + 5);
        let below = match as_of(app, host).filter(|_| columns > 1) {
            Some(as_of) => format!("{}{as_of}", fit(&host.host.address, room.saturating_sub(1 + width(&as_of)))),
            None => cut(&host.host.address, room),
        };
        lines.push(Line::from(Span::styled(format!("   {}  {below}", fit("", name)), theme.dim)));
        viewport.visible.hosts.push(host.id().clone());
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// What the storage of a host still holds: `73 GiB`, `73 GiB as of 14:02`.
pub(super) fn free(app: &App, host: Option<&HostState>) -> String {
    let Some((host, free)) = host.and_then(|host| Some((host, host.storage_free()?))) else { return "–".to_owned() };
    match as_of(app, host) {
        Some(as_of) => format!("{free} {as_of}"),
        None => free.to_string(),
    }
}

/// `as of 14:02`, where the figures of a host are not those of now.
pub(super) fn as_of(app: &App, host: &HostState) -> Option<String> {
    let at = host.figures_of().filter(|_| !host.nodes().is_empty())?;
    Some(widget::as_of(at, app.now(), &app.settings.zone))
}

fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

fn version(host: &HostState) -> String {
    host.capabilities().map(|c| c.version.clone()).filter(|v| !v.is_empty()).unwrap_or_else(|| "up".to_owned())
}

fn cells(host: &HostState) -> [String; 6] {
    let unknown = || "–".to_owned();
    let (running, all) = host.counts();
    let node = match host.nodes() {
        [node] => Some(node),
        _ => None,
    };
    [
        match (host.listed, host.keeps_nodes()) {
            (true, true) => format!("–/{all}"),
            (true, false) => format!("{running}/{all}"),
            (false, _) => unknown(),
        },
        node.and_then(|n| n.cpus).map_or_else(unknown, |n| n.to_string()),
        node.and_then(|n| n.load).map_or_else(unknown, |l| format!("{l:.1}")),
        node.and_then(|n| n.memory).map_or_else(unknown, amount),
        node.and_then(|n| n.storage).map_or_else(unknown, amount),
        host.latency.map_or_else(unknown, latency),
    ]
}

/// `6.1/24 GiB`.
pub(super) fn amount(amount: Amount) -> String {
    format!("{}/{}", amount.used.number_beside(amount.total), amount.total)
}

/// `0.4 ms`, `12 ms`, `1.5 s`.
pub(super) fn latency(time: Duration) -> String {
    match time.as_secs_f64() * 1000.0 {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}
