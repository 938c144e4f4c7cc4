//! How far something has come, as a bar.
use super::Pen;
use crate::domain::Progress;
use crate::ui::Theme;
use ratatui::text::Span;

/// Eighths of a cell.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A bar of `width` columns. Where the whole is not known, a mark that moves once a second and no share of anything.
pub(crate) fn gauge<'a>(progress: &Progress, width: u16, seconds: u64, theme: &Theme) -> Vec<Span<'a>> {
    let columns = usize::from(width);
    let Some(percent) = progress.percent() else { return mark(columns, seconds, theme) };
    filled(usize::from(percent) * columns * 8 / 100, columns, theme)
}

/// A bar of `width` columns for a share from 0 to 1. One that is not known is empty, and so is nothing.
pub(crate) fn bar<'a>(share: f64, width: u16, theme: &Theme) -> Vec<Span<'a>> {
    filled(eighths(share, width).into(), width.into(), theme)
}

/// [`bar`], drawn at once: for tables.
pub(crate) fn draw_bar(pen: &mut Pen<'_>, share: f64, width: u16, theme: &Theme) {
    let eighths = eighths(share, width);
    let (full, part) =
        (eighths / 8, EIGHTHS.get(usize::from(eighths % 8)).filter(|part| !part.is_empty() && !theme.ascii));
    pen.fill(if theme.ascii { '#' } else { '█' }, full, theme.accent);
    part.inspect(|part| pen.put(part, theme.accent));
    let rest = width - full - u16::from(part.is_some());
    pen.fill(if theme.ascii { '.' } else { '░' }, rest, theme.dim);
}

/// How many eighths of `width` columns a share from 0 to 1 fills.
fn eighths(share: f64, width: u16) -> u16 {
    let most = width.saturating_mul(8);
    (0..most).find(|n| f64::from(*n) + 0.5 > share * f64::from(most)).unwrap_or(most)
}

fn filled<'a>(eighths: usize, columns: usize, theme: &Theme) -> Vec<Span<'a>> {
    let (full, part) = match theme.ascii {
        true => ("#".repeat(eighths / 8), ""),
        false => ("█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).copied().unwrap_or("")),
    };
    let used = eighths / 8 + usize::from(!part.is_empty());
    let rest = if theme.ascii { "." } else { "░" }.repeat(columns.saturating_sub(used));
    vec![Span::styled(format!("{full}{part}"), theme.accent), Span::styled(rest, theme.dim)]
}

/// Three cells that go to and fro.
fn mark<'a>(columns: usize, seconds: u64, theme: &Theme) -> Vec<Span<'a>> {
    let way = columns.saturating_sub(3).max(1);
    let step = usize::try_from(seconds % u64::try_from(way * 2).unwrap_or(2)).unwrap_or(0);
    let before = if step < way { step } else { way * 2 - step };
    let (empty, full) = if theme.ascii { (".", "#") } else { ("░", "█") };
    let mark = columns.min(3);
    vec![
        Span::styled(empty.repeat(before.min(columns - mark)), theme.dim),
        Span::styled(full.repeat(mark), theme.accent),
        Span::styled(empty.repeat(columns.saturating_sub(mark + before)), theme.dim),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widget::put;
    use ratatui::{buffer::Buffer, layout::Rect, text::Line};

    #[test]
    fn a_bar_in_a_table_is_the_same() {
        let area = Rect::new(0, 0, 9, 1);
        for (n, ascii) in (0..=80).flat_map(|n| [(n, false), (n, true)]) {
            let (theme, share) = (Theme::new(false, ascii), f64::from(n) / 80.0);
            let (mut one, mut other) = (Buffer::empty(area), Buffer::empty(area));
            put(&mut one, area, &Line::from(bar(share, 8, &theme)));
            draw_bar(&mut Pen::new(&mut other, area), share, 8, &theme);
            assert_eq!(one, other, "{share}");
        }
    }

    #[test]
    fn a_bar_is_as_wide_as_it_should_be() {
        let theme = Theme::default();
        let text =
            |p: &Progress, at| gauge(p, 10, at, &theme).iter().map(|s| s.content.to_string()).collect::<String>();
        assert_eq!(text(&Progress::share(42.0), 0), "████▏░░░░░");
        assert_eq!(text(&Progress::share(100.0), 0), "█████████▉");
        assert_eq!(text(&Progress::default(), 0), "███░░░░░░░");
        assert_eq!(text(&Progress::default(), 7), "░░░░░░░███");
        assert_eq!(text(&Progress::default(), 13), "░███░░░░░░");
        for n in 0..40 {
            assert_eq!(text(&Progress::default(), n).chars().count(), 10);
        }
    }
}
