//! What a SysAdm server costs: the time that is added to a call, a flood of progress, a connection that is cut, and hosts
//! that hang beside those that do not. The server is the tests' own, on loopback.
//!
//! `cargo bench --bench sysadm` (half a minute), or its last part alone: `cargo bench --bench sysadm -- screen`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[expect(dead_code, reason = "the tests use the rest of it")]
mod support {
    #[path = "../../tests/it/support/fake_iohyve.rs"]
    pub(crate) mod fake_iohyve;
    #[path = "../../tests/it/support/fake_rest.rs"]
    pub(crate) mod fake_rest;
    #[path = "../../tests/it/support/fake_sysadm.rs"]
    pub(crate) mod fake_sysadm;
    #[path = "../../tests/it/support/fake_sysadm_world.rs"]
    pub(crate) mod fake_sysadm_world;
    #[path = "../../tests/it/support/tls.rs"]
    pub(crate) mod tls;
}
#[path = "support/peer.rs"]
#[expect(dead_code, reason = "each bench uses a part of it")]
mod peer;
#[path = "support/terminal.rs"]
#[expect(dead_code, reason = "each bench uses a part of it")]
mod terminal;

use serde_json::json;
use std::{
    collections::BTreeSet,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use support::{
    fake_iohyve::{Face, event},
    fake_sysadm::{FakeSysadm, sysadm},
};
use terminal::{Terminal, WIDE};
use tokio::{net::TcpListener, sync::mpsc};
use vmdeck::{
    app::Message,
    backend::{Backend, Machines},
    domain::{HostEvent, Link, VmId},
    runtime::{Hosts, Policy},
};

const CALLS: usize = 1_000;
const EVENTS: usize = 100_000;
const HOSTS: usize = 50;
const HANGING: usize = 10;
const CUTS: usize = 40;

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Median and 95th percentile.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    (ms(times[times.len() / 2]), ms(times[times.len() * 95 / 100]))
}

/// One question and its answer, from the adapter's method to its return.
async fn calls(label: &str, server: FakeSysadm) {
    server.world().iohyve.add("web", "10G");
    let sysadm = sysadm(&server.url());
    let (sink, _events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        sysadm.find(&VmId::from("web")).await.unwrap();
        times.push(begun.elapsed());
    }
    let (median, late) = spread(times);
    println!("a call, {label:<15} {median:6.3} ms, p95 {late:6.3} (the server's own time counted in)");
}

fn progress(number: usize) -> serde_json::Value {
    let (id, command) = ("of-others", "iohyve fetch http://x/other.iso");
    let percent = format!("{}% of 5000 kB", number * 100 / EVENTS);
    event(id, command, "running", json!({"percent_done": percent, "download_rate": "1659 kBps"}), json!({}))
}

fn end() -> serde_json::Value {
    let command = "iohyve fetch http://x/other.iso";
    let code = json!({format!("return_codes/{command}"): "1", command: "fetch: out of room\n"});
    event("of-others", command, "finished", json!({}), code)
}

/// Sends all events, as fast as they are taken.
async fn tell_all(server: &FakeSysadm) {
    for number in 0..EVENTS {
        while server.events.len() > 20_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.tell(&progress(number));
    }
}

/// All events through the actor: how long, and how many are told.
async fn flood() {
    let server = FakeSysadm::new(Face::Recorded).await;
    let (mut hosts, mut inbox) = Hosts::new();
    hosts.add("bsd1".into(), sysadm(&server.url()), Policy::default());
    while !matches!(inbox.recv().await.unwrap(), Message::Host(_, HostEvent::Link(Link::Up(_)))) {}
    let begun = Instant::now();
    let reports = async {
        let mut told = 0;
        loop {
            if let Message::Host(_, HostEvent::Job(job)) = inbox.recv().await.unwrap() {
                told += 1;
                if job.state.is_ended() {
                    break told;
                }
            }
        }
    };
    let sends = async {
        tell_all(&server).await;
        server.tell(&end());
    };
    let ((), told) = tokio::join!(sends, reports);
    let whole = begun.elapsed().as_secs_f64();
    println!("{EVENTS} events: {whole:.2} s to the end that was told, {told} reports made of them");
    hosts.stop().await;
}

