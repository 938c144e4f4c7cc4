//! The machines that are there at first.
use super::world::{Machine, Temper, World};
use crate::domain::{ByteSize, Image, PowerState, Stamp, VmId};
use std::time::Duration;

const GIB: u64 = 1 << 30;
const DAY: u64 = 86_400;

/// Which machines a demo host has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scene {
    /// A few of one's own: one is being installed, one has a full disk, an image is being fetched.
    #[default]
    Home,
    /// Those of an office: long and wide names, a guest that does not listen, one that does not start.
    Lab,
    /// This many, most of them running.
    Many(u32),
}

/// A row: name, CPUs, memory and disk in GiB, load, seconds since its start.
type Row = (&'static str, u32, u64, u64, u8, Option<u64>);

const HOME: &[Row] = &[
    ("web1", 2, 2, 20, 12, Some(3 * DAY + 4 * 3600)),
    ("web2", 2, 2, 20, 8, None),
    ("build", 4, 4, 80, 95, Some(12)),
    ("old-mail", 1, 2, 40, 3, Some(12 * DAY)),
    ("staging", 2, 4, 60, 20, Some(5 * 3600)),
];

const LAB: &[Row] = &[
    ("db", 8, 8, 200, 30, Some(41 * DAY)),
    ("legacy", 1, 1, 10, 55, Some(200 * DAY)),
    ("desktop-of-the-accounting-department-second-floor", 4, 8, 120, 5, None),
    ("日本語サーバー", 2, 4, 30, 17, Some(9 * DAY)),
];

impl Scene {
    pub(super) fn world(self, today: Stamp) -> World {
        let node = if self == Self::Lab { "lab" } else { "home" };
        let mut world = World { is_set_up: true, node, today, ..World::default() };
        match self {
            Self::Home => home(&mut world),
            Self::Lab => lab(&mut world),
            Self::Many(count) => many(&mut world, count),
        }
        world
    }
}

fn put(world: &mut World, (name, cpus, memory, disk, load, up): Row) {
    let machine = made(world.today, name, (cpus, memory, disk), load, up);
    world.machines.insert(machine.vm.id.clone(), machine);
}

fn made(today: Stamp, name: &str, (cpus, memory, disk): (u32, u64, u64), load: u8, up: Option<u64>) -> Machine {
    let mut machine = Machine::new(name, cpus, memory * GIB, disk * GIB);
    machine.load = load;
    if let Some(seconds) = up {
        machine.vm.power = Some(PowerState::Running);
        machine.vm.started = Some(Stamp(today.0.saturating_sub(seconds * 1000)));
    }
    machine
}

fn image(world: &mut World, name: &str, size: u64, checked: Option<&str>) {
    let added = Some(Stamp(world.today.0.saturating_sub(19 * DAY * 1000)));
    let checked = checked.map(str::to_owned);
    let image = Image { size: Some(ByteSize(size)), added, checked, ..Image::new(name) };
    world.library.insert(name.to_owned(), image);
}

fn change(world: &mut World, name: &str, change: impl FnOnce(&mut Machine)) {
    if let Some(machine) = world.machines.get_mut(&VmId::from(name)) {
        change(machine);
    }
}

fn home(world: &mut World) {
    for row in HOME {
        put(world, *row);
    }
    image(world, "FreeBSD-14.3-RELEASE-amd64-disc1.iso", 1_255_997_440, Some("sha256 (SHA256SUMS)"));
    image(world, "alpine-virt-3.22.1-x86_64.iso", 68_157_440, None);
    world.job = Some(("debian-13.0.0-amd64-DVD-1.iso".to_owned(), 3_972_844_544));
    change(world, "web1", |m| {
        "The web server".clone_into(&mut m.settings.description);
        m.settings.autostart = true;
        m.add_disk(ByteSize(100 * GIB), "raw");
    });
    change(world, "build", |m| {
        m.vm.remark = Some("installing".to_owned());
        m.installed = Some(Duration::from_secs(180));
        if let Some(drive) = m.drive() {
            drive.medium = Some("FreeBSD-14.3-RELEASE-amd64-disc1.iso".to_owned());
        }
    });
    change(world, "old-mail", |m| {
        m.temper = Temper::Full;
        m.vm.power = Some(PowerState::Blocked);
        m.vm.remark = Some("disk full".to_owned());
    });
    change(world, "staging", |m| m.vm.power = Some(PowerState::Paused));
}

fn lab(world: &mut World) {
    for row in LAB {
        put(world, *row);
    }
    image(world, "netinst.iso", 661_651_456, None);
    change(world, "legacy", |m| m.temper = Temper::Deaf);
    change(world, "desktop-of-the-accounting-department-second-floor", |m| m.temper = Temper::Broken);
}

fn many(world: &mut World, count: u32) {
    let machine = |n: u32| {
        let up = (!n.is_multiple_of(5)).then(|| u64::from(n) * 977 % (30 * DAY) + 60);
        let load = u8::try_from(n * 37 % 90).unwrap_or(0);
        let sizes = (1 + n % 4, 1 + u64::from(n % 8), 10 + u64::from(n % 9) * 10);
        let machine = made(world.today, &format!("vm{n:05}"), sizes, load, up);
        (machine.vm.id.clone(), machine)
    };
    // All at once: a tree that grows machine by machine is half empty.
    world.machines = (0..count).map(machine).collect();
}
