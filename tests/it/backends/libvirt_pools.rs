//! Storage that is no folder: what is left there is told, disks are made where libvirt makes any, images are never there.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    libvirt::{Daemon, at, small},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Disks, Images, Machines,
        libvirt::{Libvirt, wire::procedure as p},
    },
    domain::{ByteSize, ErrorKind, FieldKind, FieldSpec, ResizePlan, Values},
};

/// A host with a folder, a volume group, ZFS, and storage elsewhere.
async fn mixed() -> (FakeLibvirt, Libvirt) {
    let fake = FakeLibvirt::new("sock");
    fake.world().devices =
        vec![("san", "iscsi"), ("vg0", "logical"), ("tank", "zfs"), ("ceph", "rbd"), ("sdb", "disk")];
    fake.world().volumes.insert("tiny.iso".to_owned(), vec![0; 512]);
    // No machine has a name yet.
    fake.world().refuses.insert(p::LOOKUP_BY_NAME, (42, "Domain not found"));
    let libvirt = at(&fake.uri("sock"));
    libvirt.connect(mpsc::channel(8).0).await.unwrap();
    (fake, libvirt)
}

/// The pools that a form offers, each with its label.
fn offered(form: &[FieldSpec]) -> Vec<(String, String)> {
    let field = form.iter().find(|field| field.name == "pool").unwrap();
    let FieldKind::Choice(choices) = &field.kind else { panic!("{field:?}") };
    assert_eq!(Some(&field.default), choices.first().map(|choice| &choice.value));
    choices.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect()
}

#[tokio::test]
async fn every_pool_is_told_with_what_is_left_and_why_it_takes_no_disks() {
    let (_fake, libvirt) = mixed().await;
    let inventory = libvirt.inventory(false).await.unwrap();
    let node = inventory.nodes.unwrap().remove(0);
    let told: Vec<_> = node.details.iter().map(|(label, told)| (label.as_str(), told.as_str())).collect();
    let left = "1 GiB free of 1 TiB";
    let on_network = "its disks are on the network: a machine gets one by its description";
    assert_eq!(
        told,
        [
            ("Pool default", format!("/nonexistent/pool, {left}").as_str()),
            ("Pool san", &format!("iscsi, /dev/san, {left}; its disks are made on the storage itself, not by libvirt")),
            ("Pool vg0", &format!("logical, /dev/vg0, {left}")),
            ("Pool tank", &format!("zfs, /dev/tank, {left}")),
            ("Pool ceph", &format!("rbd, /dev/ceph, {left}; {on_network}")),
            (
                "Pool sdb",
                &format!(
                    "disk, /dev/sdb, {left}; its disks are the partitions of a drive, which are made on that host"
                )
            ),
        ]
    );
    assert_eq!(node.storage.unwrap().total.0, 1 << 40, "that of the folder");
    // A volume that is called like an image is none there.
    let images: Vec<_> = libvirt.images().await.unwrap().into_iter().map(|image| image.name).collect();
    assert_eq!(images, ["tiny.iso"]);
}

#[tokio::test]
async fn a_disk_in_a_volume_group_is_raw_and_has_all_its_room() {
    let (fake, libvirt) = mixed().await;
    let form = libvirt.create_form().await.unwrap();
    let raw = "1 GiB free, as raw disks";
    let wanted = [("default", "1 GiB free"), ("vg0", raw), ("tank", raw)];
    assert_eq!(offered(&form), wanted.map(|(name, label)| (name.to_owned(), label.to_owned())));

    let mut values = small("new");
    values.insert("pool".to_owned(), "vg0".to_owned());
    libvirt.create(&values, Call::new().0).await.unwrap();
    let made = "<volume><name>new.raw</name><capacity unit='bytes'>16777216</capacity></volume>";
    assert_eq!(fake.world().made, [("vg0".to_owned(), made.to_owned())]);
    let xml = fake.world().defined.remove(0);
    let disk = "<disk type='block' device='disk'><driver name='qemu' type='raw' discard='unmap'/>\
        <source dev='/dev/vg0/new.raw'/><target dev='vda' bus='virtio'/></disk>";
    assert!(xml.contains(disk), "{xml}");
    assert!(fake.world().volumes.keys().eq(["tiny.iso"]), "no file is made");

    // Where it says nothing, the folder is meant.
    libvirt.create(&small("new"), Call::new().0).await.unwrap();
    assert!(fake.world().volumes.contains_key("new.qcow2"));
    assert!(fake.world().defined[0].contains("<source file='/nonexistent/pool/new.qcow2'/>"));
}

