//! What was measured lately, in equal parts of time: what graphs are drawn from.
use crate::domain::{Figures, Stamp};
use std::{collections::VecDeque, time::Duration};

/// The most parts that are kept: five minutes at five seconds.
const KEPT: usize = 60;

/// The number of the part of time that `now` is in, where each is `every` long.
pub(super) fn part(now: Stamp, every: Duration) -> u64 {
    now.0 / u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// One value for each part of time that is over: the mean of what was measured in it. None: nothing was, which is not 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    over: VecDeque<Option<f64>>,
    /// The part that is not over, and what was measured in it; None: nothing ever was.
    now: Option<u64>,
    sum: f64,
    count: u32,
}

impl Series {
    /// Takes what was measured in `part`.
    pub(super) fn take(&mut self, part: u64, value: Option<f64>) {
        let passed = self.now.map_or(0, |now| part.saturating_sub(now));
        if passed > 0 {
            let mean = (self.count > 0).then(|| self.sum / f64::from(self.count));
            let unheard = usize::try_from(passed - 1).unwrap_or(KEPT).min(KEPT);
            self.over.push_back(mean);
            self.over.extend(std::iter::repeat_n(None, unheard));
            self.over.drain(..self.over.len().saturating_sub(KEPT));
            (self.sum, self.count) = (0.0, 0);
        }
        self.now = self.now.max(Some(part));
        if let Some(value) = value.filter(|v| v.is_finite()) {
            self.sum += value;
            self.count += 1;
        }
    }

    /// Oldest first.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Option<f64>> {
        self.over.iter().copied()
    }
}

/// What a machine used lately.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// As [`Figures::cpu`].
    pub cpu: Series,
    /// Bytes a second.
    pub disk_read: Series,
    /// Bytes a second.
    pub disk_write: Series,
}

impl Usage {
    pub(super) fn take(&mut self, part: u64, figures: &Figures) {
        let rate = |bytes: Option<u64>| bytes.map(|b| crate::domain::ByteSize(b).as_f64());
        self.disk_read.take(part, rate(figures.disk_read));
        self.disk_write.take(part, rate(figures.disk_write));
        self.cpu.take(part, figures.cpu.map(f64::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_mean_of_what_was_measured_and_a_gap_is_not_zero() {
        let mut series = Series::default();
        series.take(10, Some(2.0));
        series.take(10, Some(4.0));
        assert_eq!(series.values().len(), 0, "a part that is not over is not shown");
        for (part, value) in [(11, None), (11, Some(f64::NAN)), (14, Some(0.0)), (15, Some(9.0)), (3, Some(1.0))] {
            series.take(part, value);
        }
        // The last part is not over, and a clock that was set back ends none.
        assert_eq!(series.values().collect::<Vec<_>>(), [Some(3.0), None, None, None, Some(0.0)]);
        series.take(1_000_000, Some(1.0));
        series.take(1_000_001, None);
        assert_eq!((series.values().len(), series.values().last()), (KEPT, Some(Some(1.0))));
    }
}
