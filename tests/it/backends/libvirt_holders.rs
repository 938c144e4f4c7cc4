//! Files that something else has are not deleted, whatever name it has them by.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    libvirt::{Daemon, at, small},
};
use std::os::unix::fs::symlink;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Disks, Images, Machines, libvirt::wire::procedure as p},
    domain::{ErrorKind, Values, VmId},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_anything_else_has_is_not_deleted() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let connection = daemon.open().await;
    let client = &connection.client;
    let web = VmId::from("web");
    libvirt.create(&small("web"), Call::new().0).await.unwrap();
    let size = Values::from([("size".to_owned(), "8M".to_owned())]);
    let vdb = libvirt.add_disk(&web, &size, Call::new().0).await.unwrap();
    let file = daemon.path("images/web-1.qcow2");
    assert!(file.exists());

    let refused = async |why: &str| {
        let removed = libvirt.remove_disk(&web, &vdb, true).await.unwrap_err();
        let deleted = libvirt.delete(&web, false).await.unwrap_err();
        assert_eq!((removed.kind, deleted.kind), (ErrorKind::Conflict, ErrorKind::Conflict));
        assert_eq!(removed.message, format!("vdb {why}: it can only be kept"));
        assert_eq!(deleted.message, format!("vdb of web {why}: delete the machine and keep its disks"));
        let disks: Vec<_> = libvirt.disks(&web).await.unwrap().into_iter().map(|disk| disk.id).collect();
        assert_eq!(disks, ["vda".into(), vdb.clone(), "sda".into()]);
        assert!(file.exists() && daemon.path("images/web.qcow2").exists());
    };
    let link = daemon.path("link");
    symlink(&file, &link).unwrap();
    let (shown, link) = (file.display(), link.display());
    let base = format!("<backingStore type='file'><format type='qcow2'/><source file='{shown}'/></backingStore>");
    for (source, why) in [
        ("type='volume'><source pool='default' volume='web-1.qcow2'/>".to_owned(), "is a disk of user too"),
        (format!("type='file'><source file='{link}'/>"), "is a disk of user too"),
        (
            format!("type='file'><driver name='qemu' type='qcow2'/><source file='/nowhere/over.qcow2'/>{base}"),
            "is what a disk of user is based on",
        ),
    ] {
        let xml = format!(
            "<domain type='qemu'><name>user</name><memory>1024</memory><os><type>hvm</type></os><devices>\
            <disk {source}<target dev='vda'/></disk></devices></domain>"
        );
        let user = client.define(&xml).await.unwrap();
        refused(why).await;
        client.undefine(&user).await.unwrap();
    }

    // One that no machine has yet.
    let pool = client.pools().await.unwrap().remove(0);
    let over = format!(
        "<volume><name>over.qcow2</name><capacity unit='bytes'>8388608</capacity>\
        <target><format type='qcow2'/></target>\
        <backingStore><path>{shown}</path><format type='qcow2'/></backingStore></volume>"
    );
    let over = client.volume_make(&pool, &over).await.unwrap();
    refused("is what over.qcow2 is based on").await;
    client.volume_delete(&over).await.unwrap();

    assert_eq!(libvirt.remove_disk(&web, &vdb, true).await.unwrap(), None);
    assert!(!file.exists());
    libvirt.delete(&web, false).await.unwrap();
    assert!(!daemon.path("images/web.qcow2").exists());
}

#[tokio::test]
async fn an_image_stays_while_it_is_not_known_what_machines_have_in_their_drives() {
    let fake = FakeLibvirt::new("sock");
    let libvirt = at(&fake.uri("sock"));
    libvirt.connect(mpsc::channel(8).0).await.unwrap();
    fake.world().volumes.insert("tiny.iso".to_owned(), vec![0; 512]);
    fake.world().machines = vec!["web"];
    let refused = async |kind: ErrorKind, why: &str| {
        let error = libvirt.remove_image("tiny.iso").await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, why));
        assert!(fake.world().volumes.contains_key("tiny.iso"));
    };
    fake.world().refuses.insert(p::XML, (38, "cannot open: Input/output error"));
    let why = "nothing was sent, since what is in the drives of web cannot be told: cannot open: Input/output error";
    refused(ErrorKind::Refused, why).await;
    fake.world().refuses.clear();
    // It names the image by its pool.
    refused(ErrorKind::Conflict, "tiny.iso is in the drive of web: eject it first").await;
    // A machine that goes away meanwhile has nothing.
    fake.world().refuses.insert(p::XML, (42, "Domain not found"));
    libvirt.remove_image("tiny.iso").await.unwrap();
    assert!(fake.world().volumes.is_empty());
}
