//! An application with two hosts and a few machines, as their hosts would tell of them.
use vmdeck::{
    app::{App, Effect, Message, Settings},
    domain::{
        Amount, ByteSize, Capabilities, Choice, Disk, DiskKind, FieldKind, FieldSpec, Figures, Host, HostEvent, Image,
        Inventory, Link, Node, OPS, Op, OpSet, PowerState, Property, Reply, Stamp, TaskId,
    },
};

pub(crate) use super::fleet::{NOW, vm};

const G: u64 = 1 << 30;

pub(crate) fn disk(id: &str, size: u64, real: u64) -> Disk {
    Disk {
        format: Some("qcow2".into()),
        virtual_size: Some(ByteSize(size)),
        real_size: Some(ByteSize(real)),
        bus: Some("virtio".into()),
        medium: Some(format!("/var/lib/vmdeck/machines/web1/{id}.qcow2")),
        ..Disk::new(id)
    }
}

pub(crate) fn cdrom(image: Option<&str>) -> Disk {
    Disk { kind: DiskKind::Cdrom, medium: image.map(str::to_owned), ..Disk::new("cd") }
}

pub(crate) fn image(name: &str, size: u64) -> Image {
    Image {
        size: Some(ByteSize(size)),
        added: Some(Stamp(NOW.0 - 20 * 86_400_000)),
        path: Some(format!("/var/lib/vmdeck/images/{name}")),
        ..Image::new(name)
    }
}

pub(crate) fn properties() -> Vec<Property> {
    let property =
        |spec: FieldSpec, value: &str| Property { spec, value: value.to_owned(), current: None, read_only: None };
    vec![
        property(FieldSpec::new("description", "Description", FieldKind::Text).optional(), "the web server"),
        Property {
            current: Some("2".into()),
            ..property(FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 8 }), "4")
        },
        property(
            FieldSpec::new(
                "firmware",
                "Firmware",
                FieldKind::Choice(vec![Choice::new("bios", "the old way"), Choice::new("uefi", "for newer systems")]),
            ),
            "bios",
        ),
        Property {
            read_only: Some("set when the machine was made".into()),
            ..property(FieldSpec::new("accelerator", "Accelerator", FieldKind::Text), "kvm")
        },
        property(FieldSpec::new("arguments", "Arguments", FieldKind::List).optional(), ""),
    ]
}

/// The fields of a new machine.
pub(crate) fn create_form() -> Vec<FieldSpec> {
    let size = |least, most| FieldKind::Size { least: ByteSize(least), most: ByteSize(most) };
    let images = vec![Choice::new("debian-13.iso", "700 MiB"), Choice::new("alpine.iso", "64 MiB")];
    vec![
        FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits, `.`, `_` and `-`"),
        FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 8 }).default("2").help("1 to 8"),
        FieldSpec::new("memory", "Memory", size(16 << 20, 64 * G)).default("2G").help("of the host's 24 GiB"),
        FieldSpec::new("disk", "Disk", size(1 << 20, 1 << 42)).default("20G").help("grows as it is filled"),
        FieldSpec::new(
            "firmware",
            "Firmware",
            FieldKind::Choice(vec![Choice::new("bios", ""), Choice::new("uefi", "")]),
        )
        .default("bios"),
        FieldSpec::new("image", "Image", FieldKind::Choice(images)).optional().help("in the CD drive at first"),
        FieldSpec::new("autostart", "Autostart", FieldKind::Flag).default("no"),
        FieldSpec::new("arguments", "Arguments", FieldKind::List).optional().help("more for QEMU, one a line"),
    ]
}

fn node(name: &str) -> Node {
    Node {
        id: name.into(),
        name: name.to_owned(),
        cpus: Some(4),
        load: Some(0.4),
        memory: Some(Amount { used: ByteSize(6 * G), total: ByteSize(24 * G) }),
        storage: Some(Amount { used: ByteSize(27 * G), total: ByteSize(100 * G) }),
        ..Node::default()
    }
}

