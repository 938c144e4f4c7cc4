//! A machine whose process stands still beside others that do not.
use crate::support::{
    hosts::clock,
    qemu::{World, eventually},
};
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::time::timeout;
use vmdeck::{
    backend::{
        Backend, Disks, Machines, Power,
        qemu::{Qemu, Qmp},
    },
    domain::{ByteSize, ErrorKind, Figures, PowerState, ResizePlan, VmId},
};

async fn figures(world: &World, vms: &[VmId]) -> Vec<Figures> {
    world.qemu.figures(vms).await.unwrap().into_iter().map(|(_, figures)| figures).collect()
}

/// Two machines that run, of which the first is stopped once both have told their figures.
async fn stuck() -> (World, [VmId; 2]) {
    let world = World::new();
    let vms = [world.make("web", true).await, world.make("db", true).await];
    for vm in &vms {
        world.qemu.start(vm).await.unwrap();
    }
    eventually("their figures", async || figures(&world, &vms).await.iter().all(|told| told.cpu.is_some())).await;
    kill_process(Pid::from_raw(world.pid("web")).unwrap(), Signal::STOP).unwrap();
    (world, vms)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_stands_still_takes_no_figures_from_the_others() {
    let (world, vms) = stuck().await;
    let others = async || {
        // Far less than a monitor may take to answer a command.
        let told = timeout(Duration::from_secs(8), figures(&world, &vms)).await.unwrap();
        assert!(told[0].cpu.is_none() && told[0].memory.is_some(), "{told:?}");
        told[1].cpu.is_some()
    };
    eventually("the other's figures", others).await;
    kill_process(Pid::from_raw(world.pid("web")).unwrap(), Signal::CONT).unwrap();
    eventually("its figures", async || figures(&world, &vms).await[0].cpu.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_hears_of_one_that_stands_still_and_of_the_others() {
    let (world, [web, db]) = stuck().await;
    let new = world.another(false);
    let stands = async |vm: &VmId| {
        let list = timeout(Duration::from_secs(8), new.inventory(false)).await.unwrap().unwrap().vms.unwrap();
        list.into_iter().find(|found| found.id == *vm).map(|found| (found.power, found.remark)).unwrap()
    };
    assert_eq!(stands(&web).await, (None, Some("no answer".to_owned())));
    eventually("the other's state", async || stands(&db).await == (Some(PowerState::Running), None)).await;
    // So many knock that the system lets no more wait at its door.
    for _ in 0..12 {
        let knocked = Qmp::connect(&world.place("web").monitor(1), Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(knocked.kind, ErrorKind::Busy, "{knocked}");
    }
    let refused = new.disks(&web).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Timeout);
    assert_eq!(refused.message, "web runs, and none of its monitors answers");
}

/// Holds a machine's pidfile as QEMU does, and takes connections to its monitors without a word.
const MUTE: &str = "
import fcntl, socket, sys
pid = open(sys.argv[1], 'w')
fcntl.lockf(pid, fcntl.LOCK_EX)
doors = []
for path in sys.argv[2:]:
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen(64)
    doors.append(door)
print('ready', flush=True)
sys.stdin.read()
";

#[expect(clippy::disallowed_methods, reason = "it stands in for QEMU")]
#[tokio::test]
async fn those_who_need_a_machine_that_says_nothing_knock_once_for_all() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let place = world.place("web");
    place.make_run().unwrap();
    let mut mute = Command::new("python3");
    mute.args(["-c", MUTE]).arg(place.pidfile()).args((0..4).map(|slot| place.monitor(slot)));
    let mut mute = mute.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(mute.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    tokio::time::pause();
    let begun = clock();
    let told = join_all((0..20).map(|_| world.qemu.find(&vm))).await;
    assert!(told.iter().all(|found| found.as_ref().unwrap().remark.as_deref() == Some("no answer")), "{told:?}");
    // One after the other would wait for 40 s.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(mute.stdin.take());
    mute.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growth_whose_answer_is_out_lets_no_smaller_one_follow() {
    let world = World::new();
    let vm = world.make("web", false).await;
    world.qemu.start(&vm).await.unwrap();
    let other = world.another(false);
    let size = async |qemu: &Qemu| {
        let disks = qemu.disks(&vm).await.unwrap();
        disks.into_iter().find(|disk| disk.id == "disk0".into()).and_then(|disk| disk.virtual_size).unwrap().0 >> 20
    };
    // Both know the size by QEMU's own word.
    assert_eq!((size(&world.qemu).await, size(&other).await), (1, 1));
    let pid = Pid::from_raw(world.pid("web")).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    for (qemu, to) in [(&world.qemu, 8), (&world.qemu, 6), (&other, 4)] {
        let plan = ResizePlan { from: ByteSize(1 << 20), to: ByteSize(to << 20) };
        let grown = timeout(Duration::from_millis(200), qemu.resize_disk(&vm, &"disk0".into(), plan)).await;
        assert!(grown.is_err(), "nobody answers: {grown:?}");
    }
    kill_process(pid, Signal::CONT).unwrap();
    // It answers what was asked before first.
    let seen = size(&world.qemu).await;
    assert!(seen == 1 || seen == 8, "{seen}: the first may have been sent, and none after it");
    let mark = world.place("web").run.join("growing");
    assert_eq!(mark.exists(), seen == 8);
    let plan = ResizePlan { from: ByteSize(seen << 20), to: ByteSize(9 << 20) };
    world.qemu.resize_disk(&vm, &"disk0".into(), plan).await.unwrap();
    assert_eq!(size(&other).await, 9);
    world.qemu.power_off(&vm).await.unwrap();
    world.qemu.start(&vm).await.unwrap();
    assert!(!mark.exists());
    let refused = ResizePlan { from: ByteSize(9 << 20), to: ByteSize((9 << 20) + 1) };
    assert_eq!(world.qemu.resize_disk(&vm, &"disk0".into(), refused).await.unwrap_err().kind, ErrorKind::Refused);
    assert!(mark.exists(), "what QEMU has after a no, only QEMU knows");
}
