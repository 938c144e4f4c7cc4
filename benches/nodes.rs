//! How soon 1,000 hypervisors are on the screen once a chypervisord has told them, and what a key costs there. The server
//! takes its time for a list, as one does that reads every record by itself: what counts begins with its answer.
//!
//! `cargo bench --bench nodes` (a minute); the server is a fake on loopback, the program the real one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[expect(dead_code, reason = "the tests use more of it")]
mod support {
    #[path = "../../tests/it/support/fake_lochness.rs"]
    pub(crate) mod fake_lochness;
    #[path = "../../tests/it/support/web.rs"]
    pub(crate) mod web;
}
#[expect(dead_code, reason = "another bench uses more of it")]
#[path = "support/terminal.rs"]
mod terminal;

use serde_json::json;
use std::time::Duration;
use support::fake_lochness::{Face, Lochness};
use tempfile::TempDir;
use terminal::{NARROW, Pressed, Terminal, WIDE};

const RUNS: usize = 15;
const NODES: u32 = 1000;
/// Keys that come faster than anybody presses them.
const HELD: usize = 100;
/// A recorded server took 22 ms for 103.
const LIST: Duration = Duration::from_millis(210);

fn id(n: u32) -> String {
    format!("{n:08x}-97ae-467d-a56e-d0cccbd2adc7")
}

fn server() -> Lochness {
    let lochness = Lochness::new(Face::Etcd);
    lochness.store().slowness = LIST;
    for n in 0..NODES {
        let all = json!({"memory": 65_536, "disk": 4_000_000, "cpu": 64});
        let free = json!({"memory": 65_536 - n % 11 * 6_000, "disk": 4_000_000 - n % 7 * 500_000, "cpu": 64 - n % 65});
        let ip = format!("10.0.{}.{}", n / 250, n % 250 + 1);
        let mac = format!("52:54:00:00:{:02x}:{:02x}", n / 256, n % 256);
        lochness.add(
            &id(n),
            &json!({"ip": ip, "netmask": "255.255.0.0", "gateway": "10.0.0.254", "mac": mac,
                "metadata": {"rack": format!("r{}", n % 30)}, "total_resources": all, "available_resources": free}),
        );
    }
    lochness
}

fn home(server: &Lochness) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
    let url = server.chypervisord.url();
    let host = format!("[[host]]\nname = \"lab\"\nbackend = \"chypervisord\"\nurl = \"{url}\"\n");
    std::fs::write(home.path().join("config.toml"), format!("{local}{host}")).unwrap();
    home
}

fn started(home: &TempDir, size: (u16, u16)) -> Terminal {
    let mut terminal =
        Terminal::sized(&[env!("CARGO_BIN_EXE_vmdeck")], &[("VMDECK_HOME", home.path().to_str().unwrap())], size);
    terminal.until("connecting");
    terminal.type_in(&["5"]);
    terminal
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Median and the worst, in milliseconds.
fn tell(what: &str, mut times: Vec<Duration>, most: &str) {
    times.sort();
    println!("{what:40} {:6.2} ms, at worst {:6.2}  [{most}]", ms(times[times.len() / 2]), ms(times[times.len() - 1]));
}

/// From the end of the answer to a screen full of rows.
fn shown() -> Duration {
    let server = server();
    let home = home(&server);
    let mut terminal = started(&home, WIDE);
    let row = |line: &&str| line.contains("10.0.0.") && line.contains(" %");
    let seen = terminal.until_that("a screen full of rows", |text| text.lines().filter(row).count() > 30);
    let asked = server.store().listed.unwrap().elapsed();
    let answered = (terminal.started.elapsed() + LIST).saturating_sub(asked);
    seen.saturating_sub(answered)
}

fn keys(place: &str, size: (u16, u16)) {
    let server = server();
    let home = home(&server);
    let mut terminal = started(&home, size);
    terminal.until("10.0.0.3");
    terminal.settle(Duration::from_secs(2));
    let first = |presses: Vec<Pressed>| presses.iter().map(|pressed| pressed.first).collect();
    tell(&format!("{place}, an arrow key"), first(terminal.presses()), "1 ms");
    // The screen scrolls with every one of these.
    terminal.type_in(&["\x1b[F"]);
    terminal.settle(Duration::from_secs(1));
    tell(&format!("{place}, a page"), first((0..20).map(|_| terminal.press("\x1b[5~")).collect()), "1 ms");
    terminal.type_in(&["\x1b[F"]);
    for _ in 0..size.1 {
        terminal.press("\x1b[A");
    }
    let at_the_edge: Vec<Pressed> = (0..20).map(|_| terminal.press("\x1b[A")).collect();
    let bytes = at_the_edge.iter().map(|pressed| pressed.bytes).max().unwrap_or(0);
    tell(&format!("{place}, an arrow key that scrolls"), first(at_the_edge), &format!("1 ms; {bytes} bytes at most"));
    // A key that is held down.
    terminal.type_in(&["\x1b[F"]);
    let (before, begun) = (terminal.bytes, terminal.started.elapsed());
    terminal.send(&"\x1b[A".repeat(HELD));
    let last = id(NODES - 1 - u32::try_from(HELD).unwrap());
    let is_it = |line: &str| line.contains('▸') && line.contains(&last[..8]);
    let took = terminal.until_that("the last row", |text| text.lines().any(is_it)).saturating_sub(begun);
    let bytes = terminal.bytes - before;
    println!("{:40} {:6.2} ms for all of them, {bytes} bytes", format!("{place}, {HELD} arrow keys at once"), ms(took));
}

fn main() {
    tell("1,000 hypervisors on the screen", (0..RUNS).map(|_| shown()).collect(), "50 ms after the answer");
    keys("80x24", NARROW);
    keys("120x40", WIDE);
}
