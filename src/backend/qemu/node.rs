//! This computer: what it has, and what it still holds.
use super::Local;
use crate::domain::{Amount, ByteSize, Node};
use std::{fs, path::Path};

/// A line of `/proc/meminfo`, in bytes.
fn meminfo(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The most memory that a machine here can be given.
pub(super) fn most_memory() -> ByteSize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    ByteSize(meminfo(&text, "MemTotal:").unwrap_or(1 << 40))
}

fn memory() -> Option<Amount> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo(&text, "MemTotal:")?;
    let used = total.saturating_sub(meminfo(&text, "MemAvailable:")?);
    Some(Amount { used: ByteSize(used), total: ByteSize(total) })
}

/// The storage that holds `folder`, or will when it is made.
fn storage(folder: &Path) -> Option<Amount> {
    let there = folder.ancestors().find(|path| path.is_dir())?;
    let told = rustix::fs::statvfs(there).ok()?;
    let total = told.f_blocks.checked_mul(told.f_frsize)?;
    // What is kept for root counts as used.
    let free = told.f_bavail.checked_mul(told.f_frsize)?;
    Some(Amount { used: ByteSize(total.saturating_sub(free)), total: ByteSize(total) })
}

impl Local {
    pub(super) async fn node(&self) -> Node {
        let mut details = Vec::new();
        let mut tell = |label: &str, value: String| details.push((label.to_owned(), value));
        tell("QEMU", self.probe().await.map_or_else(|error| error.message, |probe| probe.version));
        let (accel, why) = self.settings.accelerator("auto");
        tell("Accelerator", format!("{accel} ({why})"));
        tell("Machines", self.settings.machines.display().to_string());
        let load = fs::read_to_string("/proc/loadavg").ok();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Node {
            id: name.as_str().into(),
            name,
            cpus: std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()),
            load: load.and_then(|text| text.split(' ').next()?.parse().ok()),
            memory: memory(),
            storage: storage(&self.settings.machines),
            details,
            ..Node::default()
        }
    }
}
