//! Releases of QEMU that are not installed: a stand-in with their words.
use crate::support::qemu::World;
use std::{fs, os::unix::fs::PermissionsExt};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Disks, Power},
    domain::{ByteSize, DiskId, PowerState, ResizePlan, Values},
};

const STAND_IN: &str = include_str!("../support/fake_qemu.py");

async fn sizes(world: &World) -> Vec<(String, u64)> {
    let disks = world.qemu.disks(&"web".into()).await.unwrap();
    disks.into_iter().filter_map(|disk| Some((disk.id.to_string(), disk.virtual_size?.0))).collect()
}

async fn a_machine_lives_on(release: &str) {
    let programs = tempfile::tempdir().unwrap();
    let program = programs.path().join(format!("qemu-{release}"));
    fs::write(&program, STAND_IN).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::with_program(Some(program));
    let (sink, mut events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", false).await;
    world.qemu.start(&vm).await.unwrap();
    super::qemu_life::told(&mut events, &vm, PowerState::Running).await;
    assert_eq!(world.qemu.start(&vm).await.unwrap_err().message, "web is running already");

    let mib = |n: u64| ByteSize(n << 20);
    let plan = ResizePlan { from: mib(1), to: mib(3) };
    world.qemu.resize_disk(&vm, &"disk0".into(), plan).await.unwrap();
    assert_eq!(sizes(&world).await, [("disk0".to_owned(), 3 << 20)]);
    let back = ResizePlan { from: mib(3), to: mib(2) };
    assert!(world.qemu.resize_disk(&vm, &"disk0".into(), back).await.is_err());

    let disk: Values = [("size", "2M"), ("format", "raw")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let added: DiskId = world.qemu.add_disk(&vm, &disk, Call::new().0).await.unwrap();
    assert_eq!(sizes(&world).await, [("disk0".to_owned(), 3 << 20), (added.to_string(), 2 << 20)]);
    world.qemu.remove_disk(&vm, &added, true).await.unwrap();
    assert_eq!(sizes(&world).await, [("disk0".to_owned(), 3 << 20)]);

    world.qemu.pause(&vm).await.unwrap();
    super::qemu_life::told(&mut events, &vm, PowerState::Paused).await;
    world.qemu.resume(&vm).await.unwrap();
    super::qemu_life::told(&mut events, &vm, PowerState::Running).await;
    world.qemu.power_off(&vm).await.unwrap();
    super::qemu_life::told(&mut events, &vm, PowerState::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_on_qemu_7() {
    a_machine_lives_on("7.2.22").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_on_qemu_10() {
    a_machine_lives_on("10.0.2").await;
}
