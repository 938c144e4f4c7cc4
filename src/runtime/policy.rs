use crate::{
    config::Refresh,
    domain::{Capabilities, Events},
};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    time::Duration,
};

/// However long a list takes, the next comes neither before the first nor after the second.
const RESYNC: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));

/// How an actor times what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long connecting may take, questions to a person not counted.
    pub connect_within: Duration,
    /// The first pause after a failed connection; it doubles.
    pub backoff: Duration,
    /// Only from this time on: what is cut off for a moment is back within a moment.
    pub patient_after: Duration,
    pub backoff_max: Duration,
    /// Between two lists of a host that does not report changes itself.
    pub poll_every: Duration,
    /// Between two lists of a host that does, at least.
    pub resync_every: Duration,
    /// Between two readings of the figures of what is on the screen.
    pub figures_every: Duration,
    /// How long a list may take.
    pub read_within: Duration,
    /// Whether to read anything unasked: lists, figures, machines after a change.
    pub is_watching: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect_within: Duration::from_secs(10),
            backoff: Duration::from_millis(500),
            patient_after: Duration::from_secs(3),
            backoff_max: Duration::from_secs(30),
            poll_every: Duration::from_secs(5),
            resync_every: Duration::from_secs(10),
            figures_every: Duration::from_secs(1),
            read_within: Duration::from_secs(10),
            is_watching: true,
        }
    }
}

impl Policy {
    /// For a screen, as often as the configuration says.
    pub fn watching(refresh: &Refresh) -> Self {
        Self {
            poll_every: refresh.list,
            resync_every: refresh.list.max(Self::default().resync_every),
            figures_every: refresh.figures,
            ..Self::default()
        }
    }

    /// For one call without a screen: connects once, reads only what the call needs.
    pub fn headless() -> Self {
        Self { is_watching: false, ..Self::default() }
    }

    /// Between two lists of a host whose last list took `took`: a large host that reports its changes is not kept busy
    /// with telling what nobody changed.
    pub(super) fn list_every(&self, host: Option<&Capabilities>, took: Duration) -> Duration {
        match host.map(|host| (host.events, host.limits.resync)) {
            Some((Events::Push, own)) => {
                self.resync_every.max(own.unwrap_or_else(|| (took * 10_000).clamp(RESYNC.0, RESYNC.1)))
            }
            _ => self.poll_every,
        }
    }
}

/// `pause`, a fifth more or less: hosts that went down together do not come back in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    let chance = u32::try_from(RandomState::new().build_hasher().finish() % 401).unwrap_or(200);
    pause * (800 + chance) / 1000
}
