//! A machine whose process stands still beside others that do not.
use crate::support::qemu::{World, eventually};
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;
use tokio::time::timeout;
use vmdeck::{
    backend::{Backend, Disks, Power, qemu::Qmp},
    domain::{ErrorKind, Figures, PowerState, VmId},
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
    // Far less than a monitor may take to answer a command.
    let told = timeout(Duration::from_secs(5), figures(&world, &vms)).await.unwrap();
    assert!(told[0].cpu.is_none() && told[0].memory.is_some() && told[1].cpu.is_some(), "{told:?}");
    kill_process(Pid::from_raw(world.pid("web")).unwrap(), Signal::CONT).unwrap();
    eventually("its figures", async || figures(&world, &vms).await[0].cpu.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_hears_of_one_that_stands_still_and_of_the_others() {
    let (world, [web, db]) = stuck().await;
    let new = world.another(false);
    // Who needs it at the same time knocks once for all: in turn they would wait for half a minute.
    let lists = join_all((0..20).map(|_| new.inventory(false)));
    let lists = timeout(Duration::from_secs(15), lists).await.unwrap();
    let list = lists.into_iter().next().unwrap().unwrap().vms.unwrap();
    let stands = |vm: &VmId| list.iter().find(|found| found.id == *vm).map(|f| (f.power, f.remark.clone())).unwrap();
    assert_eq!(stands(&web), (None, Some("no answer".to_owned())));
    assert_eq!(stands(&db), (Some(PowerState::Running), None));
    // So many knock that the system lets no more wait at its door.
    for _ in 0..12 {
        let knocked = Qmp::connect(&world.place("web").monitor(1), Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(knocked.kind, ErrorKind::Busy, "{knocked}");
    }
    let refused = new.disks(&web).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Timeout);
    assert_eq!(refused.message, "web runs, and none of its monitors answers");
}
