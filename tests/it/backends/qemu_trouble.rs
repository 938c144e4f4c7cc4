//! Machines that do not do as they are told: a KVM that fails, a process that stands still, a console in use.
use super::qemu_life::power;
use crate::support::qemu::{World, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, os::unix::fs::PermissionsExt, os::unix::net::UnixStream, time::Duration};
use vmdeck::{
    backend::{
        Backend, Call, Disks, Power,
        qemu::{Qemu, Settings},
    },
    domain::{DiskId, ErrorKind, PowerState},
};

#[tokio::test]
async fn a_kvm_that_fails_is_told_with_the_way_out() {
    let world = World::new();
    let vm = world.make("web", true).await;
    let program = world.path("qemu");
    let script = "#!/bin/sh\ncase $1 in -help) echo 'QEMU emulator version 7.2.22 (Debian)'; exit;; esac\n\
        echo 'qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69' >&2\n\
        echo \"qemu-system-x86_64: kvm.c:3183: kvm_buf_set_msrs: Assertion \\`ret == 1' failed.\" >&2\nexit 1\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = Settings { program: Some(program), accel: Some("kvm".to_owned()), ..world.settings() };
    let error = Qemu::new(settings).start(&vm).await.unwrap_err();
    assert_eq!(
        error.message,
        "failed to set MSR 0x10a to 0x69: KVM does not work here: set the accelerator to tcg (properties, or \
         accel = \"tcg\" in the configuration)"
    );
}

/// A bridge that was there when it was chosen.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_bridge_is_gone_stays_off_and_says_why() {
    let world = World::new();
    let vm = world.make("web", true).await;
    let file = world.path("machines/web/machine.toml");
    let record = fs::read_to_string(&file).unwrap();
    assert!(record.contains("network = \"none\""), "{record}");
    fs::write(&file, record.replace("network = \"none\"", "network = \"vmdeck-gone0\"")).unwrap();
    let error = world.qemu.start(&vm).await.unwrap_err();
    assert_eq!(error.message, "there is no bridge called vmdeck-gone0 on this host: choose another network");
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Off);
}

#[tokio::test]
async fn a_command_knows_qemus_version_and_asks_for_it_once() {
    let world = World::new();
    let (program, asked) = (world.path("qemu"), world.path("asked"));
    let script = format!("#!/bin/sh\necho once >>{}\necho 'QEMU emulator version 9.8.7 (x)'\n", asked.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        let settings = Settings { program: Some(program.clone()), headless: true, ..world.settings() };
        let found = Qemu::new(settings).connect(tokio::sync::mpsc::channel(1).0).await.unwrap();
        assert_eq!(found.version, "QEMU 9.8.7");
    }
    assert_eq!(fs::read_to_string(asked).unwrap(), "once\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_is_shown_without_state_and_can_be_powered_off() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.make("other", false).await;
    world.qemu.start(&vm).await.unwrap();
    let pid = Pid::from_raw(world.pid("web")).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    // One that held its monitor before, and one that comes now.
    for qemu in [&world.qemu, &world.another(false)] {
        let list = tokio::time::timeout(Duration::from_secs(8), qemu.inventory(false)).await.unwrap().unwrap();
        let found = list.vms.unwrap().into_iter().find(|found| found.id == vm).unwrap();
        assert_eq!((found.power, found.remark.as_deref()), (None, Some("no answer")));
        let process = found.details.iter().find(|(label, _)| label == "Process").map(|(_, id)| id.as_str());
        assert_eq!(process, Some(world.pid("web").to_string().as_str()), "what can be known without an answer is told");
        assert!(found.started.is_some());
    }
    world.another(false).power_off(&vm).await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Off);
    world.qemu.start(&vm).await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_in_use_by_another_program_is_told_and_by_a_vmdeck_waited_for() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    let place = world.place("web");
    let other = UnixStream::connect(place.serial()).unwrap();
    eventually("the refusal", async || world.qemu.open_console(&vm).await.is_err()).await;
    let error = world.qemu.open_console(&vm).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(error.message, "another program is attached to the serial console of web: it must leave first");
    let claim = fs::File::options().create(true).append(true).open(place.serial_claim()).unwrap();
    claim.lock().unwrap();
    assert!(world.qemu.open_console(&vm).await.is_ok(), "the console itself waits for a vmdeck");
    drop((claim, other));
    assert!(world.qemu.open_console(&vm).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_the_guest_lets_go_of_later_is_gone_without_anybody_asking() {
    let world = World::new();
    let (sink, _events) = tokio::sync::mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    world.hear("web", "TINYBOOT-READY").await;
    let size = [("size".to_owned(), "1M".to_owned())].into();
    let disk = world.qemu.add_disk(&vm, &size, Call::new().0).await.unwrap();
    assert_eq!(disk, DiskId::from("disk1"));
    world.qemu.remove_disk(&vm, &disk, true).await.unwrap();
    let file = world.place("web").folder.join("disk1.qcow2");
    assert!(file.exists(), "this guest has no driver and cannot have let go");
    world.qemu.reset(&vm).await.unwrap();
    eventually("its file to go", async || !file.exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_another_machine_is_left_alone() {
    let world = World::new();
    let (web, mail) = (world.make("web", true).await, world.make("mail", true).await);
    world.qemu.start(&web).await.unwrap();
    let (of_web, of_mail) = (world.place("web"), world.place("mail"));
    fs::hard_link(of_web.pidfile(), of_mail.pidfile()).unwrap();
    std::os::unix::fs::symlink(&of_web.run, &of_mail.run).unwrap();
    let second = world.another(false);
    for error in [second.power_off(&mail).await, second.pause(&mail).await] {
        assert_eq!(error.unwrap_err().message, "the process of mail runs another machine");
    }
    assert_eq!(power(&world.qemu, &web).await, PowerState::Running);
}
