//! What guests do to a machine: fill its disk, start over and over, come up with UEFI.
use super::qemu_life::{power, told};
use crate::support::{
    guests::{RESETTER, WRITER, boot_sector},
    qemu::{World, eventually},
};
use serde_json::json;
use std::{fs, time::Duration};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Disks, Machines, Power, Properties,
        qemu::{Qemu, Qmp},
    },
    domain::{PowerState, VmId},
    transport::Program,
};

async fn remark(qemu: &Qemu, vm: &VmId) -> Option<String> {
    qemu.find(vm).await.unwrap().remark
}

/// A qcow2 image that boots `WRITER`, in a file that has room for 512 KiB of it and no more.
async fn tight(world: &World, vm: &VmId) {
    let folder = world.place(vm.as_str()).folder;
    let (plain, image) = (folder.join("plain"), folder.join("tight.qcow2"));
    let mut bytes = boot_sector(WRITER);
    bytes.resize(4 << 20, 0);
    fs::write(&plain, bytes).unwrap();
    let convert = Program::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]);
    convert.arg(&plain).arg(&image).run().await.unwrap();
    fs::File::options().write(true).open(&image).unwrap().set_len(16 << 20).unwrap();
    let node = format!(
        "driver=qcow2,node-name=tight,file.driver=raw,file.node-name=room,file.size=524288,file.file.driver=file,\
         file.file.node-name=bottom,file.file.filename={}",
        image.display()
    );
    let words = ["-blockdev", &node, "-device", "virtio-blk-pci,drive=tight,id=tight,bootindex=9"];
    world.qemu.set_property(vm, "arguments", &words.join("\n")).await.unwrap();
    world.qemu.remove_disk(vm, &"disk0".into(), true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_guest_and_with_room_it_goes_on() {
    let world = World::new();
    let (sink, mut events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", false).await;
    tight(&world, &vm).await;
    world.qemu.start(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Blocked).await;
    assert_eq!(remark(&world.qemu, &vm).await.as_deref(), Some("disk full"));
    // Without room it is where it was; the guest has not seen an error.
    world.qemu.resume(&vm).await.unwrap();
    eventually("the next stop", async || power(&world.qemu, &vm).await == PowerState::Blocked).await;

    let spare = Qmp::connect(&world.place("web").monitor(2), Duration::from_secs(5)).await.unwrap();
    let room = json!({ "options": [{ "driver": "raw", "node-name": "room", "size": 16 << 20, "file": "bottom" }] });
    spare.execute("blockdev-reopen", room).await.unwrap();
    world.qemu.resume(&vm).await.unwrap();
    world.hear("web", "#").await;
    let said = fs::read_to_string(world.place("web").serial_log()).unwrap();
    assert!(!said.contains('!'), "a write failed in the guest: {said}");
    let found = world.qemu.find(&vm).await.unwrap();
    assert_eq!((found.power(), found.remark), (PowerState::Running, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_starts_over_and_over_is_marked() {
    let world = World::new();
    let (sink, _events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", false).await;
    world.boot_from("web", RESETTER);
    world.qemu.start(&vm).await.unwrap();
    eventually("the mark", async || remark(&world.qemu, &vm).await.as_deref() == Some("boot loop")).await;
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
    world.qemu.power_off(&vm).await.unwrap();
    assert_eq!(remark(&world.qemu, &vm).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_with_uefi_comes_up_with_variables_of_its_own() {
    let world = World::new();
    assert!(vmdeck::backend::qemu::uefi().is_some(), "UEFI firmware is not installed: run tests/setup");
    let vm = world.make("web", false).await;
    for (name, value) in [("firmware", "uefi"), ("memory", "128M")] {
        world.qemu.set_property(&vm, name, value).await.unwrap();
    }
    world.qemu.start(&vm).await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
    let variables = world.place("web").folder.join("uefi-variables.fd");
    assert!(fs::metadata(variables).unwrap().len() > 100_000);
    world.hear("web", "BdsDxe").await;
}
