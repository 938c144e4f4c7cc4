//! How long a disk takes to grow, beside the shortest way there is, in the same run: by the library against the same lines
//! on a bare socket (running) and against `qemu-img resize` (off); on the screen, from Enter to what was read back, against
//! the same two; by `vmdeck call` against a program that does nothing but send those lines. And how long it takes to know
//! that a machine is alive, and that its process is its own.
//!
//! The bare client asks QEMU as often as the product does: for the size only where nothing is known of it, which is what a
//! command begins with; what came of the change both read from the image's header.
//!
//! `cargo bench --bench resize` (a minute); the machines are made and ended by it. `VMDECK=target/release/vmdeck` before the
//! command measures that program. Each line ends with its target.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[path = "support/terminal.rs"]
#[expect(dead_code, reason = "other benches use the rest")]
mod terminal;

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::{fs::FileExt, net::UnixStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use terminal::{Terminal, WIDE};
use vmdeck::{
    backend::{
        Backend, Call, Machines, Power, dispatch, prepare,
        qemu::{Place, Qemu, Settings},
    },
    domain::{ByteSize, PowerState, Request, SizeChange, Values, Verdict, VmId},
    fetch,
};

const RUNS: u64 = 60;
/// Before each growth on the screen, since no person is faster: frames that hosts cause come at a bounded rate, of which
/// keys in a row use up the spare ones. And before what it is compared with, which finds the caches as cold.
const REST: Duration = Duration::from_millis(200);
const M: u64 = 1 << 20;

/// A client of few lines: one line out, lines in until the answer.
struct Bare(BufReader<UnixStream>);

impl Bare {
    fn connect(socket: &Path) -> Self {
        let mut bare = Self(BufReader::new(UnixStream::connect(socket).unwrap()));
        bare.0.read_line(&mut String::new()).unwrap();
        bare.say(r#"{"execute":"qmp_capabilities"}"#);
        bare
    }

    fn say(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        loop {
            let mut answer = String::new();
            assert!(self.0.read_line(&mut answer).unwrap() > 0, "the monitor has closed");
            assert!(!answer.contains("\"error\""), "{answer}");
            if answer.starts_with("{\"return\"") {
                return;
            }
        }
    }

    /// The change, and what the image says then.
    fn grow(&mut self, image: &Path, to: u64) {
        self.say(&format!(r#"{{"execute":"block_resize","arguments":{{"node-name":"disk0","size":{to}}}}}"#));
        let mut size = [0; 8];
        File::open(image).unwrap().read_exact_at(&mut size, 24).unwrap();
        assert_eq!(u64::from_be_bytes(size), to);
    }
}

/// What a script does: who are you, how large is it, then the growth.
fn script(socket: &Path, image: &Path, to: u64) {
    let mut bare = Bare::connect(socket);
    bare.say(r#"{"execute":"query-name"}"#);
    bare.say(r#"{"execute":"query-uuid"}"#);
    bare.say(r#"{"execute":"query-named-block-nodes","arguments":{"flat":true}}"#);
    bare.grow(image, to);
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Median and 95th percentile in milliseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    (at(50), at(95))
}

fn tell(what: &str, own: Vec<Duration>, other: &str, peer: Vec<Duration>, target: &str) {
    let (own, peer) = (spread(own), spread(peer));
    println!(
        "{what:22} {:6.2} ms, p95 {:6.2}; {other:22} {:6.2} ms, p95 {:6.2}; {:.2} x, {:+.2} ms  [{target}]",
        own.0,
        own.1,
        peer.0,
        peer.1,
        own.0 / peer.0,
        own.0 - peer.0
    );
}

async fn make(qemu: &Qemu, name: &str) -> VmId {
    let answers =
        [("name", name), ("cpus", "1"), ("memory", "32M"), ("disk", "64M"), ("firmware", "bios"), ("network", "none")];
    let values: Values = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    qemu.create(&values, Call::new().0).await.unwrap();
    name.into()
}

/// One growth as the program does it: guards, change, reading back.
async fn grow(qemu: &Qemu, vm: &VmId, to: u64) {
    let request = Request::ResizeDisk { vm: vm.clone(), disk: "disk0".into(), size: SizeChange::To(ByteSize(to)) };
    let prepared = prepare(qemu, request).await.unwrap();
    dispatch(qemu, &prepared, Call::new().0).await.unwrap();
    assert_eq!(qemu.look(&prepared.expect).await, Verdict::Met(None));
}

/// Runs a program to its end, which must be a good one.
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "{program} {arguments:?}");
}

/// Grows a disk on the screen from `from` to one MiB more; how long from Enter until it is read back there.
fn on_screen(terminal: &mut Terminal, name: &str, from: u64) -> Duration {
    let (from, to) = (from / M, from / M + 1);
    terminal.send("+");
    terminal.until(&format!("Grow a disk of {name} on local"));
    terminal.send("1M");
    terminal.until(&format!("{from} MiB → {to} MiB"));
    terminal.idle(REST);
    let begun = terminal.started.elapsed();
    terminal.send("\r");
    terminal.until(&format!("read back {to} MiB")).saturating_sub(begun)
}

/// The screen with `name` as its only row.
fn screen(program: &str, config: &str, home: &str, name: &str) -> Terminal {
    let mut terminal = Terminal::sized(&[program, "--config", config], &[("VMDECK_HOME", home)], WIDE);
    terminal.until("peer");
    terminal.type_in(&["/", name, "\r"]);
    terminal.until(&format!("{name} on local"));
    terminal
}

/// Whether a machine is alive by its pidfile; and, by a program that has never seen it, that the process behind its monitor
/// is its own, and how it stands.
fn alive(runtime: &tokio::runtime::Runtime, settings: &dyn Fn() -> Settings, place: &Place, vm: &VmId) {
    let tell = |what: &str, times: Vec<Duration>| {
        let (middle, slow) = spread(times);
        println!("{what:22} {middle:6.3} ms, p95 {slow:6.3}  [5 ms]");
    };
    tell("is it alive:", (0..RUNS).map(|_| timed(|| assert!(place.alive().is_some()))).collect());
    let known = || {
        let qemu = Qemu::new(Settings { headless: true, ..settings() });
        timed(|| assert_eq!(runtime.block_on(qemu.find(vm)).unwrap().power(), PowerState::Running))
    };
    tell("is it itself:", (0..RUNS).map(|_| known()).collect());
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, flag, socket, image, to] = &arguments[..]
        && flag == "--script"
    {
        return script(Path::new(socket), Path::new(image), to.parse().unwrap());
    }
    let me = env::current_exe().unwrap();
    let me = me.to_str().unwrap();
    let program = env::var("VMDECK").unwrap_or_else(|_| env!("CARGO_BIN_EXE_vmdeck").to_owned());
    let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
    let inside = |name: &str| folder.path().join(name);
    let settings = || Settings {
        machines: inside("machines"),
        run: inside("run"),
        images: inside("images"),
        program: None,
        qemu_img: None,
        accel: Some("tcg".to_owned()),
        headless: false,
        fetch: fetch::Options::default(),
        worker: "vmdeck".into(),
        fetch_at_once: 1,
    };
    let place = |vm: &VmId| Place::new(&inside("machines"), &inside("run"), vm);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let qemu = Qemu::new(settings());
    let (web, off, peer) =
        runtime.block_on(async { (make(&qemu, "web").await, make(&qemu, "off").await, make(&qemu, "peer").await) });
    runtime.block_on(qemu.start(&web)).unwrap();

    alive(&runtime, &settings, &place(&web), &web);

    // The bare client has a machine of its own: a growth behind its back is news to the product, which then asks QEMU.
    runtime.block_on(qemu.start(&peer)).unwrap();
    let image = place(&peer).folder.join("disk0.qcow2");
    let mut bare = Bare::connect(&place(&peer).monitor(2));
    let (mut own, mut other) = (Vec::new(), Vec::new());
    let mut size = 64 * M;
    for _ in 0..RUNS {
        size += M;
        own.push(timed(|| runtime.block_on(grow(&qemu, &web, size))));
        other.push(timed(|| bare.grow(&image, size)));
    }
    tell("running, library:", own, "bare socket:", other, "3 ms");

    let config = inside("config.toml");
    let text = format!(
        "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nmachines = '{0}/machines'\nrun = '{0}/run'\nimages = '{0}/images'\n",
        folder.path().display()
    );
    fs::write(&config, text).unwrap();
    let (socket, live) = (place(&web).monitor(3), place(&web).folder.join("disk0.qcow2"));
    let (config, socket) = (config.to_str().unwrap(), socket.to_str().unwrap());
    let home = folder.path().to_str().unwrap();
    let (mut own, mut other) = (Vec::new(), Vec::new());
    let mut terminal = screen(&program, config, home, "web");
    for _ in 0..RUNS {
        own.push(on_screen(&mut terminal, "web", size));
        terminal.idle(REST);
        size += M;
        other.push(timed(|| bare.grow(&image, size)));
    }
    drop((terminal, bare));
    runtime.block_on(qemu.power_off(&peer)).unwrap();
    tell("running, screen:", own, "bare socket:", other, "3 ms");

    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let to = format!("size={}", size + M);
        let call = ["--config", config, "call", "local", "resize-disk", "vm=web", "disk=disk0", &to];
        own.push(timed(|| run(&program, &call)));
        size += 2 * M;
        other.push(timed(|| run(me, &["--script", socket, live.to_str().unwrap(), &size.to_string()])));
    }
    tell("running, vmdeck call:", own, "bare program:", other, "2 x");

    let image = image.to_str().unwrap();
    let qemu_img = |to: u64| timed(|| run("qemu-img", &["resize", "-q", "-f", "qcow2", image, &to.to_string()]));
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for to in (1..=RUNS).map(|n| (64 + n) * M) {
        own.push(timed(|| runtime.block_on(grow(&qemu, &off, to))));
        other.push(qemu_img(to + 2 * RUNS * M));
    }
    tell("off, library:", own, "qemu-img resize:", other, "1.2 x + 1 ms");
    let (mut own, mut other) = (Vec::new(), Vec::new());
    let mut terminal = screen(&program, config, home, "off");
    for from in (0..RUNS).map(|n| (64 + RUNS + n) * M) {
        own.push(on_screen(&mut terminal, "off", from));
        terminal.idle(REST);
        other.push(qemu_img(from + (2 * RUNS + 1) * M));
    }
    tell("off, screen:", own, "qemu-img resize:", other, "1.2 x + 1 ms");
    runtime.block_on(qemu.power_off(&web)).unwrap();
}
