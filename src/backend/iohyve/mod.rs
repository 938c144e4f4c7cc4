//! Machines that the `iohyve` command runs on `FreeBSD`: what is known of that command, whoever calls it.
pub(in crate::backend) mod names;
pub(in crate::backend) mod sizes;
pub(in crate::backend) mod values;

use crate::{
    domain::{PowerState, Vm, VmId},
    transport::Stopwatch,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a machine that is no longer running may still be in memory before that is nothing passing.
const STOPPING: Duration = Duration::from_secs(15);

/// A machine of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    /// Whether it is in the host's memory.
    pub is_loaded: bool,
    pub is_running: bool,
    /// Whether it starts with the host.
    pub starts_at_boot: bool,
    pub description: String,
}

/// Reads `YES`, `true`, `1` and their opposites.
pub(in crate::backend) fn yes(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// When each machine was last seen running.
#[derive(Debug, Default)]
pub(in crate::backend) struct Seen(Mutex<HashMap<VmId, Stopwatch>>);

impl Seen {
    /// The machines that a whole list tells of: what is not in it is forgotten.
    pub(in crate::backend) fn all(&self, rows: &[Row]) -> Vec<Vm> {
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|id, _| names.contains(id.as_str()));
        drop(seen);
        rows.iter().map(|row| self.vm(row)).collect()
    }

    /// The machine that a row tells of.
    pub(in crate::backend) fn vm(&self, row: &Row) -> Vm {
        let id = VmId::from(row.name.as_str());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if row.is_running {
            seen.insert(id.clone(), Stopwatch::start());
        } else if !row.is_loaded {
            seen.remove(&id);
        }
        let was_running = seen.get(&id).is_some_and(|since| since.elapsed() < STOPPING);
        let (power, remark) = match (row.is_loaded, row.is_running) {
            (_, true) => (PowerState::Running, None),
            (true, false) if was_running => (PowerState::Stopping, None),
            (true, false) => (PowerState::Off, Some("stale".to_owned())),
            (false, false) => (PowerState::Off, None),
        };
        let starts = if row.starts_at_boot { "yes" } else { "no" };
        let stale = if remark.is_some() { "it has ended, and is still in the host's memory" } else { "" };
        let details = [("Stale", stale), ("Description", row.description.as_str()), ("Starts with the host", starts)];
        let details = details.into_iter().filter(|(_, v)| !v.is_empty()).map(|(l, v)| (l.to_owned(), v.to_owned()));
        Vm { power: Some(power), remark, details: details.collect(), ..Vm::named(&row.name) }
    }
}
