use super::{
    Demo,
    machines::{firmware_kind, memory_kind, network_kind},
    world::Machine,
};
use crate::{
    backend::Properties,
    domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, Op, Property, Result, VmId},
};

/// A size as it is typed: `2G`.
fn typed(bytes: u64) -> String {
    match bytes {
        b if b % (1 << 30) == 0 => format!("{}G", b >> 30),
        b if b % (1 << 20) == 0 => format!("{}M", b >> 20),
        b => b.to_string(),
    }
}

/// The settings as they are.
pub(super) fn of(machine: &Machine) -> Vec<Property> {
    let set = &machine.settings;
    let plain =
        |spec: FieldSpec, value: &str| Property { spec, value: value.to_owned(), current: None, read_only: None };
    let waits = |spec: FieldSpec, value: String, now: Option<String>| {
        let current = now.filter(|now| *now != value && machine.vm.power().is_alive());
        Property { spec, value, current, read_only: None }
    };
    let boot = FieldKind::Choice(vec![Choice::new("disk", "disk, then CD"), Choice::new("cd", "CD, then disk")]);
    vec![
        plain(FieldSpec::new("description", "Description", FieldKind::Text).optional(), &set.description),
        waits(
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 16 }),
            set.cpus.to_string(),
            machine.vm.cpus.map(|c| c.to_string()),
        ),
        waits(FieldSpec::new("memory", "Memory", memory_kind()), typed(set.memory), machine.vm.memory.map(typed)),
        plain(FieldSpec::new("firmware", "Firmware", firmware_kind()), &set.firmware),
        plain(FieldSpec::new("boot", "Boot order", boot), &set.boot),
        plain(FieldSpec::new("network", "Network", network_kind()), &set.network),
        plain(FieldSpec::new("autostart", "Autostart", FieldKind::Flag), if set.autostart { "yes" } else { "no" }),
        plain(FieldSpec::new("arguments", "Arguments", FieldKind::List).optional(), &set.arguments),
    ]
}

impl Properties for Demo {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        Ok(of(self.world(Op::ListProperties)?.machine(vm)?))
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        self.world(Op::SetProperty)?.machine(vm)?.apply(name, value)?;
        self.tell(vm, None);
        Ok(())
    }
}

impl Machine {
    fn apply(&mut self, name: &str, value: &str) -> Result<()> {
        let set = &mut self.settings;
        let wrong = |why: &dyn std::fmt::Display| Error::invalid(format_args!("{name}: {why}"));
        match name {
            "description" => value.clone_into(&mut set.description),
            "firmware" => value.clone_into(&mut set.firmware),
            "boot" => value.clone_into(&mut set.boot),
            "network" => value.clone_into(&mut set.network),
            "arguments" => value.clone_into(&mut set.arguments),
            "autostart" => set.autostart = value == "yes",
            "cpus" => set.cpus = value.parse().map_err(|e: std::num::ParseIntError| wrong(&e))?,
            "memory" => set.memory = value.parse::<ByteSize>().map_err(|e| wrong(&e))?.0,
            _ => return Err(Error::not_found(format_args!("{} has no setting called {name}", self.vm.id))),
        }
        // What is set counts at once while it is off.
        if !self.vm.power().is_alive() {
            self.vm.cpus = Some(self.settings.cpus);
            self.vm.memory = Some(self.settings.memory);
        }
        Ok(())
    }
}
