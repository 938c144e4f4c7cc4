//! What a person feels: the time to the first row, bytes and time a key, what is written and used while nothing happens
//! and while machines are watched, memory. Beside it, in the same run, two peers: the smallest ratatui program there is,
//! and the plainest table of machines that ratatui makes.
//!
//! `cargo bench --bench terminal` (three and a half minutes), or parts of it alone: `cargo bench --bench terminal -- keys
//! rest`. The program that a bench builds has what its tests need besides, which costs memory:
//! `VMDECK=target/release/vmdeck` before the command measures the one that `cargo build --release` makes. Each program is
//! run with a folder of its own; the machines are made and ended by it. Each line ends with its target.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[path = "support/peer.rs"]
mod peer;
#[path = "support/terminal.rs"]
mod terminal;

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    sync::LazyLock,
    time::Duration,
};
use tempfile::TempDir;
use terminal::{NARROW, Pressed, Terminal, WIDE};

const RUNS: usize = 15;
const LONG: Duration = Duration::from_secs(30);
/// What is measured.
static VMDECK: LazyLock<String> =
    LazyLock::new(|| env::var("VMDECK").unwrap_or_else(|_| env!("CARGO_BIN_EXE_vmdeck").to_owned()));

/// The median and the 95th percentile.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> (T, T) {
    values.sort();
    (values[values.len() / 2], values[(values.len() - 1) * 95 / 100])
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The median and the 95th percentile of the time to `text`.
fn first_frame(argv: &[&str], env: &[(&str, &str)], text: &str) -> (Duration, Duration) {
    median((0..RUNS).map(|_| Terminal::sized(argv, env, WIDE).until(text)).collect())
}

/// A folder with machines that are off.
fn machines(count: usize) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for i in 0..count {
        let folder = home.path().join(format!("machines/vm-{i:04}"));
        fs::create_dir_all(&folder).unwrap();
        let record = format!(
            "version = 1\nuuid = \"6c4bd6c8-9a0a-4a9c-8f8e-0000000{i:05}\"\nmac = \"52:54:00:00:{:02x}:{:02x}\"\n\
             cpus = 2\nmemory = \"2G\"\n\n\
             [[disk]]\nid = \"disk0\"\nfile = \"disk0.raw\"\nformat = \"raw\"\nbus = \"virtio\"\n",
            i / 256,
            i % 256
        );
        fs::write(folder.join("machine.toml"), record).unwrap();
        fs::File::create(folder.join("disk0.raw")).unwrap().set_len(20 << 30).unwrap();
    }
    home
}

fn path(home: &TempDir) -> &str {
    Path::to_str(home.path()).unwrap()
}

fn first_rows(me: &str) {
    let peer = first_frame(&[me, "--hello"], &[], "hello");
    println!("first frame  bare ratatui      {:6.1} ms, p95 {:6.1}", ms(peer.0), ms(peer.1));
    let mut few = None;
    for (count, target) in [(20, "3 x"), (1_000, "15 ms more than with 20")] {
        let home = machines(count);
        let own = first_frame(&[&VMDECK], &[("VMDECK_HOME", path(&home))], "vm-0003");
        let ratio = ms(own.0) / ms(peer.0);
        let more = ms(own.0) - *few.get_or_insert(ms(own.0));
        let (own, p95) = (ms(own.0), ms(own.1));
        println!(
            "first row    {count:5} machines    {own:6.1} ms, p95 {p95:6.1}; {ratio:.2} x, {more:+.1} ms  [{target}]"
        );
    }
}

fn rest(_: &str) {
    for count in [20, 1_000] {
        let home = machines(count);
        let mut terminal = Terminal::sized(&[&VMDECK], &[("VMDECK_HOME", path(&home))], WIDE);
        terminal.until("vm-0003");
        terminal.settle(Duration::from_secs(2));
        let (bytes, cpu) = terminal.idle(LONG);
        let share = cpu.as_secs_f64() / LONG.as_secs_f64() * 100.0;
        println!("idle 30 s    {count:5} machines         {bytes} bytes, {share:.3} % of a processor  [0, 0.1 %]");
        memory(&terminal, &format!("{count:5} machines     "));
    }
    for count in [20, 1_000, 10_000] {
        let home = tempfile::tempdir().unwrap();
        let demo = format!("--demo={count}");
        let mut terminal = Terminal::sized(&[&VMDECK, &demo], &[("VMDECK_HOME", path(&home))], WIDE);
        terminal.until("running");
        terminal.idle(Duration::from_secs(3));
        memory(&terminal, &format!("{count:5} demo machines"));
    }
}

fn memory(terminal: &Terminal, what: &str) {
    let (all, [own, files]) = (terminal.rss(), ["RssAnon:", "RssFile:"].map(|name| terminal.status(name)));
    println!(
        "memory       {what}    {all} KiB: {own} of its own, {files} of the program's file  [12288 at 1000 machines]"
    );
}

/// Bytes a second of the line that a person should still be able to work over.
const SLOW: f64 = 7_000.0;

/// When a key's last byte is through a slow line: a terminal takes the program's bytes at once, and then the line takes its
/// time for each.
fn over_slow_line(what: &str, presses: &[Pressed]) {
    #[expect(clippy::cast_precision_loss, reason = "a key's bytes are few")]
    let through = |p: &Pressed| p.first + Duration::from_secs_f64(p.bytes as f64 / SLOW);
    let (middle, slow) = median(presses.iter().map(through).collect());
    println!("             {what}: {:.1} ms, p95 {:.1} over a line of {SLOW:.0} B/s  [30 ms]", ms(middle), ms(slow));
}

