//! How something went, as a row of small bars.
use crate::ui::Theme;

/// The last `width` of `values`, against the largest of them.
pub(crate) fn spark(values: impl ExactSizeIterator<Item = f64>, width: u16, theme: &Theme) -> String {
    let skipped = values.len().saturating_sub(width.into());
    let values: Vec<Option<f64>> = values.skip(skipped).map(Some).collect();
    let most = values.iter().copied().flatten().fold(0.0, f64::max);
    bars(values.into_iter(), width, most, theme)
}

/// The last `width` of `values`, where the highest bar stands for `most`. What is not known is a gap.
pub(crate) fn bars(values: impl ExactSizeIterator<Item = Option<f64>>, width: u16, most: f64, theme: &Theme) -> String {
    let skipped = values.len().saturating_sub(width.into());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bars that there are")]
    let bar = |value: f64| {
        let height = if most > 0.0 { (value / most * 8.0).ceil().clamp(1.0, 8.0) as usize } else { 1 };
        theme.bars.get(height - 1).copied().unwrap_or_default()
    };
    values.skip(skipped).map(|value| value.map_or(" ", bar)).collect()
}

/// What the highest bar of some rates stands for: seldom another, so that the bars keep their heights.
pub(crate) fn top(rates: impl Iterator<Item = Option<f64>>) -> u64 {
    const LEAST: u64 = 64 << 10;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate in bytes")]
    let most = rates.flatten().fold(0.0, f64::max) as u64;
    most.max(LEAST).checked_next_power_of_two().unwrap_or(u64::MAX)
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

    #[test]
    fn bars_are_as_high_as_their_values_and_gaps_are_no_bars() {
        let values = [Some(99.0), Some(0.0), Some(0.1), None, Some(50.0), Some(51.0), Some(100.0), Some(180.0)];
        let bars = |theme: &Theme| bars(values.into_iter(), 7, 100.0, theme);
        assert_eq!(bars(&Theme::default()), "▁▁ ▄▅██");
        assert_eq!(bars(&Theme::new(false, true)), "__ -=##");
    }

    #[test]
    fn the_scale_moves_in_steps() {
        let of = |rate| top([None, Some(rate)].into_iter());
        assert_eq!([of(0.0), of(65_537.0), of(130_000.0), of(f64::MAX)], [64 << 10, 128 << 10, 128 << 10, u64::MAX]);
    }
}
