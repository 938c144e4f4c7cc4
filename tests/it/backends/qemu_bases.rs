//! Disks made of images of the library: what they begin with, and what their image is worth to others then.
use crate::support::{
    guests::{TINY, boot_sector, iso},
    program::vmdeck,
    qemu::{World, eventually},
};
use std::{collections::BTreeMap, fs, path::PathBuf};
use vmdeck::{
    backend::{
        Call, Disks, Images, Machines, Power,
        qemu::{Qemu, Store, backing},
    },
    domain::{ByteSize, Error, ErrorKind, Result, Values},
    transport::{Program, find_program},
};

const M: u64 = 1 << 20;

/// A disk of one MiB that boots, as `boot.img` and as `boot.qcow2` in the library.
async fn world() -> World {
    let world = World::new();
    let mut disk = boot_sector(TINY);
    disk.resize(usize::try_from(M).unwrap(), 0);
    fs::write(image(&world, "boot.img"), disk).unwrap();
    let [raw, qcow2] = ["boot.img", "boot.qcow2"].map(|name| image(&world, name).display().to_string());
    qemu_img(&["convert", "-f", "raw", "-O", "qcow2", &raw, &qcow2]).await;
    fs::write(image(&world, "cd.iso"), iso(TINY)).unwrap();
    world
}

fn image(world: &World, name: &str) -> PathBuf {
    world.path("images").join(name)
}

async fn qemu_img(words: &[&str]) {
    let tool = find_program("qemu-img").unwrap();
    Program::new(tool).args(words).run().await.unwrap();
}

fn values(words: &[(&str, &str)]) -> Values {
    words.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
}

async fn made(qemu: &Qemu, name: &str, image: &str, how: &str, disk: &str) -> Result<()> {
    let same = [("cpus", "1"), ("memory", "32M"), ("firmware", "bios"), ("network", "none")];
    let own = [("name", name), ("image", image), ("how", how), ("disk", disk)];
    qemu.create(&values(&[same.as_slice(), &own].concat()), Call::new().0).await
}

async fn users(qemu: &Qemu, name: &str) -> Vec<String> {
    let images = qemu.images().await.unwrap();
    images.into_iter().find(|image| image.name == name).unwrap().used_by
}

#[tokio::test]
async fn a_copied_image_is_a_disk_of_its_own_and_boots() {
    let world = world().await;
    for (name, from, file) in [("raw", "boot.img", "disk0.raw"), ("cow", "boot.qcow2", "disk0.qcow2")] {
        let before = fs::read(image(&world, from)).unwrap();
        made(&world.qemu, name, from, "auto", "3M").await.unwrap();
        let vm = name.into();
        world.qemu.start(&vm).await.unwrap();
        world.hear(name, "TINYBOOT-READY").await;
        let disk = world.qemu.disks(&vm).await.unwrap().remove(0);
        assert_eq!(disk.virtual_size.unwrap().0, 3 * M, "{disk:?}");
        assert!(disk.medium.unwrap().ends_with(file));
        assert!(users(&world.qemu, from).await.is_empty(), "a copy does not need its image");
        assert!(fs::read(image(&world, from)).unwrap() == before);
    }
    made(&world.qemu, "cd", "cd.iso", "auto", "3M").await.unwrap();
    assert_eq!(users(&world.qemu, "cd.iso").await, ["cd"], "an ISO stands in the drive");
}

#[tokio::test]
async fn an_image_under_layers_stays_as_it_is_and_where_it_is() {
    let world = world().await;
    let before = fs::read(image(&world, "boot.qcow2")).unwrap();
    for name in ["a", "b"] {
        made(&world.qemu, name, "boot.qcow2", "overlay", "2M").await.unwrap();
    }
    made(&world.qemu, "c", "boot.img", "overlay", "1M").await.unwrap();
    world.qemu.start(&"a".into()).await.unwrap();
    world.hear("a", "TINYBOOT-READY").await;
    assert_eq!(users(&world.qemu, "boot.qcow2").await, ["a", "b"]);
    assert_eq!(users(&world.qemu, "boot.img").await, ["c"]);
    for refused in [world.qemu.remove_image("boot.qcow2").await, world.qemu.rename_image("boot.qcow2", "x.qcow2").await]
    {
        let Error { kind, message } = refused.unwrap_err();
        assert_eq!(kind, ErrorKind::Conflict);
        assert!(message.starts_with("boot.qcow2 is used by a, b: "), "{message}");
    }
    world.qemu.power_off(&"a".into()).await.unwrap();
    world.qemu.delete(&"a".into(), false).await.unwrap();
    world.qemu.delete(&"b".into(), true).await.unwrap();
    assert_eq!(users(&world.qemu, "boot.qcow2").await, ["kept disks of b"]);
    assert!(fs::read(image(&world, "boot.qcow2")).unwrap() == before);
    world.qemu.delete(&"c".into(), false).await.unwrap();
    world.qemu.rename_image("boot.img", "other.img").await.unwrap();
}

