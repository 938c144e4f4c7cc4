//! A hypervisor as lochness keeps it.
use super::{map, odd, text};
use crate::domain::{Amount, ByteSize, Node, NodeId, Result, clean, clean_line};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Resources of a hypervisor: memory and disk in MB, CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub memory: u64,
    pub disk: u64,
    pub cpu: u32,
}

/// A hypervisor as its store keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypervisor {
    pub id: String,
    pub metadata: BTreeMap<String, String>,
    pub ip: String,
    pub netmask: String,
    pub gateway: String,
    pub mac: String,
    pub total: Resources,
    pub available: Resources,
}

impl Resources {
    fn read(value: Option<&Value>) -> Self {
        let number = |name: &str| value.and_then(|v| v.get(name)).and_then(Value::as_u64).unwrap_or_default();
        Self { memory: number("memory"), disk: number("disk"), cpu: u32::try_from(number("cpu")).unwrap_or(u32::MAX) }
    }

    pub fn json(self) -> Value {
        json!({ "memory": self.memory, "disk": self.disk, "cpu": self.cpu })
    }
}

impl Hypervisor {
    pub fn read(value: &Value) -> Result<Self> {
        let id = text(value.get("id"));
        if id.is_empty() {
            return Err(odd("a hypervisor"));
        }
        Ok(Self {
            id,
            metadata: map(value.get("metadata").unwrap_or(&Value::Null))?,
            ip: text(value.get("ip")),
            netmask: text(value.get("netmask")),
            gateway: text(value.get("gateway")),
            mac: text(value.get("mac")),
            total: Resources::read(value.get("total_resources")),
            available: Resources::read(value.get("available_resources")),
        })
    }

    /// The list, in the order of the identities: servers tell it in any.
    pub fn read_all(value: &Value) -> Result<Vec<Self>> {
        let all = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(all) => all,
            _ => return Err(odd("the list of hypervisors")),
        };
        let mut all = all.iter().map(Self::read).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.dedup_by(|a, b| a.id == b.id);
        Ok(all)
    }

    pub fn node(&self) -> Node {
        let name = ["name", "hostname"].iter().find_map(|key| self.metadata.get(*key)).filter(|name| !name.is_empty());
        let pairs = [("Netmask", &self.netmask), ("Gateway", &self.gateway), ("MAC", &self.mac)];
        let told = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let told = told.map(|(label, value)| (label.to_owned(), value.clone()));
        let metadata = self.metadata.iter().map(|(key, value)| (clean(key, 40).into_owned(), value.clone()));
        let is_told = self.total.cpu > 0;
        Node {
            id: NodeId::from(self.id.as_str()),
            name: clean_line(name.unwrap_or(&self.id)).into_owned(),
            address: Some(self.ip.clone()).filter(|ip| !ip.is_empty()),
            cpus: is_told.then_some(self.total.cpu),
            cpus_used: self.total.cpu.checked_sub(self.available.cpu).filter(|_| is_told),
            memory: amount(self.total.memory, self.available.memory),
            storage: amount(self.total.disk, self.available.disk),
            details: told.chain(metadata).collect(),
            ..Node::default()
        }
    }
}

/// Whole and free; nothing told is unknown, and so is more free than there is.
fn amount(total: u64, available: u64) -> Option<Amount> {
    let bytes = |mb: u64| ByteSize(mb.saturating_mul(1 << 20));
    let used = total.checked_sub(available).filter(|_| total > 0)?;
    Some(Amount { used: bytes(used), total: bytes(total) })
}
