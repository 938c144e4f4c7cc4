//! The settings of a machine: what its file says, and what the running process was started with.
use super::{
    Boot, Firmware, Local, Place, Qemu, Record,
    command_line::check_arguments,
    exact,
    machines::{LEAST_MEMORY, firmwares, network_field},
    node,
    record::MOST_CPUS,
    write_whole,
};
use crate::{
    backend::Properties,
    domain::{Choice, Error, FieldKind, FieldSpec, Property, Result, Verdict, VmId},
};
use std::fs;

/// The one that cannot be set.
const UUID: &str = "uuid";

/// The settings in their order.
fn specs() -> Vec<FieldSpec> {
    let choice = |values: &[(&str, &str)]| FieldKind::Choice(values.iter().map(|(v, l)| Choice::new(v, l)).collect());
    let memory = FieldKind::Size { least: LEAST_MEMORY, most: node::most_memory() };
    let boot = choice(&[("disk", "disks, then the CD"), ("cdrom", "the CD, then disks")]);
    let accel = choice(&[
        ("auto", "the fastest that works here"),
        ("kvm", "Linux's"),
        ("hvf", "macOS's"),
        ("tcg", "none: slow, works everywhere"),
    ]);
    vec![
        FieldSpec::new("description", "Description", FieldKind::Text).optional(),
        FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: MOST_CPUS.into() }),
        FieldSpec::new("memory", "Memory", memory),
        FieldSpec::new("firmware", "Firmware", firmwares()),
        FieldSpec::new("boot", "Boot order", boot),
        network_field(),
        FieldSpec::new("autostart", "Autostart", FieldKind::Flag).help("started by `vmdeck autostart`"),
        FieldSpec::new("accel", "Accelerator", accel),
        FieldSpec::new("arguments", "Extra arguments", FieldKind::List).optional().help("for QEMU, one a line"),
        FieldSpec::new(UUID, "UUID", FieldKind::Text),
    ]
}

/// A setting as its field shows it.
fn value(record: &Record, name: &str) -> String {
    match name {
        "description" => record.description.clone(),
        "cpus" => record.cpus.to_string(),
        "memory" => exact(record.memory),
        "firmware" => record.firmware.name().to_owned(),
        "boot" => record.boot.name().to_owned(),
        "network" => record.network.clone(),
        "autostart" => if record.autostart { "yes" } else { "no" }.to_owned(),
        "accel" => record.accel.clone(),
        UUID => record.uuid.clone(),
        _ => record.arguments.join("\n"),
    }
}

fn set(record: &mut Record, name: &str, value: &str) -> Result<()> {
    let wrong = |why: String| Error::invalid(format_args!("{name}: {why}"));
    match name {
        "description" => value.clone_into(&mut record.description),
        "cpus" => record.cpus = value.parse().map_err(|_| wrong("a number".to_owned()))?,
        "memory" => record.memory = value.parse().map_err(wrong)?,
        "firmware" => record.firmware = if value == "uefi" { Firmware::Uefi } else { Firmware::Bios },
        "boot" => record.boot = if value == "cdrom" { Boot::Cdrom } else { Boot::Disk },
        "network" => value.clone_into(&mut record.network),
        "autostart" => record.autostart = value == "yes",
        "accel" => value.clone_into(&mut record.accel),
        "arguments" => {
            let words: Vec<String> = value.split('\n').filter(|w| !w.is_empty()).map(str::to_owned).collect();
            check_arguments(&words)?;
            record.arguments = words;
        }
        UUID => return Err(wrong("a machine keeps the one it was made with".to_owned())),
        _ => return Err(wrong("there is no such setting".to_owned())),
    }
    Ok(())
}

/// Settings that have no part in the process: they hold at once.
const AT_ONCE: [&str; 2] = ["description", "autostart"];

/// What a process that was started with `started` has, where that is not what `record` says.
fn current(started: Option<&Record>, record: &Record, name: &str) -> Option<String> {
    let now = value(started?, name);
    (now != value(record, name) && !AT_ONCE.contains(&name)).then_some(now)
}

impl Local {
    /// Keeps what a process is about to be started with, so that every vmdeck can tell what waits for the next start.
    pub(super) fn note_start(place: &Place, record: &Record) {
        let path = place.run.join("started.toml");
        // Without it the difference is not shown, and nothing else is lost. An earlier start's would tell a wrong one.
        if write_whole(&path, &record.to_toml()).is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    /// What the process of a machine that is on was started with, where that was kept.
    pub(super) fn started_with(&self, vm: &VmId) -> Option<Record> {
        let place = self.place(vm).ok()?;
        place.alive()?;
        let path = place.run.join("started.toml");
        Record::parse(&fs::read_to_string(&path).ok()?, &path).ok()
    }

    /// Whether a setting has this value, however it is spelled; and since when.
    pub(super) fn look_setting(&self, vm: &VmId, name: &str, wanted: &str) -> Result<Verdict> {
        let record = self.store.read(vm)?;
        let mut other = record.clone();
        set(&mut other, name, wanted)?;
        if other != record {
            return Ok(Verdict::NotMet("it has another value".to_owned()));
        }
        Ok(Verdict::set(current(self.started_with(vm).as_ref(), &record, name).as_deref()))
    }
}

impl Properties for Qemu {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let record = self.local.store.read(vm)?;
        let started = self.local.started_with(vm);
        let property = |mut spec: FieldSpec| {
            let name = spec.name;
            let now = value(&record, name);
            if let FieldKind::Choice(choices) = &mut spec.kind
                && !choices.iter().any(|c| c.value == now)
            {
                choices.push(Choice::new(&now, "set in the file"));
            }
            let current = current(started.as_ref(), &record, name);
            let read_only = (name == UUID).then(|| "a machine keeps the one it was made with".to_owned());
            Property { spec, value: now, current, read_only }
        };
        Ok(specs().into_iter().map(property).collect())
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        self.local.store.change(vm, |record| set(record, name, value)).await?;
        self.local.changed.notify_one();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ByteSize;

    #[test]
    fn every_setting_is_read_as_it_was_set() {
        let mut record = Record::new(1, ByteSize(1 << 30));
        let new = [
            ("description", "the web"),
            ("cpus", "4"),
            ("memory", "1536M"),
            ("firmware", "uefi"),
            ("boot", "cdrom"),
            ("network", "none"),
            ("autostart", "yes"),
            ("accel", "tcg"),
            ("arguments", "-device\nusb-ehci"),
        ];
        for (name, to) in new {
            assert_ne!(value(&record, name), to, "{name}");
            set(&mut record, name, to).unwrap();
            assert_eq!(value(&record, name), to, "{name}");
        }
        let names = new.iter().map(|(name, _)| *name).chain([UUID]);
        assert!(specs().iter().map(|s| s.name).eq(names));
        assert!(set(&mut record, UUID, "1b4e28ba-2fa1-11d2-883f-0016d3cca427").is_err());
        assert_eq!(record.arguments, ["-device", "usb-ehci"]);
        assert!(set(&mut record, "arguments", "-pidfile\nx").is_err());
    }
}
