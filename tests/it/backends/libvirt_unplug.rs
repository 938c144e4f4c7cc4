//! A disk that is taken from a running machine: libvirt says yes at once, the guest lets go when it does, and what is told
//! is what the machine has then.
use crate::support::{fake_libvirt_moves::FakeMover, libvirt::Daemon};
use std::{fmt::Write as _, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{Backend, Disks, Power, libvirt::Libvirt},
    domain::{DiskId, ErrorKind, Expect, HostEvent, Verdict, VmId},
};

/// The names of the disks, each with what waits.
async fn disks(libvirt: &Libvirt, vm: &VmId) -> Vec<(String, Option<String>)> {
    let disks = libvirt.disks(vm).await.unwrap();
    disks.into_iter().map(|disk| (disk.id.to_string(), disk.pending)).collect()
}

fn gone(vm: &VmId, disk: &DiskId) -> Expect {
    Expect::DiskGone { vm: vm.clone(), disk: disk.clone() }
}

async fn hinted(heard: &mut mpsc::Receiver<HostEvent>, vm: &VmId) {
    let hint = HostEvent::Hint(Some(vm.clone()));
    let wait = async { while heard.recv().await.unwrap() != hint {} };
    timeout(Duration::from_secs(30), wait).await.unwrap();
}

/// Disks that come out without the guest's word: those of SCSI and USB.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_out_of_a_running_machine_is_gone_with_its_file_or_without() {
    let daemon = Daemon::new().await;
    let connection = daemon.open().await;
    let client = &connection.client;
    let pool = client.pools().await.unwrap().remove(0);
    let mut drives = String::new();
    let disks_of_web = [("vda", "virtio"), ("sda", "scsi"), ("sdb", "scsi"), ("sdc", "usb")];
    for (target, bus) in disks_of_web {
        let volume = format!(
            "<volume><name>{target}.raw</name><capacity>1048576</capacity><target><format type='raw'/></target></volume>"
        );
        let path = client.volume_make(&pool, &volume).await.unwrap().key;
        let _ = write!(drives, "<disk type='file'><source file='{path}'/><target dev='{target}' bus='{bus}'/></disk>");
    }
    let xml = format!(
        "<domain type='qemu'><name>web</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os>\
        <features><acpi/></features><devices><controller type='scsi' model='virtio-scsi'/>\
        <controller type='usb' model='qemu-xhci'/>{drives}</devices></domain>"
    );
    client.define(&xml).await.unwrap();
    let (libvirt, mut heard) = daemon.connected().await;
    let vm = VmId::from("web");
    libvirt.start(&vm).await.unwrap();
    while heard.try_recv().is_ok() {}

    let file = |target: &str| daemon.path(&format!("images/{target}.raw"));
    let has = |left: &[&str]| left.iter().map(|id| ((*id).to_owned(), None)).collect::<Vec<_>>();
    let sda = DiskId::from("sda");
    assert_eq!(libvirt.remove_disk(&vm, &sda, true).await.unwrap(), None);
    assert!(!file("sda").exists(), "it was to be deleted");
    assert_eq!(libvirt.look(&gone(&vm, &sda)).await, Verdict::Met(None));
    hinted(&mut heard, &vm).await;
    assert_eq!(disks(&libvirt, &vm).await, has(&["vda", "sdb", "sdc"]));

    for (target, left) in [("sdb", &["vda", "sdc"] as &[_]), ("sdc", &["vda"])] {
        let told = libvirt.remove_disk(&vm, &target.into(), false).await.unwrap().unwrap();
        assert_eq!(told, format!("{target} removed, its file is kept: {}", file(target).display()));
        assert!(file(target).exists());
        assert_eq!(disks(&libvirt, &vm).await, has(left));
    }
    // The guest of this one never lets go; the disk is out once the machine has ended.
    let vda = DiskId::from("vda");
    let error = libvirt.remove_disk(&vm, &vda, true).await.unwrap_err();
    assert!(error.kind == ErrorKind::Differs && error.message.contains("has not let go of vda"), "{error}");
    assert!(file("vda").exists());
    let waiting = "waiting for the guest to let go";
    assert_eq!(libvirt.look(&gone(&vm, &vda)).await, Verdict::NotMet(waiting.to_owned()));
    libvirt.power_off(&vm).await.unwrap();
    assert_eq!(libvirt.look(&gone(&vm, &vda)).await, Verdict::Met(None));
    assert_eq!(disks(&libvirt, &vm).await, []);
}

const DISK: &str = "<disk type='file'><source file='/d/web-1.raw'/><target dev='vdb' bus='virtio'/></disk>";

/// A machine of which nothing but what is read tells that its guest has let go.
async fn unplugging(reads: usize) -> (FakeMover, Libvirt) {
    let fake = FakeMover::new();
    DISK.clone_into(&mut fake.world().devices);
    fake.world().unplugs = Some(reads);
    let libvirt = fake.connected().await;
    (fake, libvirt)
}

#[tokio::test]
async fn a_guest_that_takes_its_time_is_waited_for() {
    let (fake, libvirt) = unplugging(4).await;
    let (vm, vdb) = ("web".into(), "vdb".into());
    let told = libvirt.remove_disk(&vm, &vdb, false).await.unwrap();
    assert_eq!(told.as_deref(), Some("vdb removed, its file is kept: /d/web-1.raw"));
    assert_eq!(fake.world().unplugs, Some(0), "it was read until it was gone");
    assert_eq!(libvirt.look(&gone(&vm, &vdb)).await, Verdict::Met(None));
}

#[tokio::test]
async fn a_yes_that_changes_nothing_is_told_until_the_guest_lets_go_after_all() {
    let (fake, libvirt) = unplugging(usize::MAX).await;
    let (vm, vdb) = ("web".into(), DiskId::from("vdb"));
    let error = libvirt.remove_disk(&vm, &vdb, false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Differs);
    assert_eq!(error.message, "libvirt said yes, but the guest of web has not let go of vdb");
    let waiting = "waiting for the guest to let go";
    let seen = (disks(&libvirt, &vm).await, libvirt.look(&gone(&vm, &vdb)).await);
    assert_eq!(seen, (vec![("vdb".to_owned(), Some(waiting.to_owned()))], Verdict::NotMet(waiting.to_owned())));
    // No event tells that it did.
    fake.world().unplugs = Some(0);
    assert_eq!(libvirt.look(&gone(&vm, &vdb)).await, Verdict::Met(None));
    assert_eq!(disks(&libvirt, &vm).await, []);
}

#[tokio::test]
async fn a_disk_that_libvirt_keeps_is_told_in_its_words() {
    let (fake, libvirt) = unplugging(0).await;
    fake.world().unplugs = None;
    let (vm, vdb) = ("web".into(), DiskId::from("vdb"));
    let error = libvirt.remove_disk(&vm, &vdb, false).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unsupported, "this function is not supported"));
    assert_eq!(disks(&libvirt, &vm).await, [("vdb".to_owned(), None)]);
}
