//! Guests that start over and over: a kernel that panics at boot shows as nothing but resets.
use crate::domain::{Stamp, VmId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// So many resets of the guest's own are a loop, where no life between them was longer than this: without the processor's
/// help a kernel may take most of a minute until it panics.
const MANY: usize = 5;
const LIFE: Duration = Duration::from_secs(120);

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
    let ends = times.iter().skip(1).chain([&now]);
    times.len() >= MANY && times.iter().zip(ends).all(|(begin, end)| end.since(*begin) <= LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_short_lives_are_a_loop_however_slow_the_processor() {
        let (resets, vm) = (Resets::default(), VmId::from("web"));
        let seen = |from: u64, step: u64| (0..5).map(|n| resets.note(&vm, Stamp(from + n * step))).collect::<Vec<_>>();
        let fifth = [false, false, false, false, true];
        assert_eq!(seen(0, 150_000), [false; 5], "it is used in between");
        assert_eq!(seen(1_000_000, 100), fifth);
        resets.forget(&vm);
        assert_eq!(seen(2_000_000, 50_000), fifth, "no KVM, and a kernel that panics");
        resets.forget(&vm);
        assert!(!resets.note(&vm, Stamp(2_250_000)));
    }

    #[test]
    fn a_loop_is_over_once_the_guest_lives() {
        let times: VecDeque<_> = (0..5).map(|n| Stamp(n * 1_000)).collect();
        assert!(loops(&times, Stamp(4_000)) && loops(&times, Stamp(120_000)));
        assert!(!loops(&times, Stamp(125_000)));
    }
}
