//! What a fetch costs beside curl in the same run, over HTTP and FTP, with its checksum and without; what a fetch that is
//! gone on with reads again; and what its watching sends to the terminal.
//!
//! `cargo bench --bench fetch` (some minutes; curl, and Python with pyftpdlib; 4 GiB of room in the target folder); parts
//! of it by their words: `-- http`, `sums`, `memory`, `rest`, `ftp`, `screen`; with a number, so many runs of each.
//! Whole programs are measured: `vmdeck call local fetch-image` with all that it starts, from its start to its end.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[path = "support/cost.rs"]
mod cost;
#[path = "support/served.rs"]
mod served;
#[expect(dead_code, reason = "another bench uses more of it")]
#[path = "support/terminal.rs"]
mod terminal;

use cost::{Cost, SERVER, cost, median, reap, spawn, watch};
use served::Served;
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write, stdout},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};
use terminal::{Terminal, WIDE};

const VMDECK: &str = env!("CARGO_BIN_EXE_vmdeck");
const GIB: u64 = 1 << 30;
const RUNS: usize = 7;

/// The folders of a run: a home for vmdeck, the file that is served, the place where curl writes.
struct Place(tempfile::TempDir);

impl Place {
    fn home(&self) -> &Path {
        self.0.path()
    }

    fn spawn(&self, argv: &[&str]) -> Child {
        spawn(self.home(), argv)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Removes what was fetched.
    fn clear(&self) {
        for folder in ["images", "by-curl"] {
            let _ = fs::remove_dir_all(self.path(folder));
            fs::create_dir_all(self.path(folder)).unwrap();
        }
    }

    /// A GiB that no file system finds holes in, and its checksum in a list beside it.
    fn fill(&self) -> PathBuf {
        let path = PathBuf::from(self.path("a.iso"));
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
        let mut word = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..GIB / 8 {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            file.write_all(&word.to_le_bytes()).unwrap();
        }
        path
    }
}

/// Both in turn, so that a slow minute of the machine meets both. Each run is told as it comes.
fn in_turn(place: &Place, runs: usize, own: &[&[&str]], peer: &[&[&str]]) -> (Vec<Cost>, Vec<Cost>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        place.clear();
        let their = cost(place.home(), peer);
        place.clear();
        let our = cost(place.home(), own);
        print!("{:.2}/{:.2} ", our.wall.as_secs_f64(), their.wall.as_secs_f64());
        stdout().flush().unwrap();
        ours.push(our);
        theirs.push(their);
    }
    println!();
    place.clear();
    (ours, theirs)
}

/// How busy the machine is: ratios are those of a quiet one.
fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap().to_owned()
}

fn tell(what: &str, (own, peer): (Vec<Cost>, Vec<Cost>), wall_at_most: f64) {
    let of = |costs: &[Cost], which: fn(&Cost) -> Duration| median(costs.iter().map(which).collect());
    let (wall, processor) = (of(&own, |c| c.wall), of(&own, |c| c.processor));
    let (peer_wall, peer_processor) = (of(&peer, |c| c.wall), of(&peer, |c| c.processor));
    println!(
        "{what:22} {wall:5.2} s beside {peer_wall:5.2} s: {:.2} x (at most {wall_at_most} x); processor {processor:.2} s beside {peer_processor:.2} s: {:.2} x (at most 1.5 x); load {}",
        wall / peer_wall,
        processor / peer_processor,
        load(),
    );
}

fn call<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&[VMDECK, "call", "local"], words].concat()
}

/// Fetches 90 %, lets it rest, and watches how the rest comes.
fn go_on(place: &Place, server: &Served, fetch: &[&str]) {
    place.clear();
    server.manners.until.store(GIB / 10 * 9, Ordering::Relaxed);
    let mut first = place.spawn(fetch);
    let part = place.path("images/a.iso.part");
    while fs::metadata(&part).map_or(0, |meta| meta.len()) < GIB / 10 * 9 {
        thread::sleep(Duration::from_millis(5));
    }
    place.spawn(&call(&["pause-fetch", "image=a.iso"])).wait().unwrap();
    first.wait().unwrap();
    reap();
    server.manners.until.store(u64::MAX, Ordering::Relaxed);
    server.manners.sent.store(0, Ordering::Relaxed);
    let seen = watch(&mut place.spawn(fetch), Path::new(VMDECK), "fetch-worker");
    let sent = server.manners.sent.load(Ordering::Relaxed);
    println!(
        "the last 10 %:         {sent} bytes sent again for {} that were missing; {} KiB read from files",
        GIB - GIB / 10 * 9,
        seen.read / 1024
    );
    assert!(Path::new(&place.path("images/a.iso")).exists(), "it is not whole");
}