/// The same on a screen: frames, keys, memory, the end. Beside it, in the same flood, the keys of a plain table: both share
/// the processors with who sends.
fn screen(runtime: &tokio::runtime::Runtime) {
    let server = Arc::new(runtime.block_on(FakeSysadm::new(Face::Recorded)));
    for number in 0..30 {
        server.world().iohyve.add(&format!("vm{number:02}"), "1G");
    }
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config.toml");
    let host = "[[host]]\nname = \"local\"\nenabled = false\n[[host]]\nname = \"bsd1\"\nbackend = \"sysadm\"\n";
    let secret = "password = { command = [\"echo\", \"secret\"] }\n";
    fs::write(&file, format!("{host}url = \"{}\"\n{secret}", server.url())).unwrap();
    let (path, folder) = (file.to_str().unwrap(), home.path().to_str().unwrap());
    let env = [("VMDECK_HOME", folder)];
    let mut terminal = Terminal::sized(&[env!("CARGO_BIN_EXE_vmdeck"), "--config", path], &env, WIDE);
    terminal.until("vm03");
    terminal.settle(Duration::from_secs(1));
    let me = std::env::current_exe().unwrap();
    let mut plain = Terminal::sized(&[me.to_str().unwrap(), "--table"], &[], WIDE);
    plain.until("machine-0003");
    let before = terminal.rss();
    let begun = Instant::now();
    let sender = server.clone();
    let sends = runtime.spawn(async move { tell_all(&sender).await });
    let (mut frames, mut watched, mut keys, mut most) = (0, Duration::ZERO, Vec::new(), before);
    let mut plain_keys = Vec::new();
    let mut drained = None;
    while begun.elapsed() < Duration::from_secs(120) && drained.is_none() {
        for _ in 0..5 {
            let slice = Instant::now();
            frames += usize::from(terminal.idle(Duration::from_millis(20)).0 > 0);
            watched += slice.elapsed();
        }
        let key = if keys.len() % 2 == 0 { "\x1b[B" } else { "\x1b[A" };
        keys.push(terminal.press(key).first);
        plain_keys.push(plain.press(key).first);
        most = most.max(terminal.rss());
        drained = (sends.is_finished() && server.events.is_empty()).then(|| begun.elapsed());
    }
    let after_flood = terminal.rss();
    terminal.type_in(&["3"]);
    server.tell(&end());
    let told = Instant::now();
    terminal.until("out of room");
    let (told, (median, late), plain) = (ms(told.elapsed()), spread(keys), spread(plain_keys));
    println!(
        "on the screen: {:.2} s until all were sent, {:.1} frames a second [10], a key seen after {median:.2} ms, p95 \
         {late:.2} [5], of a plain table {:.2}, p95 {:.2}; memory {before} KiB, at most {most}, {after_flood} \
         afterwards; the end seen after {told:.0} ms",
        drained.expect("all were sent within two minutes").as_secs_f64(),
        f64::from(u32::try_from(frames).unwrap()) / watched.as_secs_f64(),
        plain.0,
        plain.1,
    );
}

/// Many hosts of which some take connections and never say a word.
async fn hanging() {
    let mut servers = Vec::new();
    for _ in 0..HOSTS - HANGING {
        let server = FakeSysadm::new(Face::Recorded).await;
        server.world().iohyve.add("web", "10G");
        // A server that is not all that fast: otherwise only this computer would be measured.
        server.world().slow.insert("version".to_owned(), Duration::from_millis(200));
        servers.push(server);
    }
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf = format!("ws://{}", silent.local_addr().unwrap());
    let first = Instant::now();
    let alone = sysadm(&servers[0].url());
    alone.connect(mpsc::channel(64).0).await.unwrap();
    alone.inventory(true).await.unwrap();
    let alone = first.elapsed();
    let (mut hosts, mut inbox) = Hosts::new();
    let begun = Instant::now();
    for number in 0..HANGING {
        hosts.add(format!("deaf{number}").as_str().into(), sysadm(&deaf), Policy::default());
    }
    for (number, server) in servers.iter().enumerate() {
        hosts.add(format!("host{number}").as_str().into(), sysadm(&server.url()), Policy::default());
    }
    let mut listed = BTreeSet::new();
    while listed.len() < HOSTS - HANGING {
        if let Message::Host(id, HostEvent::Inventory(_)) = inbox.recv().await.unwrap() {
            listed.insert(id);
        }
    }
    println!(
        "{HOSTS} hosts, {HANGING} of them silent: the others listed after {:.0} ms; one alone takes {:.0} ms",
        ms(begun.elapsed()),
        ms(alone)
    );
    hosts.stop().await;
}

/// Servers that are away for at most two seconds: how long after its return each is served again.
async fn cuts() {
    let (mut hosts, mut inbox) = Hosts::new();
    let mut servers = Vec::new();
    for number in 0..CUTS {
        let server = FakeSysadm::new(Face::Recorded).await;
        hosts.add(format!("{number}").as_str().into(), sysadm(&server.url()), Policy::default());
        servers.push(server);
    }
    let mut up = 0;
    while up < CUTS {
        up += usize::from(matches!(inbox.recv().await.unwrap(), Message::Host(_, HostEvent::Link(Link::Up(_)))));
    }
    let begun = Instant::now();
    for server in &servers {
        server.world().is_away = true;
        server.cut();
    }
    let away = |number: usize| Duration::from_secs(2) * u32::try_from(number).unwrap() / u32::try_from(CUTS).unwrap();
    let mut times = Vec::new();
    let back = async {
        for (number, server) in servers.iter().enumerate() {
            tokio::time::sleep(away(number).saturating_sub(begun.elapsed())).await;
            server.world().is_away = false;
        }
        std::future::pending::<()>().await;
    };
    let seen = async {
        while times.len() < CUTS {
            if let Message::Host(id, HostEvent::Link(Link::Up(_))) = inbox.recv().await.unwrap() {
                let number: usize = id.as_str().parse().unwrap();
                times.push(begun.elapsed().saturating_sub(away(number)));
            }
        }
    };
    tokio::select! { () = back => {}, () = seen => {} }
    let most = times.iter().max().copied().unwrap();
    let (median, _) = spread(times);
    println!(
        "{CUTS} cuts of 0 to 2 s: served again {median:.0} ms after the server's return, at most {:.0} ms",
        ms(most)
    );
    hosts.stop().await;
}

fn main() {
    if std::env::args().any(|word| word == "--table") {
        return peer::table();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().any(|word| word == "screen") {
        return screen(&runtime);
    }
    runtime.block_on(async {
        calls("WebSocket", FakeSysadm::new(Face::Recorded).await).await;
        calls("WebSocket, TLS", FakeSysadm::secure(Face::Recorded, "first").await).await;
        calls("REST", FakeSysadm::rest(Face::Recorded, None).await).await;
        calls("REST, TLS", FakeSysadm::rest(Face::Recorded, Some("first")).await).await;
        flood().await;
        cuts().await;
        hanging().await;
    });
    screen(&runtime);
}
