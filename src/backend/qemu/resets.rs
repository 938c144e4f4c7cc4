//! Guests that start over and over: a kernel that panics at boot shows as nothing but resets.
use crate::domain::{Stamp, VmId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// So many resets of the guest's own within this time are a loop.
const MANY: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

/// The latest resets of each machine.
#[derive(Debug, Default)]
pub(super) struct Resets(Mutex<HashMap<VmId, VecDeque<Stamp>>>);

impl Resets {
    /// Notes a reset that the guest made; says whether it is a loop now.
    pub(super) fn note(&self, vm: &VmId, now: Stamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.entry(vm.clone()).or_default();
        times.push_back(now);
        if times.len() > MANY {
            times.pop_front();
        }
        loops(times, now)
    }

    pub(super) fn is_looping(&self, vm: &VmId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(vm).is_some_and(|times| loops(times, crate::transport::now()))
    }

    /// A new life: what was before does not count.
    pub(super) fn forget(&self, vm: &VmId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(vm);
    }
}

fn loops(times: &VecDeque<Stamp>, now: Stamp) -> bool {
    times.len() >= MANY && times.front().is_some_and(|first| now.since(*first) <= WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_resets_in_a_minute_are_a_loop() {
        let (resets, vm) = (Resets::default(), VmId::from("web"));
        let seen = |from: u64, step: u64| (0..5).map(|n| resets.note(&vm, Stamp(from + n * step))).collect::<Vec<_>>();
        assert_eq!(seen(0, 20_000), [false; 5]);
        assert_eq!(seen(1_000_000, 10_000), [false, false, false, false, true]);
        resets.forget(&vm);
        assert!(!resets.note(&vm, Stamp(1_050_000)));
    }
}
