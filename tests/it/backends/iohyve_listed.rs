//! What iohyve's own lists do not tell: what machines have, how large images are, and what is left on their host.
use super::iohyve::{create, web};
use crate::support::freebsd::Rig;
use serde_json::json;
use std::fs;
use vmdeck::{
    backend::{Backend, Call, Disks, Images, Machines},
    domain::{ByteSize, Inventory, ResizePlan, Stamp, Vm},
};

const M: u64 = 1 << 20;

fn sizes(vm: &Vm) -> (Option<u32>, Option<u64>, Option<u64>) {
    (vm.cpus, vm.memory, vm.disk)
}

#[tokio::test]
async fn machines_images_and_their_host_are_listed_with_their_sizes() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    for name in [None, Some("y.iso")] {
        iohyve.fetch_image(&rig.image(), name, Call::new().0).await.unwrap();
    }
    let Inventory { vms, images, nodes } = iohyve.inventory(false).await.unwrap();
    let (vms, images, nodes) = (vms.unwrap(), images.unwrap(), nodes.unwrap());
    assert_eq!(sizes(&vms[0]), (Some(1), Some(512 * M), Some(8 * M)));
    assert_eq!(iohyve.find(&web()).await.unwrap(), vms[0]);
    let path = rig.path("mnt/ISO/x.iso/x.iso").display().to_string();
    assert_eq!(
        (images[0].name.as_str(), images[0].size, &images[0].path),
        ("x.iso", Some(ByteSize(4096)), &Some(path))
    );
    assert_eq!((images[1].name.as_str(), images[1].size), ("y.iso", Some(ByteSize(4096))));
    assert_eq!((images[0].added, iohyve.images().await.unwrap()), (Some(Stamp(1_763_700_000_000)), images.clone()));
    let bsd = &nodes[0];
    assert_eq!(
        (bsd.name.as_str(), bsd.cpus, bsd.load, bsd.storage_free()),
        ("bsd1.example", Some(8), Some(0.25), Some(ByteSize(90 << 30)))
    );
    assert_eq!(bsd.memory.unwrap().used, ByteSize(8 << 30));
    // What else the host has is not asked about.
    iohyve.disks(&web()).await.unwrap();
    let log = fs::read_to_string(rig.path("calls.log")).unwrap();
    let asked: Vec<_> = log.lines().filter(|call| call.starts_with("zfs get ")).collect();
    let is_own =
        |call: &&str| call.ends_with(" tank/iohyve") || call.ends_with("-o name,property,value used,available tank");
    assert!(asked.len() > 3 && asked.iter().all(is_own), "{asked:?}");
    // The first list is there at once.
    let first = iohyve.inventory(true).await.unwrap();
    assert_eq!((first.vms.unwrap()[0].disk, first.images, first.nodes), (None, None, None));
}

#[tokio::test]
async fn where_nobody_tells_sizes_the_lists_are_there() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap();
    for name in ["zfs", "sysctl"] {
        fs::write(rig.path(name), "#!/bin/sh\necho no >&2\nexit 1\n").unwrap();
    }
    let Inventory { vms, images, nodes } = iohyve.inventory(false).await.unwrap();
    assert_eq!((sizes(&vms.unwrap()[0]), nodes), ((None, None, None), None));
    let image = &images.unwrap()[0];
    assert_eq!((image.name.as_str(), image.size, image.added), ("x.iso", None, None));
}

/// What a copy of it kept on the same host says of its size is no size of the machine's disk: iohyve shrinks as readily as
/// it grows.
#[tokio::test]
async fn a_copy_of_a_disk_elsewhere_never_has_the_disk_shrunk() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    let mut guests = rig.world()["guests"].clone();
    guests["web"]["disks"]["disk0"] = json!("20G");
    rig.set("guests", guests);
    let gib = |n: u64| ByteSize(n << 30);
    for (replica, size) in [("backup/tank", Some(gib(20))), ("atank", None), ("zback", None)] {
        rig.set("more", json!([replica]));
        rig.set("replicas", json!({format!("{replica}/iohyve/web/disk0"): "10G"}));
        let disk = iohyve.disks(&web()).await.unwrap().swap_remove(0);
        assert_eq!((disk.virtual_size, iohyve.find(&web()).await.unwrap().disk), (size, size.map(|size| size.0)));
        let plan = ResizePlan { from: gib(10), to: gib(15) };
        let refused = iohyve.resize_disk(&web(), &disk.id, plan).await.unwrap_err();
        assert!(refused.message.starts_with("disk0 of web is there more than once, with 10G and 20G"), "{refused}");
    }
    // Where it is as large, either may be grown.
    rig.set("replicas", json!({"backup/tank/iohyve/web/disk0": "20G"}));
    let plan = ResizePlan { from: gib(20), to: gib(15) };
    let refused = iohyve.resize_disk(&web(), &"disk0".into(), plan).await.unwrap_err();
    assert_eq!(refused.message, "disk0 has 20 GiB: 15 GiB is not more");
    assert_eq!(rig.sent(&["resize"]), Vec::<String>::new());
    iohyve.resize_disk(&web(), &"disk0".into(), ResizePlan { from: gib(20), to: gib(21) }).await.unwrap();
    assert_eq!(rig.sent(&["resize"]), ["resize web disk0 21G"]);
}

#[tokio::test]
async fn a_disk_has_its_exact_size_and_grows_by_little() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    let mut guests = rig.world()["guests"].clone();
    // iohyve shows it rounded.
    guests["web"]["disks"]["disk0"] = json!("1500.5M");
    rig.set("guests", guests);
    let size = ByteSize(1500 * M + M / 2);
    let disk = iohyve.disks(&web()).await.unwrap().swap_remove(0);
    assert_eq!(
        (disk.virtual_size, disk.real_size, disk.pool.as_deref()),
        (Some(size), Some(ByteSize(56 << 10)), Some("tank"))
    );
    let to = |to: ByteSize| ResizePlan { from: size, to };
    for less in [ByteSize(1500 * M), size] {
        let refused = iohyve.resize_disk(&web(), &disk.id, to(less)).await.unwrap_err();
        assert_eq!(refused.message, format!("disk0 has 1.5 GiB: {less} is not more"));
    }
    iohyve.resize_disk(&web(), &disk.id, to(ByteSize(1501 * M))).await.unwrap();
    assert_eq!(rig.sent(&["resize"]), ["resize web disk0 1501M"]);
    // Where ZFS tells nothing, what is shown may hide more.
    let mut guests = rig.world()["guests"].clone();
    guests["web"]["disks"]["disk0"] = json!("1.46G");
    rig.set("guests", guests);
    fs::write(rig.path("zfs"), "#!/bin/sh\nexit 1\n").unwrap();
    let refused = iohyve.resize_disk(&web(), &disk.id, to(ByteSize(1500 * M))).await.unwrap_err();
    assert!(refused.message.starts_with("disk0 is shown with 1.46G, which is rounded"), "{refused}");
}
