//! A hypervisor's record as a form, and what is filled in as a record again.
use super::{Hypervisor, Resources};
use crate::domain::{Error, FieldKind, FieldSpec, Result, Values, in_order};
use std::collections::BTreeMap;
use uuid::Uuid;

impl Hypervisor {
    /// The fields of its form, with what stands there.
    pub fn fields(&self) -> Vec<FieldSpec> {
        let ip =
            |name, label, value: &String| FieldSpec::new(name, label, FieldKind::Ip).optional().default(value.clone());
        let number = |name, label, value: u64, most| {
            let field = FieldSpec::new(name, label, FieldKind::Number { least: 0, most }).default(value.to_string());
            field.help("a live node tells it anew with each heartbeat")
        };
        let (cpus, most) = (u64::from(u32::MAX), u64::MAX);
        let mut fields = vec![
            ip("ip", "IP address", &self.ip),
            ip("netmask", "Netmask", &self.netmask),
            ip("gateway", "Gateway", &self.gateway),
            FieldSpec::new("mac", "MAC address", FieldKind::Mac).optional().default(self.mac.clone()),
        ];
        let metadata = in_order(self.metadata.iter().map(|(key, value)| format!("{key}={value}")));
        // What cannot be written as lines is not asked for, so that nothing of it is lost.
        if read_metadata(&metadata).as_ref() == Some(&self.metadata) {
            let field = FieldSpec::new("metadata", "Metadata", FieldKind::List).optional().default(metadata);
            fields.push(field.help("key=value, one a line"));
        }
        fields.extend([
            number("memory", "Memory, MB", self.total.memory, most),
            number("memory-free", "Memory free, MB", self.available.memory, most),
            number("disk", "Disk, MB", self.total.disk, most),
            number("disk-free", "Disk free, MB", self.available.disk, most),
            number("cpus", "CPUs", u64::from(self.total.cpu), cpus),
            number("cpus-free", "CPUs free", u64::from(self.available.cpu), cpus),
        ]);
        fields
    }

    /// The fields of a new one, with an identity of its own: so a lost answer can be looked at.
    pub fn new_fields() -> Vec<FieldSpec> {
        let id = FieldSpec::new("id", "Id", FieldKind::Uuid).default(Uuid::new_v4().to_string());
        let mut fields = vec![id.help("a new one was made up; small letters")];
        fields.extend(Self::default().fields());
        fields
    }
}

/// Lines of `key=value`. None: one of them is none.
fn read_metadata(lines: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').filter(|(key, _)| !key.is_empty())?;
        if line.chars().any(char::is_control) || found.insert(key.to_owned(), value.to_owned()).is_some() {
            return None;
        }
    }
    Some(found)
}

/// The metadata of the lines that were written into a form.
pub fn metadata(lines: &str) -> Result<BTreeMap<String, String>> {
    read_metadata(lines).ok_or_else(|| Error::invalid("metadata: write key=value, each key once, one a line"))
}

/// Both resources as the form has them: all there is, and what is free of it.
pub fn resources(values: &Values) -> (Resources, Resources) {
    let number = |name: String| values.get(&name).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default();
    let read = |suffix: &str| {
        let of = |name: &str| number(format!("{name}{suffix}"));
        let cpu = u32::try_from(of("cpus")).unwrap_or(u32::MAX);
        Resources { memory: of("memory"), disk: of("disk"), cpu }
    };
    (read(""), read("-free"))
}
