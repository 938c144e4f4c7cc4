//! What is there, and how it changes with time.
use super::snapshots::Taken;
use crate::domain::{
    Amount, ByteSize, Disk, DiskId, DiskKind, Error, Image, Node, NodeId, Op, PastFetch, PowerState, Result, Stamp, Vm,
    VmId,
};
use std::{collections::BTreeMap, time::Duration};

/// The host's storage.
pub(super) const STORAGE: u64 = 2 << 40;

/// What a machine does that not every machine does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Temper {
    #[default]
    Plain,
    /// Its guest does not hear the power button.
    Deaf,
    /// It does not start.
    Broken,
    /// Its disk is full until it is grown.
    Full,
}

/// What else can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) description: String,
    pub(super) firmware: String,
    pub(super) boot: String,
    pub(super) network: String,
    pub(super) autostart: bool,
    pub(super) arguments: String,
    /// What it gets at its next start.
    pub(super) cpus: u32,
    pub(super) memory: u64,
}

/// A machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) vm: Vm,
    pub(super) disks: Vec<Disk>,
    pub(super) settings: Box<Settings>,
    pub(super) temper: Temper,
    /// How busy it is: 0 to 100.
    pub(super) load: u8,
    /// When it reaches which state.
    pub(super) due: Option<(Duration, PowerState)>,
    /// When its installation ends.
    pub(super) installed: Option<Duration>,
    /// When the guest lets go of which disk.
    pub(super) leaving: Option<(Duration, DiskId)>,
    /// Its snapshots, oldest first.
    pub(super) taken: Vec<Taken>,
}

/// Everything on the host.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) machines: BTreeMap<VmId, Machine>,
    /// Images by name; who uses them is computed.
    pub(super) library: BTreeMap<String, Image>,
    /// The download that goes on from the start: name and bytes.
    pub(super) job: Option<(String, u64)>,
    /// What was fetched, or was to be, the newest last.
    pub(super) past: Vec<PastFetch>,
    pub(super) is_set_up: bool,
    /// Starting a machine is a bug to rehearse.
    pub(super) is_faulty: bool,
    /// It takes connections and never says a word.
    pub(super) is_silent: bool,
    pub(super) node: &'static str,
    /// The day it began, and the time since.
    pub(super) today: Stamp,
    pub(super) now: Duration,
}

impl Machine {
    /// A machine that is off, with one disk of `disk` GiB.
    pub(super) fn new(name: &str, cpus: u32, memory: u64, disk: u64) -> Self {
        let mut machine = Self {
            vm: Vm { power: Some(PowerState::Off), cpus: Some(cpus), memory: Some(memory), ..Vm::named(name) },
            disks: Vec::with_capacity(2),
            settings: Box::new(Settings {
                description: String::new(),
                firmware: "bios".to_owned(),
                boot: "disk".to_owned(),
                network: "user".to_owned(),
                autostart: false,
                arguments: String::new(),
                cpus,
                memory,
            }),
            temper: Temper::Plain,
            load: 0,
            due: None,
            installed: None,
            leaving: None,
            taken: Vec::new(),
        };
        machine.add_disk(ByteSize(disk), "qcow2");
        machine.disks.push(Disk {
            kind: DiskKind::Cdrom,
            bus: Some("sata".to_owned()),
            read_only: true,
            ..Disk::new("cd")
        });
        machine
    }

    /// Adds a disk under the first free name.
    pub(super) fn add_disk(&mut self, size: ByteSize, format: &str) -> DiskId {
        let is_free = |id: &DiskId| !self.disks.iter().any(|d| d.id == *id);
        let id = (0..=self.disks.len())
            .map(|n| DiskId::from(format!("disk{n}")))
            .find(is_free)
            .unwrap_or_else(|| "disk".into());
        let real = if format == "raw" { size.0 } else { size.0 / 3 };
        let disk = Disk {
            format: Some(format.to_owned()),
            virtual_size: Some(size),
            real_size: Some(ByteSize(real)),
            bus: Some("virtio".to_owned()),
            medium: Some(format!("/demo/{}/{id}.{format}", self.vm.name)),
            ..Disk::new(id.clone())
        };
        let end = self.disks.iter().position(|d| d.kind == DiskKind::Cdrom).unwrap_or(self.disks.len());
        self.disks.insert(end, disk);
        self.sum();
        id
    }