/// Bytes a second that a screen costs which shows a fetch of 8 MB a second, in the strip at the foot and in a row.
fn on_screen(place: &Place, server: &Served, url: &str) {
    const TIME: Duration = Duration::from_secs(30);
    place.clear();
    server.manners.rate.store(8_000_000, Ordering::Relaxed);
    let word = format!("url={url}");
    let mut fetch = place.spawn(&call(&["fetch-image", &word]));
    let home = place.path("");
    let mut terminal = Terminal::sized(&[VMDECK], &[("VMDECK_HOME", &home)], WIDE);
    terminal.until("a.iso");
    terminal.settle(Duration::from_millis(900));
    let a_second = |bytes: usize| Duration::from_secs(bytes as u64).as_secs_f64() / TIME.as_secs_f64();
    let strip = a_second(terminal.idle(TIME).0);
    terminal.press("2");
    terminal.settle(Duration::from_millis(900));
    let row = a_second(terminal.idle(TIME).0);
    println!(
        "on the screen:         {} KiB; {strip:.0} bytes a second in the strip (at most 80), {row:.0} with its row (at most 120)",
        terminal.rss()
    );
    place.spawn(&call(&["cancel-fetch", "image=a.iso", "yes=a.iso"])).wait().unwrap();
    let _ = fetch.wait();
    // It is a child of ours too, and does not end by itself.
    drop(terminal);
    reap();
    server.manners.rate.store(0, Ordering::Relaxed);
}

/// A real FTP server of the same folder; it ends with its standard input.
fn ftp(place: &Place) -> (Child, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/ftp_server.py");
    let own = Path::new("/usr/bin/python3");
    let mut program = Command::new(if own.exists() { own } else { Path::new("python3") });
    program.arg(script).arg(place.path("")).arg("--fast");
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut port).unwrap();
    let port: u16 = port.trim().parse().unwrap_or_else(|_| panic!("the FTP server does not run: run tests/setup"));
    SERVER.store(child.id(), Ordering::Relaxed);
    (child, format!("ftp://127.0.0.1:{port}/a.iso"))
}

fn main() {
    let wanted: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runs = wanted.iter().find_map(|word| word.parse().ok()).unwrap_or(RUNS);
    let is_whole = wanted.iter().all(|word| word.parse::<usize>().is_ok());
    let wants = |part: &str| is_whole || wanted.iter().any(|word| word == part);
    println!("load {} at the beginning", load());
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
    let place = Place(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
    let image = place.fill();
    let server = Served::start(&image);
    let url = server.url();
    let sum = Command::new("sha256sum").arg(&image).output().unwrap().stdout;
    let sum = format!("sha256={}", String::from_utf8(sum).unwrap().split(' ').next().unwrap());
    let (target, word) = (place.path("by-curl/a.iso"), format!("url={url}"));
    let (curl, sync) = (["curl", "-sS", "-o", &target, &url], ["sync", target.as_str()]);
    let fetch = call(&["fetch-image", &word]);
    let checked = call(&["fetch-image", &word, &sum]);

    if wants("http") {
        tell("HTTP, 1 GiB:", in_turn(&place, runs, &[&fetch], &[&curl, &sync]), 1.05);
    }
    if wants("sums") {
        let sums = ["sha256sum", target.as_str()];
        tell("with SHA-256:", in_turn(&place, runs, &[&checked], &[&curl, &sync, &sums]), 0.6);
    }
    if wants("memory") {
        let worker = watch(&mut place.spawn(&checked), Path::new(VMDECK), "fetch-worker");
        place.clear();
        let caller = watch(&mut place.spawn(&checked), Path::new(VMDECK), "fetch-image");
        println!("memory:                {} KiB at most (30 MB), {} KiB for who waits", worker.memory, caller.memory);
    }
    if wants("rest") {
        go_on(&place, &server, &checked);
    }
    if wants("ftp") {
        let (mut child, over_ftp) = ftp(&place);
        let (word, curl) = (format!("url={over_ftp}"), ["curl", "-sS", "-o", &target, &over_ftp]);
        tell("FTP, 1 GiB:", in_turn(&place, runs, &[&call(&["fetch-image", &word])], &[&curl, &sync]), 1.1);
        SERVER.store(0, Ordering::Relaxed);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    if wants("screen") {
        on_screen(&place, &server, &url);
    }
}
