//! Real machines of a real daemon: from start to end, their disks, and what happens to the daemon.
use crate::support::{
    guests::{TINY, iso},
    libvirt::{Daemon, small},
    qemu::eventually,
};
use std::{fs, time::Duration};
use tokio::sync::mpsc;
use vmdeck::{
    app::{Effect, Message},
    backend::{Backend, Call, Disks, Images, Machines, Power, Properties, libvirt::Libvirt},
    domain::{
        ByteSize, DiskId, ErrorKind, Expect, HostEvent, Link, PowerState, Reply, Request, ResizePlan, TaskId, Values,
        Verdict, Vm, VmId,
    },
    runtime::{Hosts, Policy},
};

async fn made(libvirt: &Libvirt, name: &str) -> VmId {
    libvirt.create(&small(name), Call::new().0).await.unwrap();
    name.into()
}

async fn power(libvirt: &Libvirt, vm: &VmId) -> PowerState {
    libvirt.find(vm).await.unwrap().power()
}

/// Waits until the daemon has hinted at `vm`.
async fn hinted(heard: &mut mpsc::Receiver<HostEvent>, vm: &VmId) {
    let hint = HostEvent::Hint(Some(vm.clone()));
    let wait = async { while heard.recv().await.unwrap() != hint {} };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("{vm} was not hinted at"));
}

async fn size(libvirt: &Libvirt, vm: &VmId, disk: &str) -> u64 {
    libvirt.disk(vm, &disk.into()).await.unwrap().unwrap().virtual_size.unwrap().0
}

const fn plan(from: u64, to: u64) -> ResizePlan {
    ResizePlan { from: ByteSize(from), to: ByteSize(to) }
}

