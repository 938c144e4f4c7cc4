//! Nothing that a Velocity server may say breaks the reader.
use crate::support::spoilt::{self, spoilt};
use proptest::prelude::*;
use serde_json::{Value, json};
use vmdeck::backend::velocity::wire;

/// An answer of each kind, as documented and as servers give it.
fn answers() -> Vec<Value> {
    vec![
        json!({"authkey": "B1C9", "expires": 1_711_000_000}),
        json!({"groups": [{"gid": 0, "parent_gid": 0, "name": "root", "permissions": [{"pid": 1, "name": "velocity.vm.view"}]}]}),
        json!({"vms": [{"vmid": 1, "name": "web", "cpus": 4, "memory_mib": 8192, "state": "RUNNING"}]}),
        json!({"vmid": 1, "name": "web", "type": "EFI", "state": "PAUSED", "cpus": 4, "memory_mib": 8192,
            "displays": [{"name": "main", "width": 1920, "height": 1080, "ppi": 80}],
            "media": [{"mid": "9A", "mode": "USB", "readonly": true}], "nics": [{"type": "BRIDGE", "host": 2}, {"type": "NAT"}],
            "rosetta": true, "autostart": false}),
        json!({"media": [{"mid": "9A", "mpid": 1, "name": "a.iso", "type": "ISO", "size": 0, "readonly": true}]}),
        json!({"host_nics": [{"nicid": 2, "description": "Ethernet", "identifier": "en0"}]}),
        json!({"code": 12200, "message": "no"}),
        json!({"error": true, "reason": "no"}),
    ]
}

fn read_all(value: &Value) {
    let _ = (wire::key(value), wire::groups(value, "groups"), wire::machines(value), wire::state(value));
    let _ = (wire::details(value), wire::media(value), wire::nics(value));
    if let Some(refusal) = wire::Refusal::read(404, value) {
        let _ = refusal.error("/v/vm");
    }
    if let Ok(state) = wire::state(value) {
        let (_, word) = wire::power(&state);
        assert!(word.is_none_or(|word| !word.chars().any(char::is_control)));
    }
}

/// `value` with the part at `place` replaced.
fn replaced(value: &Value, place: &mut usize, with: &Value) -> Value {
    if *place == 0 {
        *place = usize::MAX;
        return with.clone();
    }
    *place -= 1;
    match value {
        Value::Object(map) => map.iter().map(|(key, part)| (key.clone(), replaced(part, place, with))).collect(),
        Value::Array(all) => all.iter().map(|part| replaced(part, place, with)).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_documented_machine_is_read_whole() {
    let read = wire::details(&answers()[3]).unwrap();
    assert_eq!((read.machine.vmid, read.machine.cpus, read.machine.memory), (1, Some(4), Some(8 << 30)));
    assert_eq!(read.displays, ["main 1920×1080, 80 ppi"]);
    assert_eq!(read.nics, [("BRIDGE".to_owned(), Some(2)), ("NAT".to_owned(), None)]);
    assert!(read.media[0].is_read_only && read.rosetta == Some(true) && read.autostart == Some(false));
    let texts = json!({"vmid": "1", "cpus": "4", "memory_mib": "8192"});
    assert_eq!(wire::details(&texts).unwrap().machine.memory, Some(8 << 30), "as the document writes them");
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!([[{}], 1, "x"])),
    ]
}

proptest! {
    #[test]
    fn no_odd_value_breaks_the_reader(which in 0..8_usize, place in 0..40_usize, with in any_value()) {
        read_all(&replaced(&answers()[which], &mut place.clone(), &with));
    }

    #[test]
    fn no_spoilt_answer_breaks_the_reader(bytes in spoilt(answers().iter().map(Value::to_string).collect())) {
        if let Some(value) = spoilt::json(&bytes) {
            read_all(&value);
        }
    }
}
