//! The computer that iohyve runs on.
use super::{Iohyve, datasets::Datasets};
use crate::domain::{Amount, ByteSize, Node, clean_line};
use std::collections::BTreeMap;

/// What FreeBSD is asked about itself.
const ASKED: [&str; 7] = [
    "kern.hostname",
    "hw.ncpu",
    "hw.physmem",
    "hw.pagesize",
    "vm.stats.vm.v_free_count",
    "vm.stats.vm.v_inactive_count",
    "vm.loadavg",
];

/// Of the answer, a `name: value` a line. None: it tells nothing.
fn read(text: &str) -> Option<Node> {
    let told: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    let number = |name: &str| told.get(name)?.trim().parse::<u64>().ok();
    let name = clean_line(told.get("kern.hostname")?.trim()).into_owned();
    let free = |pages: u64| Some(pages.saturating_mul(number("hw.pagesize")?));
    let memory = || {
        let pages = number("vm.stats.vm.v_free_count")?.saturating_add(number("vm.stats.vm.v_inactive_count")?);
        let total = number("hw.physmem")?;
        Some(Amount { used: ByteSize(total.saturating_sub(free(pages)?)), total: ByteSize(total) })
    };
    Some(Node {
        id: name.as_str().into(),
        cpus: number("hw.ncpu").and_then(|cpus| u32::try_from(cpus).ok()),
        load: told.get("vm.loadavg").and_then(|all| all.trim_matches(['{', '}', ' ']).split(' ').next()?.parse().ok()),
        memory: memory(),
        name,
        ..Node::default()
    })
}

impl Iohyve {
    /// None: it does not tell.
    pub(super) async fn node(&self, datasets: &Datasets) -> Option<Node> {
        let words: Vec<_> = ["sysctl"].into_iter().chain(ASKED).collect();
        // Where it does not know one of them it tells the others, and fails.
        let output = Box::pin(self.shell.other(&words)).await.ok()?;
        let node = read(&String::from_utf8_lossy(&output.stdout))?;
        Some(Node { storage: datasets.storage(), ..node })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_tells_of_itself() {
        let text = "kern.hostname: bsd1.example\nhw.ncpu: 8\nhw.physmem: 17000000000\nhw.pagesize: 4096\n\
                    vm.stats.vm.v_free_count: 1000000\nvm.stats.vm.v_inactive_count: 500000\n\
                    vm.loadavg: { 0.25 0.30 0.28 }\n";
        let node = read(text).unwrap();
        assert_eq!((node.name.as_str(), node.cpus, node.load), ("bsd1.example", Some(8), Some(0.25)));
        let memory = Amount { used: ByteSize(17_000_000_000 - 1_500_000 * 4096), total: ByteSize(17_000_000_000) };
        assert_eq!(node.memory, Some(memory));
        let less = read("kern.hostname: b\nhw.physmem: 1\nvm.loadavg: odd\n").unwrap();
        assert_eq!((less.memory, less.load, less.cpus), (None, None, None));
        assert_eq!(read("sysctl: unknown oid\n"), None);
    }
}