const M: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_libvirt_lives_from_its_image_to_its_end() {
    let daemon = Daemon::new().await;
    let (libvirt, mut heard) = daemon.connected().await;
    fs::write(daemon.path("images/tiny.iso"), iso(TINY)).unwrap();
    // Libvirt has not seen the file yet: another program put it there.
    let again = daemon.path("x.iso");
    fs::write(&again, iso(TINY)).unwrap();
    let url = format!("file://{}", again.display());
    let image = libvirt.fetch_image(&url, Some("second.iso"), Call::new().0).await.unwrap();
    assert_eq!((image.name.as_str(), image.size.unwrap().0), ("second.iso", iso(TINY).len() as u64));
    let names: Vec<_> = libvirt.images().await.unwrap().into_iter().map(|image| image.name).collect();
    assert_eq!(names, ["second.iso", "tiny.iso"]);
    let error = libvirt.fetch_image(&url, Some("disk.qcow2"), Call::new().0).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);

    let vm = made(&libvirt, "web").await;
    hinted(&mut heard, &vm).await;
    libvirt.install(&vm, "tiny.iso").await.unwrap();
    hinted(&mut heard, &vm).await;
    assert_eq!(power(&libvirt, &vm).await, PowerState::Running);
    let error = libvirt.start(&vm).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("already running")), (ErrorKind::Conflict, true), "{error}");
    let found = libvirt.find(&vm).await.unwrap();
    assert_eq!((found.cpus, found.memory), (Some(1), Some(32 * M)));
    assert!(found.details.iter().any(|(label, value)| label == "VNC" && value.starts_with("unix:/")));
    let used = libvirt.images().await.unwrap().into_iter().find(|image| image.name == "tiny.iso").unwrap().used_by;
    assert_eq!(used, ["web"]);

    libvirt.figures(std::slice::from_ref(&vm)).await.unwrap();
    eventually("a share of the processor", async || {
        let told = libvirt.figures(std::slice::from_ref(&vm)).await.unwrap();
        told.first().is_some_and(|(_, figures)| figures.memory > Some(M) && figures.cpu.is_some())
    })
    .await;

    libvirt.pause(&vm).await.unwrap();
    hinted(&mut heard, &vm).await;
    assert_eq!(power(&libvirt, &vm).await, PowerState::Paused);
    libvirt.resume(&vm).await.unwrap();
    // The power button is heard once the guest has booted from the CD.
    eventually("the guest's own end", async || {
        let _ = libvirt.shut_down(&vm).await;
        power(&libvirt, &vm).await == PowerState::Off
    })
    .await;
    libvirt.delete(&vm, false).await.unwrap();
    assert!(!daemon.path("images/web.qcow2").exists());
    assert!(daemon.path("images/tiny.iso").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_of_libvirt_grow_and_never_shrink() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let vm = made(&libvirt, "disks").await;
    let vda = || DiskId::from("vda");

    // Off: the volume grows.
    libvirt.resize_disk(&vm, &vda(), plan(16 * M, 24 * M)).await.unwrap();
    assert_eq!(size(&libvirt, &vm, "vda").await, 24 * M);
    assert_eq!(libvirt.resize_disk(&vm, &vda(), plan(16 * M, 20 * M)).await.unwrap_err().kind, ErrorKind::Conflict);

    // Running: the disk grows under the guest; libvirt itself would shrink it without a word.
    libvirt.start(&vm).await.unwrap();
    libvirt.resize_disk(&vm, &vda(), plan(24 * M, 48 * M)).await.unwrap();
    let grown = Expect::DiskSize { vm: vm.clone(), disk: vda(), plan: plan(24 * M, 48 * M) };
    assert_eq!(libvirt.look(&grown).await, Verdict::Met(None));
    assert_eq!(libvirt.resize_disk(&vm, &vda(), plan(16 * M, 20 * M)).await.unwrap_err().kind, ErrorKind::Conflict);
    assert_eq!(size(&libvirt, &vm, "vda").await, 48 * M);

    // Plugged in while it runs.
    let values = Values::from([("size".to_owned(), "8M".to_owned()), ("format".to_owned(), "raw".to_owned())]);
    let added = libvirt.add_disk(&vm, &values, Call::new().0).await.unwrap();
    assert_eq!((added.as_str(), size(&libvirt, &vm, "vdb").await), ("vdb", 8 * M));
    libvirt.resize_disk(&vm, &added, plan(8 * M, 12 * M)).await.unwrap();
    assert_eq!(size(&libvirt, &vm, "vdb").await, 12 * M);

    // A guest that does not let go keeps it, though libvirt says that it is gone.
    let error = libvirt.remove_disk(&vm, &added, true).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Differs, "{error}");
    assert!(error.message.contains("has not let go of vdb") && error.message.contains("disks-1.raw"), "{error}");
    let disk = libvirt.disk(&vm, &added).await.unwrap().unwrap();
    assert_eq!(disk.pending.as_deref(), Some("waiting for the guest to let go"));
    libvirt.power_off(&vm).await.unwrap();
    assert_eq!(libvirt.disk(&vm, &added).await.unwrap(), None);

    // What another machine has too is not deleted.
    let shared = made(&libvirt, "other").await;
    let file = daemon.path("images/other.qcow2");
    let uri = vmdeck::backend::libvirt::Uri::parse(&daemon.uri()).unwrap();
    let connection = uri.connect(mpsc::channel(8).0, |program| program).await.unwrap();
    connection.client.open(uri.driver()).await.unwrap();
    let xml = format!(
        "<domain type='qemu'><name>user</name><memory>1024</memory><os><type>hvm</type></os><devices>\
        <disk type='file'><source file='{}'/><target dev='vda'/></disk></devices></domain>",
        file.display()
    );
    connection.client.define(&xml).await.unwrap();
    let error = libvirt.delete(&shared, false).await.unwrap_err();
    assert!(error.message.contains("is a disk of user too"), "{error}");
    assert!(file.exists() && libvirt.find(&shared).await.is_ok());
    libvirt.delete(&shared, true).await.unwrap();
    assert!(file.exists(), "its disk was to be kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_libvirt_hold_now_or_at_the_next_start() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let vm = made(&libvirt, "settings").await;
    libvirt.start(&vm).await.unwrap();
    for (name, value) in [("cpus", "2"), ("memory", "48M"), ("description", "a <b> & c"), ("autostart", "yes")] {
        libvirt.set_property(&vm, name, value).await.unwrap();
        let expect = Expect::PropertyIs { vm: vm.clone(), name: name.into(), value: value.into() };
        let verdict = libvirt.look(&expect).await;
        let is_later =
            matches!(&verdict, Verdict::Met(Some(Reply::Remark(told))) if told.starts_with("at the next start"));
        assert!(verdict == Verdict::Met(None) || is_later && ["cpus", "memory"].contains(&name), "{name}: {verdict:?}");
    }
    let properties = libvirt.properties(&vm).await.unwrap();
    let told: Vec<_> =
        properties.iter().map(|p| (p.spec.name, p.value.as_str(), p.current.as_deref().unwrap_or("-"))).collect();
    let wanted = [
        ("description", "a <b> & c", "-"),
        ("cpus", "2", "1"),
        ("memory", "48M", "32M"),
        ("boot", "disk", "-"),
        ("autostart", "yes", "-"),
    ];
    assert_eq!(told, wanted);
    let error = libvirt.set_property(&vm, "boot", "cdrom").await.unwrap_err();
    assert!(error.message.contains("while the machine is off"), "{error}");
    libvirt.power_off(&vm).await.unwrap();
    assert!(libvirt.properties(&vm).await.unwrap().iter().all(|property| property.current.is_none()));
    // Fewer again, and less.
    for (name, value) in [("cpus", "1"), ("memory", "16M"), ("description", "")] {
        libvirt.set_property(&vm, name, value).await.unwrap();
    }
    let found = libvirt.find(&vm).await.unwrap();
    assert_eq!((found.cpus, found.memory), (Some(1), Some(16 * M)));
    // UEFI, with its variables, which go with the machine.
    let mut values = small("uefi");
    values.insert("firmware".to_owned(), "uefi".to_owned());
    values.insert("memory".to_owned(), "96M".to_owned());
    libvirt.create(&values, Call::new().0).await.unwrap();
    libvirt.start(&"uefi".into()).await.unwrap();
    let details = libvirt.find(&"uefi".into()).await.unwrap().details;
    let variables = details.into_iter().find(|(label, _)| *label == Vm::VARIABLES).unwrap().1;
    libvirt.power_off(&"uefi".into()).await.unwrap();
    assert!(fs::exists(&variables).unwrap(), "{variables}");
    libvirt.delete(&"uefi".into(), false).await.unwrap();
    assert!(!fs::exists(&variables).unwrap(), "{variables}");
    assert_eq!(libvirt.find(&"uefi".into()).await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_machines_outlast_their_daemons_restart() {
    let mut daemon = Daemon::new().await;
    let (first, _heard) = daemon.connected().await;
    let uri = vmdeck::backend::libvirt::Uri::parse(&daemon.uri()).unwrap();
    let connection = uri.connect(mpsc::channel(8).0, |program| program).await.unwrap();
    connection.client.open(uri.driver()).await.unwrap();
    for n in 0..49 {
        let xml =
            format!("<domain type='qemu'><name>m{n:02}</name><memory>1024</memory><os><type>hvm</type></os></domain>");
        connection.client.define(&xml).await.unwrap();
    }
    let vm = made(&first, "runs").await;
    first.start(&vm).await.unwrap();

    let (mut hosts, mut inbox) = Hosts::new();
    // What libvirt says of its own accord must do.
    let policy = Policy { resync_every: Duration::from_secs(600), ..Policy::default() };
    hosts.add("lv".into(), daemon.backend(), policy);
    let are_all = |event: &HostEvent| {
        let HostEvent::Inventory(inventory) = event else { return false };
        let Some(vms) = inventory.vms.as_ref().filter(|vms| vms.iter().all(|vm| vm.cpus.is_some())) else {
            return false;
        };
        let runs = vms.iter().find(|found| found.id == vm).is_some_and(|found| found.power() == PowerState::Running);
        vms.len() == 50 && runs
    };
    hears(&mut inbox, "50 machines", are_all).await;
    daemon.stop();
    hears(&mut inbox, "the end of the daemon", |event| matches!(event, HostEvent::Link(Link::Down { .. }))).await;
    daemon.start().await;
    hears(&mut inbox, "a new connection", |event| matches!(event, HostEvent::Link(Link::Up(_)))).await;
    hears(&mut inbox, "50 machines again", are_all).await;
    let task = TaskId(1);
    let request = Request::PowerOff(vm.clone());
    assert!(hosts.execute(Effect::Call { host: "lv".into(), task, request }).is_none());
    // After the change, by the hint or in the list, whatever is read first.
    let is_off = |event: &HostEvent| {
        let is_off = |found: &Vm| found.id == vm && found.power() == PowerState::Off;
        match event {
            HostEvent::Vm(found) => is_off(found),
            HostEvent::Inventory(inventory) => inventory.vms.iter().flatten().any(is_off),
            _ => false,
        }
    };
    hears(&mut inbox, "the machine's end", is_off).await;
    hosts.stop().await;
}

/// Waits for an event; calls must end well meanwhile.
async fn hears(inbox: &mut mpsc::Receiver<Message>, what: &str, is_it: impl Fn(&HostEvent) -> bool) {
    let mut last = String::new();
    let wait = async {
        loop {
            match inbox.recv().await.unwrap() {
                Message::Host(_, event) if is_it(&event) => break,
                Message::TaskEnded(_, result) => drop(result.unwrap()),
                other => last = format!("{other:?}").chars().take(2000).collect(),
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
    assert!(waited.is_ok(), "in vain waited for {what}; the last: {last}");
}
