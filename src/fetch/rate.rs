//! How fast bytes may come: all fetches together, those of other processes too.
use crate::{domain::ByteSize, transport::Stopwatch};
use rustix::{
    fs::{FlockOperation, flock},
    time::{ClockId, clock_gettime},
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// How much time that was not used may be caught up with.
const SAVED: Duration = Duration::from_millis(200);
/// Nobody is told to wait longer: a time further away is of another run of the machine.
const LONGEST: Duration = Duration::from_secs(600);

/// A rate that all keep together who have a clone of it, or share a folder.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    rate: Option<u64>,
    shared: Option<Arc<PathBuf>>,
    /// When the next byte may come, counted from the first.
    due: Arc<Mutex<Option<(Stopwatch, Duration)>>>,
}

impl Limit {
    /// At most `rate` bytes a second; None or 0: no limit.
    pub fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.filter(|r| *r > 0), ..Self::default() }
    }

    /// The same, together with all processes that fetch into `folder`.
    #[must_use]
    pub fn shared_in(self, folder: &Path) -> Self {
        Self { shared: Some(Arc::new(folder.join(".fetching-rate"))), ..self }
    }

    /// Bytes a second at most.
    pub const fn rate(&self) -> Option<u64> {
        self.rate
    }

    /// Waits until `size` more bytes are within the rate.
    pub(super) async fn after(&self, size: u64) {
        let Some(rate) = self.rate else { return };
        let takes = Duration::from_secs_f64(ByteSize(size).as_f64() / ByteSize(rate).as_f64());
        let shared = self.shared.as_ref().and_then(|path| shared_wait(path, takes).ok());
        // Where no file can be shared, at least this process keeps to it.
        let wait = shared.unwrap_or_else(|| self.own_wait(takes));
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }

    fn own_wait(&self, takes: Duration) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let (watch, before) = due.take().unwrap_or_else(|| (Stopwatch::start(), Duration::ZERO));
        let now = watch.elapsed();
        let next = next_due(before, now) + takes;
        *due = Some((watch, next));
        next.saturating_sub(now)
    }
}

/// From when on the next bytes count: where the last ended, if that is not long ago.
fn next_due(due: Duration, now: Duration) -> Duration {
    if due > now + LONGEST { now } else { due.max(now.saturating_sub(SAVED)) }
}

/// The same with a time that stands in a file: the monotonic clock is one for all processes.
fn shared_wait(path: &Path, takes: Duration) -> io::Result<Duration> {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    let mut word = [0; 8];
    // An empty file is one of long ago.
    let due =
        file.read_exact_at(&mut word, 0).map_or(Duration::ZERO, |()| Duration::from_nanos(u64::from_le_bytes(word)));
    let now = clock_gettime(ClockId::Monotonic);
    let now = Duration::try_from(now).unwrap_or_default();
    let next = next_due(due, now) + takes;
    let nanos = u64::try_from(next.as_nanos()).unwrap_or(u64::MAX);
    file.write_all_at(&nanos.to_le_bytes(), 0)?;
    Ok(next.saturating_sub(now))
}

impl PartialEq for Limit {
    fn eq(&self, other: &Self) -> bool {
        self.rate == other.rate
    }
}

impl Eq for Limit {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_held_to_its_rate() {
        let (throttle, watch) = (Limit::new(Some(1000)), Stopwatch::start());
        let twin = throttle.clone();
        for _ in 0..25 {
            tokio::join!(throttle.after(100), twin.after(100));
        }
        assert_eq!(watch.elapsed().as_secs(), 5);
        sleep(Duration::from_secs(100)).await;
        let watch = Stopwatch::start();
        for _ in 0..31 {
            throttle.after(100).await;
        }
        assert!(watch.elapsed() >= Duration::from_millis(2900), "no burst after a pause: {:?}", watch.elapsed());
    }

    #[test]
    fn who_shares_a_folder_shares_the_rate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rate");
        let long = Duration::from_secs(10);
        let waits: Vec<_> = (0..4).map(|_| shared_wait(&path, long).unwrap()).collect();
        for (before, wait) in (1..).zip(&waits) {
            // Each waits for those before it; what passed between two is off, and what may be caught up with.
            assert!(*wait + long / 2 > long * before && *wait <= long * before, "{waits:?}");
        }
        std::fs::write(&path, u64::MAX.to_le_bytes()).unwrap();
        assert!(shared_wait(&path, long).unwrap() <= long, "a time of another run of the machine counts");
        std::fs::write(&path, "?").unwrap();
        assert!(shared_wait(&path, long).unwrap() <= long);
    }
}
