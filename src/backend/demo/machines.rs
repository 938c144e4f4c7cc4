use super::{Demo, world::Machine};
use crate::{
    backend::{Call, Machines},
    domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, HostEvent, Op, Result, Values, Vm, VmId},
};
use std::{sync::Arc, time::Duration};

const MIB: u64 = 1 << 20;

/// How long an installation goes on.
const INSTALL: Duration = Duration::from_secs(90);

pub(super) fn memory_kind() -> FieldKind {
    FieldKind::Size { least: ByteSize(16 * MIB), most: ByteSize(64 << 30) }
}

pub(super) fn disk_kind() -> FieldKind {
    FieldKind::Size { least: ByteSize(MIB), most: ByteSize(1 << 44) }
}

pub(super) fn firmware_kind() -> FieldKind {
    FieldKind::Choice(vec![Choice::new("bios", "BIOS"), Choice::new("uefi", "UEFI")])
}

pub(super) fn network_kind() -> FieldKind {
    FieldKind::Choice(vec![
        Choice::new("user", "user mode: out, not in"),
        Choice::new("bridge", "bridged"),
        Choice::new("none", "none"),
    ])
}

fn value(values: &Values, name: &str) -> String {
    values.get(name).cloned().unwrap_or_default()
}

pub(super) fn size(values: &Values, name: &str) -> Result<ByteSize> {
    value(values, name).parse().map_err(|why| Error::invalid(format_args!("{name}: {why}")))
}

impl Demo {
    /// Adds a machine like `vm`, called `name`.
    fn copy(&self, vm: &VmId, name: &str, op: Op) -> Result<()> {
        {
            let mut world = self.world(op)?;
            let mut copy = world.machine_for(vm, op)?.clone();
            copy.vm = Vm { id: name.into(), name: name.to_owned(), ..copy.vm };
            world.machines.insert(name.into(), copy);
        }
        self.tell(&name.into(), None);
        Ok(())
    }
}

impl Machines for Demo {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        Ok(self.world(Op::Show)?.machine(vm)?.vm.clone())
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let world = self.world(Op::Create)?;
        let mut images = vec![Choice::new("", "none")];
        images.extend(world.library.keys().map(|name| Choice::new(name, "")));
        Ok(vec![
            FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits, . _ -"),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 16 }).default("2"),
            FieldSpec::new("memory", "Memory", memory_kind()).default("2G").help("like 512M or 4G"),
            FieldSpec::new("disk", "Disk", disk_kind()).default("20G").help("like 20G"),
            FieldSpec::new("firmware", "Firmware", firmware_kind()).default("bios"),
            FieldSpec::new("network", "Network", network_kind()).default("user"),
            FieldSpec::new("image", "Image", FieldKind::Choice(images)).optional().help("in its CD drive"),
        ])
    }

    async fn create(&self, values: &Values, _call: Call) -> Result<()> {
        let id = VmId::from(value(values, "name"));
        {
            let mut world = self.world(Op::Create)?;
            if world.machines.contains_key(&id) {
                return Err(Error::conflict(format_args!("{id} is there already")));
            }
            let cpus = value(values, "cpus").parse().map_err(|e| Error::invalid(format_args!("cpus: {e}")))?;
            let (memory, disk) = (size(values, "memory")?, size(values, "disk")?);
            let mut machine = Machine::new(id.as_str(), cpus, memory.0, disk.0);
            machine.load = 10;
            machine.settings.firmware = value(values, "firmware");
            machine.settings.network = value(values, "network");
            if let Some(drive) = machine.drive() {
                drive.medium = Some(value(values, "image")).filter(|i| !i.is_empty());
            }
            world.machines.insert(id.clone(), machine);
        }
        self.tell(&id, None);
        Ok(())
    }

    async fn rename(&self, vm: &VmId, name: &str) -> Result<()> {
        self.copy(vm, name, Op::Rename)?;
        self.shared.world().machines.remove(vm);
        self.tell(vm, None);
        Ok(())
    }

    async fn clone_machine(&self, vm: &VmId, name: &str, _call: Call) -> Result<()> {
        self.copy(vm, name, Op::Clone)
    }

    async fn delete(&self, vm: &VmId, _keep_disks: bool) -> Result<Option<String>> {
        {
            let mut world = self.world(Op::Delete)?;
            world.machine_for(vm, Op::Delete)?;
            world.machines.remove(vm);
        }
        let (shared, vm) = (Arc::clone(&self.shared), vm.clone());
        self.spawn(async move { shared.tell(HostEvent::Gone(vm)).await });
        Ok(None)
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
        if !self.world(Op::Install)?.library.contains_key(image) {
            return Err(super::images::missing(image));
        }
        self.begin(vm, Op::Install)?;
        let mut world = self.shared.world();
        let end = world.now + INSTALL;
        let machine = world.machine(vm)?;
        machine.vm.remark = Some("installing".to_owned());
        machine.installed = Some(end);
        if let Some(drive) = machine.drive() {
            drive.medium = Some(image.to_owned());
        }
        Ok(None)
    }
}
