use super::Page;
use crate::{
    app::{App, HostState, Machine},
    domain::{DiskKind, Op, clean_line},
    ui::{Theme, widget::cut_middle},
};
use ratatui::text::{Line, Span};
use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

/// The column of what is told of a drive, below its name: two sizes fit beside it on the narrowest pane.
const INDENT: u16 = 4;

/// A drive: what it is, how large it is, and what lies behind it or in it.
pub(super) fn page(app: &App, host: &HostState, machine: &Machine, width: u16, theme: &Theme) -> Page {
    let mut page = Page::default();
    let Some(disks) = machine.disks.as_deref() else {
        match machine.why_unread(host, Op::ListDisks) {
            Some(why) => page.text(why, width, 0, theme.warning),
            None => page.line(Line::styled(app.unread(host, "disks"), theme.dim)),
        }
        return page;
    };
    if disks.is_empty() {
        page.text("It has no disks.  a adds one", width, 0, theme.dim);
    }
    let selected = app.details.selected_disk(disks).filter(|_| app.details_open).map(|d| &d.id);
    let name = disks.iter().map(|d| d.id.to_string().width()).max().unwrap_or(0).min(12);
    for disk in disks {
        let first = page.lines.len();
        let is_selected = selected == Some(&disk.id);
        let (mark, style) = if is_selected { (theme.marker, theme.selected) } else { (" ", theme.text) };
        let mut kind: Vec<String> =
            [&disk.format, &disk.bus].into_iter().flatten().map(|t| clean_line(t).into_owned()).collect();
        if disk.read_only && disk.kind == DiskKind::Disk {
            kind.push("read-only".to_owned());
        }
        let id = super::super::widget::fit(&disk.id.to_string(), u16::try_from(name).unwrap_or(12));
        page.line(Line::from(vec![
            Span::styled(format!("{mark} "), theme.accent),
            Span::styled(id, style),
            Span::styled(format!("  {}", kind.join("  ")), theme.dim),
        ]));
        let mut medium = disk.medium.as_deref().map(|m| clean_line(m).into_owned());
        if let (Some(medium), Some(pool), DiskKind::Disk) = (&mut medium, &disk.pool, disk.kind) {
            let _ = write!(medium, " in pool {}", clean_line(pool));
        }
        match disk.kind {
            DiskKind::Disk => {
                let size = |s: Option<crate::domain::ByteSize>| s.map_or_else(|| "–".to_owned(), |s| s.to_string());
                let sizes = format!("{} virtual, {} real", size(disk.virtual_size), size(disk.real_size));
                page.text(&sizes, width, INDENT, theme.text);
                // In full of the one that is selected, else on one line.
                if let Some(medium) = medium {
                    let room = if is_selected { u16::MAX } else { width.saturating_sub(INDENT) };
                    page.text(&cut_middle(&medium, room), width, INDENT, theme.dim);
                }
            }
            DiskKind::Cdrom => page.text(medium.as_deref().unwrap_or("empty"), width, INDENT, theme.text),
        }
        if let Some(pending) = &disk.pending {
            page.text(&clean_line(pending), width, INDENT, theme.warning);
        }
        if is_selected {
            page.selected = Some((first, page.lines.len().saturating_sub(1)));
        }
    }
    page.gap();
    let free = crate::ui::hosts::free(app, Some(host));
    page.text(&format!("free on {}: {free}", host.id()), width, 0, theme.dim);
    page
}
