//! How fast it goes, told to people.
use crate::{
    domain::{ByteSize, Progress},
    transport::Stopwatch,
};
use std::time::Duration;

/// The least time between two reports.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the past counts in the rate: what is older than this has lost two thirds of its weight.
const MEMORY: f64 = 3.0;

/// How long nothing comes until that is said, and the rate is zero.
const SILENT: Duration = Duration::from_secs(5);

/// Counts bytes and says now and then how it goes.
#[derive(Debug)]
pub struct Meter {
    total: Option<u64>,
    done: u64,
    watch: Stopwatch,
    /// When the last bytes came.
    last: Duration,
    rate: Rate,
}

impl Meter {
    /// Begins at `done` bytes that are there already: they do not count in the rate.
    pub fn start(done: u64, total: Option<u64>) -> Self {
        Self { total, done, watch: Stopwatch::start(), last: Duration::ZERO, rate: Rate { done, ..Rate::default() } }
    }

    /// Counts `size` more bytes. A report, unless the last one was just now.
    pub fn add(&mut self, size: u64) -> Option<Progress> {
        self.done += size;
        let now = self.watch.elapsed();
        self.last = now;
        if now.saturating_sub(self.rate.at) < PAUSE {
            return None;
        }
        self.rate.take(self.done, now);
        Some(self.report())
    }

    /// A report while nothing comes: the rate falls, and is none after a few seconds. A time left that only grows is
    /// none that anybody knows.
    pub fn idle(&mut self) -> Progress {
        let now = self.watch.elapsed();
        self.rate.take(self.done, now);
        match now.saturating_sub(self.last) {
            silent if silent < SILENT => self.report(),
            silent => {
                let note = Some(format!("stalled: no bytes for {} s", silent.as_secs()));
                Progress { rate: Some(0.0), note, ..self.report() }
            }
        }
    }

    /// Like [`Meter::add`], from the whole count.
    pub fn set(&mut self, done: u64) -> Option<Progress> {
        self.add(done.saturating_sub(self.done))
    }

    pub fn report(&self) -> Progress {
        // While bytes come there is nothing else to say.
        Progress { rate: self.rate.smooth, note: Some(String::new()), ..Progress::bytes(self.done, self.total) }
    }
}

/// A rate in bytes a second, smoothed over the last seconds by what time really passed.
#[derive(Debug, Default)]
struct Rate {
    at: Duration,
    done: u64,
    smooth: Option<f64>,
}

impl Rate {
    fn take(&mut self, done: u64, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        let latest = ByteSize(done.saturating_sub(self.done)).as_f64() / passed.max(0.001);
        // 1 - exp(-x), near enough: the mathematical library would be loaded for this alone.
        let weight = 1.0 - (1.0 + passed / MEMORY / 64.0).powi(-64);
        self.smooth = Some(self.smooth.map_or(latest, |old| old + weight * (latest - old)));
        (self.at, self.done) = (now, done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[test]
    fn the_rate_follows_slowly_and_forgets() {
        let mut rate = Rate::default();
        for tenth in 1..=50_u32 {
            rate.take(u64::from(tenth) * 100, Duration::from_millis(100) * tenth);
        }
        assert!((rate.smooth.unwrap() - 1000.0).abs() < 1.0, "{rate:?}");
        let mut at = rate.at;
        for _ in 0..10 {
            at += Duration::from_millis(100);
            rate.take(5000, at);
        }
        let after_a_second = rate.smooth.unwrap();
        assert!((600.0..800.0).contains(&after_a_second), "a stall shows within seconds: {after_a_second}");
        rate.take(5000, at + Duration::from_secs(30));
        assert!(rate.smooth.unwrap() < 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_said_after_seconds_and_tells_no_time_left() {
        let mut meter = Meter::start(0, Some(1 << 30));
        sleep(Duration::from_secs(1)).await;
        meter.add(1 << 20);
        sleep(Duration::from_secs(4)).await;
        assert_eq!(meter.idle().note.as_deref(), Some(""));
        sleep(Duration::from_secs(3)).await;
        let told = meter.idle();
        assert_eq!(told.told(), "<0.1 of 1 GiB  0 B/s  stalled: no bytes for 7 s");
        assert_eq!(told.left(), None);
        sleep(Duration::from_secs(1)).await;
        let again = meter.add(1 << 20).unwrap();
        assert!(again.note.as_deref() == Some("") && again.left().is_some(), "{again:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn ten_reports_a_second_at_most() {
        let mut meter = Meter::start(0, Some(1000));
        let mut reports = 0;
        for _ in 0..1000 {
            reports += u32::from(meter.add(1).is_some());
            sleep(Duration::from_millis(1)).await;
        }
        assert!((8..=10).contains(&reports), "{reports}");
        assert_eq!(meter.report().percent(), Some(99));
    }
}
