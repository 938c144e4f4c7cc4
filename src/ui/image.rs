//! All that is known of one image.
use super::{
    Theme, pane,
    widget::{clock, day, fit, wrap},
};
use crate::{
    app::App,
    domain::{HostId, clean_line},
};
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
};

const LABEL: u16 = 10;

pub(super) fn render(
    frame: &mut Frame<'_>,
    area: Rect,
    app: &App,
    theme: &Theme,
    (host, name): (&HostId, &str),
    scroll: usize,
) -> usize {
    let title = format!("{} on {host}", clean_line(name));
    let images = app.hosts.get(host).and_then(|host| host.images.as_deref()).unwrap_or_default();
    let Some(image) = images.iter().find(|image| image.name == name) else {
        return pane::page(frame, area, &title, vec![Line::from(" It is not in the library any more.")], 0, theme);
    };
    let zone = &app.settings.zone;
    let unknown = || "–".to_owned();
    let checked = image.checked.clone().unwrap_or_else(|| "not checked".to_owned());
    let users = if image.used_by.is_empty() { "no machine".to_owned() } else { image.used_by.join(", ") };
    let facts = [
        ("State", image.partial.as_ref().map(ToString::to_string)),
        ("Kind", Some(image.kind.clone().unwrap_or_else(unknown))),
        ("Size", Some(image.size.map_or_else(unknown, |size| size.to_string()))),
        ("As a disk", image.disk_size.map(|size| size.to_string())),
        ("Added", Some(image.added.map_or_else(unknown, |at| format!("{} {}", day(at, zone), clock(at, zone))))),
        ("Checksum", Some(checked)),
        ("Used by", Some(users)),
        ("Source", Some(image.source.clone().unwrap_or_else(unknown))),
        ("Path", image.path.clone()),
    ];
    let mut lines = Vec::new();
    for (label, fact) in facts {
        let Some(fact) = fact else { continue };
        let mut label = label;
        for part in wrap(&clean_line(&fact), area.width.saturating_sub(LABEL + 4)) {
            lines.push(Line::from(vec![Span::styled(format!(" {} ", fit(label, LABEL)), theme.dim), Span::raw(part)]));
            label = "";
        }
    }
    pane::page(frame, area, &title, lines, scroll, theme)
}
