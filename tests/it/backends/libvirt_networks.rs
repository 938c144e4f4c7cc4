//! Machines on a network of a real libvirt and on a bridge, as that libvirt has them then.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    libvirt::{Daemon, at, behind_ssh, small},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Machines,
        libvirt::{Libvirt, wire::procedure as p, xdr::Writer},
    },
    domain::{ErrorKind, FieldKind, FieldSpec},
};

/// Makes a network that is active at once (`REMOTE_PROC_NETWORK_CREATE_XML`).
const NETWORK_CREATE: u32 = 40;

/// The networks that a form offers.
fn choices(form: &[FieldSpec]) -> Vec<String> {
    let field = form.iter().find(|field| field.name == "network").unwrap();
    let FieldKind::Choice(choices) = &field.kind else { panic!("{field:?}") };
    choices.iter().map(|choice| choice.value.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_has_its_card_on_a_network_of_libvirt_or_on_a_bridge() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let connection = daemon.open().await;
    let client = &connection.client;
    // One that makes a bridge of its own only root may start.
    let lab = "<network><name>lab</name><forward mode='bridge'/><bridge name='vdbr0'/></network>";
    client.call(NETWORK_CREATE, Writer::default().text(lab)).await.unwrap();
    let form = libvirt.create_form().await.unwrap();
    let field = form.iter().find(|field| field.name == "network").unwrap();
    assert_eq!((choices(&form)[0].as_str(), field.default.as_str()), ("network lab", "network lab"));
    for (name, network, card, source) in [
        ("web", "network lab", "<interface type='network'>", "<source network='lab'/>"),
        ("db", "bridge vdbr0", "<interface type='bridge'>", "<source bridge='vdbr0'/>"),
    ] {
        let mut values = small(name);
        values.insert("network".to_owned(), network.to_owned());
        libvirt.create(&values, Call::new().0).await.unwrap();
        let domain = client.lookup(&name.into()).await.unwrap();
        let xml = client.xml_text(&domain).await.unwrap();
        let (_, rest) = xml.split_once(card).unwrap_or_else(|| panic!("{xml}"));
        let inside = rest.split("</interface>").next().unwrap();
        assert!(inside.contains(source) && inside.contains("<model type='virtio'/>"), "{xml}");
        assert_eq!(xml.matches("<interface ").count(), 1, "{xml}");
        let details = libvirt.find(&name.into()).await.unwrap().details;
        assert!(details.iter().any(|(label, place)| label == "Network" && place == network), "{details:?}");
    }
}

/// A host behind ssh.
async fn far() -> (FakeLibvirt, Libvirt) {
    let fake = FakeLibvirt::new("sock");
    fs::create_dir(fake.path("libvirt")).unwrap();
    symlink(fake.path("sock"), fake.path("libvirt/libvirt-sock")).unwrap();
    for open in ["", "sock", "libvirt"] {
        fs::set_permissions(fake.path(open), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let libvirt = at(&behind_ssh(&fake.path("ssh"), "", &fake.path("")));
    fake.world().refuses.insert(p::LOOKUP_BY_NAME, (42, "Domain not found"));
    libvirt.connect(mpsc::channel(8).0).await.unwrap();
    (fake, libvirt)
}

#[tokio::test]
async fn the_bridges_of_another_host_are_offered_where_it_tells_of_them() {
    let (fake, libvirt) = far().await;
    fake.world().interfaces =
        Some(vec![("lo", "ethernet"), ("br0", "bridge"), ("eth0", "ethernet"), ("lan", "bridge")]);
    let form = libvirt.create_form().await.unwrap();
    assert_eq!(choices(&form), ["user", "bridge br0", "bridge lan", "none"]);
    assert!(!form.iter().any(|field| field.name == "bridge"), "there is nothing to type");
}

#[tokio::test]
async fn a_bridge_that_nobody_can_list_is_typed() {
    let (fake, libvirt) = far().await;
    let form = libvirt.create_form().await.unwrap();
    assert_eq!(choices(&form), ["user", "none"]);
    let bridge = form.iter().find(|field| field.name == "bridge").unwrap();
    assert!(!bridge.required && bridge.kind == FieldKind::Text);
    let mut values = small("new");
    let mut create = async |bridge: &str| {
        values.insert("bridge".to_owned(), bridge.to_owned());
        libvirt.create(&values, Call::new().0).await
    };
    let error = create("no bridge").await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.starts_with("bridge: `no bridge`: "), "{error}");
    assert!(fake.world().volumes.is_empty() && fake.world().defined.is_empty(), "nothing is made");
    create("br7").await.unwrap();
    let xml = fake.world().defined.remove(0);
    assert!(xml.contains("<interface type='bridge'><source bridge='br7'/>"), "{xml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_libvirt_tells_its_interfaces() {
    let daemon = Daemon::new().await;
    let connection = daemon.open().await;
    let found = connection.client.interfaces().await.unwrap();
    assert!(found.iter().any(|interface| interface.name == "lo"), "{found:?}");
    for interface in &found {
        let xml = connection.client.interface_xml(interface).await.unwrap();
        assert!(xml.contains(&format!("name='{}'", interface.name)), "{xml}");
    }
    let libvirt = daemon.seen_from_afar();
    libvirt.connect(mpsc::channel(8).0).await.unwrap();
    assert!(!libvirt.create_form().await.unwrap().iter().any(|field| field.name == "bridge"));
}
