//! A right password for another computer, which no server of the tests can check: a stand-in for ssh asks for it as OpenSSH
//! does, and lets in who has it.
use crate::support::{
    answers::in_turn,
    libvirt::{Daemon, at, ssh},
    program::vmdeck,
};
use std::fs;
use vmdeck::{backend::Backend, domain::ErrorKind};

const RIGHT: &str = "open sesame";
const QUESTION: &str = "me@far.example's password";

/// The URI of a daemon behind an ssh that wants a password. It writes what it was called with, and what each of its
/// programs knows, to the file `told`, and a line to `asked` for each answer.
fn guarded(daemon: &Daemon) -> String {
    let user =
        if rustix::process::geteuid().is_root() { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    let script = format!(
        "echo \"$*\" >>{told}\ncat /proc/$$/environ >>{told}\nno() {{ echo 'me@far.example: Permission denied \
        (publickey,password).' >&2; exit 255; }}\nfor try in 1 2 3; do\n\
        answer=$(\"$SSH_ASKPASS\" \"{QUESTION}: \") || no\necho \"$try\" >>{asked}\n\
        if [ \"$answer\" = '{RIGHT}' ]; then\nunset answer\nfor far; do :; done\nexport XDG_RUNTIME_DIR={run}\n\
        exec {user} sh -c \"$far\"\nfi\necho 'Permission denied, please try again.' >&2\ndone\nno",
        told = daemon.path("told").display(),
        asked = daemon.path("asked").display(),
        run = daemon.path("run").display(),
    );
    ssh(&daemon.path("ssh"), &script)
}

/// How often ssh was given an answer.
fn given(daemon: &Daemon) -> usize {
    fs::read_to_string(daemon.path("asked")).unwrap_or_default().lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_is_given_once_kept_for_the_session_and_seen_nowhere() {
    let daemon = Daemon::new().await;
    let uri = guarded(&daemon);
    let libvirt = at(&uri);
    let (ended, asked) = in_turn(&libvirt, &["guess", RIGHT]).await;
    ended.unwrap();
    assert_eq!(asked, [QUESTION.to_owned(), format!("That was not right. {QUESTION}")]);
    assert_eq!(given(&daemon), 2);
    assert!(libvirt.inventory(false).await.is_ok(), "the connection is one");
    // For a connection that is made anew, the right one, once, and nobody is asked.
    let (ended, asked) = in_turn(&libvirt, &[]).await;
    assert_eq!((ended.is_ok(), asked), (true, Vec::new()));
    assert_eq!(given(&daemon), 3);
    assert!(!format!("{libvirt:?}").contains(RIGHT));
    // Another program knows nothing of it.
    let (ended, asked) = in_turn(&at(&uri), &[]).await;
    assert_eq!((ended.unwrap_err().kind, asked.len()), (ErrorKind::NeedsAnswer, 1));
    let told = fs::read(daemon.path("told")).unwrap();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("virt-ssh-helper") && told.contains("SSH_ASKPASS="), "{told}");
    assert!(!told.contains(RIGHT) && !told.contains("guess"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_from_a_file_is_in_no_log() {
    let daemon = Daemon::new().await;
    let home = tempfile::tempdir().unwrap();
    let config = format!(
        "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n\
        [[host]]\nname = \"lab\"\nbackend = \"libvirt\"\nuri = \"{}\"\n",
        guarded(&daemon)
    );
    fs::write(home.path().join("config.toml"), config).unwrap();
    let answer = daemon.path("answer");
    fs::write(&answer, format!("{RIGHT}\n")).unwrap();
    let said = vmdeck(home.path(), &format!("call lab list answer=@{}", answer.display())).await;
    assert_eq!((said.code, given(&daemon)), (0, 1), "{said:?}");
    assert!(!said.out.contains(RIGHT) && !said.err.contains(RIGHT), "{said:?}");
    let mut folders = vec![home.path().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.is_file() => {
                    files += 1;
                    let text = fs::read(&path).unwrap();
                    assert!(!String::from_utf8_lossy(&text).contains(RIGHT), "{}", path.display());
                }
                _ => {}
            }
        }
    }
    assert!(files > 1, "there is a log beside the configuration");
}
