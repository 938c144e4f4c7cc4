//! Copies of machines: with disks of their own, all or nothing.
use crate::support::{
    libvirt::{Daemon, small},
    qemu::eventually,
};
use std::{fs, path::Path};
use vmdeck::{
    backend::{Call, Disks, Machines, Power, libvirt::Libvirt},
    domain::{ByteSize, DiskKind, ErrorKind, PowerState, ResizePlan, Values, Vm, VmId},
};

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn copy(libvirt: &Libvirt, vm: &VmId, name: &str) -> vmdeck::domain::Result<()> {
    libvirt.clone_machine(vm, name, Call::new().0).await
}

async fn machine(libvirt: &Libvirt, vm: &VmId) -> Vm {
    libvirt.find(vm).await.unwrap()
}

/// A machine with two disks and a card.
async fn made(daemon: &Daemon) -> (Libvirt, VmId) {
    let (libvirt, _heard) = daemon.connected().await;
    let mut values = small("web");
    values.insert("network".to_owned(), "user".to_owned());
    libvirt.create(&values, Call::new().0).await.unwrap();
    let vm = VmId::from("web");
    let values = Values::from([("size".to_owned(), "8M".to_owned()), ("format".to_owned(), "raw".to_owned())]);
    libvirt.add_disk(&vm, &values, Call::new().0).await.unwrap();
    (libvirt, vm)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_disks_and_an_address_of_its_own() {
    let daemon = Daemon::new().await;
    let (libvirt, vm) = made(&daemon).await;
    let images = daemon.path("images");
    // What is written on it.
    let other = fs::metadata(images.join("web-1.raw")).unwrap().len();
    fs::write(images.join("web-1.raw"), vec![7; usize::try_from(other).unwrap()]).unwrap();
    copy(&libvirt, &vm, "twin").await.unwrap();
    assert_eq!(files(&images), ["twin-1.raw", "twin.qcow2", "web-1.raw", "web.qcow2"]);
    assert!(fs::read(images.join("twin-1.raw")).unwrap().iter().all(|byte| *byte == 7));
    let twin = VmId::from("twin");
    let mut disks = libvirt.disks(&twin).await.unwrap();
    disks.retain(|disk| disk.kind == DiskKind::Disk);
    let told: Vec<_> = disks.iter().map(|disk| (disk.id.as_str(), disk.virtual_size, disk.format.as_deref())).collect();
    let size = |mib: u64| Some(ByteSize(mib << 20));
    assert_eq!(told, [("vda", size(16), Some("qcow2")), ("vdb", size(8), Some("raw"))]);
    let cards = async |vm: &VmId| {
        let card = machine(&libvirt, vm).await.details.into_iter().find(|(_, value)| value.contains("52:54:00"));
        card.unwrap().1
    };
    assert_ne!(cards(&vm).await, cards(&twin).await);
    // Both run side by side, which libvirt refuses for disks that they share.
    libvirt.start(&vm).await.unwrap();
    libvirt.start(&twin).await.unwrap();
    assert_eq!(machine(&libvirt, &twin).await.power(), PowerState::Running);
    let error = copy(&libvirt, &vm, "third").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, "web is not off: shut it down first"));
    libvirt.save(&vm, Call::new().0).await.unwrap();
    eventually("the saved machine", async || machine(&libvirt, &vm).await.power() == PowerState::Off).await;
    assert!(copy(&libvirt, &vm, "third").await.unwrap_err().message.contains("its memory is saved"));
    libvirt.power_off(&twin).await.unwrap();
    libvirt.delete(&twin, false).await.unwrap();
    assert_eq!(files(&images), ["web-1.raw", "web.qcow2"]);
    // UEFI: with variables of its own.
    let mut values = small("uefi");
    values.extend([("firmware".to_owned(), "uefi".to_owned()), ("memory".to_owned(), "96M".to_owned())]);
    libvirt.create(&values, Call::new().0).await.unwrap();
    let uefi = VmId::from("uefi");
    libvirt.start(&uefi).await.unwrap();
    libvirt.power_off(&uefi).await.unwrap();
    copy(&libvirt, &uefi, "twin").await.unwrap();
    libvirt.start(&twin).await.unwrap();
    libvirt.start(&uefi).await.unwrap();
    assert_eq!(machine(&libvirt, &twin).await.power(), PowerState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_leaves_nothing() {
    let daemon = Daemon::new().await;
    let (libvirt, vm) = made(&daemon).await;
    let images = daemon.path("images");
    // The name of its second disk is taken.
    fs::write(images.join("twin-1.raw"), "precious").unwrap();
    let error = copy(&libvirt, &vm, "twin").await.unwrap_err();
    assert!(error.message.contains("twin-1.raw") || error.message.contains("exists"), "{error}");
    assert_eq!(files(&images), ["twin-1.raw", "web-1.raw", "web.qcow2"]);
    assert_eq!(fs::read(images.join("twin-1.raw")).unwrap(), b"precious");
    assert_eq!(libvirt.find(&"twin".into()).await.unwrap_err().kind, ErrorKind::NotFound);
    // One that was cancelled ends with what is being copied, and is taken back.
    fs::remove_file(images.join("twin-1.raw")).unwrap();
    let (call, _) = Call::new();
    call.cancel.cancel();
    let error = libvirt.clone_machine(&vm, "twin", call).await.unwrap_err();
    assert_eq!(
        (error.kind, files(&images)),
        (ErrorKind::Cancelled, vec!["web-1.raw".to_owned(), "web.qcow2".to_owned()])
    );
    // A disk that is in no pool.
    let xml = format!(
        "<domain type='qemu'><name>odd</name><memory>1024</memory><os><type>hvm</type></os><devices>\
        <disk type='file'><source file='{}'/><target dev='vda'/></disk></devices></domain>",
        daemon.path("elsewhere.raw").display()
    );
    daemon.open().await.client.define(&xml).await.unwrap();
    let error = copy(&libvirt, &"odd".into(), "twin").await.unwrap_err();
    assert_eq!(error.message, "vda of odd is in no pool of libvirt: it cannot be copied");
    // A guest has written on its raw disk what reads as another, on top of a file of the host.
    let mut bytes = fs::read(images.join("web-1.raw")).unwrap();
    let header = [0x5146_49fb_u32, 3, 0, 0, 0, 16, 0, 8 << 20].map(u32::to_be_bytes).concat();
    bytes.splice(..header.len(), header);
    fs::write(images.join("web-1.raw"), bytes).unwrap();
    let error = copy(&libvirt, &vm, "twin").await.unwrap_err();
    assert!(error.message.starts_with("vdb of web is raw, but what is in it reads as qcow2"), "{error}");
    assert_eq!(files(&images), ["web-1.raw", "web.qcow2"]);
    // The other is as before.
    let plan = ResizePlan { from: ByteSize(16 << 20), to: ByteSize(20 << 20) };
    libvirt.resize_disk(&vm, &"vda".into(), plan).await.unwrap();
}