#[tokio::test]
async fn a_disk_from_an_image_is_plugged_into_a_running_machine() {
    let world = world().await;
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    for (how, size) in [("overlay", "2M"), ("copy", "1M")] {
        let answers = values(&[("size", size), ("format", "qcow2"), ("image", "boot.qcow2"), ("how", how)]);
        let id = world.qemu.add_disk(&vm, &answers, Call::new().0).await.unwrap();
        let disk = world.qemu.disk(&vm, &id).await.unwrap().unwrap();
        assert!(disk.pending.is_none() && disk.virtual_size == Some(size.parse().unwrap()), "{disk:?}");
    }
    // The command line and the form have one rule.
    for (words, size) in [("image=boot.qcow2", 1), ("image=boot.img how=copy", 1), ("image=boot.img size=3M", 3)] {
        let said = vmdeck(&world.path(""), &format!("call local add-disk vm=web {words} --json")).await;
        let size = serde_json::json!(size * M);
        assert_eq!((said.code, said.json().pointer("/result/size")), (0, Some(&size)), "{words}: {said:?}");
    }
    let nothing = vmdeck(&world.path(""), "call local add-disk vm=web image= size=").await;
    assert_eq!((nothing.code, nothing.err.as_str()), (2, "vmdeck: size: Size is needed\n"));
    let made = "call local create vm=other memory=32M disk= image=boot.img";
    let made = vmdeck(&world.path(""), &format!("{made} --json")).await;
    assert_eq!((made.code, made.json().pointer("/result/disk")), (0, Some(&serde_json::json!(M))), "{made:?}");
    let answers = values(&[("size", "512K"), ("format", "qcow2"), ("image", "boot.img"), ("how", "copy")]);
    let small = world.qemu.add_disk(&vm, &answers, Call::new().0).await.unwrap_err();
    assert_eq!(small.message, "size: 512 KiB is smaller than boot.img, which has 1 MiB: disks only grow");
    assert_eq!(world.qemu.disks(&vm).await.unwrap().len(), 7, "six disks and the drive");
    assert_eq!(users(&world.qemu, "boot.qcow2").await, ["web"]);
}

