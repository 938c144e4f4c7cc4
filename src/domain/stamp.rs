//! Points in time as plain numbers: only the runtime and the backends read a clock.
use std::time::Duration;

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`; zero when it is past.
    pub fn until(self, later: Self) -> Duration {
        later.since(self)
    }

    /// This much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// A span for people: `0:42`, `12m`, `3h 5m`, `3d 4h`. Seconds are told below ten minutes only.
pub fn span(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0..=599 => format!("{}:{:02}", s / 60, s % 60),
        600..=3_599 => format!("{}m", s / 60),
        3_600..=86_399 => format!("{}h {}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let told = |s| span(Duration::from_secs(s));
        assert_eq!(
            [told(0), told(44), told(605), told(11_100), told(273_600)],
            ["0:00", "0:44", "10m", "3h 5m", "3d 4h"]
        );
        assert_eq!(Stamp(5).since(Stamp(9)), Duration::ZERO);
    }
}
