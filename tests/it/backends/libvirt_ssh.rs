//! Another computer's libvirt: the real helper of libvirt behind a stand-in for ssh, and what ssh says when it fails.
use crate::support::{
    fake_libvirt::FakeLibvirt,
    libvirt::{Daemon, at, small, ssh},
    qemu::eventually,
};
use std::fs;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Machines, Power},
    domain::{ErrorKind, HostEvent, Op, PowerState, VmId},
};

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_another_computer_are_managed_through_ssh() {
    let daemon = Daemon::new().await;
    let libvirt = daemon.seen_from_afar();
    let (events, mut heard) = mpsc::channel(64);
    let capabilities = libvirt.connect(events).await.unwrap();
    let said = fs::read_to_string(daemon.path("words")).unwrap();
    assert!(
        said.starts_with("-T -o BatchMode=yes ") && said.contains(" -p 2222 -l me -- far.example sh -c "),
        "{said}"
    );
    let why = capabilities.check(Op::RenameImage).unwrap_err();
    assert!(why.contains("on its own host"), "{why}");

    let vm = VmId::from("far");
    libvirt.create(&small("far"), Call::new().0).await.unwrap();
    libvirt.start(&vm).await.unwrap();
    assert_eq!(libvirt.find(&vm).await.unwrap().power(), PowerState::Running);
    eventually("a hint", async || heard.recv().await == Some(HostEvent::Hint(Some(vm.clone())))).await;
    libvirt.power_off(&vm).await.unwrap();
    libvirt.delete(&vm, false).await.unwrap();
}

#[tokio::test]
async fn what_ssh_says_is_told_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    for (said, helps) in [
        ("me@far: Permission denied (publickey).", "with a key, or an agent that has it"),
        ("Host key verification failed.", "to see its key and accept it"),
        ("ssh: Could not resolve hostname far", "is its name right?"),
        ("sh: 1: exec: nc: not found", "is libvirt installed on that host?"),
    ] {
        let uri = ssh(&folder.path().join("ssh"), &format!("echo 'Warning: added' >&2; echo '{said}' >&2; exit 255"));
        let error = at(&uri).connect(mpsc::channel(1).0).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.message.starts_with(said) && error.message.ends_with(helps), "{error}");
    }
    let uri = format!("qemu+ssh://far.example/system?command={}/none", folder.path().display());
    let error = at(&uri).connect(mpsc::channel(1).0).await.unwrap_err();
    assert_eq!(error.message, "none is not installed");
}

#[tokio::test]
async fn without_libvirts_helper_the_daemon_for_qemu_alone_is_asked_first() {
    let fake = FakeLibvirt::new("virtqemud-sock");
    fs::create_dir(fake.path("libvirt")).unwrap();
    // What runs there, in place of nc: it says which socket it was called with.
    let (bin, asked) = (fake.path("bin"), fake.path("asked"));
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    ssh(&bin.join("nc"), &format!("echo \"$2\" > {}", asked.display()));
    let there = format!(
        "for far; do :; done; XDG_RUNTIME_DIR={} PATH={} exec /bin/sh -c \"$far\"",
        bin.parent().unwrap().display(),
        bin.display()
    );
    let uri = ssh(&fake.path("ssh"), &there);
    for name in ["libvirt-sock", "virtqemud-sock"] {
        let socket = fake.path("libvirt").join(name);
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(at(&uri).connect(mpsc::channel(1).0).await.is_err(), "it says nothing");
        assert_eq!(fs::read_to_string(&asked).unwrap().trim(), socket.display().to_string());
    }
}
