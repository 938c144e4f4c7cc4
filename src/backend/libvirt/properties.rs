//! The settings of a machine: what it starts with next time, and what it has now.
use super::{
    Libvirt,
    calls::{CONFIG, LIVE, MAXIMUM},
    client::Client,
    disks::{Drives, is_active},
    machines::LEAST_MEMORY,
    wire::Domain,
};
use crate::{
    backend::{
        Properties,
        domain_xml::{self, CdPlace, Description},
    },
    domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, Property, Result, Verdict, VmId},
};

/// Why a machine keeps its boot order.
const BOOT_WHILE_ON: &str = "it changes while the machine is off";

fn specs(most: ByteSize) -> Vec<FieldSpec> {
    let orders = [("disk", "disks, then the CD"), ("cdrom", "the CD, then disks")];
    let orders = FieldKind::Choice(orders.iter().map(|(value, label)| Choice::new(value, label)).collect());
    vec![
        FieldSpec::new("description", "Description", FieldKind::Text).optional(),
        FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 255 }),
        FieldSpec::new("memory", "Memory", FieldKind::Size { least: LEAST_MEMORY, most }),
        FieldSpec::new("boot", "Boot order", orders),
        FieldSpec::new("autostart", "Autostart", FieldKind::Flag).help("started with the host"),
    ]
}

/// A setting as its field shows it; None: the description does not tell.
fn value(description: &Description, autostart: bool, name: &str) -> Option<String> {
    Some(match name {
        "description" => description.description.clone(),
        "cpus" => description.current_cpus?.to_string(),
        "memory" => memory(description.current_memory?),
        "boot" => if description.is_cd_first() { "cdrom" } else { "disk" }.to_owned(),
        _ => if autostart { "yes" } else { "no" }.to_owned(),
    })
}