fn beside(world: &World) -> Vec<PathBuf> {
    let all = fs::read_dir(world.place("web").folder).unwrap().flatten().map(|entry| entry.path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".new-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_holds_nobody_up_is_told_of_and_can_be_cancelled() {
    let world = world().await;
    let vm = world.make("web", false).await;
    let answers = values(&[("size", "1M"), ("image", "boot.img"), ("how", "copy")]);
    let (call, told) = Call::new();
    let held = Store::new(world.path("machines")).lock(&vm).await.unwrap();
    let (other, id, new) = (world.another(false), vm.clone(), answers.clone());
    let mut adding = tokio::task::JoinSet::new();
    adding.spawn(async move { other.add_disk(&id, &new, call).await });
    let is_whole = |folder: &PathBuf| fs::metadata(folder.join("disk")).is_ok_and(|meta| meta.len() == M);
    eventually("the copy beside the locked machine", async || beside(&world).iter().any(is_whole)).await;
    assert_eq!(told.borrow().total, Some(ByteSize(M)));
    drop(held);
    assert_eq!(adding.join_next().await.unwrap().unwrap().unwrap().as_str(), "disk1");
    assert!(beside(&world).is_empty());

    let (call, _) = Call::new();
    call.cancel.cancel();
    let stopped = world.qemu.add_disk(&vm, &answers, call).await.unwrap_err();
    assert_eq!(stopped.kind, ErrorKind::Cancelled);
    assert!(beside(&world).is_empty(), "nothing is left of it");
    assert_eq!(world.qemu.disks(&vm).await.unwrap().len(), 3, "two disks and the drive");
}

#[tokio::test]
async fn an_image_that_leads_elsewhere_becomes_no_disk() {
    let world = world().await;
    let secret = world.path("secret");
    fs::write(&secret, [7; 4096]).unwrap();
    let [evil, data, outside] = [image(&world, "evil.qcow2"), image(&world, "data.qcow2"), world.path("data.raw")]
        .map(|p| p.display().to_string());
    qemu_img(&["create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret.to_str().unwrap(), &evil]).await;
    qemu_img(&["create", "-q", "-f", "qcow2", "-o", &format!("data_file={outside}"), &data, "1M"]).await;
    for name in ["evil.qcow2", "data.qcow2"] {
        for how in ["auto", "copy", "overlay"] {
            let Error { kind, message } = made(&world.qemu, "web", name, how, "2M").await.unwrap_err();
            assert_eq!(kind, ErrorKind::Refused);
            assert!(message.starts_with(&format!("{name} wants the content of another file")), "{message}");
        }
    }
    assert_eq!(backing(&image(&world, "evil.qcow2")).as_deref(), Some(secret.as_path()));
    let no_disk = made(&world.qemu, "web", "cd.iso", "copy", "2M").await.unwrap_err();
    assert_eq!(no_disk.message, "image: cd.iso is no disk image but iso: put it into the CD drive");
    let no_size = made(&world.qemu, "web", "cd.iso", "auto", "").await.unwrap_err();
    assert_eq!(no_size.message, "disk: it is empty, and cd.iso stands in the CD drive: give a size, such as 20G");
    let small = made(&world.qemu, "web", "boot.qcow2", "overlay", "1K").await.unwrap_err();
    assert!(small.message.starts_with("size: 1 KiB is smaller than boot.qcow2, which has 1 MiB"), "{small}");
    assert!(!world.place("web").folder.exists(), "a failure leaves no half machine");
}

#[tokio::test]
async fn the_library_tells_what_each_image_is() {
    let world = world().await;
    fs::write(image(&world, "half.iso.part"), "x").unwrap();
    let found: Vec<_> = world.qemu.images().await.unwrap().into_iter().map(|i| (i.name, i.kind, i.disk_size)).collect();
    let told: Vec<_> = found.iter().map(|(n, k, s)| (n.as_str(), k.as_deref().unwrap(), s.map(|s| s.0))).collect();
    assert_eq!(told, [("boot.img", "raw", Some(M)), ("boot.qcow2", "qcow2", Some(M)), ("cd.iso", "iso", None)]);
    let form = world.qemu.create_form().await.unwrap();
    let image = form.iter().find(|field| field.name == "image").unwrap();
    assert!(image.check("boot.qcow2").is_ok() && image.check("half.iso.part").is_err(), "{image:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_before_anything_is_made() {
    let world = World::new();
    world.make("web", false).await;
    fs::copy(world.place("web").folder.join("disk0.qcow2"), world.path("images/base.qcow2")).unwrap();
    for (words, why) in [
        (
            "add-disk vm=web format=raw image=base.qcow2 how=overlay",
            "format: raw is for an empty disk: what is made of base.qcow2 this way is qcow2",
        ),
        ("resize-disk vm=web disk=cd0 size=40G", "disk: cd0 is a CD drive: only disks grow"),
        ("resize-disk vm=web disk=disk0 size=2P", "size: 2 PiB is more than any disk can have: at most 1 PiB"),
        ("set-property vm=web name=cpus value=256", "cpus: `256`: a whole number from 1 to 255"),
        (
            "set-property vm=web name=arguments value=/boot.img",
            "arguments: `/boot.img` cannot be given: no option before it takes it, and QEMU would make a disk of it",
        ),
    ] {
        let said = vmdeck(&world.path(""), &format!("call local {words}")).await;
        assert_eq!((said.code, said.err.as_str()), (2, &*format!("vmdeck: {why}\n")), "{words}");
    }
    assert_eq!(world.qemu.disks(&"web".into()).await.unwrap().len(), 2);
}
