//! Figures as they are shown: rounded, and kept while they move by less than a rounding step.
use crate::domain::{Amount, ByteSize, Figures, Node};
use std::time::Duration;

/// A new value takes the place of the shown one once it is this part of a step away.
const PART: f64 = 0.75;

/// A share takes the place of the shown one once it is this many points away: a guest at rest goes to and fro between
/// 0 and 1 % all day, and each change is sent to the terminal.
const POINTS: f32 = 1.2;

/// A large share moves more: it must be this part of itself away.
const OF_LARGE: f32 = 0.04;

/// What to show after `old` when `new` came: `old` where the difference would not be seen, or only flicker.
pub fn settle(old: Option<Figures>, new: Figures) -> Figures {
    let old = old.unwrap_or_default();
    Figures {
        cpu: percent(old.cpu, new.cpu),
        memory: bytes(old.memory, new.memory),
        disk_read: bytes(old.disk_read, new.disk_read),
        disk_write: bytes(old.disk_write, new.disk_write),
        net_in: bytes(old.net_in, new.net_in),
        net_out: bytes(old.net_out, new.net_out),
        // It stands in the machine.
        disk: None,
    }
}

/// Keeps of `old` what differs from `new` by less than is shown.
pub(super) fn settle_node(old: &Node, new: &mut Node) {
    if old.id != new.id {
        return;
    }
    new.load = match (old.load, new.load.filter(|load| load.is_finite())) {
        (Some(old), Some(new)) if (new - old).abs() < 0.075 => Some(old),
        (_, new) => new,
    };
    let amount = |old: Option<Amount>, new: &mut Option<Amount>, unit: fn(&Amount) -> ByteSize| {
        if let (Some(old), Some(new)) = (old, new)
            && old.total == new.total
            && ByteSize(old.used.0.abs_diff(new.used.0)).as_f64() < unit(new).step().as_f64() * PART
        {
            *new = old;
        }
    };
    amount(old.memory, &mut new.memory, |memory| memory.total);
    // What is left is told by itself.
    amount(old.storage, &mut new.storage, |storage| storage.total.min(storage.free()));
}

/// Keeps `old` while the way to a host takes about as long.
pub(super) fn settle_latency(old: Option<Duration>, new: Duration) -> Duration {
    old.filter(|old| old.abs_diff(new) <= (*old / 4).max(Duration::from_micros(300))).unwrap_or(new)
}

fn percent(old: Option<f32>, new: Option<f32>) -> Option<f32> {
    let new = new.filter(|n| n.is_finite())?.clamp(0.0, 100.0);
    match old {
        Some(old) if (new - old).abs() <= (new * OF_LARGE).max(POINTS) => Some(old),
        _ => Some(new.round()),
    }
}

/// Steps are a twentieth of the value, and at least 4 KiB: what is shown has two or three digits.
fn bytes(old: Option<u64>, new: Option<u64>) -> Option<u64> {
    let new = new?;
    let step = ByteSize(new / 20).as_f64().max(4096.0);
    match old {
        Some(old) if (old == 0) == (new == 0) && ByteSize(old.abs_diff(new)).as_f64() <= step * PART => Some(old),
        _ => Some(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(share: f32) -> Figures {
        Figures { cpu: Some(share), ..Figures::default() }
    }

    #[test]
    fn a_value_on_the_edge_does_not_flicker() {
        let mut shown = settle(None, cpu(3.4));
        for share in [3.6, 4.1, 3.7, 1.9] {
            shown = settle(Some(shown), cpu(share));
            assert_eq!(shown.cpu, Some(3.0), "{share}");
        }
        assert_eq!(settle(Some(shown), cpu(4.3)).cpu, Some(4.0));
        assert_eq!(settle(Some(cpu(80.0)), cpu(83.0)).cpu, Some(80.0));
        assert_eq!(settle(Some(cpu(80.0)), cpu(84.0)).cpu, Some(84.0));
        assert_eq!(settle(Some(shown), cpu(f32::NAN)).cpu, None, "unknown is not the old value");
    }

    #[test]
    fn a_host_at_rest_looks_so() {
        const G: u64 = 1 << 30;
        let node = |load: f32, memory: u64, storage: u64| Node {
            load: Some(load),
            memory: Some(Amount { used: ByteSize(memory), total: ByteSize(24 * G) }),
            storage: Some(Amount { used: ByteSize(storage), total: ByteSize(2048 * G) }),
            ..Node::default()
        };
        let settled = |mut new: Node| {
            settle_node(&node(0.4, 6 * G, 2000 * G), &mut new);
            new
        };
        assert_eq!(settled(node(0.46, 6 * G + (1 << 26), 2000 * G + (1 << 26))), node(0.4, 6 * G, 2000 * G));
        let moved = node(0.5, 6 * G + (1 << 27), 2000 * G + (1 << 27));
        assert_eq!(settled(moved.clone()), moved, "48 GiB are free: a tenth of one shows, though there are 2 TiB");
        assert_eq!(settled(Node { load: Some(f32::NAN), ..node(0.0, 0, 0) }).load, None);
        let other = Node { id: "other".into(), ..node(0.41, 6 * G, 2000 * G) };
        assert_eq!(settled(other.clone()), other);
    }

    #[test]
    fn the_way_to_a_host_is_told_roughly() {
        let ms = Duration::from_millis;
        assert_eq!(settle_latency(None, ms(20)), ms(20));
        assert_eq!([16, 20, 25].map(|new| settle_latency(Some(ms(20)), ms(new))), [ms(20); 3]);
        assert_eq!([14, 26].map(|new| settle_latency(Some(ms(20)), ms(new))), [ms(14), ms(26)]);
    }

    #[test]
    fn rest_is_told_from_little() {
        let rate = |n| Figures { disk_read: Some(n), ..Figures::default() };
        assert_eq!(settle(Some(rate(2000)), rate(0)).disk_read, Some(0));
        assert_eq!(settle(Some(rate(1_000_000)), rate(1_010_000)).disk_read, Some(1_000_000));
        assert_eq!(settle(Some(rate(1_000_000)), rate(1_200_000)).disk_read, Some(1_200_000));
    }
}