/// In a form that reads back as the same number.
fn memory(size: ByteSize) -> String {
    match size.0 {
        bytes if bytes % (1 << 30) == 0 => format!("{}G", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{}M", bytes >> 20),
        bytes => format!("{}K", bytes >> 10),
    }
}

impl Libvirt {
    /// Whether a setting has this value, however it is spelled; and since when.
    pub(super) async fn look_setting(&self, vm: &VmId, name: &str, wanted: &str) -> Result<Verdict> {
        let (client, domain) = self.domain(vm).await?;
        let autostart = name == "autostart" && client.autostart(&domain).await?;
        let found = value(&client.xml(&domain, true).await?, autostart, name);
        let is_so = match name {
            "memory" => kib(wanted).ok() == found.as_deref().and_then(|found| kib(found).ok()),
            // Libvirt keeps no blanks around it.
            "description" => found.as_deref() == Some(wanted.trim()),
            _ => found.as_deref() == Some(wanted),
        };
        if !is_so {
            return Ok(Verdict::NotMet("it has another value".to_owned()));
        }
        let now = match is_active(&domain) {
            true => value(&client.xml(&domain, false).await?, autostart, name),
            false => None,
        };
        Ok(Verdict::set(now.filter(|now| found.as_ref() != Some(now)).as_deref()))
    }

    async fn set(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        match name {
            "description" => {
                let both = if is_active(&domain) { LIVE | CONFIG } else { CONFIG };
                client.set_description(&domain, value, both).await
            }
            "cpus" => {
                let count = value.parse().map_err(|_| Error::invalid("cpus: a number"))?;
                set_cpus(&client, &domain, count).await
            }
            "memory" => set_memory(&client, &domain, kib(value)?).await,
            "boot" => {
                // A machine that is not kept would be kept from then on; one that is off is.
                if is_active(&domain) {
                    return Err(Error::conflict(format_args!("boot: {BOOT_WHILE_ON}")));
                }
                let xml = client.xml_text(&domain).await?;
                let place = if value == "cdrom" { CdPlace::BeforeDisks } else { CdPlace::AfterDisks };
                client.define(&domain_xml::with_cd(&xml, place)?).await.map(drop)
            }
            "autostart" => client.set_autostart(&domain, value == "yes").await,
            _ => Err(Error::invalid(format_args!("{name}: there is no such setting"))),
        }
    }
}

/// A size in libvirt's unit.
fn kib(value: &str) -> Result<u64> {
    let size: ByteSize = value.parse().map_err(|why| Error::invalid(format_args!("memory: {why}")))?;
    Ok(size.0.div_ceil(1024))
}

/// For the next start, with the most that it can have where that is less; and at once where the running machine may grow
/// so far. That the guest cannot is no failure: what it has stays to be seen.
async fn set_cpus(client: &Client, domain: &Domain, count: u32) -> Result<()> {
    let next = client.xml(domain, true).await?;
    if next.cpus.is_some_and(|most| count > most) {
        client.set_cpus(domain, count, CONFIG | MAXIMUM).await?;
    }
    client.set_cpus(domain, count, CONFIG).await?;
    if is_active(domain) {
        let now = client.xml(domain, false).await?;
        if now.current_cpus.is_some_and(|had| count > had) && now.cpus.is_some_and(|most| count <= most) {
            let _ = client.set_cpus(domain, count, LIVE).await;
        }
    }
    Ok(())
}

/// As [`set_cpus`]. The most that it can have goes down with it only where it had all of that: room to grow into stays.
/// Memory is never taken from a running guest: it might be in use.
async fn set_memory(client: &Client, domain: &Domain, kib: u64) -> Result<()> {
    let next = client.xml(domain, true).await?;
    let has_room = next.current_memory != next.memory;
    if next.memory.is_none_or(|most| kib > most.0.div_ceil(1024) || !has_room) {
        client.set_memory(domain, kib, CONFIG | MAXIMUM).await?;
    }
    client.set_memory(domain, kib, CONFIG).await?;
    if is_active(domain) {
        let now = client.xml(domain, false).await?;
        let of = |size: Option<ByteSize>| size.map(|size| size.0 / 1024);
        if of(now.current_memory).is_some_and(|had| kib > had) && of(now.memory).is_some_and(|most| kib <= most) {
            let _ = client.set_memory(domain, kib, LIVE).await;
        }
    }
    Ok(())
}

impl Properties for Libvirt {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let (client, domain) = self.domain(vm).await?;
        let (drives, autostart, node) =
            tokio::join!(Drives::read(&client, &domain), client.autostart(&domain), client.node());
        let (drives, most) = (drives?, ByteSize(node?.1.saturating_mul(1024)));
        // A machine that is forgotten when it ends has no such setting.
        let starts = autostart.unwrap_or(false);
        let next = drives.next.as_ref().unwrap_or(&drives.now);
        let property = |spec: FieldSpec| {
            let own = value(next, starts, spec.name)?;
            let current = value(&drives.now, starts, spec.name).filter(|now| *now != own);
            let is_kept = spec.name == "boot" && is_active(&domain);
            let read_only = is_kept.then(|| BOOT_WHILE_ON.to_owned());
            Some(Property { spec, value: own, current, read_only })
        };
        Ok(specs(most).into_iter().filter_map(property).collect())
    }

    async fn set_property(&self, vm: &VmId, name: &str, value: &str) -> Result<()> {
        self.set(vm, name, value).await
    }

    async fn description(&self, vm: &VmId) -> Result<String> {
        self.described(vm).await
    }

    async fn check_description(&self, vm: &VmId, before: Option<&str>, text: &str) -> Result<()> {
        self.check_anew(vm, before, text).await
    }

    async fn define(&self, vm: &VmId, text: &str) -> Result<()> {
        self.define_anew(vm, text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_a_form_that_reads_back() {
        for (bytes, told) in [(2 << 30, "2G"), (1536 << 20, "1536M"), ((1 << 30) + 1024, "1048577K")] {
            assert_eq!(memory(ByteSize(bytes)), told);
            assert_eq!(kib(told).unwrap(), bytes / 1024);
        }
    }
}
