use super::Page;
use crate::{
    app::{App, HostState, Machine},
    domain::{Op, clean_line},
    ui::{Theme, widget::fit},
};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// A setting a line; where a change waits, what the machine has now stands beside it.
pub(super) fn page(app: &App, host: &HostState, machine: &Machine, width: u16, theme: &Theme) -> Page {
    let mut page = Page::default();
    let Some(properties) = machine.properties.as_deref() else {
        match machine.why_unread(host, Op::ListProperties) {
            Some(why) => page.text(why, width, 0, theme.warning),
            None => page.line(Line::styled(app.unread(host, "settings"), theme.dim)),
        }
        return page;
    };
    if properties.is_empty() {
        page.text("This kind of host shows no settings.", width, 0, theme.dim);
    }
    let selected = app.details.selected_property(properties).filter(|_| app.details_open).map(|p| p.spec.name);
    let label = properties.iter().map(|p| p.spec.label.width()).max().unwrap_or(0).min(16);
    let indent = u16::try_from(label + 4).unwrap_or(18);
    let room = width.saturating_sub(indent).max(8);
    for property in properties {
        let first = page.lines.len();
        let is_selected = selected == Some(property.spec.name);
        let (mark, style) = if is_selected { (theme.marker, theme.selected) } else { (" ", theme.text) };
        let shown = |value: &str| match value.is_empty() {
            true => "–".to_owned(),
            false => clean_line(&value.replace('\n', ", ")).into_owned(),
        };
        let text = match &property.current {
            Some(current) => {
                format!("now {} {} at next start {}", shown(current), theme.arrow, shown(&property.value))
            }
            None => shown(&property.value),
        };
        let style = match (&property.current, &property.read_only, text.as_str()) {
            (Some(_), ..) => theme.warning,
            (None, Some(_), _) | (None, None, "–") => theme.dim,
            (None, None, _) => style,
        };
        let mut parts = super::super::widget::wrap(&text, room).into_iter();
        let head = fit(property.spec.label, u16::try_from(label).unwrap_or(16));
        page.line(Line::from(vec![
            Span::styled(format!("{mark} "), theme.accent),
            Span::styled(head, if is_selected { theme.text } else { theme.dim }),
            Span::styled(format!("  {}", parts.next().unwrap_or_default()), style),
        ]));
        for part in parts {
            page.line(Line::from(vec![Span::raw(" ".repeat(indent.into())), Span::styled(part, style)]));
        }
        if let Some(why) = property.read_only.as_ref().filter(|_| is_selected) {
            page.text(&clean_line(why), width, indent, theme.dim);
        }
        if is_selected {
            page.selected = Some((first, page.lines.len().saturating_sub(1)));
        }
    }
    page
}
