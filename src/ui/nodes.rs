//! The physical machines of hosts that keep many, and how full each is.
//!
//! ```text
//! ┌ Nodes 3 of 1000 · filter rack2 ───────────────────────────────────────────┐
//! │   NAME          ADDRESS          CPUS           MEM            STORAGE    │
//! │ ▸ ● abcd1234    10.0.0.7         ███▌░░  58 %   █████░  83 %   ▌░░░░░  9 % │
//! └───────────────────────────────────────────────────────────────────────────┘
//! ```
use super::{
    Theme, Viewport, pane,
    tasks::width_of,
    viewport::scrolled,
    widget::{Pen, cut, draw_bar, fit},
};
use crate::{
    app::{App, HostState, NodeColumn},
    domain::{Amount, Link, Node},
    input::Action,
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::Span,
    widgets::{Paragraph, Wrap},
};
use std::fmt::Write as _;

/// The narrowest column of names, and the widest: a whole identity.
const NAME: (u16, u16) = (9, 36);
const ADDRESS: u16 = 15;
/// The least and the most that a bar takes.
const BAR: (u16, u16) = (3, 8);
/// `12/64` and `1.2/64 GiB`, where there is room for them.
const AMOUNTS: &[u16] = &[7, 13, 13];
/// What stands behind the bars where there is not: `100 %`, of ever fewer resources.
const SHARES: [&[u16]; 4] = [&[5, 5, 5], &[5, 5], &[5], &[]];
const RESOURCES: [NodeColumn; 3] = [NodeColumn::Cpus, NodeColumn::Memory, NodeColumn::Storage];

struct Widths {
    name: u16,
    /// 0: one host, no column.
    host: u16,
    /// Whether hosts tell which nodes are alive.
    alive: bool,
    /// What stands behind the bar of each resource; the last ones have no column where there is no room.
    told: &'static [u16],
    has_amounts: bool,
    bar: u16,
}

impl Widths {
    fn new(app: &App, width: u16) -> Self {
        let hosts = || app.hosts.iter().filter(|host| host.keeps_nodes());
        let host = if hosts().nth(1).is_some() { width_of(hosts().map(|h| h.id().to_string()), 4, 12) } else { 0 };
        // A host tells it of all its nodes or of none: thousands are not asked in every frame.
        let alive = hosts().any(|host| host.nodes().first().is_some_and(|node| node.is_alive.is_some()));
        let fixed = 3 + if alive { 2 } else { 0 } + if host > 0 { host + 2 } else { 0 } + ADDRESS + 2 + 1;
        let rest = |told: &'static [u16]| {
            let needed = fixed + NAME.0 + told.iter().map(|told| BAR.0 + 3 + told).sum::<u16>();
            width.checked_sub(needed).map(|left| (told, left))
        };
        let (told, left) = [AMOUNTS].into_iter().chain(SHARES).find_map(rest).unwrap_or_default();
        // Bars grow first, names take what is left.
        let bars = u16::try_from(told.len()).unwrap_or(0);
        let bar = BAR.0 + left.checked_div(bars).unwrap_or(0).min(BAR.1 - BAR.0);
        let name = NAME.0 + (left - (bar - BAR.0) * bars).min(NAME.1 - NAME.0);
        Self { name, host, alive, told, has_amounts: told == AMOUNTS, bar }
    }
}

pub(super) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, viewport: &mut Viewport) {
    let inner = pane::frame_of(frame, area, &title(app, theme), theme);
    let rows = app.nodes.rows();
    if rows.is_empty() {
        frame.render_widget(Paragraph::new(empty(app)).wrap(Wrap { trim: false }), inner);
        return;
    }
    let widths = Widths::new(app, inner.width);
    let head = Rect { height: 1.min(inner.height), ..inner };
    frame.render_widget(Span::styled(cut(&heading(&widths), head.width), theme.heading), head);
    let body = Rect { y: inner.y + head.height, height: inner.height - head.height, ..inner };
    let from = scrolled(viewport.nodes, app.nodes.at(), body.height.into(), rows.len());
    viewport.nodes = from;
    for (line, (i, (host, node))) in body.rows().zip(rows.iter().enumerate().skip(from)) {
        let Some(host) = app.hosts.get(host) else { continue };
        let Some(node) = host.node(node) else { continue };
        row(Pen::new(frame.buffer_mut(), line), host, node, i == app.nodes.at(), &widths, theme);
    }
}

/// `Nodes 3 of 32 · filter web · sort MEM ▼`.
fn title(app: &App, theme: &Theme) -> String {
    let list = &app.nodes;
    let (shown, all, dot) = (list.rows().len(), list.total(), theme.dot);
    let mut title = if shown == all { format!("Nodes {all}") } else { format!("Nodes {shown} of {all}") };
    if !list.filter.is_empty() {
        let _ = write!(title, " {dot} filter {}", cut(list.filter.text(), 30));
    }
    if list.sort != NodeColumn::Name || list.reverse {
        let [up, down] = theme.arrows;
        let _ = write!(title, " {dot} sort {} {}", list.sort.title(), if list.reverse { down } else { up });
    }
    title
}

