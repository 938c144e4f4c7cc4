//! Another computer's libvirt: the real helper of libvirt behind a stand-in for ssh, and what ssh says when it fails.
use crate::support::{
    libvirt::{Daemon, at, small},
    qemu::eventually,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Machines, Power},
    domain::{ErrorKind, HostEvent, Op, PowerState, VmId},
};

/// A program that is called in place of ssh.
fn ssh(path: &Path, script: &str) -> String {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("qemu+ssh://me@far.example:2222/session?command={}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_another_computer_are_managed_through_ssh() {
    let daemon = Daemon::new().await;
    let (run, words) = (daemon.path("run"), daemon.path("words"));
    let user =
        if rustix::process::geteuid().is_root() { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    // The other side's shell gets the last word, as from ssh.
    let script = format!(
        "echo \"$*\" > {}\nfor far; do :; done\nexport XDG_RUNTIME_DIR={}\nexec {user} sh -c \"$far\"",
        words.display(),
        run.display()
    );
    let libvirt = at(&ssh(&daemon.path("ssh"), &script));
    let (events, mut heard) = mpsc::channel(64);
    let capabilities = libvirt.connect(events).await.unwrap();
    let said = fs::read_to_string(&words).unwrap();
    assert!(
        said.starts_with("-T -o BatchMode=yes ") && said.contains(" -p 2222 -l me -- far.example sh -c "),
        "{said}"
    );
    let why = capabilities.check(Op::FetchImage).unwrap_err();
    assert!(why.contains("on this computer alone"), "{why}");

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
