//! How far a task has come: unknown is not zero, nothing falls, and 100 % is said by the end alone.
use super::{ByteSize, JobId, clean_line, span};
use std::time::Duration;
use unicode_width::UnicodeWidthStr as _;

/// How far a task has come. `None` means "not known", never "zero".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Bytes that have come.
    pub done: Option<ByteSize>,
    /// Bytes there will be.
    pub total: Option<ByteSize>,
    /// Where a host tells a share: 0 to 100.
    pub share: Option<f64>,
    /// Bytes a second, smoothed.
    pub rate: Option<f64>,
    /// What is going on, in the host's words: the last line of its log, "waiting for the guest".
    pub note: Option<String>,
    /// What the host calls the work, where it goes on without us.
    pub job: Option<JobId>,
}

impl Progress {
    pub fn bytes(done: u64, total: Option<u64>) -> Self {
        Self { done: Some(ByteSize(done)), total: total.map(ByteSize), ..Self::default() }
    }

    pub fn share(share: f64) -> Self {
        Self { share: Some(share), ..Self::default() }
    }

    pub fn note(note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..Self::default() }
    }

    /// Takes what is new and keeps what `next` does not say; bytes and share never fall. An empty note takes the old one
    /// away.
    pub fn merge(&mut self, next: Self) {
        self.done = self.done.max(next.done);
        self.total = next.total.or(self.total);
        if let Some(share) = next.share.filter(|s| s.is_finite()) {
            let share = share.clamp(0.0, 100.0);
            self.share = Some(self.share.map_or(share, |old| old.max(share)));
        }
        self.rate = next.rate.filter(|r| r.is_finite() && *r >= 0.0).or(self.rate);
        self.job = next.job.or(self.job.take());
        self.note = next.note.or(self.note.take()).filter(|note| !note.is_empty());
    }

    /// Whole percents, at most 99: only the end says 100.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=99")]
    pub fn percent(&self) -> Option<u8> {
        let counted = || match (self.done, self.total) {
            (Some(done), Some(total)) if total.0 > 0 => Some(done.as_f64() / total.as_f64() * 100.0),
            _ => None,
        };
        // A share that was told is not counted once more: amounts are rounded.
        self.share.or_else(counted).filter(|s| s.is_finite()).map(|s| s.clamp(0.0, 99.0) as u8)
    }

    /// The time left at the present rate.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate.filter(|r| *r >= 1.0)?;
        let left = self.total?.0.saturating_sub(self.done?.0);
        let seconds = ByteSize(left).as_f64() / rate;
        (seconds < 864_000.0).then(|| Duration::from_secs_f64(seconds))
    }

    /// `1.6 of 3.7 GiB  48.2 MiB/s  0:44`, as far as known.
    pub fn figures(&self) -> String {
        let amounts = match (self.done, self.total) {
            (Some(done), Some(total)) => format!("{} of {total}", done.number_beside(total)),
            (Some(done), None) => done.to_string(),
            _ => String::new(),
        };
        side_by_side(&[&amounts, &self.pace()])
    }

    /// `48.2 MiB/s  0:44`: how fast it goes, and how long it takes.
    pub fn pace(&self) -> String {
        let mut parts = Vec::new();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate in bytes")]
        if let Some(rate) = self.rate {
            parts.push(format!("{}/s", ByteSize(rate as u64)));
        }
        if let Some(left) = self.left() {
            parts.push(span(left));
        }
        parts.join("  ")
    }

    /// [`Progress::figures`], and what is going on: `1 of 3 MiB  0 B/s  stalled: no bytes for 7 s`.
    pub fn told(&self) -> String {
        side_by_side(&[&self.figures(), &clean_line(self.note.as_deref().unwrap_or_default())])
    }

    /// The most that `room` columns hold of how far it is: `42 %  48.2 MiB/s  0:44`. What goes on is told before figures;
    /// where nothing fits, the least is told.
    pub fn told_within(&self, room: usize) -> String {
        let percent = self.percent().map(|p| format!("{p} %")).unwrap_or_default();
        let note = clean_line(self.note.as_deref().unwrap_or_default());
        let (figures, pace) = (self.figures(), self.pace());
        let least = if note.is_empty() { &pace } else { &*note };
        let ways = [side_by_side(&[&percent, &figures, &note]), side_by_side(&[&percent, &pace, &note])];
        let fits = |told: &String| told.width() <= room;
        ways.into_iter().find(fits).unwrap_or_else(|| side_by_side(&[&percent, least]))
    }
}

/// What there is of them, with two blanks in between.
fn side_by_side(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_never_falls_and_never_says_100() {
        let mut p = Progress::bytes(50, Some(100));
        p.merge(Progress::bytes(40, None));
        assert_eq!(p.percent(), Some(50));
        p.merge(Progress::bytes(100, None));
        assert_eq!(p.percent(), Some(99));
        let mut p = Progress::share(42.0);
        p.merge(Progress { rate: Some(2048.0), ..Progress::share(f64::NAN) });
        assert_eq!((p.percent(), p.figures().as_str()), (Some(42), "2 KiB/s"));
        assert_eq!(Progress::default().percent(), None);
    }

    #[test]
    fn what_goes_on_is_told_before_figures_where_there_is_little_room() {
        let stalled = Progress {
            rate: Some(0.0),
            note: Some("stalled: no bytes for 7 s".into()),
            ..Progress::bytes(1 << 20, Some(3 << 20))
        };
        assert_eq!(stalled.told_within(60), "33 %  1 of 3 MiB  0 B/s  stalled: no bytes for 7 s");
        assert_eq!(stalled.told_within(40), "33 %  0 B/s  stalled: no bytes for 7 s");
        assert_eq!(stalled.told_within(5), "33 %  stalled: no bytes for 7 s");
        let runs = Progress { rate: Some(1024.0), note: None, ..stalled };
        assert_eq!(
            (runs.told_within(40), runs.told_within(20)),
            ("33 %  1 of 3 MiB  1 KiB/s  34m".into(), "33 %  1 KiB/s  34m".into())
        );
    }

    #[test]
    fn the_time_left_follows_the_rate() {
        let p = Progress { rate: Some(1024.0), ..Progress::bytes(1 << 20, Some(3 << 20)) };
        assert_eq!(p.figures(), "1 of 3 MiB  1 KiB/s  34m");
        assert_eq!(Progress { rate: Some(0.0), ..p }.left(), None);
    }
}