fn heading(widths: &Widths) -> String {
    let mut text = format!("   {}{}", if widths.alive { "  " } else { "" }, fit(NodeColumn::Name.title(), widths.name));
    if widths.host > 0 {
        let _ = write!(text, "  {}", fit(NodeColumn::Host.title(), widths.host));
    }
    let _ = write!(text, "  {}", fit(NodeColumn::Address.title(), ADDRESS));
    for (column, told) in RESOURCES.iter().zip(widths.told.iter().copied()) {
        let _ = write!(text, "  {}", fit(column.title(), widths.bar + 1 + told));
    }
    text
}

fn row(mut pen: Pen<'_>, host: &HostState, node: &Node, at: bool, widths: &Widths, theme: &Theme) {
    let is_old = host.stale.is_some() || !matches!(host.link, Link::Up(_));
    let plain = if is_old { theme.dim } else { theme.text };
    pen.skip(1);
    pen.fit(if at { theme.marker } else { "" }, 2, Style::new());
    if widths.alive {
        let (glyph, style) = alive(node, theme);
        pen.fit(glyph, 2, if is_old { theme.dim } else { style });
    }
    let is_cut = node.name == node.id.as_str() && node.name.len() > widths.name.into();
    let name = if is_cut { node.id.short() } else { &node.name };
    pen.fit(name, widths.name, if at { plain.patch(theme.selected) } else { plain });
    if widths.host > 0 {
        pen.skip(2);
        pen.fit(host.id().as_str(), widths.host, plain);
    }
    pen.skip(2);
    pen.fit(node.address.as_deref().unwrap_or("–"), ADDRESS, plain);
    for (column, width) in RESOURCES.into_iter().zip(widths.told.iter().copied()) {
        let (share, told) = match column {
            NodeColumn::Memory => (share(node.memory), widths.has_amounts.then(|| amount(node.memory))),
            NodeColumn::Storage => (share(node.storage), widths.has_amounts.then(|| amount(node.storage))),
            _ => (node.cpus_share(), widths.has_amounts.then(|| cpus(node))),
        };
        pen.skip(2);
        draw_bar(&mut pen, share.unwrap_or(0.0), widths.bar, theme);
        let percent = || share.map_or_else(|| "–".to_owned(), |share| format!("{} %", percent(share)));
        pen.skip(1);
        pen.fit_right(&told.unwrap_or_else(percent), width, fullness(share, plain, theme));
    }
}

/// Whole ones: printing a fraction as a whole number takes a frame of many rows ten times as long.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is from 0 to 1, or not much more")]
fn percent(share: f64) -> u32 {
    (share * 100.0).round() as u32
}

/// Whether it was heard of, as a mark.
pub(super) fn alive(node: &Node, theme: &Theme) -> (&'static str, Style) {
    match (node.is_alive, theme.ascii) {
        (Some(true), false) => ("●", theme.good),
        (Some(true), true) => ("*", theme.good),
        (Some(false), false) => ("○", theme.bad),
        (Some(false), true) => ("-", theme.bad),
        (None, _) => (" ", theme.dim),
    }
}

/// What is nearly full stands out.
fn fullness(share: Option<f64>, plain: Style, theme: &Theme) -> Style {
    if share.is_some_and(|share| share >= 0.9) { theme.warning } else { plain }
}

fn share(amount: Option<Amount>) -> Option<f64> {
    amount.and_then(Amount::share)
}

/// `12/64`; what is not told is `–`.
pub(super) fn cpus(node: &Node) -> String {
    let told = |n: Option<u32>| n.map_or_else(|| "–".to_owned(), |n| n.to_string());
    match (node.cpus_used, node.cpus) {
        (None, None) => "–".to_owned(),
        (used, all) => format!("{}/{}", told(used), told(all)),
    }
}

/// `1.2/64 GiB`.
pub(super) fn amount(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "–".to_owned(), |a| format!("{}/{}", a.used.number_beside(a.total), a.total))
}

/// What there is to do where there is nothing to show.
fn empty(app: &App) -> String {
    let key = |action| app.settings.keymap.first(action);
    if !app.nodes.filter.is_empty() {
        let text = cut(app.nodes.filter.text(), 40);
        return format!("\n No node matches `{text}`.  {} drop the filter", key(Action::Back));
    }
    let waits: Vec<_> = app.still_connecting().map(|host| host.id().to_string()).collect();
    match app.keeps_nodes() {
        true => format!("\n No nodes yet.  {} add one", key(Action::NodeAdd)),
        false if !waits.is_empty() => format!("\n Not known yet: connecting to {}", waits.join(", ")),
        false => "\n No host here keeps hypervisors: those of chypervisord and lochness do.".to_owned(),
    }
}
