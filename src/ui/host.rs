//! One host: what it is, what it uses, what it offers or why not, and what happened to its connection.
use super::{
    Theme, header,
    hosts::{amount, latency},
    pane,
    widget::{cut, dated, fit, wrap},
};
use crate::{
    app::{App, HostState},
    domain::{Capabilities, HostId, Link, OPS, OpRow, Stamp, clean, clean_line},
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// What one host is and offers, with the reason for each thing missing.
pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, id: &HostId, scroll: usize) -> usize {
    let Some(host) = app.hosts.get(id) else { return 0 };
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
    lines.extend(host.latency.map(|time| pair("Latency", latency(time))));
    for node in host.nodes().iter().filter(|_| !host.keeps_nodes()) {
        lines.push(pair("Machine", clean_line(&node.name).into_owned()));
        let load = node.load.map(|load| format!(", load {load:.1}")).unwrap_or_default();
        lines.extend(node.cpus.map(|cpus| pair("CPUs", format!("{cpus}{load}"))));
        lines.extend(node.memory.map(|memory| pair("Memory", amount(memory))));
        lines.extend(
            node.storage.map(|storage| pair("Storage", format!("{}, {} free", amount(storage), storage.free()))),
        );
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
    lines.extend(log(host, app, area.width, theme));
    pane::page(frame, area, &format!("{id}"), lines, scroll, theme)
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

/// What happened to the connection, the newest at the end.
fn log(host: &HostState, app: &App, width: u16, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let time = |at: Stamp| dated(at, app.now(), &app.settings.zone);
    for line in host.link_log.lines() {
        let mut text = line.text.clone();
        if line.times > 1 {
            let _ = write!(text, ", {} times, last {}", line.times, time(line.last));
        }
        if let Some(at) = line.retry_at {
            let _ = write!(text, ", next try {}", time(at));
        }
        let at = time(line.at);
        let room = width.saturating_sub(u16::try_from(at.len()).unwrap_or(0) + 5);
        for (i, part) in wrap(&clean(&text, 500), room).into_iter().enumerate() {
            let head = if i == 0 { at.clone() } else { " ".repeat(at.len()) };
            lines.push(Line::from(vec![Span::styled(format!(" {head}  "), theme.dim), Span::styled(part, theme.text)]));
        }
    }
    if !lines.is_empty() {
        lines.splice(..0, [Line::default(), Line::styled(" Log of the link", theme.heading)]);
    }
    lines
}
