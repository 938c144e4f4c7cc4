//! What govirthost says: one object for everything, with `null` where there is nothing.
use crate::domain::{Amount, ByteSize, Error, ErrorKind, PowerState, Result, clean_line};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::time::Duration;

/// Which build answers. They differ in what a failed change costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// The first one, which is the one that is documented: it keeps its lock for ever after a change that failed, and
    /// says nothing of why.
    First,
    /// The last one: machines are made by `define` alone, and errors come with words.
    Last,
}

/// A machine of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    /// As libvirt writes it; empty where it was not told.
    pub uuid: String,
    /// libvirt's number of this run; -1: it does not run.
    pub run: i64,
    pub state: String,
}

fn odd(what: &str) -> Error {
    let why = format_args!("the server answered without `{what}`: is it a govirthost?");
    Error::new(ErrorKind::Protocol, why)
}

fn field<'a>(value: &'a Value, names: [&str; 2]) -> Option<&'a Value> {
    names.iter().find_map(|name| value.get(name))
}

/// Sixteen numbers as a UUID.
fn uuid(value: Option<&Value>) -> String {
    let bytes = value.and_then(Value::as_array).into_iter().flatten();
    let bytes: Vec<u8> = bytes.filter_map(|n| u8::try_from(n.as_u64()?).ok()).collect();
    bytes.try_into().map(|bytes: [u8; 16]| uuid::Uuid::from_bytes(bytes).to_string()).unwrap_or_default()
}

/// The machines of a list, and which build told them.
pub fn domains(value: &Value) -> Result<(Vec<Row>, Build)> {
    let whole = value.as_object().ok_or_else(|| odd("domains"))?;
    let build = if whole.contains_key("listvms") || whole.contains_key("parent") { Build::Last } else { Build::First };
    let rows = match whole.get("domains").ok_or_else(|| odd("domains"))? {
        Value::Null => return Ok((Vec::new(), build)),
        rows => rows.as_array().ok_or_else(|| odd("domains"))?,
    };
    let row = |value: &Value| {
        let domain = value.get("domain")?;
        Some(Row {
            name: field(domain, ["Name", "name"])?.as_str().filter(|name| !name.is_empty())?.to_owned(),
            uuid: uuid(field(domain, ["UUID", "uuid"])),
            run: field(domain, ["ID", "id"]).and_then(Value::as_i64).unwrap_or(-1),
            state: value.get("state").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    };
    Ok((rows.iter().filter_map(row).collect(), build))
}

/// What a state means, and the word for it where it has none of its own here.
pub fn power(state: &str) -> (PowerState, Option<String>) {
    match state {
        // libvirt's "blocked" waits for its host, and runs.
        "running" | "blocked" => (PowerState::Running, None),
        "paused" => (PowerState::Paused, None),
        "shutdown" => (PowerState::Stopping, None),
        "shutoff" => (PowerState::Off, None),
        "crashed" => (PowerState::Off, Some("crashed".to_owned())),
        "suspended" => (PowerState::Paused, Some("asleep".to_owned())),
        "nostate" | "" => (PowerState::Unknown, None),
        other => (PowerState::Unknown, Some(clean_line(other).into_owned())),
    }
}

/// The computer behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metal {
    pub uptime: Option<Duration>,
    pub loads: Vec<f64>,
    pub threads: Option<u64>,
    pub memory: Option<Amount>,
    pub swap: Option<Amount>,
}

/// What the server tells of its computer: memory in KiB, the time since its start in nanoseconds.
pub fn metal(value: &Value) -> Result<Metal> {
    let told = value.get("hostmemoryInfo").filter(|told| told.is_object()).ok_or_else(|| odd("hostmemoryInfo"))?;
    let number = |name: &str| told.get(name).and_then(Value::as_u64);
    let size = |name: &str| number(name)?.checked_mul(1024).map(ByteSize);
    let amount = |total: ByteSize, free: u64| Amount { used: ByteSize(total.0.saturating_sub(free)), total };
    let buffers = size("BufferRam").unwrap_or_default();
    let memory = size("TotalRam").zip(size("FreeRam"));
    let swap = size("TotalSwap").zip(size("FreeSwap")).filter(|(total, _)| total.0 > 0);
    let loads = told.get("Loads").and_then(Value::as_array).into_iter().flatten();
    Ok(Metal {
        uptime: number("Uptime").map(Duration::from_nanos),
        loads: loads.filter_map(Value::as_f64).filter(|load| load.is_finite()).collect(),
        threads: number("Procs"),
        memory: memory.map(|(total, free)| amount(total, free.0.saturating_add(buffers.0))),
        swap: swap.map(|(total, free)| amount(total, free.0)),
    })
}

/// The description of a machine, which comes as base64.
pub fn xml(value: &Value) -> Result<String> {
    let text = value.get("xml").and_then(Value::as_str).ok_or_else(|| odd("xml"))?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| odd("xml"))?;
    String::from_utf8(bytes).map_err(|_| odd("xml"))
}

/// A description as it is sent.
pub fn encoded(xml: &str) -> String {
    STANDARD.encode(xml)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_host_is_told_in_its_units() {
        let told = json!({"hostmemoryInfo": {"Uptime": 1_289_000_000_000_u64, "Loads": [4.39, 3.48, 2.34], "Procs": 230,
            "TotalRam": 24_684_084, "FreeRam": 17_389_748, "SharedRam": 0, "BufferRam": 82_696, "TotalSwap": 0}});
        let metal = metal(&told).unwrap();
        assert_eq!(metal.uptime, Some(Duration::from_secs(1289)));
        let memory = metal.memory.unwrap();
        assert_eq!((memory.total.0, memory.used.0), (24_684_084 << 10, (24_684_084 - 17_389_748 - 82_696) << 10));
        assert_eq!((metal.threads, metal.swap), (Some(230), None));
        assert!(super::metal(&json!({"hostmemoryInfo": null})).is_err());
    }

    #[test]
    fn no_machines_are_null_and_an_object_without_them_is_no_govirthost() {
        assert_eq!(domains(&json!({"domains": null})).unwrap(), (Vec::new(), Build::First));
        assert_eq!(domains(&json!({"domains": null, "listvms": null})).unwrap().1, Build::Last);
        assert!(domains(&json!({"error": "no"})).is_err() && domains(&json!([])).is_err());
    }

    #[test]
    fn a_state_that_nobody_knows_is_shown_as_it_is() {
        assert_eq!(power("hibernated"), (PowerState::Unknown, Some("hibernated".to_owned())));
        assert_eq!(power("crashed").0, PowerState::Off);
    }
}
