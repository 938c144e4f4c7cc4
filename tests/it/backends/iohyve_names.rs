//! Names that iohyve takes for others, and what an old one does and prints.
use super::iohyve::{create, web};
use crate::support::freebsd::Rig;
use serde_json::{Value, json};
use vmdeck::{
    backend::{Backend, Call, Disks, Images, Machines, Power, Properties},
    domain::{ByteSize, ErrorKind, PowerState},
};

/// Puts a machine beside `web`, as somebody else would.
fn put_beside(rig: &Rig, name: &str) {
    let mut guests = rig.world().get("guests").cloned().unwrap();
    let web = guests.get("web").cloned().unwrap();
    guests.as_object_mut().unwrap().insert(name.to_owned(), web);
    rig.set("guests", guests);
}

#[tokio::test]
async fn what_would_hit_another_machine_is_not_sent() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    for name in ["web", "db"] {
        iohyve.create(&create(name), Call::new().0).await.unwrap();
    }
    let near = iohyve.create(&create("web2"), Call::new().0).await.unwrap_err();
    assert!(near.message.contains("mix up"), "{near}");
    iohyve.start(&web()).await.unwrap();
    rig.set("processes", json!(["4711 bhyve: ioh-web", "812 /usr/local/bin/webserver"]));
    let kill = iohyve.power_off(&web()).await.unwrap_err();
    assert!(kill.message.contains("webserver") && kill.message.contains("nothing was sent"), "{kill}");
    assert_eq!(rig.world()["guests"]["web"]["running"], true);
    rig.set("processes", json!(["4711 bhyve: ioh-web"]));
    iohyve.power_off(&web()).await.unwrap();

    put_beside(&rig, "web2");
    rig.set("version", json!("v0.7.3"));
    let (old, _) = rig.connected().await;
    let deleted = old.delete(&web(), false).await.unwrap_err();
    assert!(deleted.message.contains("before 0.7.6 iohyve deletes the other one too"), "{deleted}");
}

#[tokio::test]
async fn an_old_iohyve_is_not_sent_a_deletion_that_takes_more_than_the_machine() {
    let rig = Rig::new();
    rig.set("version", json!("v0.7.5"));
    let (iohyve, _) = rig.connected().await;
    for name in ["web", "an", "db"] {
        iohyve.create(&create(name), Call::new().0).await.unwrap();
    }
    rig.set("isos", json!(["myweb.iso"]));
    let refused = async |name: &str, kind: ErrorKind, why: &str| {
        let before = rig.world();
        let error = iohyve.delete(&name.into(), false).await.unwrap_err();
        assert!(error.kind == kind && error.message.contains(why), "{error}");
        assert_eq!(rig.world(), before);
    };
    refused("web", ErrorKind::Conflict, "deletes tank/iohyve/ISO/myweb.iso too").await;
    refused("an", ErrorKind::Conflict, "deletes tank too").await;
    // What zfs does not tell is not taken for nothing.
    rig.set("broken", json!("internal error: failed to initialize ZFS library"));
    refused("db", ErrorKind::Refused, "failed to initialize ZFS library").await;
    assert_eq!(rig.sent(&["delete"]), [""; 0]);
    rig.set("broken", Value::Null);
    iohyve.delete(&"db".into(), false).await.unwrap();
    let left = rig.world();
    assert!(left["guests"]["db"].is_null() && left["guests"]["web"].is_object(), "{left}");
    assert_eq!((&left["isos"], &left["home"]), (&json!(["myweb.iso"]), &json!("tank/iohyve")));
}

#[tokio::test]
async fn what_an_old_iohyve_prints_is_read_as_well() {
    let rig = Rig::new();
    rig.set("version", json!("v0.7.3"));
    let (iohyve, capabilities) = rig.connected().await;
    assert_eq!(capabilities.version, "iohyve v0.7.3 2017");
    for name in ["web", "db"] {
        iohyve.create(&create(name), Call::new().0).await.unwrap();
    }
    iohyve.start(&web()).await.unwrap();
    // What has `disk` in its name is missing from its list.
    put_beside(&rig, "mydisk");
    iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap();
    let listed = iohyve.inventory(false).await.unwrap();
    let vms: Vec<_> = listed.vms.iter().flatten().map(|vm| (vm.name.as_str(), vm.power.unwrap())).collect();
    assert_eq!(vms, [("db", PowerState::Off), ("web", PowerState::Running)]);
    assert_eq!(listed.images.unwrap().iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["x.iso"]);
    let disks: Vec<_> = iohyve.disks(&web()).await.unwrap().into_iter().map(|disk| disk.virtual_size).collect();
    assert_eq!(disks, [Some(ByteSize(8 << 20))]);
    let properties = iohyve.properties(&web()).await.unwrap();
    let told = |name: &str| properties.iter().find(|property| property.spec.name == name).map(|p| p.value.as_str());
    assert_eq!(["memory", "loader", "vnc"].map(told), [Some("256M"), Some("bhyveload"), None]);
    iohyve.set_property(&web(), "memory", "1G").await.unwrap();
    iohyve.shut_down(&web()).await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["settings"]["ram"], "1G");
}

#[tokio::test]
async fn an_old_iohyve_starts_and_sets_nothing_that_it_may_take_for_another() {
    let rig = Rig::new();
    rig.set("version", json!("v0.7.3"));
    let (iohyve, _) = rig.connected().await;
    for name in ["web", "an"] {
        iohyve.create(&create(name), Call::new().0).await.unwrap();
    }
    rig.set("isos", json!(["x.iso"]));
    put_beside(&rig, "aweb");
    let refused = [
        iohyve.start(&web()).await,
        iohyve.install(&web(), "x.iso").await.map(drop),
        iohyve.set_property(&web(), "memory", "1G").await,
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        let told = "iohyve would mix up web with aweb, whose name contains it: nothing was sent";
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, told));
    }
    let pool = iohyve.start(&"an".into()).await.unwrap_err();
    let told =
        "before 0.7.6 iohyve may take tank/iohyve/aweb/disk0, whose name contains an, for its disk: nothing was sent";
    assert_eq!(pool.message, told);
    assert_eq!(rig.sent(&["start", "install", "set"]), [""; 0]);
    // A newer one knows them apart, but for a dot.
    rig.set("version", json!("v0.7.9"));
    let (iohyve, _) = rig.connected().await;
    iohyve.start(&web()).await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["from"], "tank/iohyve/web/disk0");
    iohyve.shut_down(&web()).await.unwrap();
    put_beside(&rig, "w.b");
    let dotted = "w.b".into();
    for refused in [
        iohyve.start(&dotted).await,
        iohyve.shut_down(&dotted).await,
        iohyve.set_property(&dotted, "memory", "1G").await,
    ] {
        assert_eq!(refused.unwrap_err().message, "iohyve would mix up w.b with web: nothing was sent");
    }
}
