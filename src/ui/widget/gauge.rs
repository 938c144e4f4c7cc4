//! How far something has come, as a bar.
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
    let most = u32::from(width) * 8;
    let eighths = (0..most).find(|n| f64::from(*n) + 0.5 > share * f64::from(most)).unwrap_or(most);
    filled(usize::try_from(eighths).unwrap_or(0), width.into(), theme)
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
