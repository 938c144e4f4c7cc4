//! What a person feels: the time to the first row, bytes and time a key, what is written and used while nothing happens
//! and while machines are watched, memory. Beside it, in the same run, two peers: the smallest ratatui program there is,
//! and the plainest table of machines that ratatui makes.
//!
//! `cargo bench --bench terminal` (three minutes); each program is run with a folder of its own. Each line ends with
//! its target.
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

use std::{env, fs, path::Path, time::Duration};
use tempfile::TempDir;
use terminal::{NARROW, Pressed, Terminal, WIDE};

const RUNS: usize = 15;
const VMDECK: &str = env!("CARGO_BIN_EXE_vmdeck");

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
        let record =
            format!("version = 1\nuuid = \"6c4bd6c8-9a0a-4a9c-8f8e-0000000{i:05}\"\ncpus = 1\nmemory = \"1G\"\n");
        fs::write(folder.join("machine.toml"), record).unwrap();
    }
    home
}

fn path(home: &TempDir) -> &str {
    Path::to_str(home.path()).unwrap()
}

fn first_rows(me: &str) {
    let peer = first_frame(&[me, "--hello"], &[], "hello");
    println!("first frame  bare ratatui      {:6.1} ms, p95 {:6.1}", ms(peer.0), ms(peer.1));
    let mut few = 0.0;
    for (count, target) in [(20, "3 x"), (1_000, "15 ms more than with 20")] {
        let home = machines(count);
        let own = first_frame(&[VMDECK], &[("VMDECK_HOME", path(&home))], "vm-0003");
        let (ratio, more) = (ms(own.0) / ms(peer.0), ms(own.0) - few);
        few = ms(own.0);
        let (own, p95) = (ms(own.0), ms(own.1));
        println!(
            "first row    {count:5} machines    {own:6.1} ms, p95 {p95:6.1}; {ratio:.2} x, {more:+.1} ms  [{target}]"
        );
    }
}

fn rest() {
    for count in [20, 1_000] {
        let home = machines(count);
        let mut terminal = Terminal::sized(&[VMDECK], &[("VMDECK_HOME", path(&home))], WIDE);
        terminal.until("vm-0003");
        terminal.settle(Duration::from_secs(2));
        let (bytes, cpu) = terminal.idle(Duration::from_secs(30));
        let share = cpu.as_secs_f64() / 30.0 * 100.0;
        println!("idle 30 s    {count:5} machines    {bytes} bytes, {share:.2} % of a processor  [0, 0.1 %]");
        println!("memory       {count:5} machines    {} KiB  [12288 KiB at 1000]", terminal.rss());
    }
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
            let mut terminal = Terminal::sized(&[VMDECK, &argument], &[("VMDECK_HOME", path(&home))], size);
            terminal.until("running");
            // Graphs are there after two parts of their time.
            terminal.idle(Duration::from_secs(11));
            let own =
                told(&format!("{place}, {count} demo machines"), &terminal.presses(), &format!("  [{most}, 1 ms]"));
            println!("             {place}, {count} demo machines: {:.2} x the plain table", ms(own) / ms(base));
        }
    }
}

fn watched() {
    const LONG: Duration = Duration::from_secs(30);
    let home = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::sized(&[VMDECK, "--demo=20"], &[("VMDECK_HOME", path(&home))], WIDE);
    terminal.until("running");
    terminal.idle(Duration::from_secs(11));
    let (bytes, _) = terminal.idle(LONG);
    println!("watching     20 demo machines, busy   {} bytes/s  [400]", bytes / 30);
    // A fetch of the demo takes a quarter of a minute.
    for (key, what, most) in [("4", "in the strip alone", 80), ("2", "with its row", 120), ("3", "with its task", 120)]
    {
        let mut terminal = Terminal::sized(&[VMDECK, "--demo=1"], &[("VMDECK_HOME", path(&home))], NARROW);
        terminal.until("running");
        terminal.type_in(&["2", "f", "https://mirror.example/debian-13.0.0-amd64-netinst.iso", "\r"]);
        terminal.until("MiB/s");
        terminal.type_in(&[key]);
        terminal.settle(Duration::from_millis(300));
        let (bytes, _) = terminal.idle(Duration::from_secs(10));
        println!("watching     one fetch, {what:20}  {} bytes/s  [{most}]", bytes / 10);
    }
}

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
    first_rows(me);
    keys(me);
    watched();
    rest();
}
