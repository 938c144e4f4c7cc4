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
    backend::{Backend, Call, Console, Disks, Images, Machines, Power, Properties, Snapshots, libvirt::Libvirt},
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
    assert_eq!(found(&libvirt, &vm).await.remark, None);
    // What was asked of it before may be under way still.
    eventually("a machine that goes on", async || found(&libvirt, &vm).await.power() == PowerState::Running).await;
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

/// What the machine is kept as.
async fn kept(daemon: &Daemon, vm: &VmId) -> String {
    let connection = daemon.open().await;
    let domain = connection.client.lookup(vm).await.unwrap();
    connection.client.xml_text(&domain).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_installation_starts_from_the_cd_this_once() {
    let (daemon, libvirt, vm) = running().await;
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, "web is not off: power it off first"));
    libvirt.power_off(&vm).await.unwrap();
    // The system of the first one, and the password of its screen.
    let disk = daemon.path("images/web.qcow2");
    let system = [fs::read(&disk).unwrap(), vec![1; 8 << 20]].concat();
    fs::write(&disk, system).unwrap();
    let connection = daemon.open().await;
    let with_password = kept(&daemon, &vm).await.replace("<graphics type='vnc'", "<graphics type='vnc' passwd='guess'");
    connection.client.define(&with_password).await.unwrap();
    let before = kept(&daemon, &vm).await;
    assert!(before.contains("passwd='guess'"), "{before}");

    let order = async || {
        let all = libvirt.properties(&vm).await.unwrap();
        let boot = all.into_iter().find(|property| property.spec.name == "boot").unwrap();
        (boot.value, boot.current)
    };
    let once = "it starts from the CD this once: when its installer restarts it, it powers off instead; start it then";
    assert_eq!(libvirt.install(&vm, "tiny.iso").await.unwrap().as_deref(), Some(once));
    drop(speaks(&libvirt, &vm).await);
    assert_eq!(order().await, ("disk".to_owned(), Some("cdrom".to_owned())));
    // The installer is done.
    libvirt.reset(&vm).await.unwrap();
    eventually("the end of that run", async || found(&libvirt, &vm).await.power() == PowerState::Off).await;
    assert_eq!(order().await, ("disk".to_owned(), None));
    assert_eq!(kept(&daemon, &vm).await, before, "it is what it was");
    libvirt.start(&vm).await.unwrap();
    assert_eq!(order().await, ("disk".to_owned(), None), "from its disk again");
    libvirt.power_off(&vm).await.unwrap();

    // Where the CD comes first for good, a restart is one.
    libvirt.set_property(&vm, "boot", "cdrom").await.unwrap();
    let expect = Expect::PropertyIs { vm: vm.clone(), name: "boot".into(), value: "cdrom".into() };
    assert_eq!(libvirt.look(&expect).await, Verdict::Met(None));
    assert_eq!(libvirt.install(&vm, "tiny.iso").await.unwrap(), None);
    drop(speaks(&libvirt, &vm).await);
    libvirt.reset(&vm).await.unwrap();
    drop(speaks(&libvirt, &vm).await);
    libvirt.power_off(&vm).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_never_boots_from_a_cd_does_this_once_and_one_with_a_kernel_of_its_own_does_not() {
    let (daemon, libvirt, vm) = running().await;
    libvirt.power_off(&vm).await.unwrap();
    let connection = daemon.open().await;
    let xml = kept(&daemon, &vm).await;
    // As virt-install leaves it, without a drive.
    let (start, rest) = xml.split_once("<disk type='file' device='cdrom'>").unwrap();
    let plain = format!("{start}{}", rest.split_once("</disk>").unwrap().1).replace("<boot dev='cdrom'/>", "");
    connection.client.define(&plain).await.unwrap();
    assert!(libvirt.install(&vm, "tiny.iso").await.unwrap().is_some());
    drop(speaks(&libvirt, &vm).await);
    libvirt.power_off(&vm).await.unwrap();

    libvirt.eject_image(&vm).await.unwrap();
    let now = kept(&daemon, &vm).await;
    connection.client.define(&now.replace("<os>", "<os><kernel>/nowhere</kernel>")).await.unwrap();
    let before = kept(&daemon, &vm).await;
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    assert!(error.message.contains("boots a kernel that its description names"), "{error}");
    assert_eq!(kept(&daemon, &vm).await, before, "its drive is as empty as it was");
    // Nor does one get a drive for nothing.
    connection.client.define(&plain.replace("<os>", "<os><kernel>/nowhere</kernel>")).await.unwrap();
    let before = kept(&daemon, &vm).await;
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    assert!(error.message.contains("boots a kernel that its description names"), "{error}");
    assert_eq!(kept(&daemon, &vm).await, before, "it has no drive still");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_drives_the_one_that_is_booted_gets_the_cd_and_before_the_network_that_is_tried_first() {
    let (daemon, libvirt, vm) = running().await;
    libvirt.power_off(&vm).await.unwrap();
    libvirt.eject_image(&vm).await.unwrap();
    let connection = daemon.open().await;
    let xml = kept(&daemon, &vm).await.replace("<boot dev='hd'/>", "").replace("<boot dev='cdrom'/>", "");
    let devices = "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/><readonly/><boot order='2'/></disk>\
        <interface type='user'><model type='virtio'/><boot order='1'/></interface></devices>";
    connection.client.define(&xml.replace("</devices>", devices)).await.unwrap();
    let before = kept(&daemon, &vm).await;
    assert!(libvirt.install(&vm, "tiny.iso").await.unwrap().is_some(), "this once: the network comes first for good");
    let expect = Expect::Medium { vm: vm.clone(), image: Some("tiny.iso".to_owned()) };
    assert_eq!(libvirt.look(&expect).await, Verdict::Met(None));
    let domain = connection.client.lookup(&vm).await.unwrap();
    let now = connection.client.xml(&domain, false).await.unwrap();
    let drives: Vec<_> = now.drives.iter().filter(|drive| drive.is_cdrom()).collect();
    let told: Vec<_> = drives.iter().map(|d| (d.target.as_str(), d.path().is_some(), d.boot_order)).collect();
    assert_eq!(told, [("sda", false, None), ("sdb", true, Some(1))]);
    drop(speaks(&libvirt, &vm).await);
    libvirt.power_off(&vm).await.unwrap();
    libvirt.eject_image(&vm).await.unwrap();
    assert_eq!(kept(&daemon, &vm).await, before, "it is kept as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_machine_is_not_installed_anew_but_would_go_on() {
    let (mut daemon, libvirt, vm) = running().await;
    libvirt.save(&vm, Call::new().0).await.unwrap();
    eventually("the saved machine", async || found(&libvirt, &vm).await.power() == PowerState::Off).await;
    let before = kept(&daemon, &vm).await;
    // Also where the daemon was started anew since.
    daemon.stop();
    daemon.start().await;
    let (libvirt, _heard) = daemon.connected().await;
    let listed = libvirt.inventory(false).await.unwrap().vms.unwrap().remove(0);
    assert_eq!(
        (listed.remark.as_deref(), found(&libvirt, &vm).await.remark.as_deref()),
        (Some("saved"), Some("saved"))
    );
    let error = libvirt.install(&vm, "tiny.iso").await.unwrap_err();
    let why = "web: it goes on with the memory that was saved, not from a CD: start it, then shut it down";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, why));
    assert_eq!((found(&libvirt, &vm).await.power(), kept(&daemon, &vm).await), (PowerState::Off, before));
    libvirt.start(&vm).await.unwrap();
    assert_eq!(found(&libvirt, &vm).await.remark, None);
    libvirt.power_off(&vm).await.unwrap();
    assert_eq!(found(&libvirt, &vm).await.remark, None, "it is used up");
}