/// `local` with three machines and three images, `hv2` with one machine.
pub(crate) fn world() -> App {
    let peer = |id: &str| (id == "hv2").then(|| "qemu+ssh://root@hv2/system".to_owned());
    let host = |id: &str| Host { id: id.into(), backend: "demo", address: String::new(), peer: peer(id) };
    let mut app = App::new(Settings::default(), vec![host("local"), host("hv2")]);
    app.set_now(NOW);
    let all: Vec<Op> = OPS.iter().map(|row| row.op).collect();
    let up = || {
        Link::Up(Box::new(Capabilities {
            ops: OpSet::of(&all).without(Op::ShowNode),
            cancel: vmdeck::domain::Cancel::Sure,
            is_set_up: Some(true),
            moves: vmdeck::domain::Moves { to: &["demo"], ..Default::default() },
            ..Capabilities::default()
        }))
    };
    let mut used = image("FreeBSD-14.3-RELEASE-amd64-disc1.iso", 1_288_490_188);
    used.used_by = vec!["web1".into()];
    used.checked = Some("sha256 (SHA256SUMS)".into());
    let mut web1 = vm("web1", PowerState::Running);
    web1.details = vec![
        ("VNC".into(), "/run/vmdeck/1f0c/vnc.sock".into()),
        ("Serial line".into(), "ttyS0".into()),
        ("Description".into(), "the web server of the shop, behind the balancer".into()),
    ];
    let local = Inventory {
        nodes: Some(vec![node("local")]),
        vms: Some(vec![web1, vm("web2", PowerState::Off), vm("日本語の名前", PowerState::Paused)]),
        images: Some(vec![used, image("debian-13.iso", 700 << 20), image("alpine.iso", 64 << 20)]),
    };
    let remote = Inventory {
        nodes: Some(vec![node("hv2")]),
        vms: Some(vec![vm("db", PowerState::Running)]),
        images: Some(Vec::new()),
    };
    for (id, inventory) in [("local", local), ("hv2", remote)] {
        app.update(Message::Host(id.into(), HostEvent::Link(up())));
        app.update(Message::Host(id.into(), HostEvent::Inventory(inventory)));
    }
    let figures = Figures { cpu: Some(12.0), memory: Some(1_288_490_188), disk_read: Some(4096), ..Figures::default() };
    app.update(Message::Host("local".into(), HostEvent::Figures(vec![("web1".into(), figures)])));
    select(&mut app, "web1");
    app
}

/// The same, and the disks and settings of web1 are known.
pub(crate) fn known_world() -> App {
    let mut app = world();
    let disks = vec![
        disk("disk0", 20 * G, 6_549_825_126),
        Disk { format: Some("raw".into()), ..disk("disk1", 100 * G, 100 * G) },
        cdrom(Some("debian-13.iso")),
    ];
    app.update(Message::Host("local".into(), HostEvent::Disks("web1".into(), disks)));
    app.update(Message::Host("local".into(), HostEvent::Properties("web1".into(), properties())));
    app
}

/// Moves to the machine of this name.
pub(crate) fn select(app: &mut App, name: &str) {
    press(app, "home");
    for _ in 0..10 {
        if app.selected().is_some_and(|(_, m)| m.vm.name == name) {
            return;
        }
        press(app, "down");
    }
    panic!("no machine is called {name}");
}

/// Presses keys: names as the configuration spells them, with blanks between.
pub(crate) fn press(app: &mut App, keys: &str) -> Vec<Effect> {
    let keys = keys.split_whitespace();
    let effects = keys.flat_map(|key| app.update(Message::Key(key.parse().unwrap())));
    effects.filter(|e| !matches!(e, Effect::Watch { .. })).collect()
}

/// Types text, letter by letter.
pub(crate) fn text(app: &mut App, text: &str) -> Vec<Effect> {
    let keys: Vec<String> = text.chars().map(|c| if c == ' ' { "space".into() } else { c.to_string() }).collect();
    press(app, &keys.join(" "))
}

/// The only call among `effects`, and its task.
pub(crate) fn call(effects: &[Effect]) -> (TaskId, String, &vmdeck::domain::Request) {
    match effects {
        [Effect::Call { host, task, request }] => (*task, host.to_string(), request),
        other => panic!("not one call: {other:?}"),
    }
}

/// Ends the task of the only call among `effects`.
pub(crate) fn reply(app: &mut App, effects: &[Effect], reply: Reply) {
    let (task, ..) = call(effects);
    app.update(Message::TaskEnded(task, Ok(reply)));
}

/// Presses the key that removes a disk of web1, and lets the host tell those that it has.
pub(crate) fn minus(app: &mut App) {
    let asked = press(app, "-");
    let disks = app.hosts.get(&"local".into()).unwrap().machine(&"web1".into()).unwrap().disks.clone().unwrap();
    reply(app, &asked, Reply::Disks(disks));
}
