use crate::domain::Stamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day. The application gets it with its messages and never asks.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(0).after(since)
}

/// Measures how long something takes, by a clock that is never set back.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(tokio::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
