//! What a machine's description says. CPUs and memory are changed by defining the description anew.
use super::{Govirthost, Pending, Session, locked, wire};
use crate::{
    backend::{
        Properties,
        domain_xml::{self, Description},
    },
    domain::{ByteSize, Error, FieldKind, FieldSpec, PowerState, Property, Result, VmId, clean_line},
    transport::http::Method,
};
use serde_json::json;

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

impl Session {
    /// Defines `xml` in the place of the description of a machine that is there: same name, same identity.
    pub(super) async fn define(&self, vm: &VmId, uuid: &str, xml: &str) -> Result<()> {
        let read = Description::parse(xml)?;
        if read.name != vm.as_str() {
            let why = format_args!("the description is of {}, not of {vm}", clean_line(&read.name));
            return Err(Error::invalid(why));
        }
        if !uuid.is_empty() && !read.uuid.eq_ignore_ascii_case(uuid) {
            let why = format_args!("the description has another <uuid> than {vm} ({uuid}), which libvirt refuses");
            return Err(Error::invalid(why));
        }
        let body = json!({"domain": vm.as_str(), "action": "define", "xml": wire::encoded(xml)});
        self.client.change(Method::POST, &body, self.build).await?;
        locked(&self.known).remove(vm);
        Ok(())
    }
}

impl Properties for Govirthost {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        let (found, _) = session.describe(vm, row.run).await?;
        let pending = locked(&session.pending).get(vm).cloned().unwrap_or_default();
        let size = |bytes: u64| ByteSize(bytes).to_string();
        // What waits, and what is there.
        let both = |next: Option<String>, now: Option<String>| match next {
            Some(next) if Some(&next) != now.as_ref() => (next, now),
            _ => (now.unwrap_or_default(), None),
        };
        let cpus = both(pending.cpus.map(|n| n.to_string()), found.cpus.map(|n| n.to_string()));
        let memory = both(pending.memory.map(size), found.memory.map(|bytes| size(bytes.0)));
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
        let why = "it stands in the description of the machine, of which only CPUs and memory are changed here";
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
        let xml = session.xml(vm).await?;
        let is_off = wire::power(&row.state).0 == PowerState::Off;
        let xml = if is_off { xml } else { domain_xml::lasting(&xml)? };
        // What was defined during this run is not shown until it ends: it is not to be lost by the next change.
        let waiting = locked(&session.pending).get(vm).cloned().filter(|pending| pending.run == row.run);
        let mut pending = Pending { run: row.run, ..waiting.unwrap_or_default() };
        let mut xml = xml;
        if let Some(cpus) = pending.cpus.filter(|_| name != "cpus") {
            xml = domain_xml::with_cpus(&xml, cpus)?;
        }
        if let Some(memory) = pending.memory.filter(|_| name != "memory") {
            xml = domain_xml::with_memory(&xml, ByteSize(memory))?;
        }
        let xml = changed(&xml, name, value)?;
        session.define(vm, &row.uuid, &xml).await?;
        if !is_off {
            let made = Description::parse(&xml)?;
            match name {
                "cpus" => pending.cpus = made.cpus,
                _ => pending.memory = made.memory.map(|size| size.0),
            }
            locked(&session.pending).insert(vm.clone(), pending);
        }
        Ok(())
    }
}
