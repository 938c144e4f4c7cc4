//! The disks of real machines: grown, added, removed, exchanged, full.
use crate::support::qemu::{World, eventually};
use std::{collections::BTreeMap, fs};
use vmdeck::{
    backend::{Backend, Call, Disks, Images, Power, dispatch, prepare},
    domain::{ByteSize, Disk, DiskId, ErrorKind, Expect, Request, ResizePlan, SizeChange, Values, Verdict, VmId},
};

const M: u64 = 1 << 20;

fn plan(from: u64, to: u64) -> ResizePlan {
    ResizePlan { from: ByteSize(from), to: ByteSize(to) }
}

fn sized(vm: &VmId, disk: &str, plan: ResizePlan) -> Expect {
    Expect::DiskSize { vm: vm.clone(), disk: disk.into(), plan }
}

fn new_disk(size: &str, format: &str) -> Values {
    BTreeMap::from([("size".to_owned(), size.to_owned()), ("format".to_owned(), format.to_owned())])
}

async fn disk(world: &World, vm: &VmId, id: &str) -> Option<Disk> {
    world.qemu.disks(vm).await.unwrap().into_iter().find(|disk| disk.id == DiskId::from(id))
}

#[tokio::test]
async fn a_disk_grows_while_the_machine_runs_and_while_it_is_off() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    let live = plan(M, 8 * M);
    world.qemu.resize_disk(&vm, &"disk0".into(), live).await.unwrap();
    assert_eq!(world.qemu.look(&sized(&vm, "disk0", live)).await, Verdict::Met(None));
    world.qemu.power_off(&vm).await.unwrap();
    let later = plan(8 * M, 9 * M);
    world.qemu.resize_disk(&vm, &"disk0".into(), later).await.unwrap();
    assert_eq!(world.qemu.look(&sized(&vm, "disk0", later)).await, Verdict::Met(None));
    assert_eq!(fs::metadata(world.place("web").folder.join("disk0.raw")).unwrap().len(), 9 * M);
}

#[tokio::test]
async fn a_shrink_never_reaches_qemu() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let asked = |size| Request::ResizeDisk { vm: vm.clone(), disk: "disk0".into(), size };
    for running in [false, true] {
        if running {
            world.qemu.start(&vm).await.unwrap();
        }
        for size in [SizeChange::To(ByteSize(0)), SizeChange::To(ByteSize(M - 512)), SizeChange::To(ByteSize(M))] {
            let refused = prepare(&world.qemu, asked(size)).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
        }
        // A plan made before somebody else had grown it: what was a growth is a shrink by now.
        let (old, grown) = if running { (3 * M, 6 * M) } else { (M, 3 * M) };
        let other = world.another(true);
        other.resize_disk(&vm, &"disk0".into(), plan(old, grown)).await.unwrap();
        let late = world.qemu.resize_disk(&vm, &"disk0".into(), plan(old, grown - M)).await.unwrap_err();
        assert_eq!(late.kind, ErrorKind::Conflict, "{late}");
        assert_eq!(disk(&world, &vm, "disk0").await.unwrap().virtual_size, Some(ByteSize(grown)));
    }
}

/// What somebody does to the image of a machine that runs, whose disk had 1 MiB before it had 4.
enum Meddling {
    /// The image of yesterday is put in its place.
    OldInItsPlace,
    /// It is written over with the one of yesterday.
    OldOverIt,
    /// A copy is put in its place, and the disk is grown to 8 MiB by another program.
    CopyInItsPlace,
}