    /// Computes the size of all its disks.
    pub(super) fn sum(&mut self) {
        let sizes = self.disks.iter().filter(|d| d.kind == DiskKind::Disk).filter_map(|d| d.virtual_size);
        self.vm.disk = Some(sizes.map(|s| s.0).sum());
    }

    pub(super) fn drive(&mut self) -> Option<&mut Disk> {
        self.disks.iter_mut().find(|d| d.kind == DiskKind::Cdrom)
    }

    /// Sets the state; what belongs to another one goes.
    pub(super) fn set(&mut self, power: PowerState, now: Stamp) {
        match power {
            PowerState::Starting => {
                self.vm.started = Some(now);
                self.vm.cpus = Some(self.settings.cpus);
                self.vm.memory = Some(self.settings.memory);
            }
            PowerState::Off => {
                self.vm.started = None;
                self.vm.remark = None;
                self.installed = None;
                self.vm.cpus = Some(self.settings.cpus);
                self.vm.memory = Some(self.settings.memory);
                if let Some((_, gone)) = self.leaving.take() {
                    self.drop_disk(&gone);
                }
            }
            _ => {}
        }
        self.vm.power = Some(power);
        self.due = None;
    }

    pub(super) fn drop_disk(&mut self, id: &DiskId) {
        self.disks.retain(|d| d.id != *id);
        self.sum();
    }
}

impl World {
    /// The time of day.
    pub(super) fn stamp(&self) -> Stamp {
        self.today.after(self.now)
    }

    /// Lets happen what is due.
    pub(super) fn settle(&mut self) {
        let (now, stamp) = (self.now, self.stamp());
        for machine in self.machines.values_mut() {
            if let Some((at, power)) = machine.due
                && at <= now
            {
                machine.set(power, stamp);
            }
            if machine.installed.is_some_and(|at| at <= now) {
                machine.installed = None;
                machine.vm.remark = None;
            }
            if let Some((_, id)) = machine.leaving.take_if(|(at, _)| *at <= now) {
                machine.drop_disk(&id);
            }
        }
    }

    pub(super) fn machine(&mut self, id: &VmId) -> Result<&mut Machine> {
        self.machines.get_mut(id).ok_or_else(|| Error::not_found(format_args!("no machine is called {id}")))
    }

    /// The machine, if its state allows `op`.
    pub(super) fn machine_for(&mut self, id: &VmId, op: Op) -> Result<&mut Machine> {
        let machine = self.machine(id)?;
        op.allowed(machine.vm.power())
            .map_err(|why| Error::conflict(format_args!("{} {id}: {why}", op.name().replace('-', " "))))?;
        Ok(machine)
    }

    /// The library, with who uses what.
    pub(super) fn images(&self) -> Vec<Image> {
        let mut images: Vec<Image> = self.library.values().cloned().collect();
        for machine in self.machines.values() {
            for name in machine.disks.iter().filter(|d| d.kind == DiskKind::Cdrom).filter_map(|d| d.medium.as_ref()) {
                if let Some(image) = images.iter_mut().find(|i| i.name == *name) {
                    image.used_by.push(machine.vm.name.clone());
                }
            }
        }
        images
    }

    /// Bytes that disks and images take.
    pub(super) fn used(&self) -> u64 {
        let disks = self.machines.values().flat_map(|m| &m.disks).filter_map(|d| d.real_size);
        disks.chain(self.library.values().filter_map(|i| i.size)).map(|s| s.0).sum()
    }

    pub(super) fn node(&self) -> Node {
        let alive = || self.machines.values().filter(|m| m.vm.power().is_alive());
        let memory: u64 = alive().filter_map(|m| m.vm.memory).sum();
        let load: f32 = alive().map(|m| f32::from(m.load) / 100.0).sum();
        Node {
            id: NodeId::from(self.node),
            name: self.node.to_owned(),
            cpus: Some(16),
            load: Some(load),
            memory: Some(Amount { used: ByteSize(memory), total: ByteSize((64 << 30_u64).max(memory)) }),
            storage: Some(Amount { used: ByteSize(self.used()), total: ByteSize(STORAGE.max(self.used())) }),
            details: vec![("Kind".to_owned(), "in memory: nothing here is real".to_owned())],
            ..Node::default()
        }
    }
}
