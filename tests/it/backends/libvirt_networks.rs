//! Machines on a network of a real libvirt and on a bridge, as that libvirt has them then.
use crate::support::libvirt::{Daemon, small};
use vmdeck::{
    backend::{Call, Machines, libvirt::xdr::Writer},
    domain::FieldKind,
};

/// Makes a network that is active at once (`REMOTE_PROC_NETWORK_CREATE_XML`).
const NETWORK_CREATE: u32 = 40;

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
    let FieldKind::Choice(choices) = &field.kind else { panic!("{field:?}") };
    assert_eq!((choices[0].value.as_str(), field.default.as_str()), ("network lab", "network lab"));
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
