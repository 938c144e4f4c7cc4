//! libvirt spoken to directly, beside `virsh`, in the same run: lists of 50 machines on an open connection and with
//! connecting, growing a running machine's disk, and what it costs to watch them.
//!
//! `cargo bench --bench libvirt` (a minute and a half); the daemon and its machines are made and ended by it. It needs
//! `virsh` (Debian: libvirt-clients).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on should say where, and it reads the clock"
)]
#[expect(dead_code, reason = "the tests use more of it")]
mod support {
    #[path = "../../tests/it/support/guests.rs"]
    pub(crate) mod guests;
    #[path = "../../tests/it/support/libvirt.rs"]
    pub(crate) mod libvirt;
    #[path = "../../tests/it/support/qemu.rs"]
    pub(crate) mod qemu;
}

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use support::libvirt::{Daemon, small};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Machines, Power, dispatch,
        libvirt::{Libvirt, Uri},
        prepare,
    },
    domain::{ByteSize, PowerState, Request, SizeChange, Verdict, VmId},
};

const RUNS: u64 = 40;
const M: u64 = 1 << 20;
/// How many of the 50 run while all are watched.
const RUNNING: usize = 15;
/// For so many seconds.
const WATCHED: u32 = 30;

/// `virsh` that stays, one command after the other.
struct Virsh {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Virsh {
    fn new(uri: &str) -> Self {
        let mut virsh = Command::new("virsh");
        virsh.args(["-q", "-c", uri]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = virsh.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from }
    }

    /// Lists all machines; a word of ours marks the end, and another command ends its line.
    fn list(&mut self) -> usize {
        self.to.write_all(b"list --all\necho listed\necho\n").unwrap();
        let mut machines = 0;
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "virsh has ended");
            match line.as_str() {
                line if line.starts_with("listed") => return machines,
                line if line.contains("shut off") || line.contains("running") => machines += 1,
                _ => {}
            }
        }
    }
}

impl Drop for Virsh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

/// Median and 95th percentile in milliseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    (at(50), at(95))
}

fn tell(what: &str, own: Vec<Duration>, other: &str, peer: Vec<Duration>) {
    let (own, peer) = (spread(own), spread(peer));
    println!(
        "{what:24} {:7.2} ms, p95 {:7.2}; {other:26} {:7.2} ms, p95 {:7.2}; {:.1} x faster, {:.2} x its time",
        own.0,
        own.1,
        peer.0,
        peer.1,
        peer.0 / own.0,
        own.0 / peer.0
    );
}

async fn listed(libvirt: &Libvirt) -> usize {
    libvirt.inventory(true).await.unwrap().vms.unwrap().len()
}

/// One growth as the program does it: guards, change, reading back.
async fn grow(libvirt: &Libvirt, vm: &VmId, to: u64) {
    let request = Request::ResizeDisk { vm: vm.clone(), disk: "vda".into(), size: SizeChange::To(ByteSize(to)) };
    let prepared = prepare(libvirt, request).await.unwrap();
    dispatch(libvirt, &prepared, Call::new().0).await.unwrap();
    assert_eq!(libvirt.look(&prepared.expect).await, Verdict::Met(None));
}

/// Processor time that this program has used so far.
fn cpu() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let used = threads.map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("schedstat")).unwrap();
        stat.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(used.sum())
}

/// The share of a processor that it takes to watch all machines as the program watches those that it shows: their state and
/// figures each second, the whole list every ten. The daemon's share is its own.
async fn watched(libvirt: &Libvirt) -> f64 {
    let vms: Vec<VmId> = libvirt.inventory(true).await.unwrap().vms.unwrap().into_iter().map(|vm| vm.id).collect();
    let (mut second, before) = (tokio::time::interval(Duration::from_secs(1)), cpu());
    for n in 0..WATCHED {
        second.tick().await;
        libvirt.figures(&vms).await.unwrap();
        if n % 10 == 9 {
            listed(libvirt).await;
        }
    }
    cpu().saturating_sub(before).as_secs_f64() / f64::from(WATCHED) * 100.0
}

fn virsh(uri: &str, words: &[&str]) -> bool {
    let mut virsh = Command::new("virsh");
    virsh.args(["-q", "-c", uri]).args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    virsh.status().unwrap().success()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (daemon, libvirt, _heard) = runtime.block_on(async {
        let daemon = Daemon::new().await;
        let (libvirt, heard) = daemon.connected().await;
        (daemon, libvirt, heard)
    });
    let (uri, vm) = (daemon.uri(), VmId::from("grows"));
    runtime.block_on(async {
        let own = Uri::parse(&uri).unwrap();
        let connection = own.connect(mpsc::channel(8).0, |program| program).await.unwrap();
        connection.client.open(own.driver()).await.unwrap();
        for n in 0..49 {
            let head = format!("<domain type='qemu'><name>m{n:02}</name><memory>1024</memory>");
            connection.client.define(&format!("{head}<os><type>hvm</type></os></domain>")).await.unwrap();
        }
        libvirt.create(&small("grows"), Call::new().0).await.unwrap();
        libvirt.start(&vm).await.unwrap();
    });

    let mut peer = Virsh::new(&uri);
    assert_eq!((runtime.block_on(listed(&libvirt)), peer.list()), (50, 50));
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..RUNS * 3 {
        own.push(timed(|| runtime.block_on(listed(&libvirt))).0);
        other.push(timed(|| peer.list()).0);
    }
    tell("list of 50, open:", own.clone(), "virsh that is open too:", other);
    let listings = own;
    drop(peer);

    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        own.push(timed(|| runtime.block_on(async { listed(&daemon.connected().await.0).await })).0);
        other.push(timed(|| assert!(virsh(&uri, &["list", "--all"]))).0);
    }
    tell("list of 50, open:", listings, "virsh list --all:", other.clone());
    tell("connect, first list:", own, "virsh list --all:", other);

    let (mut own, mut other) = (Vec::new(), Vec::new());
    let mut size = 16 * M;
    for _ in 0..RUNS {
        own.push(timed(|| runtime.block_on(grow(&libvirt, &vm, size + M))).0);
        size += 2 * M;
        let bytes = format!("{size}B");
        other.push(timed(|| assert!(virsh(&uri, &["blockresize", "grows", "vda", &bytes]))).0);
    }
    tell("grow, running:", own, "virsh blockresize:", other);
    runtime.block_on(libvirt.power_off(&vm)).unwrap();

    let run: Vec<VmId> = (0..RUNNING).map(|n| VmId::from(format!("m{n:02}"))).collect();
    for vm in &run {
        runtime.block_on(libvirt.start(vm)).unwrap();
    }
    let share = runtime.block_on(watched(&libvirt));
    let all = runtime.block_on(libvirt.inventory(true)).unwrap().vms.unwrap();
    let running = all.iter().filter(|vm| vm.power() == PowerState::Running).count();
    println!("50 watched each second:  {share:.3} % of a core, {running} of them run  [2 %]");
    for vm in &run {
        runtime.block_on(libvirt.power_off(vm)).unwrap();
    }
}
