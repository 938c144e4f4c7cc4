//! What a vmdeck leaves that is killed in the midst of a change, and what the next one makes of it.
use crate::support::qemu::{World, eventually};
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Disks, Machines, Power,
        qemu::{Qemu, Record, Settings},
    },
    domain::{ByteSize, Values},
};

/// A folder as one leaves it that is killed, and its lock: a killed program's is free.
fn half(folder: &Path) -> (PathBuf, File) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("disk0.qcow2"), vec![7; 4096]).unwrap();
    let lock = File::options().create(true).append(true).open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    (folder.to_owned(), lock)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_vmdeck_left_goes_and_what_one_works_on_stays() {
    let world = World::new();
    world.make("web", false).await;
    let machines = world.path("machines");
    let names = [".new-AbCdEf", ".deleted-0123456789abcdef", "web/.new-GhIjKl"];
    for screen in [false, true] {
        let mut held: Vec<_> = names.iter().map(|name| half(&machines.join(name))).collect();
        let (_, (kept, _lock)) = (held.pop(), half(&machines.join(".new-busy")));
        let gone: Vec<_> = held.into_iter().map(|(path, _)| path).chain([machines.join(names[2])]).collect();
        // The watch of a screen, and the list of a command.
        let (events, _told) = mpsc::channel(64);
        let looking = world.another(!screen);
        looking.connect(events).await.unwrap();
        if !screen {
            looking.inventory(false).await.unwrap();
        }
        eventually("what was left to go", async || !gone.iter().any(|path| path.exists())).await;
        assert!(kept.join("disk0.qcow2").exists(), "it is being made");
        assert!(world.place("web").folder.join("disk0.qcow2").exists());
    }
}

#[tokio::test]
async fn a_machine_behind_a_link_is_not_deleted() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let (folder, elsewhere) = (world.place("web").folder, world.path("elsewhere"));
    fs::rename(&folder, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
    for keep_disks in [true, false] {
        let error = world.qemu.delete(&vm, keep_disks).await.unwrap_err();
        assert!(error.message.ends_with("is a link: what it leads to is to be deleted by hand"), "{error}");
        assert!(folder.is_symlink() && elsewhere.join("disk0.qcow2").exists());
    }
}

#[tokio::test]
async fn too_many_disks_are_told_before_an_image_is_looked_at() {
    let world = World::new();
    let vm = world.make("web", false).await;
    for n in 1..1000 {
        fs::write(world.place("web").folder.join(format!("disk{n}.raw")), "").unwrap();
    }
    let values: Values = [("size", "1M"), ("image", "nowhere.img")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let error = world.qemu.add_disk(&vm, &values, Call::new().0).await.unwrap_err();
    assert_eq!(error.message, "web has too many disks");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_removal_of_a_disk_goes_on_where_it_was_cut_off() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let size: Values = [("size".to_owned(), "1M".to_owned())].into();
    let file = world.place("web").folder.join("machine.toml");
    for is_there in [true, false] {
        let disk = world.qemu.add_disk(&vm, &size, Call::new().0).await.unwrap();
        let mut record = Record::parse(&fs::read_to_string(&file).unwrap(), &file).unwrap();
        "delete".clone_into(&mut record.disks.last_mut().unwrap().leaving);
        fs::write(&file, record.to_toml()).unwrap();
        let image = world.place("web").folder.join(&record.disks.last().unwrap().file);
        if !is_there {
            fs::remove_file(&image).unwrap();
        }
        let disks = world.qemu.disks(&vm).await.unwrap();
        assert!(disks.iter().all(|found| found.id != disk) && !image.exists(), "{disks:?}");
    }
}

#[tokio::test]
async fn what_a_machine_was_started_with_is_never_that_of_an_earlier_start() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let (place, program, seen) = (world.place("web"), world.path("qemu"), world.path("seen"));
    place.make_run().unwrap();
    let started = place.run.join("started.toml");
    fs::write(&started, Record::new(1, ByteSize(64 << 20)).to_toml()).unwrap();
    // Whoever is killed once the process is there has told already what it was started with.
    let script = format!(
        "#!/bin/sh\ncase $1 in -help) echo 'QEMU emulator version 7.2.22 (Debian)'; exit;; esac\ncp {} {}\nexit 1\n",
        started.display(),
        seen.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let qemu = Qemu::new(Settings { program: Some(program), accel: Some("tcg".to_owned()), ..world.settings() });
    qemu.start(&vm).await.unwrap_err();
    let seen = fs::read_to_string(seen).unwrap();
    assert_eq!(Record::parse(&seen, &started).unwrap().memory, ByteSize(32 << 20));
}
