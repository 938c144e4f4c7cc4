//! What a machine's description says. CPUs and memory are changed by defining the description anew.
use super::Govirthost;
use crate::{
    backend::{Properties, domain_xml},
    domain::{ByteSize, Error, FieldKind, FieldSpec, Property, Result, VmId, clean_line},
};

/// The change of one setting, and what it makes of a description.
fn changed(xml: &str, name: &str, value: &str) -> Result<String> {
    match name {
        "cpus" => {
            let cpus = value.parse().map_err(|_| Error::invalid(format_args!("cpus: `{}`", clean_line(value))))?;
            domain_xml::with_cpus(xml, cpus)
        }
        "memory" => {
            let size = value.parse().map_err(|why| Error::invalid(format_args!("memory: {why}")))?;
            domain_xml::with_memory(xml, size)
        }
        _ => Err(Error::invalid(format_args!("{} cannot be changed here", clean_line(name)))),
    }
}

impl Properties for Govirthost {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        let (found, _) = session.describe(vm, row.run).await?;
        let next = session.next(vm, row.run);
        let size = |bytes: u64| ByteSize(bytes).to_string();
        // What waits, and what is there.
        let both = |next: Option<String>, now: Option<String>| match next {
            Some(next) if Some(&next) != now.as_ref() => (next, now),
            _ => (now.unwrap_or_default(), None),
        };
        let cpus = both(next.as_ref().and_then(|d| d.cpus).map(|n| n.to_string()), found.cpus.map(|n| n.to_string()));
        let memory = both(
            next.as_ref().and_then(|d| d.memory).map(|bytes| size(bytes.0)),
            found.memory.map(|bytes| size(bytes.0)),
        );
        let most = FieldKind::Number { least: 1, most: 512 };
        let range = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 46) };
        let typed = |spec, (value, current)| Property { spec, value, current, read_only: None };
        let networks: Vec<_> = found
            .networks
            .iter()
            .map(|net| format!("{} {}", net.place, net.mac.as_deref().unwrap_or_default()).trim().to_owned())
            .collect();
        let told = [
            (FieldSpec::new("network", "Network", FieldKind::List), networks.join("\n")),
            (FieldSpec::new("boot", "Boot order", FieldKind::List), found.boot.join("\n")),
            (
                FieldSpec::new("firmware", "Firmware", FieldKind::Text),
                if found.is_uefi { "uefi" } else { "bios" }.to_owned(),
            ),
            (FieldSpec::new("machine", "Machine type", FieldKind::Text), found.machine.clone()),
            (FieldSpec::new("accelerator", "Accelerator", FieldKind::Text), found.accelerator.clone()),
        ];
        let why = "it is part of the whole description: v edits that";
        let read_only = |(spec, value): (FieldSpec, String)| Property {
            spec,
            value,
            current: None,
            read_only: Some(why.to_owned()),
        };
        let first = [
            typed(FieldSpec::new("cpus", "CPUs", most).help("at the next start"), cpus),
            typed(FieldSpec::new("memory", "Memory", range).help("at the next start"), memory),
        ];
        Ok(first.into_iter().chain(told.into_iter().map(read_only)).collect())
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        let xml = changed(&session.lasting(vm, &row).await?, name, value)?;
        session.define(vm, &row, &xml).await
    }

    async fn description(&self, vm: &VmId) -> Result<String> {
        self.lasting(vm).await
    }

    async fn check_description(&self, vm: &VmId, before: Option<&str>, text: &str) -> Result<()> {
        self.check(vm, before, text).await
    }

    async fn define(&self, vm: &VmId, text: &str) -> Result<()> {
        self.define_anew(vm, text).await
    }
}
