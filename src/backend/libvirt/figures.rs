//! What the machines on the screen use. The cheap part is asked for each time, the part that goes to each QEMU now and
//! then.
use super::{
    Libvirt,
    calls::group,
    client::Client,
    disks::is_active,
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
    /// The costly part was read since it runs, or since it is off.
    is_whole: bool,
    told: Figures,
}

impl Sample {
    /// This one, or none where the machine was started anew: its counters began anew.
    fn of(self, domain: &Domain) -> Self {
        if self.id == domain.id { self } else { Self { id: domain.id, ..Self::default() } }
    }

    fn cheap(&mut self, stats: &Stats, cpus: u32, at: Stamp) {
        let before = *self;
        let count = |value| Count { at, value };
        self.cpu = count(stats.number("cpu.time"));
        self.received = count(stats.sum("net", "rx.bytes"));
        self.sent = count(stats.sum("net", "tx.bytes"));
        self.told.cpu = self.cpu.rate(before.cpu).map(|nanoseconds| share(nanoseconds, cpus));
        self.told.net_in = self.received.rate(before.received);
        self.told.net_out = self.sent.rate(before.sent);
    }

    fn costly(&mut self, stats: &Stats, at: Stamp) {
        let before = *self;
        let count = |value| Count { at, value };
        // It is left out where libvirt would have to wait for the machine.
        self.is_whole = stats.number("block.count").is_some();
        self.told.disk = stats.sum("block", "capacity").or(before.told.disk);
        if !is_active(&stats.domain) {
            return;
        }
        self.read = count(stats.sum("block", "rd.bytes"));
        self.written = count(stats.sum("block", "wr.bytes"));
        self.told.disk_read = self.read.rate(before.read);
        self.told.disk_write = self.written.rate(before.written);
        self.told.memory = stats.number("balloon.rss").map(|kib| kib.saturating_mul(1024)).or(before.told.memory);
    }
}

/// Nanoseconds a second, as a share of all of a machine's processors.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share with one digit")]
fn share(nanoseconds: u64, cpus: u32) -> f32 {
    (nanoseconds as f64 / 1e7 / f64::from(cpus.max(1))).min(100.0) as f32
}

/// What is told of these machines, by name; nothing is asked where there are none, since that would mean all.
async fn told(client: &Client, groups: u32, of: &[Domain]) -> Result<HashMap<String, Stats>> {
    if of.is_empty() {
        return Ok(HashMap::new());
    }
    let stats = client.stats(groups, of).await?;
    Ok(stats.into_iter().map(|stats| (stats.domain.name.clone(), stats)).collect())
}

impl Libvirt {
    /// Measures these machines, and no others: the running ones each time; what has to be asked of a QEMU, or read from the
    /// file of a disk, of those that are new here, and now and then of all.
    pub(super) async fn measure(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        let client = self.client()?;
        let domains: Vec<Domain> = {
            let known = locked(&self.known);
            vms.iter().filter_map(|vm| known.get(vm)).map(|known| known.domain.clone()).collect()
        };
        if domains.is_empty() {
            return Ok(Vec::new());
        }
        let is_time = self.readings.fetch_add(1, Ordering::Relaxed).is_multiple_of(COSTLY_EVERY);
        let mut samples: HashMap<VmId, Sample> = {
            let before = locked(&self.samples);
            let sample = |domain: &Domain| {
                let vm = VmId::from(domain.name.as_str());
                let sample = before.get(&vm).copied().unwrap_or_default().of(domain);
                (vm, sample)
            };
            domains.iter().map(sample).collect()
        };
        let is_due = |domain: &Domain| {
            let sample = samples.get(&VmId::from(domain.name.as_str()));
            is_time || sample.is_none_or(|sample| !sample.is_whole)
        };
        // No machine is in both: the one call would be left out where the other has the machine's ear.
        let (due, others): (Vec<_>, Vec<_>) = domains.iter().cloned().partition(is_due);
        let running: Vec<_> = others.into_iter().filter(is_active).collect();
        let cheap = group::STATE | group::CPU | group::INTERFACE;
        let (cheap, costly) = tokio::try_join!(
            told(&client, cheap, &running),
            told(&client, cheap | group::BALLOON | group::BLOCK, &due)
        )?;
        let at = now();
        let mut known = locked(&self.known);
        let mut all = Vec::new();
        for domain in &domains {
            let vm = VmId::from(domain.name.as_str());
            let Some(sample) = samples.get_mut(&vm) else { continue };
            let mut known = known.get_mut(&vm);
            let is_it = |stats: &&Stats| stats.domain.id == domain.id;
            let costly = costly.get(&domain.name).filter(is_it);
            if let Some(stats) = cheap.get(&domain.name).filter(is_it).or(costly).filter(|_| is_active(domain)) {
                sample.cheap(stats, known.as_ref().and_then(|known| known.cpus).unwrap_or(1), at);
            }
            if let Some(stats) = costly {
                sample.costly(stats, at);
            }
            if let Some(known) = &mut known {
                known.disk = sample.told.disk.or(known.disk);
            }
            if sample.told != Figures::default() {
                all.push((vm, sample.told));
            }
        }
        drop(known);
        *locked(&self.samples) = samples;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::xdr::{Reader, Writer},
        *,
    };

