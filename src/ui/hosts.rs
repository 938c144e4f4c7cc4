//! The hosts, and what each of them offers.
use super::{
    Theme, Viewport, header, pane,
    tasks::width_of,
    viewport::scrolled,
    widget::{self, cut, dated, fit, fit_right, wrap},
};
use crate::{
    app::{App, HostState},
    domain::{Amount, Capabilities, HostId, Link, OPS, OpRow, clean_line},
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::Paragraph,
};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// Columns after the link: heading and width.
const COLUMNS: [(&str, u16); 5] = [("MACHINES", 8), ("CPUS", 5), ("LOAD", 5), ("MEM", 14), ("STORAGE", 16)];

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let inner = pane::frame_of(frame, area, &format!("Hosts {}", app.hosts.len()), theme);
    if app.hosts.is_empty() {
        let text = format!("\n No host is configured: {}", clean_line(&app.settings.config_path));
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let name = width_of(app.hosts.iter().map(|h| h.id().to_string()), 4, 16);
    let backend = width_of(app.hosts.iter().map(|h| h.host.backend.to_owned()), 8, 12) + 2;
    let mut left = inner.width.saturating_sub(3 + name + 2 + backend + 29);
    let mut columns = 0;
    for (_, width) in COLUMNS {
        if left < width + 2 {
            break;
        }
        left -= width + 2;
        columns += 1;
    }
    let link = 28 + left;
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

fn cells(host: &HostState) -> [String; 5] {
    let unknown = || "–".to_owned();
    let (running, all) = host.counts();
    let amount = |a: Amount| format!("{}/{}", a.used.number_beside(a.total), a.total);
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
    ]
}

/// What one host is and offers, with the reason for each thing missing.
pub(super) fn details(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, id: &HostId, scroll: usize) {
    let Some(host) = app.hosts.get(id) else { return };
    let pair = |label: &str, value: String| {
        Line::from(vec![Span::styled(format!(" {}", fit(label, 14)), theme.dim), Span::raw(value)])
    };
    // What a host tells of itself may be long.
    let told = |label: &str, value: &str| {
        let value = wrap(&clean_line(value), area.width.saturating_sub(18)).into_iter().enumerate();
        value.map(|(i, line)| pair(if i == 0 { label } else { "" }, line)).collect::<Vec<_>>()
    };
    let (_, _, link) = header::chip(host, app.now(), theme);
    // The name stands above.
    let link = match &host.link {
        Link::Up(c) if c.is_set_up != Some(false) && host.stale.is_none() => "up".to_owned(),
        // Here is room for the whole sentence, with the server that is meant.
        Link::Down { error, retry_at } => {
            format!("down: {error}{}", retry_at.map(|at| header::again(app.now(), at)).unwrap_or_default())
        }
        _ => link.strip_prefix(&format!("{id} ")).map_or(link.clone(), str::to_owned),
    };
    let mut lines =
        vec![pair("Backend", host.host.backend.to_owned()), pair("Address", cut(&host.host.address, area.width - 18))];
    lines.extend(told("Link", &link));
    if let Some((since, error)) = &host.stale {
        lines.push(pair("As of", format!("{}: {error}", dated(*since, app.now(), &app.settings.zone))));
    }
    for node in host.nodes().iter().filter(|_| !host.keeps_nodes()) {
        lines.push(pair("Machine", clean_line(&node.name).into_owned()));
        lines.extend(node.details.iter().flat_map(|(label, value)| told(label, value)));
    }
    if let Some(capabilities) = host.capabilities() {
        if !capabilities.version.is_empty() {
            lines.push(pair("Version", clean_line(&capabilities.version).into_owned()));
        }
        lines.extend(capabilities.details.iter().flat_map(|(label, value)| told(label, value)));
        if capabilities.is_set_up == Some(false) {
            let key = app.settings.keymap.first(Action::HostSetUp);
            lines.push(pair("Set up", format!("no: press {key} to see what is missing")));
        }
        lines.push(Line::default());
        lines.extend(OPS.iter().flat_map(|row| offer(row, capabilities, area.width, theme)));
    }
    pane::page(frame, area, &format!("{id}"), lines, scroll, theme);
}

/// What a host offers; or why not, beside it where there is room for that, else below.
fn offer(row: &OpRow, capabilities: &Capabilities, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    const HELP: u16 = 48;
    let [yes, no, _] = theme.verdict();
    let Err(why) = capabilities.check(row.op) else {
        let help = cut(row.help, width.saturating_sub(6));
        return vec![Line::from(vec![Span::raw(" "), Span::styled(yes, theme.good), Span::raw(format!(" {help}"))])];
    };
    let why = clean_line(why);
    let beside = width.saturating_sub(HELP + 7);
    if why.width() <= usize::from(beside) {
        return vec![Line::styled(format!(" {no} {} {why}", fit(row.help, HELP)), theme.dim)];
    }
    let below = wrap(&why, width.saturating_sub(8)).into_iter().map(|line| format!("     {line}"));
    let help = format!(" {no} {}", cut(row.help, width.saturating_sub(6)));
    std::iter::once(help).chain(below).map(|line| Line::styled(line, theme.dim)).collect()
}