/// A host where the machine `web` has the volume `web.raw` of that pool as its disk.
async fn with_disk_in(pool: &'static str) -> (FakeLibvirt, Libvirt) {
    let (fake, libvirt) = mixed().await;
    fake.world().refuses.remove(&p::LOOKUP_BY_NAME);
    fake.world().machines = vec!["web"];
    fake.world().disk = Some((pool, "web.raw"));
    fake.world().volumes.insert("web.raw".to_owned(), vec![7; 16 << 20]);
    (fake, libvirt)
}

#[tokio::test]
async fn a_copy_in_a_volume_group_has_all_its_room_too() {
    let (fake, libvirt) = with_disk_in("vg0").await;
    libvirt.clone_machine(&"web".into(), "twin", Call::new().0).await.unwrap();
    let made = "<volume><name>twin.raw</name><capacity unit='bytes'>16777216</capacity></volume>";
    assert_eq!(fake.world().made, [("vg0".to_owned(), made.to_owned())]);
    let xml = fake.world().defined.remove(0);
    assert!(xml.contains("<source pool='vg0' volume='twin.raw'/>"), "{xml}");
}

#[tokio::test]
async fn a_disk_that_libvirt_does_not_grow_is_not_asked_to() {
    let plan = ResizePlan { from: ByteSize(16 << 20), to: ByteSize(20 << 20) };
    for (pool, told) in [
        ("vg0", "vda is in the pool vg0, whose disks libvirt does not grow: `lvextend` does, on that host"),
        ("tank", "vda is in the pool tank, whose disks libvirt does not grow: `zfs set volsize` does, on that host"),
    ] {
        let (fake, libvirt) = with_disk_in(pool).await;
        let error = libvirt.resize_disk(&"web".into(), &"vda".into(), plan).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, told));
        assert!(!fake.world().called.contains(&p::VOLUME_RESIZE));
    }
}

#[tokio::test]
async fn a_name_is_tried_again_only_where_it_is_taken() {
    for (words, tries) in [("Logical Volume \"web-1\" already exists", 999), ("/dev/vg0 does not exist", 1)] {
        let (fake, libvirt) = with_disk_in("vg0").await;
        fake.world().refuses.insert(p::VOLUME_CREATE, (1, words));
        let values = Values::from([("size".to_owned(), "8M".to_owned()), ("pool".to_owned(), "vg0".to_owned())]);
        let error = libvirt.add_disk(&"web".into(), &values, Call::new().0).await.unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert_eq!(fake.world().called.iter().filter(|called| **called == p::VOLUME_CREATE).count(), tries);
    }
}

#[tokio::test]
async fn where_no_disk_can_be_made_none_is_asked_for() {
    let (fake, libvirt) = mixed().await;
    let mut values = small("new");
    let mut refused = async |pool: &str| {
        values.insert("pool".to_owned(), pool.to_owned());
        let error = libvirt.create(&values, Call::new().0).await.unwrap_err();
        assert!(fake.world().made.is_empty() && fake.world().defined.is_empty());
        (error.kind, error.message)
    };
    let san = "no disk can be made in the pool san: its disks are made on the storage itself, not by libvirt";
    assert_eq!(refused("san").await, (ErrorKind::Conflict, san.to_owned()));
    assert_eq!(refused("gone").await, (ErrorKind::NotFound, "there is no active pool called gone".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_cannot_be_made_leaves_its_name_free() {
    let daemon = Daemon::new().await;
    let connection = daemon.open().await;
    let xml = |path: &str| format!("<pool type='dir'><name>more</name><target><path>{path}</path></target></pool>");
    let error = connection.client.pool_make(&xml("/proc/none")).await.unwrap_err();
    assert!(error.message.contains("/proc/none"), "{error}");
    connection.client.pool_make(&xml(&daemon.path("run/more").display().to_string())).await.unwrap();
}
