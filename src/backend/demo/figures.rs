//! What machines use, computed from their names and the time: it moves as real figures do and costs nothing to keep.
use super::world::Machine;
use crate::domain::{Figures, PowerState};
use std::time::Duration;

/// A number from 0 to 1 that `seed` decides.
fn noise(seed: u64) -> f64 {
    // The finishing steps of splitmix64: neighbours give unlike numbers.
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u16::try_from((z ^ (z >> 31)) >> 48).unwrap_or(0)) / f64::from(u16::MAX)
}

/// From -1 to 1 and back in every `period`.
pub(super) fn wave(at: Duration, period: Duration) -> f64 {
    let whole = period.as_millis().max(1);
    let [at, whole] = [at.as_millis() % whole, whole].map(|ms| f64::from(u32::try_from(ms).unwrap_or(u32::MAX)));
    let turn = at / whole;
    if turn < 0.5 { 4.0 * turn - 1.0 } else { 3.0 - 4.0 * turn }
}

fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, never below zero")]
fn bytes(number: f64) -> u64 {
    number.max(0.0) as u64
}

/// What the machine uses `now`; None: it is off.
pub(super) fn of(machine: &Machine, now: Duration) -> Option<Figures> {
    let power = machine.vm.power();
    if !power.is_alive() {
        return None;
    }
    let seed = seed(&machine.vm.name);
    let second = now.as_secs();
    let own = now + Duration::from_secs(60).mul_f64(noise(seed));
    let swing = wave(own, Duration::from_secs(107)) * 0.3 + wave(own, Duration::from_secs(31)) * 0.15;
    let busy = match power {
        PowerState::Paused | PowerState::Blocked => 0.0,
        _ => (f64::from(machine.load) / 100.0 * (1.0 + swing) + noise(seed ^ second) * 0.04).clamp(0.0, 1.0),
    };
    // Reading and writing come in bursts.
    let burst = if noise(seed ^ (second / 4)) > 0.6 { noise(seed ^ second ^ 1) } else { 0.02 };
    let memory = machine.vm.memory.map(|m| {
        let share = 0.45 + noise(seed ^ 2) * 0.4 + wave(now, Duration::from_secs(565)) * 0.05;
        bytes(crate::domain::ByteSize(m).as_f64() * share)
    });
    #[expect(clippy::cast_possible_truncation, reason = "a share with two digits")]
    let cpu = (busy * 100.0) as f32;
    Some(Figures {
        cpu: Some(cpu),
        memory,
        disk_read: Some(bytes(busy * burst * 8e7)),
        disk_write: Some(bytes(busy * burst * 3e7)),
        net_in: Some(bytes(busy * noise(seed ^ second ^ 3) * 4e6)),
        net_out: Some(bytes(busy * noise(seed ^ second ^ 4) * 2e7)),
        disk: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_same_each_time_and_stay_in_bounds() {
        let mut machine = Machine::new("web", 2, 2 << 30, 20 << 30);
        assert_eq!(of(&machine, Duration::ZERO), None);
        machine.vm.power = Some(PowerState::Running);
        machine.load = 95;
        let at = |s| of(&machine, Duration::from_secs(s)).unwrap();
        assert_eq!(at(7), at(7));
        assert!((1..600).any(|s| at(s).cpu != at(0).cpu));
        for figures in (0..600).map(at) {
            assert!((0.0..=100.0).contains(&figures.cpu.unwrap()) && figures.memory.unwrap() <= 2 << 30, "{figures:?}");
        }
    }
}