/// The middle and the slow of some keys.
fn told(what: &str, presses: &[Pressed], target: &str) -> Duration {
    let bytes = median(presses.iter().map(|p| p.bytes).collect());
    let first = median(presses.iter().map(|p| p.first).collect());
    let (time, slow) = (ms(first.0), ms(first.1));
    println!("arrow key    {what:32} {:4} bytes, p95 {:4}; {time:5.2} ms, p95 {slow:5.2}{target}", bytes.0, bytes.1);
    first.0
}

fn keys(me: &str) {
    for (size, place, most) in [(NARROW, "80x24", 150), (WIDE, "120x40", 350)] {
        let mut peer = Terminal::sized(&[me, "--table"], &[], size);
        peer.until("machine-0003");
        let base = told(&format!("{place}, plain ratatui table"), &peer.presses(), "");
        for count in [20, 1_000, 10_000] {
            let home = tempfile::tempdir().unwrap();
            let argument = format!("--demo={count}");
            let mut terminal = Terminal::sized(&[&VMDECK, &argument], &[("VMDECK_HOME", path(&home))], size);
            terminal.until("running");
            // Graphs stand beside the table alone, after two parts of their time.
            terminal.idle(Duration::from_secs(if size == WIDE { 11 } else { 2 }));
            let what = format!("{place}, {count} demo machines");
            let presses = terminal.presses();
            let own = told(&what, &presses, &format!("  [{most}, 1 ms]"));
            println!("             {what}: {:.2} x the plain table", ms(own) / ms(base));
            over_slow_line(&what, &presses);
        }
    }
}

/// Real machines that were started by the program itself, with nothing to do; dropping them ends them.
struct Guests {
    home: TempDir,
    names: Vec<String>,
}

impl Guests {
    fn start(count: usize) -> Self {
        // A socket's path is short, so its folder is too.
        let home = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
        let mut guests = Self { home, names: Vec::new() };
        for n in 0..count {
            let name = format!("vm-{n:04}");
            let made = ["create", &format!("vm={name}"), "config.cpus=1", "config.memory=32M", "config.disk=1M"];
            guests.call(&[&made[..], &["config.firmware=bios", "config.network=none"]].concat());
            guests.call(&["start", &format!("vm={name}")]);
            guests.names.push(name);
        }
        guests
    }

    fn call(&self, words: &[&str]) {
        let mut command = Command::new(&*VMDECK);
        command.args(["call", "local"]).args(words).env("VMDECK_HOME", self.home.path()).stdout(Stdio::null());
        assert!(command.status().unwrap().success(), "{words:?}");
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        for name in &self.names {
            self.call(&["power-off", &format!("vm={name}"), &format!("yes={name}")]);
        }
    }
}

fn watched(_: &str) {
    let guests = Guests::start(20);
    let mut terminal = Terminal::sized(&[&VMDECK], &[("VMDECK_HOME", path(&guests.home))], WIDE);
    terminal.until("vm-0019");
    // What the firmware does until it finds nothing to start.
    terminal.idle(Duration::from_secs(10));
    let (bytes, _) = terminal.idle(LONG);
    println!("watching     20 guests of QEMU, idle  {} bytes/s  [50]", bytes / 30);
    drop((terminal, guests));
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::sized(&[&VMDECK, "--demo=20"], &[("VMDECK_HOME", path(&home))], WIDE);
    terminal.until("running");
    terminal.idle(Duration::from_secs(11));
    let (bytes, _) = terminal.idle(LONG);
    println!("watching     20 demo machines, busy   {} bytes/s  [400]", bytes / 30);
    // A fetch of the demo takes a quarter of a minute.
    for (key, what, most) in [("4", "in the strip alone", 80), ("2", "with its row", 120), ("3", "with its task", 120)]
    {
        let mut terminal = Terminal::sized(&[&VMDECK, "--demo=1"], &[("VMDECK_HOME", path(&home))], NARROW);
        terminal.until("vm00000");
        terminal.type_in(&["2", "f", "https://mirror.example/debian-13.0.0-amd64-netinst.iso", "\r"]);
        terminal.until("MiB/s");
        terminal.type_in(&[key]);
        terminal.settle(Duration::from_millis(300));
        let (bytes, _) = terminal.idle(Duration::from_secs(10));
        println!("watching     one fetch, {what:20}  {} bytes/s  [{most}]", bytes / 10);
    }
}

type Part = (&'static str, fn(&str));
const PARTS: [Part; 4] = [("start", first_rows), ("keys", keys), ("watched", watched), ("rest", rest)];

fn main() {
    let words: Vec<String> = env::args().collect();
    if words.iter().any(|word| word == "--hello") {
        return peer::hello();
    }
    if words.iter().any(|word| word == "--table") {
        return peer::table();
    }
    let me = env::current_exe().unwrap();
    let me = me.to_str().unwrap();
    let is_wanted = |part: &str| words.iter().any(|word| word == part);
    let is_all = !PARTS.iter().any(|(name, _)| is_wanted(name));
    for (_, part) in PARTS.iter().filter(|(name, _)| is_all || is_wanted(name)) {
        part(me);
    }
}
