//! What libvirt keeps of a machine: snapshots, its saved memory, another name.
use crate::support::{
    guests::{TINY, iso},
    libvirt::{Daemon, small},
    qemu::eventually,
};
use std::{fs, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};
use vmdeck::{
    backend::{Backend, Call, Console, Images, Machines, Power, Properties, Snapshots, libvirt::Libvirt},
    domain::{ErrorKind, Expect, PowerState, SnapshotState, Verdict, Vm, VmId},
};

async fn found(libvirt: &Libvirt, vm: &VmId) -> Vm {
    libvirt.find(vm).await.unwrap()
}

/// A daemon with a machine that runs from its CD.
async fn running() -> (Daemon, Libvirt, VmId) {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let again = daemon.path("x.iso");
    fs::write(&again, iso(TINY)).unwrap();
    let url = format!("file://{}", again.display());
    libvirt.fetch_image(&url, Some("tiny.iso"), Call::new().0).await.unwrap();
    libvirt.create(&small("web"), Call::new().0).await.unwrap();
    let vm = VmId::from("web");
    libvirt.install(&vm, "tiny.iso").await.unwrap();
    assert_eq!(found(&libvirt, &vm).await.power(), PowerState::Running);
    (daemon, libvirt, vm)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_machine_goes_back_to_what_it_was() {
    let (_daemon, libvirt, vm) = running().await;
    libvirt.take_snapshot(&vm, "runs").await.unwrap();
    libvirt.power_off(&vm).await.unwrap();
    libvirt.take_snapshot(&vm, "rests").await.unwrap();
    let all = libvirt.snapshots(&vm).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|s| (s.name.as_str(), s.power, s.parent.as_deref(), s.is_current, s.taken.is_some())).collect();
    assert_eq!(
        told,
        [
            ("runs", Some(PowerState::Running), None, false, true),
            ("rests", Some(PowerState::Off), Some("runs"), true, true)
        ]
    );
    libvirt.revert_snapshot(&vm, "runs").await.unwrap();
    assert_eq!(found(&libvirt, &vm).await.power(), PowerState::Running);
    let back = |name: &str, state| Expect::Snapshot { vm: vm.clone(), snapshot: name.to_owned(), state };
    assert_eq!(libvirt.look(&back("runs", SnapshotState::Current)).await, Verdict::Met(None));
    let told = Verdict::NotMet("the machine is at another snapshot".to_owned());
    assert_eq!(libvirt.look(&back("rests", SnapshotState::Current)).await, told);
    libvirt.remove_snapshot(&vm, "runs").await.unwrap();
    let names: Vec<_> = libvirt.snapshots(&vm).await.unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["rests"]);
    // A machine goes with its snapshots.
    libvirt.power_off(&vm).await.unwrap();
    libvirt.delete(&vm, false).await.unwrap();
    assert!(libvirt.find(&vm).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_machine_goes_on_where_it_was_and_has_a_new_name_only_while_it_is_off() {
    let (_daemon, libvirt, vm) = running().await;
    assert!(libvirt.rename(&vm, "shop").await.is_err(), "it runs");
    libvirt.reboot(&vm).await.unwrap();
    let started = found(&libvirt, &vm).await.power();
    assert_eq!(started, PowerState::Running);
    libvirt.save(&vm, Call::new().0).await.unwrap();
    eventually("the saved machine", async || found(&libvirt, &vm).await.power() == PowerState::Off).await;
    assert_eq!(found(&libvirt, &vm).await.remark.as_deref(), Some("saved"));
    libvirt.start(&vm).await.unwrap();
    let now = found(&libvirt, &vm).await;
    assert_eq!((now.power(), now.remark), (PowerState::Running, None));
    libvirt.power_off(&vm).await.unwrap();
    libvirt.rename(&vm, "shop").await.unwrap();
    let names: Vec<_> = libvirt.inventory(false).await.unwrap().vms.unwrap().into_iter().map(|vm| vm.name).collect();
    assert_eq!(names, ["shop"]);
}

/// Types until the guest has echoed it.
async fn speaks(libvirt: &Libvirt, vm: &VmId) -> UnixStream {
    let Console::Unix { socket, history } = libvirt.open_console(vm).await.unwrap() else { panic!() };
    assert_eq!(history, None);
    let mut line = UnixStream::connect(socket).await.unwrap();
    let (mut heard, mut part) = (String::new(), [0; 512]);
    let echoed = async {
        while !heard.contains("hello") {
            line.write_all(b"hello").await.unwrap();
            let count = line.read(&mut part).await.unwrap();
            assert!(count > 0, "the line was closed after {heard:?}");
            heard.push_str(&String::from_utf8_lossy(part.get(..count).unwrap_or_default()));
        }
    };
    assert!(timeout(Duration::from_secs(60), echoed).await.is_ok(), "the guest does not echo what is typed");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_line_is_carried_for_one_at_a_time_and_ends_with_its_machine() {
    let (_daemon, libvirt, vm) = running().await;
    let line = speaks(&libvirt, &vm).await;
    let error = libvirt.open_console(&vm).await.unwrap_err();
    assert!(error.message.contains("console"), "{error}");
    // Calls go on beside the line.
    assert_eq!(found(&libvirt, &vm).await.power(), PowerState::Running);
    drop(line);
    eventually("the line is free again", async || libvirt.open_console(&vm).await.is_ok()).await;
    libvirt.power_off(&vm).await.unwrap();
    assert_eq!(libvirt.open_console(&vm).await.unwrap_err().kind, ErrorKind::Conflict, "it is off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_installation_starts_from_the_cd_or_not_at_all() {
    let (daemon, libvirt, vm) = running().await;
    libvirt.power_off(&vm).await.unwrap();
    // The system of the first one.
    let disk = daemon.path("images/web.qcow2");
    let system = [fs::read(&disk).unwrap(), vec![1; 8 << 20]].concat();
    fs::write(&disk, system).unwrap();
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.contains("web boots from vda, which holds ") && error.message.contains("boot order"),
        "{error}"
    );
    assert_eq!(found(&libvirt, &vm).await.power(), PowerState::Off);

    let ordered = async |order: &str| {
        libvirt.set_property(&vm, "boot", order).await.unwrap();
        let expect = Expect::PropertyIs { vm: vm.clone(), name: "boot".into(), value: order.into() };
        assert_eq!(libvirt.look(&expect).await, Verdict::Met(None));
    };
    ordered("cdrom").await;
    libvirt.install(&vm, "tiny.iso").await.unwrap();
    drop(speaks(&libvirt, &vm).await);
    libvirt.power_off(&vm).await.unwrap();
    ordered("disk").await;
    assert_eq!(libvirt.install(&vm, "tiny.iso").await.unwrap_err().kind, ErrorKind::Conflict);

    // One that never boots from a CD, as virt-install leaves it.
    let connection = daemon.open().await;
    let domain = connection.client.lookup(&vm).await.unwrap();
    let xml = connection.client.xml_text(&domain).await.unwrap();
    connection.client.define(&xml.replace("<boot dev='cdrom'/>", "")).await.unwrap();
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    assert!(error.message.contains("does not boot from its CD drive"), "{error}");
}
