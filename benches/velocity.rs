//! How soon a Velocity server is on the screen that has 500 machines in 8 groups and takes 20 ms for every answer: the
//! names, the states that are seen, all states; each counted from the answer to the sign-in.
//!
//! `cargo bench --bench velocity` (half a minute); the server is a fake on loopback, the program the real one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[expect(dead_code, reason = "the tests use more of it")]
mod support {
    #[path = "../../tests/it/support/fake_velocity.rs"]
    pub(crate) mod fake_velocity;
    #[path = "../../tests/it/support/web.rs"]
    pub(crate) mod web;
}
#[expect(dead_code, reason = "another bench uses more of it")]
#[path = "support/terminal.rs"]
mod terminal;

use std::time::Duration;
use support::fake_velocity::{Face, FakeVelocity};
use terminal::{Terminal, WIDE};

const RUNS: usize = 7;
const MACHINES: i64 = 500;
const LATENCY: Duration = Duration::from_millis(20);

fn server() -> FakeVelocity {
    let server = FakeVelocity::new(Face::Head);
    let mut world = server.world();
    world.latency = LATENCY;
    let names = ["root", "a", "b", "c", "d", "e", "f", "g"];
    let root = world.groups[0].3.clone();
    world.groups = (0..8).map(|gid| (gid, 0, names[usize::try_from(gid).unwrap()], root.clone())).collect();
    for n in 0..MACHINES {
        world.add(&format!("vm{n:03}"), "RUNNING").gid = n % 8;
    }
    drop(world);
    server
}

/// Median and the worst, in milliseconds.
fn tell(what: &str, mut times: Vec<Duration>, most: u64) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let worst = times[times.len() - 1];
    println!("{what:22} {:6.0} ms, at worst {:6.0} (wanted: {most})", ms(times[times.len() / 2]), ms(worst));
}

fn main() {
    let (mut names, mut seen, mut all, mut calls) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let server = server();
        let home = tempfile::tempdir().unwrap();
        let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n";
        let url = server.web.url();
        let host = format!("[[host]]\nname = \"office\"\nbackend = \"velocity\"\nurl = \"{url}\"\n");
        let password = "password = { env = \"OFFICE\" }\n";
        std::fs::write(home.path().join("config.toml"), format!("{local}{host}{password}")).unwrap();
        let env = [("VMDECK_HOME", home.path().to_str().unwrap()), ("OFFICE", "secret")];
        let mut terminal = Terminal::sized(&[env!("CARGO_BIN_EXE_vmdeck")], &env, WIDE);
        let row = |line: &&str| line.starts_with('│') && line.contains(" vm");
        let rows = |text: &str| text.lines().filter(row).count();
        let shown = terminal.until_that("the names", |text| rows(text) > 20);
        let running = |text: &str| text.lines().filter(row).filter(|line| line.contains("● running")).count();
        let stated = terminal.until_that("the states", |text| rows(text) > 20 && running(text) == rows(text));
        let whole = terminal.until_that("all states", |text| text.contains(&format!("office {MACHINES}/{MACHINES}")));
        let since = server.world().signed_in.unwrap().elapsed();
        let signed_in = (terminal.started.elapsed() + LATENCY).saturating_sub(since);
        names.push(shown.saturating_sub(signed_in));
        seen.push(stated.saturating_sub(signed_in));
        all.push(whole.saturating_sub(signed_in));
        calls = calls.max(server.web.most_at_once());
    }
    tell("names on the screen", names, 100);
    tell("every visible state", seen, 300);
    tell("all states", all, 2000);
    println!("calls at once: never more than {calls} (wanted: 8)");
}