#[tokio::test]
async fn the_file_of_a_running_machine_is_not_believed_against_qemu() {
    for meddling in [Meddling::OldInItsPlace, Meddling::OldOverIt, Meddling::CopyInItsPlace] {
        for knows in [false, true] {
            let world = World::new();
            let vm = world.make("web", false).await;
            let image = world.place("web").folder.join("disk0.qcow2");
            let old = world.path("old");
            fs::copy(&image, &old).unwrap();
            world.qemu.resize_disk(&vm, &"disk0".into(), plan(M, 4 * M)).await.unwrap();
            world.qemu.start(&vm).await.unwrap();
            if knows {
                // QEMU has said so on this connection, and the image the same.
                assert_eq!(disk(&world, &vm, "disk0").await.unwrap().virtual_size, Some(ByteSize(4 * M)));
            }
            let (size, wanted) = match meddling {
                Meddling::OldInItsPlace | Meddling::OldOverIt => (4 * M, 2 * M),
                Meddling::CopyInItsPlace => (8 * M, 6 * M),
            };
            match meddling {
                Meddling::OldInItsPlace => fs::rename(&old, &image).unwrap(),
                Meddling::OldOverIt => drop(fs::copy(&old, &image).unwrap()),
                Meddling::CopyInItsPlace => {
                    fs::copy(&image, &old).unwrap();
                    fs::rename(&old, &image).unwrap();
                    let other = world.another(true);
                    other.resize_disk(&vm, &"disk0".into(), plan(4 * M, 8 * M)).await.unwrap();
                }
            }
            let request =
                Request::ResizeDisk { vm: vm.clone(), disk: "disk0".into(), size: SizeChange::To(ByteSize(wanted)) };
            let prepared = prepare(&world.qemu, request).await.unwrap();
            let refused = dispatch(&world.qemu, &prepared, Call::new().0).await.unwrap_err();
            assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
            assert_eq!(disk(&world, &vm, "disk0").await.unwrap().virtual_size, Some(ByteSize(size)));
        }
    }
}

#[tokio::test]
async fn a_disk_comes_and_goes_while_the_machine_is_off() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let id = world.qemu.add_disk(&vm, &new_disk("5M", "qcow2"), Call::new().0).await.unwrap();
    let raw = world.qemu.add_disk(&vm, &new_disk("3M", "raw"), Call::new().0).await.unwrap();
    assert_eq!((id.as_str(), raw.as_str()), ("disk1", "disk2"));
    let found = disk(&world, &vm, "disk1").await.unwrap();
    assert_eq!((found.format.as_deref(), found.virtual_size), (Some("qcow2"), Some(ByteSize(5 * M))));
    let folder = world.place("web").folder;
    let kept = world.qemu.remove_disk(&vm, &id, false).await.unwrap().unwrap();
    assert_eq!(kept, format!("disk1 removed, its file is kept: {}", folder.join("disk1.qcow2").display()));
    assert_eq!(world.qemu.remove_disk(&vm, &raw, true).await.unwrap(), None);
    assert!(folder.join("disk1.qcow2").exists() && !folder.join("disk2.raw").exists());
    // A file that was kept is nobody's to overwrite.
    assert_eq!(world.qemu.add_disk(&vm, &new_disk("1M", "qcow2"), Call::new().0).await.unwrap().as_str(), "disk2");
}

#[tokio::test]
async fn a_guest_that_does_not_let_go_keeps_its_disk_until_the_reset() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    world.hear("web", "TINYBOOT-READY").await;
    let before = world.qemu.disks(&vm).await.unwrap().into_iter().map(|d| d.id).collect();
    let id = world.qemu.add_disk(&vm, &new_disk("5M", "qcow2"), Call::new().0).await.unwrap();
    let expect = Expect::NewDisk { vm: vm.clone(), before, named: None };
    assert!(matches!(world.qemu.look(&expect).await, Verdict::Met(Some(_))));
    let grown = plan(5 * M, 6 * M);
    world.qemu.resize_disk(&vm, &id, grown).await.unwrap();
    assert_eq!(world.qemu.look(&sized(&vm, "disk1", grown)).await, Verdict::Met(None));

    // The guest has no driver, so it never answers.
    world.qemu.remove_disk(&vm, &id, true).await.unwrap();
    let gone = Expect::DiskGone { vm: vm.clone(), disk: id };
    assert_eq!(
        world.qemu.look(&gone).await,
        Verdict::NotMet("it is still there, waiting for the guest to let go".to_owned())
    );
    let waiting = world.another(true).disks(&vm).await.unwrap();
    assert!(waiting.iter().any(|d| d.pending.as_deref() == Some("waiting for the guest to let go")), "{waiting:?}");
    world.qemu.reset(&vm).await.unwrap();
    eventually("the disk to go", async || world.qemu.look(&gone).await == Verdict::Met(None)).await;
    assert!(!world.place("web").folder.join("disk1.qcow2").exists());
}

