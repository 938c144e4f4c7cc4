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

const NEW_KEY: &str = "No ED25519 host key is known for far.example and you have requested strict checking.\r
Host key verification failed.\r
";
const CHANGED_KEY: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r
Someone could be eavesdropping on you right now (man-in-the-middle attack)!\r
It is also possible that a host key has just been changed.\r
The fingerprint for the ED25519 key sent by the remote host is\r
SHA256:0000000000000000000000000000000000000000000.\r
Please contact your system administrator.\r
Add correct host key in /home/me/.ssh/known_hosts to get rid of this message.\r
Offending ED25519 key in /home/me/.ssh/known_hosts:3\r
Host key for far.example has changed and you have requested strict checking.\r
Host key verification failed.\r
";
const REVOKED_KEY: &str = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
@       WARNING: REVOKED HOST KEY DETECTED!               @\r
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r
The ED25519 host key for far.example is marked as revoked.\r
Host key verification failed.\r
";
const CHANGE_ALLOWED: &str = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r
Password authentication is disabled to avoid man-in-the-middle attacks.\r
Timeout, server far.example not responding.\r
";
const JUMP_REFUSED: &str = "me@jump.example: Permission denied (publickey).\r
Connection closed by UNKNOWN port 65535\r
";
const TOO_MANY_KEYS: &str = "Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures\r
Disconnected from 192.0.2.7 port 22\r
";

#[tokio::test(flavor = "multi_thread")]
async fn machines_of_another_computer_are_managed_through_ssh() {
    let daemon = Daemon::new().await;
    let libvirt = daemon.seen_from_afar();
    let (events, mut heard) = mpsc::channel(64);
    let capabilities = libvirt.connect(events).await.unwrap();
    let said = fs::read_to_string(daemon.path("words")).unwrap();
    assert!(
        said.starts_with("-T -x -o ConnectTimeout=8 ") && said.contains(" -p 2222 -l me -- far.example sh -c "),
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
    // What lasts until somebody does something is not tried again for ever.
    let (lasting, passing) = (ErrorKind::Unauthorized, ErrorKind::Unreachable);
    for (words, kind, helps) in [
        ("me@far: Permission denied (publickey,password).", lasting, "lets this user in there"),
        (JUMP_REFUSED, lasting, "lets this user in there"),
        (TOO_MANY_KEYS, lasting, "the right one for this host in ~/.ssh/config"),
        (NEW_KEY, lasting, "to see its key and accept it"),
        (CHANGED_KEY, lasting, "find out why before you accept it"),
        (REVOKED_KEY, lasting, "do not sign in before you know why"),
        ("nc: unix connect failed: Permission denied", lasting, "members of the group libvirt may"),
        // The change was allowed in the configuration, and is not why the connection ended.
        (CHANGE_ALLOWED, passing, "Timeout, server far.example not responding."),
        ("ssh: connect to host far.example port 22: Permission denied", passing, "port 22: Permission denied"),
        ("ssh: Could not resolve hostname far: Name or service not known", passing, "is its name right?"),
        ("sh: 1: exec: nc: not found", passing, "is libvirt installed on that host?"),
    ] {
        fs::write(folder.path().join("words"), words).unwrap();
        let script = format!("cat {} >&2; exit 255", folder.path().join("words").display());
        let uri = ssh(&folder.path().join("ssh"), &script);
        let error = at(&uri).connect(mpsc::channel(1).0).await.unwrap_err();
        let last = words.trim().lines().last().unwrap();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.starts_with(last) && error.message.ends_with(helps), "{error}");
    }
    let uri = format!("qemu+ssh://far.example/system?command={}/none", folder.path().display());
    let error = at(&uri).connect(mpsc::channel(1).0).await.unwrap_err();
    assert_eq!(error.message, "none is not installed");
}

#[tokio::test]
async fn an_ssh_that_asks_only_where_there_is_a_display_is_told_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let shown = folder.path().join("shown");
    let uri = ssh(&folder.path().join("ssh"), &format!("echo \"$DISPLAY $*\" > {}; exit 255", shown.display()));
    assert!(at(&uri).connect(mpsc::channel(1).0).await.is_err());
    let said = fs::read_to_string(&shown).unwrap();
    let own = std::env::var("DISPLAY").unwrap_or_else(|_| "vmdeck:0".to_owned());
    assert!(said.starts_with(&format!("{own} ")) && said.contains(" -x "), "nothing is shown there: {said}");
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
