//! A hypervisor's record as text: made from a form, or changed in place, so that what we do not know of is kept.
use crate::{
    backend::lochness_records::{metadata, resources},
    domain::{Error, Result, Values, mac},
};
use serde_json::{Map, Value, json};

/// The record as its key holds it.
pub fn read(text: &str) -> Result<Map<String, Value>> {
    let wrong = |why: String| Error::refused(format_args!("its record cannot be read: {why}"));
    match serde_json::from_str(text) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(_) => Err(wrong("it is no JSON object".to_owned())),
        Err(why) => Err(wrong(why.to_string())),
    }
}

/// Sets what differs between `now` and `wanted`, both whole; all else stays as it stands there.
pub fn change(record: &mut Map<String, Value>, now: &Values, wanted: &Values) -> Result<()> {
    let touched = |name: &str| wanted.get(name).filter(|value| now.get(name) != Some(value));
    for name in ["id", "ip", "netmask", "gateway"] {
        record.extend(touched(name).map(|value| (name.to_owned(), Value::from(value.as_str()))));
    }
    if let Some(value) = touched("mac") {
        record.insert("mac".to_owned(), mac(value).unwrap_or_default().into());
    }
    if let Some(lines) = touched("metadata") {
        record.insert("metadata".to_owned(), json!(metadata(lines)?));
    }
    let (total, available) = resources(wanted);
    for (key, suffix, all) in [("total_resources", "", total), ("available_resources", "-free", available)] {
        for (name, field, number) in
            [("memory", "memory", all.memory), ("disk", "disk", all.disk), ("cpu", "cpus", u64::from(all.cpu))]
        {
            if touched(&format!("{field}{suffix}")).is_none() {
                continue;
            }
            let resources = record.entry(key).or_insert_with(|| json!({}));
            if !resources.is_object() {
                *resources = json!({});
            }
            if let Some(resources) = resources.as_object_mut() {
                resources.insert(name.to_owned(), number.into());
            }
        }
    }
    Ok(())
}

/// A new record, with all the keys that lochness writes.
pub fn new(values: &Values) -> Result<Map<String, Value>> {
    let none = json!({ "memory": 0, "disk": 0, "cpu": 0 });
    let empty = json!({
        "id": "", "metadata": {}, "ip": "", "netmask": "", "gateway": "", "mac": "",
        "total_resources": none, "available_resources": none,
    });
    let mut record = empty.as_object().cloned().unwrap_or_default();
    change(&mut record, &Values::new(), values)?;
    Ok(record)
}
