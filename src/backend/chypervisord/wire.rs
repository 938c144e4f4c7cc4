//! What chypervisord and cguestd take and refuse; the records themselves are those of [`crate::backend::lochness_records`].
use crate::{
    backend::lochness_records::{Hypervisor, metadata, resources},
    domain::{Error, FieldKind, FieldSpec, Result, Values, clean},
    transport::http::Answer,
};
use serde_json::{Map, Value, json};

/// The fields of its form. An update keeps what is sent empty: what is there can be changed, not taken away.
pub fn fields(of: &Hypervisor) -> Vec<FieldSpec> {
    let mut fields = of.fields();
    for field in &mut fields {
        field.required |= matches!(field.kind, FieldKind::Ip | FieldKind::Mac) && !field.default.is_empty();
    }
    fields
}

/// The record that `values` make of `now`, touched fields alone with both resources in full: what is left out of an
/// update stays, but resources that are left out become 0.
pub fn changes(before: &Values, values: &Values) -> Result<Value> {
    let mut body = Map::new();
    for name in ["id", "ip", "netmask", "gateway", "mac"] {
        let value = values.get(name).filter(|value| before.get(name) != Some(value) && !value.is_empty());
        body.extend(value.map(|value| (name.to_owned(), Value::from(value.as_str()))));
    }
    if let Some(lines) = values.get("metadata").filter(|lines| before.get("metadata") != Some(lines)) {
        body.insert("metadata".to_owned(), json!(metadata(lines)?));
    }
    let (total, available) = resources(values);
    body.insert("total_resources".to_owned(), total.json());
    body.insert("available_resources".to_owned(), available.json());
    Ok(Value::Object(body))
}

/// What a refusal means. The stack of the server that comes along is not shown.
pub fn refusal(answer: &Answer) -> Error {
    let told = answer.json().ok().and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
    let Some(message) = told else { return answer.refusal() };
    let shown = clean(&message, 200);
    match message.as_str() {
        "not empty" => Error::conflict("it still has guests"),
        "CAS failed" => Error::conflict("somebody else changed it, or made it, meanwhile"),
        "metadata key is missing" => Error::not_found("there is no such record"),
        "invalid hypervisor id" => Error::not_found("an id is a UUID, and this is none"),
        m if m.starts_with("100:") => Error::not_found(format_args!("there is no such record: {shown}")),
        m if m.starts_with("101:") => Error::conflict("somebody else changed it meanwhile"),
        m if m.starts_with("105:") => Error::conflict("it is there already"),
        _ => Error::refused(shown),
    }
}

/// Whether a list failed because nothing was ever written to the store: that is an empty list.
pub fn is_empty_store(answer: &Answer, folder: &str) -> bool {
    let told = answer.json().ok().and_then(|body| Some(body.get("message")?.as_str()?.to_owned()));
    let roots = ["(/lochness)".to_owned(), format!("(/lochness/{folder})")];
    told.is_some_and(|m| m.starts_with("100:") && roots.iter().any(|root| m.contains(root)))
}