#[tokio::test]
async fn a_pending_removal_is_complete_at_the_next_start() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    world.hear("web", "TINYBOOT-READY").await;
    let id = world.qemu.add_disk(&vm, &new_disk("5M", "raw"), Call::new().0).await.unwrap();
    world.qemu.remove_disk(&vm, &id, false).await.unwrap();
    world.qemu.power_off(&vm).await.unwrap();
    world.qemu.start(&vm).await.unwrap();
    assert!(disk(&world, &vm, "disk1").await.is_none());
    assert!(world.place("web").folder.join("disk1.raw").exists(), "its file was to be kept");
}

#[tokio::test]
async fn a_disk_that_cannot_be_plugged_in_leaves_nothing() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    // At once: the firmware has not yet counted the ports.
    for _ in 0..8 {
        world.qemu.add_disk(&vm, &new_disk("1M", "raw"), Call::new().0).await.unwrap();
    }
    let full = world.qemu.add_disk(&vm, &new_disk("1M", "raw"), Call::new().0).await.unwrap_err();
    assert!(full.message.starts_with("all ports for disks are taken"), "{full}");
    assert!(!world.place("web").folder.join("disk9.raw").exists());
    assert!(disk(&world, &vm, "disk9").await.is_none());
}

#[tokio::test]
async fn an_image_that_another_program_has_open_is_named() {
    let world = World::new();
    let (web, twin) = (world.make("web", false).await, world.make("twin", false).await);
    let record = world.place("twin").folder.join("machine.toml");
    let shared = world.place("web").folder.join("disk0.qcow2");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("disk0.qcow2", shared.to_str().unwrap())).unwrap();
    world.qemu.start(&web).await.unwrap();
    let error = world.qemu.resize_disk(&twin, &"disk0".into(), plan(M, 2 * M)).await.unwrap_err();
    assert_eq!(error.message, format!("another program has {} open: stop it first", shared.display()));
}

#[tokio::test]
async fn images_go_in_and_out_of_the_drive() {
    let world = World::new();
    let vm = world.make("web", false).await;
    for name in ["a.iso", "b,c.iso"] {
        fs::write(world.path("images").join(name), vec![0; 4096]).unwrap();
    }
    let medium = |image: Option<&str>| Expect::Medium { vm: vm.clone(), image: image.map(str::to_owned) };
    for running in [false, true] {
        if running {
            world.qemu.start(&vm).await.unwrap();
        }
        for image in ["a.iso", "b,c.iso"] {
            world.qemu.insert_image(&vm, image).await.unwrap();
            assert_eq!(world.qemu.look(&medium(Some(image))).await, Verdict::Met(None));
        }
        let used = world.qemu.remove_image("b,c.iso").await.unwrap_err();
        assert_eq!(used.message, "b,c.iso is used by web: eject it there, or remove the disk that is a layer over it");
        world.qemu.eject_image(&vm).await.unwrap();
        assert_eq!(world.qemu.look(&medium(None)).await, Verdict::Met(None));
    }
    assert_eq!(world.qemu.insert_image(&vm, "../x").await.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(world.qemu.insert_image(&vm, "no.iso").await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn the_library_holds_whole_images_only() {
    let world = World::new();
    let images = world.path("images");
    for name in ["a.iso", "b.iso.part", ".hidden"] {
        fs::write(images.join(name), "x").unwrap();
    }
    fs::create_dir(images.join("folder")).unwrap();
    world.qemu.rename_image("a.iso", "c.iso").await.unwrap();
    let listed = world.qemu.images().await.unwrap();
    assert_eq!(listed.iter().map(|i| (i.name.as_str(), i.size)).collect::<Vec<_>>(), [("c.iso", Some(ByteSize(1)))]);
    fs::write(images.join("a.iso"), "y").unwrap();
    assert_eq!(world.qemu.rename_image("a.iso", "c.iso").await.unwrap_err().kind, ErrorKind::Conflict);
    assert!(world.qemu.rename_image("a.iso", "c.part").await.is_err());
    world.qemu.remove_image("c.iso").await.unwrap();
    assert_eq!(world.qemu.look(&Expect::ImageGone("c.iso".into())).await, Verdict::Met(None));
    assert_eq!(fs::read(images.join("a.iso")).unwrap(), b"y");
}
