//! What machines use, from two looks at what only ever grows.
use super::{Local, Monitor, place::Holder, proc};
use crate::{
    domain::{Figures, Stamp, VmId},
    transport::now,
};
use serde_json::Value;
use std::{sync::PoisonError, time::Duration};
use tokio::time::timeout;

/// How long a machine may take to tell what it uses: one that is stuck must not hold up what the others tell.
const FIGURES: Duration = Duration::from_millis(500);

/// The last look at a machine.
#[derive(Debug)]
pub(super) struct Sample {
    at: Stamp,
    holder: Holder,
    /// The threads of its processors, asked for once in a life.
    threads: Vec<u64>,
    /// How long they have run in all, in nanoseconds.
    ran: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
}

/// How much a counter grew in a second; None where it fell, as a new life makes it.
fn rate(before: Option<u64>, after: Option<u64>, milliseconds: u128) -> Option<u64> {
    let grown = after?.checked_sub(before?)?;
    u64::try_from(u128::from(grown) * 1000 / milliseconds.max(1)).ok()
}

impl Sample {
    /// What happened between `before` and this.
    fn against(&self, before: &Self) -> Figures {
        let time = self.at.since(before.at).as_millis();
        if before.holder != self.holder || time == 0 {
            return Figures::default();
        }
        let ran = rate(before.ran, self.ran, time);
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let share = |ran: u64| ran as f32 / 1e7 / self.threads.len().max(1) as f32;
        Figures {
            cpu: ran.map(|ran| share(ran).min(100.0)),
            disk_read: rate(before.read, self.read, time),
            disk_write: rate(before.written, self.written, time),
            ..Figures::default()
        }
    }
}

async fn threads(monitor: &Monitor) -> Vec<u64> {
    let processors = monitor.ask("query-cpus-fast").await.unwrap_or_default();
    let ids = processors.as_array().into_iter().flatten().filter_map(|p| p.get("thread-id").and_then(Value::as_u64));
    ids.collect()
}

/// The sum of a counter over all drives.
fn total(stats: &Value, counter: &str) -> Option<u64> {
    let drives = stats.as_array()?;
    Some(drives.iter().filter_map(|drive| drive.get("stats")?.get(counter)?.as_u64()).sum())
}

impl Local {
    /// What one machine uses; None: it is off, or nothing is known. One that does not answer has its memory alone.
    pub(super) async fn figures_of(&self, vm: &VmId) -> Option<Figures> {
        match timeout(FIGURES, self.asked_figures(vm)).await {
            Ok(figures) => figures,
            Err(_) => self.memory_of(vm),
        }
    }

    /// What the system tells of a machine, without a word of its own.
    fn memory_of(&self, vm: &VmId) -> Option<Figures> {
        let memory = self.place(vm).ok()?.alive().and_then(Holder::pid).and_then(proc::resident);
        Some(Figures { memory, ..Figures::default() })
    }

    async fn asked_figures(&self, vm: &VmId) -> Option<Figures> {
        // Asking for the life of each that is off would be most of what an idle screen costs.
        if !self.may_live(vm) {
            return None;
        }
        let monitor = match self.held(vm) {
            Some(monitor) => monitor,
            // The watch knocks at it: one that is slow to open is not knocked at by both.
            None if self.is_watched() => return self.memory_of(vm),
            None => match self.monitor(vm).await {
                Ok(found) => found?,
                Err(_) => return self.memory_of(vm),
            },
        };
        let known = {
            let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.get(vm).filter(|s| s.holder == monitor.holder).map(|s| s.threads.clone())
        };
        let threads = match known {
            Some(threads) if !threads.is_empty() => threads,
            _ => threads(&monitor).await,
        };
        let stats = monitor.ask("query-blockstats").await.unwrap_or_default();
        let ran = monitor.holder.pid().and_then(|pid| threads.iter().map(|t| proc::thread_ran(pid, *t)).sum());
        let sample = Sample {
            at: now(),
            holder: monitor.holder,
            threads,
            ran,
            read: total(&stats, "rd_bytes"),
            written: total(&stats, "wr_bytes"),
        };
        // It may have ended meanwhile; its monitor hears of that later.
        self.place(vm).ok()?.alive()?;
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = samples.get(vm).map(|before| sample.against(before)).unwrap_or_default();
        samples.insert(vm.clone(), sample);
        Some(Figures { memory: monitor.holder.pid().and_then(proc::resident), ..figures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_one_life() {
        let sample = |at, ran: u64, read| Sample {
            at: Stamp(at),
            holder: Holder::default(),
            threads: vec![1, 2],
            ran: Some(ran * 10_000_000),
            read: Some(read),
            written: None,
        };
        let figures = sample(2_000, 150, 4096).against(&sample(0, 50, 0));
        assert_eq!((figures.cpu, figures.disk_read, figures.disk_write), (Some(25.0), Some(2048), None));
        assert_eq!(sample(2_000, 150, 0).against(&sample(0, 50, 10)).disk_read, None);
        assert_eq!(sample(0, 150, 0).against(&sample(0, 50, 0)).cpu, None);
    }
}
