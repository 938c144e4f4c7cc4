//! What costs a host something is asked of the machines that are seen; what a machine has now and at its next start.
use crate::support::{
    libvirt::{Daemon, settings, small},
    qemu::eventually,
};
use vmdeck::{
    backend::{
        Backend, Call, Disks, Machines, Power, Properties,
        libvirt::{Libvirt, Settings},
    },
    domain::{Expect, Verdict, VmId},
};

const M: u64 = 1 << 20;

/// What the list knows of the disks of each machine.
async fn listed(libvirt: &Libvirt) -> Vec<(String, Option<u64>)> {
    let vms = libvirt.inventory(false).await.unwrap().vms.unwrap();
    let mut disks: Vec<_> = vms.into_iter().map(|vm| (vm.name, vm.disk)).collect();
    disks.sort();
    disks
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disks_of_machines_that_nobody_sees_are_unknown_and_not_asked_for() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    for name in ["far", "off", "run"] {
        libvirt.create(&small(name), Call::new().0).await.unwrap();
    }
    libvirt.start(&"run".into()).await.unwrap();
    let all = |far, off, run| vec![("far".to_owned(), far), ("off".to_owned(), off), ("run".to_owned(), run)];
    assert_eq!(listed(&libvirt).await, all(None, None, None));
    let found = async |vm: &str| libvirt.find(&vm.into()).await.unwrap().disk;
    assert_eq!((found("run").await, found("off").await), (None, None), "an event about it is no reason to ask");

    let seen: Vec<VmId> = vec!["run".into(), "off".into()];
    let figures = libvirt.figures(&seen).await.unwrap();
    let sizes: Vec<_> =
        figures.iter().map(|(vm, figures)| (vm.as_str(), figures.disk, figures.memory.is_some())).collect();
    assert_eq!(sizes, [("run", Some(16 * M), true), ("off", Some(16 * M), false)]);
    assert_eq!(listed(&libvirt).await, all(None, Some(16 * M), Some(16 * M)), "the list goes on knowing it");
    assert_eq!((found("run").await, found("far").await), (Some(16 * M), None));

    // A machine that comes into sight is asked for alone, at once.
    let figures = libvirt.figures(&["far".into()]).await.unwrap();
    assert_eq!(figures.first().map(|(vm, figures)| (vm.as_str(), figures.disk)), Some(("far", Some(16 * M))));
    // Without a screen, what is asked for is what is seen.
    let terse = Libvirt::new(Settings { headless: true, ..settings(&daemon.uri()) });
    terse.connect(tokio::sync::mpsc::channel(64).0).await.unwrap();
    assert_eq!(terse.find(&"run".into()).await.unwrap().disk, Some(16 * M));
    libvirt.power_off(&"run".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_told_with_the_pool_that_has_it() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let vm = VmId::from("web");
    libvirt.create(&small("web"), Call::new().0).await.unwrap();
    let disks = libvirt.disks(&vm).await.unwrap();
    let file = daemon.path("images/web.qcow2").display().to_string();
    let told: Vec<_> = disks.iter().map(|d| (d.id.as_str(), d.medium.clone(), d.pool.clone())).collect();
    assert_eq!(told.first(), Some(&("vda", Some(file), Some("default".to_owned()))), "{disks:?}");
}

/// A machine that may have two processors and 96 MiB, of which it has one and 64 MiB.
async fn with_room(daemon: &Daemon) -> VmId {
    let xml = "<domain type='qemu'><name>web</name><memory unit='MiB'>96</memory><currentMemory unit='MiB'>64</currentMemory>\
        <vcpu current='1'>2</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features></domain>";
    daemon.open().await.client.define(xml).await.unwrap();
    "web".into()
}

/// The value of a setting at the next start, and now where that differs.
async fn setting(libvirt: &Libvirt, vm: &VmId, name: &str) -> (String, Option<String>) {
    let all = libvirt.properties(vm).await.unwrap();
    let found = all.into_iter().find(|property| property.spec.name == name).unwrap();
    (found.value, found.current)
}

#[tokio::test(flavor = "multi_thread")]
async fn processors_are_added_now_and_at_the_next_start_as_far_as_the_machine_may_have_them() {
    let daemon = Daemon::new().await;
    let vm = with_room(&daemon).await;
    let (libvirt, _heard) = daemon.connected().await;
    libvirt.start(&vm).await.unwrap();
    assert_eq!(setting(&libvirt, &vm, "cpus").await, ("1".to_owned(), None));
    libvirt.set_property(&vm, "cpus", "2").await.unwrap();
    let is_so = Expect::PropertyIs { vm: vm.clone(), name: "cpus".to_owned(), value: "2".to_owned() };
    assert_eq!(libvirt.look(&is_so).await, Verdict::Met(None));
    assert_eq!(setting(&libvirt, &vm, "cpus").await, ("2".to_owned(), None), "it has them now");

    // Beyond what it may have while it runs: from the next start on.
    libvirt.set_property(&vm, "cpus", "3").await.unwrap();
    assert_eq!(setting(&libvirt, &vm, "cpus").await, ("3".to_owned(), Some("2".to_owned())));
    let is_so = Expect::PropertyIs { vm: vm.clone(), name: "cpus".to_owned(), value: "3".to_owned() };
    assert_eq!(libvirt.look(&is_so).await, Verdict::set(Some("2")), "it is said that it waits");
    libvirt.power_off(&vm).await.unwrap();
    libvirt.start(&vm).await.unwrap();
    assert_eq!(setting(&libvirt, &vm, "cpus").await, ("3".to_owned(), None));
    libvirt.power_off(&vm).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn less_memory_leaves_the_room_that_a_machine_has_to_grow() {
    let daemon = Daemon::new().await;
    let vm = with_room(&daemon).await;
    let (libvirt, _heard) = daemon.connected().await;
    let connection = daemon.open().await;
    let most = async || {
        let domain = connection.client.lookup(&vm).await.unwrap();
        let next = connection.client.xml(&domain, true).await.unwrap();
        (next.memory.unwrap().0 / M, next.current_memory.unwrap().0 / M)
    };
    libvirt.set_property(&vm, "memory", "48M").await.unwrap();
    assert_eq!(most().await, (96, 48), "what it may have stays");
    libvirt.set_property(&vm, "memory", "128M").await.unwrap();
    assert_eq!(most().await, (128, 128), "more than that raises it");
    // Without room, the host is to give less.
    libvirt.set_property(&vm, "memory", "64M").await.unwrap();
    assert_eq!(most().await, (64, 64));

    libvirt.start(&vm).await.unwrap();
    libvirt.set_property(&vm, "memory", "80M").await.unwrap();
    let (next, now) = setting(&libvirt, &vm, "memory").await;
    assert_eq!((next.as_str(), now.as_deref()), ("80M", Some("64M")), "it runs with what it has");
    libvirt.power_off(&vm).await.unwrap();
    eventually("what is set", async || setting(&libvirt, &vm, "memory").await == ("80M".to_owned(), None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_went_to_another_machine_is_not_taken_for_the_old_one() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    for (name, disk) in [("a", "16M"), ("b", "24M")] {
        let mut values = small(name);
        values.insert("disk".to_owned(), disk.to_owned());
        libvirt.create(&values, Call::new().0).await.unwrap();
    }
    let size = async |vm: &str| {
        let disk = libvirt.disk(&vm.into(), &"vda".into()).await.unwrap().unwrap();
        disk.virtual_size.unwrap().0 / M
    };
    listed(&libvirt).await;
    assert_eq!((size("a").await, size("b").await), (16, 24));
    // Somebody else gives them each other's names.
    let connection = daemon.open().await;
    let other = &connection.client;
    for (from, to) in [("a", "t"), ("b", "a"), ("t", "b")] {
        let domain = other.lookup(&from.into()).await.unwrap();
        other.rename(&domain, to).await.unwrap();
    }
    assert_eq!((size("a").await, size("b").await), (24, 16));
    let plan =
        vmdeck::domain::ResizePlan { from: vmdeck::domain::ByteSize(16 * M), to: vmdeck::domain::ByteSize(20 * M) };
    assert!(libvirt.resize_disk(&"a".into(), &"vda".into(), plan).await.is_err(), "it has more by now");
}
