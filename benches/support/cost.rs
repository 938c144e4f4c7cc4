//! What programs cost that were run to their end, with all that they began: time, processor, memory.
use rustix::process::{WaitOptions, wait};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
}

/// Starts a program; vmdeck finds its folders in `home`.
pub(crate) fn spawn(home: &Path, argv: &[&str]) -> Child {
    let mut command = Command::new(argv[0]);
    command
        .env("VMDECK_HOME", home)
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs them one after the other; the wall time is that until the last has ended. What they leave running is waited for.
pub(crate) fn cost(home: &Path, programs: &[&[&str]]) -> Cost {
    // What others have written must not be waited for here.
    rustix::fs::sync();
    let (begun, before) = (Instant::now(), processor());
    for argv in programs {
        let status = spawn(home, argv).wait().unwrap();
        assert!(status.success(), "{argv:?} ended with {status}");
    }
    let wall = begun.elapsed();
    reap();
    Cost { wall, processor: processor().saturating_sub(before) }
}

/// A server that serves on while others are waited for; 0: there is none.
pub(crate) static SERVER: AtomicU32 = AtomicU32::new(0);

/// Waits for those whose parents have gone, too: this process stands in for them.
pub(crate) fn reap() {
    while others() {
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether there is a child beside the server.
fn others() -> bool {
    let server = SERVER.load(Ordering::Relaxed);
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { return false };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(1)?.parse::<u32>().ok());
        number != server && parent == Some(id())
    })
}

/// Processor time of all that this process has waited for, in steps of 10 ms.
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// What is seen of the processes of one program while they run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The most memory it held, in KiB.
    pub(crate) memory: u64,
    /// Bytes that it read from files.
    pub(crate) read: u64,
}

/// Watches all processes of `program` whose words hold `word`, until `child` ends. A run apart from those with a clock.
pub(crate) fn watch(child: &mut Child, program: &Path, word: &str) -> Seen {
    let mut seen: HashMap<String, Seen> = HashMap::new();
    while child.try_wait().unwrap().is_none() {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let folder = entry.path();
            let is_it = fs::read_link(folder.join("exe")).is_ok_and(|exe| exe == program)
                && fs::read_to_string(folder.join("cmdline")).is_ok_and(|words| words.contains(word));
            if !is_it {
                continue;
            }
            let number = |file: &str, key: &str| -> Option<u64> {
                let text = fs::read_to_string(folder.join(file)).ok()?;
                text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
            };
            let own = seen.entry(entry.file_name().to_string_lossy().into_owned()).or_default();
            own.memory = own.memory.max(number("status", "VmHWM:").unwrap_or(0));
            own.read = own.read.max(number("io", "rchar:").unwrap_or(0));
        }
        thread::sleep(Duration::from_millis(1));
    }
    reap();
    seen.values().copied().max_by_key(|seen| seen.memory).unwrap_or_default()
}

pub(crate) fn median(mut values: Vec<Duration>) -> f64 {
    values.sort();
    values[values.len() / 2].as_secs_f64()
}
