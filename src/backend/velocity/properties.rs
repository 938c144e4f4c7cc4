//! All that a server tells of one machine. It is asked only of machines that a person looks at: the question itself makes
//! servers give the user a permission on the machine's group.
use super::{
    Velocity,
    client::Said,
    states::not_loaded,
    wire::{self, Details},
};
use crate::{
    backend::Properties,
    domain::{ByteSize, FieldKind, FieldSpec, Property, Result, VmId, clean_line},
    transport::{Stopwatch, http::Method},
};
use serde_json::json;
use std::time::Duration;

/// Disks and settings are asked for one after the other: one answer serves both.
const FRESH: Duration = Duration::from_millis(500);

/// The machine that was asked for last.
pub(super) type Opened = (i64, Details, Stopwatch);

impl Velocity {
    pub(super) async fn details(&self, vm: &VmId) -> Result<Details> {
        let vmid = self.entry(vm).await?.machine.vmid;
        let session = self.session()?;
        let mut opened = session.details.lock().await;
        if let Some((_, details, since)) = opened.as_ref().filter(|(of, ..)| *of == vmid)
            && since.elapsed() < FRESH
        {
            return Ok(details.clone());
        }
        *opened = None;
        let details = match session.client.ask(Method::POST, "/v/vm", json!({"vmid": vmid})).await? {
            Said::Yes(answer) => wire::details(&answer)?,
            // Documented as "not found"; servers say "permission needed" of a machine that is not loaded.
            Said::No(refusal) if refusal.code == Some(12200) || (refusal.status == 404 && refusal.code.is_some()) => {
                return Err(not_loaded(vm));
            }
            Said::No(refusal) => return Err(refusal.error("/v/vm")),
        };
        *opened = Some((vmid, details.clone(), Stopwatch::start()));
        Ok(details)
    }

    fn nic(&self, (kind, host): &(String, Option<i64>)) -> String {
        let name = |nicid: i64| {
            let session = self.session().ok()?;
            let nic = session.nics.iter().find(|nic| nic.nicid == nicid)?;
            Some(nic.identifier.clone())
        };
        let kind = clean_line(kind);
        match host {
            Some(nicid) => format!("{kind} {}", name(*nicid).unwrap_or_else(|| format!("NIC {nicid}"))),
            None => kind.into_owned(),
        }
    }
}

fn yes(flag: Option<bool>) -> String {
    flag.map_or("", |flag| if flag { "yes" } else { "no" }).to_owned()
}

impl Properties for Velocity {
    async fn properties(&self, vm: &VmId) -> Result<Vec<Property>> {
        let details = self.details(vm).await?;
        let machine = &details.machine;
        let nics: Vec<_> = details.nics.iter().map(|nic| self.nic(nic)).collect();
        let most = FieldKind::Number { least: 1, most: 1024 };
        let memory = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 50) };
        let size = machine.memory.map(|bytes| ByteSize(bytes).to_string()).unwrap_or_default();
        let all = [
            (FieldSpec::new("cpus", "CPUs", most), machine.cpus.map(|n| n.to_string()).unwrap_or_default()),
            (FieldSpec::new("memory", "Memory", memory), size),
            (FieldSpec::new("type", "Kind", FieldKind::Text), clean_line(&details.kind).into_owned()),
            (FieldSpec::new("displays", "Displays", FieldKind::List), details.displays.join("\n")),
            (FieldSpec::new("network", "Network", FieldKind::List), nics.join("\n")),
            (FieldSpec::new("rosetta", "Rosetta", FieldKind::Flag), yes(details.rosetta)),
            (FieldSpec::new("autostart", "Autostart", FieldKind::Flag), yes(details.autostart)),
        ];
        let why = "Velocity changes nothing of a machine that is made";
        let property = |(spec, value)| Property { spec, value, current: None, read_only: Some(why.to_owned()) };
        Ok(all.into_iter().map(property).collect())
    }
}
