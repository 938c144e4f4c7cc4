//! What a person feels: the time to the first row, bytes and time a key, what is written and used while nothing happens,
//! memory. Beside it, in the same run, the smallest ratatui program there is.
//!
//! `cargo bench --bench terminal` (a minute and a half); the program is run with a folder of its own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[path = "support/terminal.rs"]
mod terminal;

use ratatui::widgets::Paragraph;
use std::{env, fs, path::Path, time::Duration};
use terminal::Terminal;

const RUNS: usize = 15;
const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";

/// The peer: a frame with a word, and the end at the first key.
fn hello() {
    let mut terminal = ratatui::init();
    terminal.draw(|frame| frame.render_widget(Paragraph::new("hello"), frame.area())).unwrap();
    while !matches!(crossterm::event::read(), Ok(crossterm::event::Event::Key(_))) {}
    ratatui::restore();
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> (T, T) {
    values.sort();
    (values[values.len() / 2], values[(values.len() - 1) * 95 / 100])
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Median and 95th percentile of the time to `text`.
fn first_frame(argv: &[&str], env: &[(&str, &str)], text: &str) -> (Duration, Duration) {
    median((0..RUNS).map(|_| Terminal::start(argv, env).until(text)).collect())
}

/// Folders of machines that are off.
fn machines(home: &Path, count: usize) {
    for i in 0..count {
        let folder = home.join(format!("machines/vm-{i:04}"));
        fs::create_dir_all(&folder).unwrap();
        let record =
            format!("version = 1\nuuid = \"6c4bd6c8-9a0a-4a9c-8f8e-0000000{i:05}\"\ncpus = 1\nmemory = \"1G\"\n");
        fs::write(folder.join("machine.toml"), record).unwrap();
    }
}

fn main() {
    if env::args().any(|a| a == "--hello") {
        return hello();
    }
    let me = env::current_exe().unwrap();
    let me = me.to_str().unwrap();
    let vmdeck = env!("CARGO_BIN_EXE_vmdeck");

    let peer = first_frame(&[me, "--hello"], &[], "hello");
    println!("first frame: bare ratatui      {:6.1} ms, p95 {:6.1}", ms(peer.0), ms(peer.1));
    for count in [20, 1_000] {
        let home = tempfile::tempdir().unwrap();
        machines(home.path(), count);
        let env = [("VMDECK_HOME", home.path().to_str().unwrap())];
        let own = first_frame(&[vmdeck], &env, "vm-0003");
        let ratio = ms(own.0) / ms(peer.0);
        println!("first row:   {count:5} local machines {:6.1} ms, p95 {:6.1}, {ratio:.2} x", ms(own.0), ms(own.1));
        let mut terminal = Terminal::start(&[vmdeck], &env);
        terminal.until("vm-0003");
        terminal.settle(Duration::from_secs(2));
        let (bytes, cpu) = terminal.idle(Duration::from_secs(20));
        println!(
            "idle 20 s:   {count:5} local machines {bytes} bytes, {:.0} ms of processor, {} KiB",
            ms(cpu),
            terminal.rss()
        );
    }
    for count in ["1000", "10000"] {
        let home = tempfile::tempdir().unwrap();
        let env = [("VMDECK_HOME", home.path().to_str().unwrap())];
        let argument = format!("--demo={count}");
        let mut terminal = Terminal::start(&[vmdeck, &argument], &env);
        terminal.until("running");
        terminal.settle(Duration::from_millis(900));
        let presses = (0..40).map(|i| terminal.press(if i < 20 { DOWN } else { UP })).collect::<Vec<_>>();
        let bytes = median(presses.iter().map(|p| p.0).collect());
        let first = median(presses.iter().map(|p| p.1).collect());
        let last = median(presses.iter().map(|p| p.2).collect());
        println!(
            "arrow key:   {count:>5} demo machines  {} bytes, p95 {}; seen after {:.2} ms, p95 {:.2}; whole after {:.2} ms; {} KiB",
            bytes.0,
            bytes.1,
            ms(first.0),
            ms(first.1),
            ms(last.0),
            terminal.rss()
        );
    }
}
