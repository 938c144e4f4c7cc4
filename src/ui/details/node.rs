//! One node in full: its record, its configuration, its subnets and its guests.
use super::{
    super::{nodes, pane::bordered},
    Page,
};
use crate::{
    app::App,
    domain::{Amount, Node, clean_line},
    input::Action,
    ui::{Theme, widget::bar},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

/// Columns of a bar in the details.
const BAR: u16 = 12;

/// Returns how far its lines can be scrolled.
pub(in crate::ui) fn render(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) -> usize {
    let style = if app.details_open { theme.accent } else { theme.dim };
    let Some((host, node)) = app.selected_node() else {
        let inside = bordered(frame, area, None, style, theme);
        frame.render_widget(Line::styled(" No node is selected.", theme.dim), inside);
        return 0;
    };
    let inside = bordered(frame, area, Some(&format!("{} on {}", node.name, host.id())), style, theme);
    let body = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    let page = page(app, node, body.width, theme);
    let most = page.lines.len().saturating_sub(body.height.into());
    let skipped = usize::from(app.details.scroll).min(most);
    page.show(frame, body, skipped, theme);
    most
}

fn page(app: &App, node: &Node, width: u16, theme: &Theme) -> Page {
    let mut page = Page::default();
    if node.is_alive.is_some() {
        let (glyph, style) = nodes::alive(node, theme);
        let word = if node.is_alive == Some(true) { "alive" } else { "not heard of" };
        page.line(Line::from(vec![
            Span::styled(format!("{:<12} ", "State"), theme.dim),
            Span::styled(format!("{glyph} {word}"), style),
        ]));
    }
    page.pair(theme, "Id", node.id.as_str(), width);
    page.pair(theme, "Address", node.address.as_deref().unwrap_or("–"), width);
    let share = |amount: Option<Amount>| amount.and_then(Amount::share);
    page.gap();
    for (label, share, told) in [
        ("CPUs", node.cpus_share(), nodes::cpus(node)),
        ("Memory", share(node.memory), nodes::amount(node.memory)),
        ("Storage", share(node.storage), nodes::amount(node.storage)),
    ] {
        let mut spans = vec![Span::styled(format!("{label:<12} "), theme.dim)];
        spans.extend(bar(share.unwrap_or(0.0), BAR, theme));
        spans.push(Span::raw(format!(" {told}")));
        page.line(Line::from(spans));
    }
    if !node.details.is_empty() {
        page.gap();
    }
    for (label, value) in &node.details {
        page.pair(theme, &clean_line(label), &clean_line(value), width);
    }
    let Some((host, report)) = app.selected_node().and_then(|(host, _)| Some((host, host.report(&node.id)?))) else {
        page.gap();
        page.line(Line::styled("reading its configuration, subnets and guests", theme.dim));
        return page;
    };
    let key = |action| app.settings.keymap.first(action);
    section(&mut page, theme, "Configuration", key(Action::NodeConfig), report.config.is_empty());
    for (name, value) in &report.config {
        page.pair(theme, &clean_line(name), &clean_line(value), width);
    }
    section(&mut page, theme, "Subnets", key(Action::NodeSubnet), report.subnets.is_empty());
    for (subnet, bridge) in &report.subnets {
        page.text(&format!("{} by {}", clean_line(subnet), clean_line(bridge)), width, 0, theme.text);
    }
    section(&mut page, theme, "Guests", String::new(), report.guests.is_empty());
    for guest in &report.guests {
        let name = host.machine(guest).map(|machine| machine.vm.name.as_str()).filter(|name| *name != guest.as_str());
        // An identity is not broken where it fits on a line of its own.
        match name.map(|name| (name, format!("{name} ({guest})"))) {
            Some((_, told)) if told.width() <= usize::from(width) => page.text(&told, width, 0, theme.text),
            Some((name, _)) => {
                page.text(name, width, 0, theme.text);
                page.text(guest.as_str(), width, 0, theme.dim);
            }
            None => page.text(guest.as_str(), width, 0, theme.text),
        }
    }
    page
}

/// A heading, the key that changes what stands below it, and what stands there where there is nothing.
fn section(page: &mut Page, theme: &Theme, title: &str, key: String, is_empty: bool) {
    page.gap();
    let mut spans = vec![Span::styled(title.to_owned(), theme.selected)];
    if !key.is_empty() {
        spans.extend([Span::raw("  "), Span::styled(key, theme.key), Span::styled(" change", theme.dim)]);
    }
    page.line(Line::from(spans));
    if is_empty {
        page.line(Line::styled("none", theme.dim));
    }
}
