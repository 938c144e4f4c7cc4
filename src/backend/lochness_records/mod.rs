//! What lochness keeps of hypervisors and guests: JSON, the same through its servers and in its store. And what both
//! adapters say and guard alike. `null` is empty everywhere.
mod fields;
mod flavor;
mod guards;
mod guest;
mod hypervisor;

pub use fields::{metadata, resources};
pub use flavor::Flavor;
pub(super) use guards::{HEARTBEAT, NODES, full, why};
pub use guest::{guest, guests};
pub use hypervisor::{Hypervisor, Resources};

use crate::domain::{Error, ErrorKind, Result, VmId};
use serde_json::Value;
use std::collections::BTreeMap;

/// What came is not of the form that it should have.
pub fn odd(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format_args!("{what}: this is not as lochness keeps it: is it the right server?"))
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A map of texts; what is no text in it is shown as JSON.
pub fn map(value: &Value) -> Result<BTreeMap<String, String>> {
    let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Null => Ok(BTreeMap::new()),
        Value::Object(all) => Ok(all.iter().map(|(key, value)| (key.clone(), told(value))).collect()),
        _ => Err(odd("a map")),
    }
}

/// A list of identities, each once, in order.
pub fn ids(value: &Value) -> Result<Vec<VmId>> {
    let all = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(all) => all,
        _ => return Err(odd("a list")),
    };
    let mut ids: Vec<VmId> = all.iter().filter_map(Value::as_str).map(VmId::from).collect();
    ids.sort();
    ids.dedup();
    Ok(ids)
}
