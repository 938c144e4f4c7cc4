//! The growing of a disk.
use super::{hosts::free, sheet::Sheet, widget::window};
use crate::{
    app::{
        App,
        dialog::{Grow, Judgement},
    },
    domain::{Disk, HostId, PowerState},
};
use ratatui::text::{Line, Span};

/// The column of the answers.
const COLUMN: u16 = 10;

pub(super) fn fill(sheet: &mut Sheet<'_>, grow: &Grow, host: &HostId, app: &App) {
    let theme = sheet.theme;
    let label = |text: &str| Span::styled(format!("{text:<width$}", width = usize::from(COLUMN)), theme.dim);
    let [left, right] = theme.angles;
    let disk = match (&grow.disks, grow.disk()) {
        (None, _) => vec![Span::styled("reading disks", theme.dim)],
        (Some(_), None) => vec![Span::styled("–", theme.dim)],
        (Some(disks), Some(disk)) => {
            let room = sheet.width.saturating_sub(COLUMN + 14);
            let text = super::widget::cut(&words(disk), room);
            match disks.len() {
                0 | 1 => vec![Span::styled(text, theme.text)],
                count => vec![
                    Span::styled(format!("{left} "), theme.accent),
                    Span::styled(text, theme.text),
                    Span::styled(format!(" {right}"), theme.accent),
                    Span::styled(format!("  {} of {count}", grow.at + 1), theme.dim),
                ],
            }
        }
    };
    sheet.line([label("Disk")].into_iter().chain(disk).collect::<Line<'_>>());
    let (text, cursor) = window(&grow.input, sheet.width.saturating_sub(COLUMN), false);
    sheet.cursor_here(COLUMN + cursor);
    sheet.line(Line::from(vec![label("New size"), Span::styled(text, theme.selected)]));
    sheet.gap();
    judgement(sheet, grow, host, app);
    sheet.gap();
    let after = match grow.power {
        PowerState::Running | PowerState::Paused | PowerState::Blocked => {
            "Live: the guest sees it at once; its partition and file system must be grown inside the guest."
        }
        PowerState::Starting | PowerState::Stopping | PowerState::Unknown => {
            "The guest sees it at once, or at its next start; its partition and file system must be grown inside it."
        }
        PowerState::Off => {
            "The machine is off: the guest sees it at its next start; its partition and file system must be grown \
             inside the guest."
        }
    };
    sheet.text(after, theme.dim, 0);
}

/// Three lines, whatever there is to say, so that nothing jumps while one types.
fn judgement(sheet: &mut Sheet<'_>, grow: &Grow, host: &HostId, app: &App) {
    let theme = sheet.theme;
    let judged = grow.judgement();
    let [now, to] = match &judged {
        Judgement::Grows { plan, .. } => plan.from.told_apart(plan.to),
        _ => {
            [grow.disk().and_then(|d| d.virtual_size).map_or_else(|| "–".to_owned(), |s| s.to_string()), "–".to_owned()]
        }
    };
    let style = if matches!(judged, Judgement::Grows { .. }) { theme.selected } else { theme.dim };
    let free = free(app, app.hosts.get(host));
    sheet.line(Line::from(vec![
        Span::styled(format!("{now} {} ", theme.arrow), theme.text),
        Span::styled(to, style),
        Span::styled(format!("     free on {host}: {free}"), theme.dim),
    ]));
    match judged {
        Judgement::Reading | Judgement::Grows { short: None, .. } => sheet.gap(),
        Judgement::Unfinished(hint) => sheet.text(&hint, if grow.hasty { theme.bad } else { theme.dim }, 0),
        Judgement::Refused(why) => sheet.text(&why, theme.bad, 0),
        Judgement::Grows { short: Some(short), .. } => sheet.text(&short.told(host.as_str()), theme.warning, 0),
    }
}

/// `disk0  20 GiB  qcow2, virtio`.
fn words(disk: &Disk) -> String {
    let size = disk.virtual_size.map_or_else(|| "–".to_owned(), |s| s.to_string());
    let kind: Vec<_> = [&disk.format, &disk.bus].into_iter().flatten().map(String::as_str).collect();
    crate::domain::clean_line(&format!("{}  {size}  {}", disk.id, kind.join(", "))).trim_end().to_owned()
}
