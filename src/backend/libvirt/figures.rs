//! What running machines use. The cheap part is asked for each time, the part that goes to each QEMU now and then.
use super::{
    Libvirt,
    calls::group,
    locked,
    wire::{Domain, Stats},
};
use crate::{
    domain::{Figures, Result, Stamp, VmId},
    transport::now,
};
use std::{collections::HashMap, sync::atomic::Ordering};

/// How many readings go by between two of disks and memory: those cost a question to each QEMU.
const COSTLY_EVERY: u32 = 5;

/// One reading of counters.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    at: Stamp,
    value: Option<u64>,
}

impl Count {
    /// The rate since the reading before, in units a second.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rate")]
    fn rate(self, before: Self) -> Option<u64> {
        let time = self.at.since(before.at).as_secs_f64();
        let passed = self.value?.checked_sub(before.value?)?;
        (time > 0.0).then(|| (passed as f64 / time) as u64)
    }
}

/// The last reading of a machine, and what was told of its costly part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    id: i32,
    cpu: Count,
    received: Count,
    sent: Count,
    read: Count,
    written: Count,
    told: Figures,
}

impl Sample {
    fn next(self, stats: &Stats, cpus: u32, at: Stamp, costly: bool) -> Self {
        // Started anew, its counters began anew.
        let before = if self.id == stats.domain.id { self } else { Self::default() };
        let count = |value| Count { at, value };
        let mut next = Self {
            id: stats.domain.id,
            cpu: count(stats.number("cpu.time")),
            received: count(stats.sum("net", "rx.bytes")),
            sent: count(stats.sum("net", "tx.bytes")),
            ..before
        };
        next.told.cpu = next.cpu.rate(before.cpu).map(|nanoseconds| share(nanoseconds, cpus));
        next.told.net_in = next.received.rate(before.received);
        next.told.net_out = next.sent.rate(before.sent);
        if costly {
            next.read = count(stats.sum("block", "rd.bytes"));
            next.written = count(stats.sum("block", "wr.bytes"));
            next.told.disk_read = next.read.rate(before.read);
            next.told.disk_write = next.written.rate(before.written);
            next.told.memory = stats.number("balloon.rss").map(|kib| kib.saturating_mul(1024)).or(before.told.memory);
        }
        next
    }
}

/// Nanoseconds a second, as a share of all of a machine's processors.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share with one digit")]
fn share(nanoseconds: u64, cpus: u32) -> f32 {
    (nanoseconds as f64 / 1e7 / f64::from(cpus.max(1))).min(100.0) as f32
}

impl Libvirt {
    pub(super) async fn measure(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        let client = self.client()?;
        let domains: Vec<Domain> = {
            let known = locked(&self.known);
            let running = vms.iter().filter_map(|vm| known.get(vm)).filter(|known| known.domain.id >= 0);
            running.map(|known| known.domain.clone()).collect()
        };
        // Without a name libvirt would tell of all machines.
        if domains.is_empty() {
            return Ok(Vec::new());
        }
        let is_new = {
            let samples = locked(&self.samples);
            domains.iter().any(|domain| {
                samples.get(&VmId::from(domain.name.as_str())).is_none_or(|sample| sample.id != domain.id)
            })
        };
        let costly = is_new || self.readings.fetch_add(1, Ordering::Relaxed).is_multiple_of(COSTLY_EVERY);
        let more = if costly { group::BALLOON | group::BLOCK } else { 0 };
        let stats = client.stats(group::STATE | group::CPU | group::INTERFACE | more, &domains).await?;
        let at = now();
        let mut samples = locked(&self.samples);
        let before: HashMap<_, _> = std::mem::take(&mut *samples);
        let known = locked(&self.known);
        let told = stats.iter().filter(|stats| stats.domain.id >= 0).map(|stats| {
            let vm = VmId::from(stats.domain.name.as_str());
            let old = before.get(&vm).copied().unwrap_or_default();
            let cpus = known.get(&vm).and_then(|known| known.cpus).unwrap_or(1);
            let sample = old.next(stats, cpus, at, costly);
            samples.insert(vm.clone(), sample);
            (vm, sample.told)
        });
        Ok(told.collect())
    }
}
