//! Another computer's libvirt through a real ssh: what it asks a person, and what comes of the answers.
use crate::support::{
    answers::{answering, in_turn},
    libvirt::{Daemon, at, small, ssh},
    sshd::{HOST, Sshd},
};
use std::fs;
use vmdeck::{
    backend::{Call, Machines, Power, libvirt::Libvirt},
    domain::{ErrorKind, PowerState, QuestionKind, VmId},
};

/// A daemon behind an ssh server.
async fn far() -> (Daemon, Sshd, Libvirt) {
    let daemon = Daemon::new().await;
    let sshd = Sshd::before(&daemon).await;
    let libvirt = at(&sshd.uri());
    (daemon, sshd, libvirt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_never_seen_is_shown_and_accepted_once() {
    let (_daemon, sshd, libvirt) = far().await;
    let (connected, asked) = answering(&libvirt, QuestionKind::Confirm, "yes").await;
    connected.unwrap();
    let [question] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(question.starts_with("[127.0.0.1]:"), "{question}");
    assert!(question.contains(" shows a key for the first time. Is it the host's? ED25519 SHA256:"), "{question}");

    // The machines are really there.
    let vm = VmId::from("far");
    libvirt.create(&small("far"), Call::new().0).await.unwrap();
    libvirt.start(&vm).await.unwrap();
    assert_eq!(libvirt.find(&vm).await.unwrap().power(), PowerState::Running);
    libvirt.power_off(&vm).await.unwrap();

    let (connected, asked) = answering(&at(&sshd.uri()), QuestionKind::Confirm, "yes").await;
    assert!(connected.is_ok() && asked.is_empty(), "ssh remembers it: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_accepted_is_not_asked_about_again_by_itself() {
    let (_daemon, sshd, libvirt) = far().await;
    let (connected, asked) = answering(&libvirt, QuestionKind::Confirm, "no").await;
    let error = connected.unwrap_err();
    // The actor tries what needs an answer only when the person says so.
    assert_eq!((error.kind, asked.len()), (ErrorKind::NeedsAnswer, 1), "{error}");
    assert!(error.message.starts_with("it was not agreed to: [127.0.0.1]:"), "{error}");
    assert!(!fs::exists(sshd.path("known_hosts")).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_for_until_it_is_right_and_kept_for_the_next_connection() {
    let (_daemon, sshd, libvirt) = far().await;
    sshd.trust("host");
    sshd.make_key("key", "open sesame");
    sshd.let_in("key");
    let (connected, asked) = in_turn(&libvirt, &["wrong", "open sesame"]).await;
    connected.unwrap();
    let name = format!("Enter passphrase for key '{}'", sshd.path("key").display());
    assert_eq!(asked, [name.clone(), format!("That was not right. {name}")]);
    let (connected, asked) = in_turn(&libvirt, &[]).await;
    assert!(connected.is_ok() && asked.is_empty(), "{asked:?}");

    let (refused, asked) = in_turn(&at(&sshd.uri()), &[]).await;
    let error = refused.unwrap_err();
    assert_eq!((error.kind, error.message), (ErrorKind::NeedsAnswer, format!("no answer was given: {name}")));
    assert_eq!(asked.len(), 1, "ssh would ask three times");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_serves_the_ssh_of_each_computer_on_the_way() {
    let (_daemon, sshd, libvirt) = far().await;
    sshd.trust("host");
    sshd.make_key("key", "open sesame");
    sshd.let_in("key");
    let config = sshd.path("config");
    sshd.configure(&format!("ProxyCommand ssh -F {} -o ProxyCommand=none -W %h:%p {HOST}", config.display()));
    let (connected, asked) = in_turn(&libvirt, &["open sesame"]).await;
    connected.unwrap();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_refused_is_told_and_not_kept() {
    let (_daemon, sshd, libvirt) = far().await;
    sshd.trust("host");
    sshd.configure("PreferredAuthentications password\nNumberOfPasswordPrompts 2");
    let (refused, asked) = in_turn(&libvirt, &["guess", "another"]).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
    assert!(error.message.ends_with("neither a key of yours nor what was typed lets this user in there"), "{error}");
    assert!(asked[0].ends_with("127.0.0.1's password"), "{asked:?}");
    assert!(asked[1].starts_with("That was not right. "), "{asked:?}");
    // The one that was refused is not sent again unasked.
    let (_, again) = in_turn(&libvirt, &[]).await;
    assert_eq!(again, [asked[0].clone()]);
    assert!(!sshd.log().contains("guess"), "it is in no log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_changed_is_explained_and_nobody_can_say_yes() {
    let (_daemon, sshd, libvirt) = far().await;
    sshd.trust("key");
    let (refused, asked) = in_turn(&libvirt, &[]).await;
    let error = refused.unwrap_err();
    assert_eq!((error.kind, asked.len()), (ErrorKind::Unauthorized, 0), "{error}");
    assert!(error.message.contains("its key is another one than before"), "{error}");
}

/// Carries bytes between its own two ways and a socket, of which `connect` makes `s`.
fn carrier(path: &std::path::Path, connect: &str) {
    let carry = "while 1:\n for f in select.select([0,s],[],[])[0]:\n  \
        d=os.read(0,65536) if f==0 else s.recv(65536)\n  if not d: sys.exit()\n  \
        s.sendall(d) if f==0 else os.write(1,d)\n";
    fs::write(path, format!("import os,select,socket,sys\n{connect}\n{carry}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_libvirts_helper_nc_carries_it() {
    let daemon = Daemon::new().await;
    // A computer on which there are only these two; its nc is this one's Python.
    let (bin, carry) = (daemon.path("bin"), daemon.path("nc.py"));
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bin.join("sh")).unwrap();
    carrier(&carry, "s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[2])");
    let path = std::env::var("PATH").unwrap();
    ssh(&bin.join("nc"), &format!("PATH={path} exec python3 -S {} \"$@\"", carry.display()));
    let (run, bin) = (daemon.path("run"), bin.display());
    let there =
        format!("export XDG_RUNTIME_DIR={} PATH={bin}\nexec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"", run.display());
    let sshd = Sshd::running(&there).await;
    sshd.trust("host");
    let (connected, _) = in_turn(&at(&sshd.uri()), &[]).await;
    assert!(connected.unwrap().version.starts_with("libvirt "));
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_and_what_it_starts_have_a_session_without_a_terminal() {
    let (_daemon, sshd, libvirt) = far().await;
    sshd.trust("host");
    let (tells, proxy) = (sshd.path("tells"), sshd.path("proxy"));
    let connect = format!(
        "open('{}','w').write(str(os.getsid(0)))\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])))",
        tells.display()
    );
    carrier(&proxy, &connect);
    sshd.configure(&format!("ProxyCommand python3 -S {} %h %p", proxy.display()));
    let (connected, asked) = in_turn(&libvirt, &[]).await;
    assert!(connected.is_ok() && asked.is_empty(), "{connected:?} {asked:?}");
    // 0 where the tests' own leader is outside the container; no `getsid` of rustix may be asked there.
    let own = fs::read_to_string("/proc/self/stat").unwrap();
    let own = own.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
    let session = fs::read_to_string(&tells).unwrap();
    assert!(!session.is_empty() && session != own, "{session} beside {own}");
}
