//! Which pools iohyve is offered for machines and disks, and where a pool has to be typed.
use super::iohyve::{create, web};
use crate::support::freebsd::Rig;
use serde_json::{Value, json};
use vmdeck::{
    backend::{Call, Disks, Machines, dispatch, iohyve::Iohyve, prepare},
    domain::{ErrorKind, FieldKind, FieldSpec, Request, Values},
};

/// Two pools with a place for iohyve, and one without.
async fn rig() -> (Rig, Iohyve) {
    let rig = Rig::new();
    rig.set("pools", json!(["tank\t90G", "zroot\t12G", "fast\t7.5G"]));
    rig.set("more", json!(["fast"]));
    let (iohyve, _) = rig.connected().await;
    (rig, iohyve)
}

fn choices(fields: Vec<FieldSpec>) -> (Vec<(String, String)>, String) {
    let pool = fields.into_iter().find(|field| field.name == "pool").unwrap();
    let FieldKind::Choice(choices) = pool.kind else { panic!("{pool:?}") };
    (choices.into_iter().map(|choice| (choice.value, choice.label)).collect(), pool.default)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect()
}

async fn send(iohyve: &Iohyve, request: Request) -> vmdeck::domain::Result<()> {
    let prepared = prepare(iohyve, request).await?;
    dispatch(iohyve, &prepared, Call::new().0).await.map(drop)
}

#[tokio::test]
async fn the_pools_that_have_a_place_for_iohyve_are_offered_with_what_is_free() {
    let (rig, iohyve) = rig().await;
    let all = [("tank", "90 GiB free"), ("fast", "7.5 GiB free")];
    assert_eq!(choices(iohyve.create_form().await.unwrap()), (pairs(&all), "tank".to_owned()));
    send(&iohyve, Request::Create { values: create("web") }).await.unwrap();
    let disk = [&[("", "where the machine is")], &all[..]].concat();
    assert_eq!(choices(iohyve.add_disk_form(&web()).await.unwrap()), (pairs(&disk), String::new()));
    let disk = |pool: &str| Values::from([("size", "8M"), ("pool", pool)].map(|(k, v)| (k.to_owned(), v.to_owned())));
    for pool in ["", "fast"] {
        send(&iohyve, Request::AddDisk { vm: web(), values: disk(pool) }).await.unwrap();
    }
    // One where it would make nothing is not even sent.
    let other = send(&iohyve, Request::AddDisk { vm: web(), values: disk("zroot") }).await.unwrap_err();
    assert_eq!((other.kind, other.message.as_str()), (ErrorKind::Invalid, "pool: `zroot`: one of tank, fast"));
    let sent = ["create web 8M tank", "add web 8M", "add web 8M fast"];
    assert_eq!(rig.sent(&["create", "add"]), sent);
}

#[tokio::test]
async fn where_none_is_known_one_can_be_typed() {
    let (rig, iohyve) = rig().await;
    send(&iohyve, Request::Create { values: create("web") }).await.unwrap();
    rig.set("pools", json!([]));
    for fields in [iohyve.create_form().await.unwrap(), iohyve.add_disk_form(&web()).await.unwrap()] {
        let pool = fields.iter().find(|field| field.name == "pool").unwrap();
        assert_eq!((&pool.kind, pool.required), (&FieldKind::Text, false));
    }
    let mut values = create("db");
    values.insert("pool".to_owned(), "fast".to_owned());
    send(&iohyve, Request::Create { values: values.clone() }).await.unwrap();
    assert_eq!(rig.sent(&["create"]).last().unwrap(), "create db 8M fast");
    // What is no pool is told with iohyve's words.
    rig.set("more", Value::Array(Vec::new()));
    values.insert("name".to_owned(), "mail".to_owned());
    let error = send(&iohyve, Request::Create { values }).await.unwrap_err();
    assert_eq!(error.message, "cannot create 'fast/iohyve/mail': parent does not exist");
}
