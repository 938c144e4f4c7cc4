//! How something went, as a row of small bars.
use crate::ui::Theme;

const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const PLAIN: [&str; 8] = ["_", ".", ",", "-", "=", "+", "*", "#"];

/// The last `width` of `values`, against the largest of them.
pub(crate) fn spark(values: impl ExactSizeIterator<Item = f64>, width: u16, theme: &Theme) -> String {
    let skipped = values.len().saturating_sub(width.into());
    let values: Vec<f64> = values.skip(skipped).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let bars = if theme.ascii { PLAIN } else { BARS };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bars that there are")]
    let bar = |value: &f64| {
        let height = if most > 0.0 { (value / most * 8.0).ceil().clamp(1.0, 8.0) as usize } else { 1 };
        bars.get(height - 1).copied().unwrap_or_default()
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_what_is_shown_is_the_highest() {
        let theme = Theme::default();
        let text = |values: &[f64], width| spark(values.iter().copied(), width, &theme);
        assert_eq!(text(&[9.0, 0.0, 1.0, 4.0, 8.0], 4), "▁▁▄█");
        assert_eq!(text(&[0.0, 0.0], 4), "▁▁");
        assert_eq!(text(&[], 4), "");
        assert_eq!(spark([1.0, 8.0].into_iter(), 4, &Theme::new(false, true)), "_#");
    }
}
