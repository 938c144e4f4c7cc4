//! A guest as lochness keeps it. Whether it runs is told nowhere.
use super::{map, odd, text};
use crate::domain::{Result, Vm, VmId, clean_line};
use serde_json::Value;

/// How the details call a guest's flavor.
pub(super) const FLAVOR: &str = "Flavor";

/// A guest's record.
pub fn guest(value: &Value) -> Result<Vm> {
    let id = text(value.get("id"));
    if id.is_empty() {
        return Err(odd("a guest"));
    }
    let metadata = map(value.get("metadata").unwrap_or(&Value::Null))?;
    let name = metadata.get("name").filter(|name| !name.is_empty()).unwrap_or(&id);
    let mut vm = Vm { id: VmId::from(id.as_str()), ..Vm::named(&clean_line(name)) };
    for (label, key) in [
        ("Hypervisor", "hypervisor"),
        ("Type", "type"),
        (FLAVOR, "flavor"),
        ("IP", "ip"),
        ("MAC", "mac"),
        ("Bridge", "bridge"),
        ("Network", "network"),
        ("Subnet", "subnet"),
        ("Firewall", "fwgroup"),
        ("VLANs", "vlangroup"),
    ] {
        let value = text(value.get(key));
        if !value.is_empty() {
            vm.details.push((label.into(), value));
        } else if key == "hypervisor" {
            vm.remark = Some("not placed".to_owned());
        }
    }
    vm.details.extend(metadata.into_iter().map(|(label, value)| (label.into(), value)));
    Ok(vm)
}

pub fn guests(value: &Value) -> Result<Vec<Vm>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => all.iter().map(guest).collect(),
        _ => Err(odd("the list of guests")),
    }
}