    const SECOND: u64 = 1000;

    /// What libvirt tells of a machine with this number.
    fn stats(id: i32, figures: &[(&str, u64)]) -> Stats {
        let domain = Domain { name: "web".to_owned(), uuid: [7; 16], id };
        // As `remote_protocol.x` has typed parameters: a name, the kind (4 is a number without sign), the value.
        let params = |writer: Writer, (name, value): &(&str, u64)| writer.text(name).u32(4).u64(*value);
        let bytes = domain.write(Writer::default()).list(figures, |writer, figure| params(writer, figure)).done();
        Stats::read(&mut Reader::new(&bytes)).unwrap()
    }

    fn sampled(sample: &mut Sample, at: u64, figures: &[(&str, u64)]) {
        let stats = stats(3, figures);
        *sample = sample.of(&stats.domain);
        sample.cheap(&stats, 2, Stamp(at));
        sample.costly(&stats, Stamp(at));
    }

    #[test]
    fn a_rate_is_what_came_between_two_readings() {
        let mut sample = Sample::default();
        let first = [("cpu.time", 5_000_000_000), ("net.count", 2), ("net.0.rx.bytes", 100), ("net.1.rx.bytes", 50)];
        sampled(&mut sample, SECOND, &first);
        assert_eq!((sample.told.cpu, sample.told.net_in), (None, None), "one reading tells nothing");
        let second =
            [("cpu.time", 6_000_000_000), ("net.count", 2), ("net.0.rx.bytes", 1100), ("net.1.rx.bytes", 1050)];
        sampled(&mut sample, 3 * SECOND, &second);
        // A second of two in two seconds, on two processors.
        assert_eq!((sample.told.cpu, sample.told.net_in), (Some(25.0), Some(1000)));
        assert_eq!(sample.told.net_out, None, "what is not told is not zero");
    }

    #[test]
    fn disks_and_memory_are_summed_and_kept_between_readings() {
        let mut sample = Sample::default();
        let block = |read: u64| {
            [
                ("block.count", 2),
                ("block.0.rd.bytes", read),
                ("block.1.rd.bytes", 1000),
                ("block.0.capacity", 1 << 30),
                ("block.1.capacity", 1 << 20),
                ("balloon.rss", 2048),
            ]
        };
        sampled(&mut sample, SECOND, &block(0));
        sampled(&mut sample, 2 * SECOND, &block(4096));
        assert_eq!((sample.told.disk_read, sample.told.disk), (Some(4096), Some((1 << 30) + (1 << 20))));
        assert_eq!(sample.told.memory, Some(2 << 20));
        // The cheap part alone, in between.
        sample.cheap(&stats(3, &[("cpu.time", 1)]), 2, Stamp(3 * SECOND));
        assert_eq!((sample.told.disk_read, sample.told.memory), (Some(4096), Some(2 << 20)));
    }

    #[test]
    fn one_that_started_anew_has_no_rate_and_one_that_is_off_no_use() {
        let mut sample = Sample::default();
        sampled(&mut sample, SECOND, &[("cpu.time", 9_000_000_000)]);
        let anew = stats(4, &[("cpu.time", 9_500_000_000)]);
        let mut next = sample.of(&anew.domain);
        next.cheap(&anew, 1, Stamp(2 * SECOND));
        assert_eq!(next.told.cpu, None);
        let off = stats(-1, &[("block.count", 1), ("block.0.capacity", 512), ("block.0.rd.bytes", 9)]);
        let mut next = next.of(&off.domain);
        next.costly(&off, Stamp(3 * SECOND));
        assert_eq!(next.told, Figures { disk: Some(512), ..Figures::default() });
    }

    #[test]
    fn a_counter_that_went_back_is_no_rate() {
        let count = |at, value| Count { at: Stamp(at), value: Some(value) };
        assert_eq!(count(2 * SECOND, 5).rate(count(SECOND, 9)), None);
        assert_eq!(count(SECOND, 9).rate(count(SECOND, 5)), None, "no time has passed");
        assert!((share(5_000_000_000, 2) - 100.0).abs() < 0.01, "never more than all");
    }
}
