//! A real ssh server on loopback, of the user who runs the tests, in a folder of its own, and the ssh that reaches it.
use super::{libvirt::Daemon, qemu::eventually};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use vmdeck::transport::find_program;

/// The name by which ssh's own configuration knows the server.
pub(crate) const HOST: &str = "far.example";

/// The server. Clients sign in with the key `key`, once it is let in.
pub(crate) struct Sshd {
    folder: tempfile::TempDir,
    server: Option<Child>,
    port: u16,
}

#[expect(clippy::disallowed_methods, reason = "the server is the other side of what is tested")]
fn done(program: &str, words: &[&str]) {
    let found = find_program(program).unwrap_or_else(|| panic!("{program} is not installed: run tests/setup"));
    let output = Command::new(found).args(words).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Sshd {
    /// One behind which `daemon` is; what is called there runs as the daemon's user.
    pub(crate) async fn before(daemon: &Daemon) -> Self {
        let run_as = if rustix::process::geteuid().is_root() {
            "setpriv --reuid=65534 --regid=65534 --clear-groups"
        } else {
            ""
        };
        let run = daemon.path("run");
        let there = format!("export XDG_RUNTIME_DIR={}\nexec {run_as} sh -c \"$SSH_ORIGINAL_COMMAND\"", run.display());
        Self::running(&there).await
    }

    /// One on which each command is given to the script `there`, as `SSH_ORIGINAL_COMMAND`.
    pub(crate) async fn running(there: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut sshd = Self { folder, server: None, port: 0 };
        sshd.make_key("host", "");
        sshd.make_key("key", "");
        sshd.let_in("key");
        sshd.script("there", there);
        sshd.start().await;
        let ssh = format!("exec ssh -F {} \"$@\"", sshd.path("config").display());
        sshd.script("ssh", &ssh);
        sshd.configure("");
        sshd
    }

    /// Starts it, on a port that was free a moment before.
    #[expect(clippy::disallowed_methods, reason = "the server is the other side of what is tested")]
    async fn start(&mut self) {
        if rustix::process::geteuid().is_root() {
            // Where a server of root lets its helpers live; a distribution makes it when its own server starts.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let program = find_program("sshd").unwrap_or_else(|| panic!("sshd is not installed: run tests/setup"));
        for _ in 0..10 {
            self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let inside = |name: &str| self.path(name).display().to_string();
            let config = format!(
                "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nStrictModes no\nUsePAM no\n\
                AuthorizedKeysFile {}\nPermitRootLogin yes\nPasswordAuthentication yes\n\
                KbdInteractiveAuthentication no\nForceCommand {}\n",
                self.port,
                inside("host"),
                inside("authorized_keys"),
                inside("there")
            );
            fs::write(self.path("sshd_config"), config).unwrap();
            let log = fs::File::create(self.path("log")).unwrap();
            let mut command = Command::new(&program);
            command.args(["-D", "-e", "-f", &inside("sshd_config")]).stdin(Stdio::null()).stdout(Stdio::null());
            let mut server = command.stderr(log).spawn().unwrap();
            let mut has_ended = false;
            eventually("the ssh server", async || {
                has_ended = server.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            })
            .await;
            if !has_ended {
                self.server = Some(server);
                return;
            }
        }
        panic!("sshd does not start: {}", fs::read_to_string(self.path("log")).unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a key, instead of the one of this name.
    pub(crate) fn make_key(&self, name: &str, passphrase: &str) {
        let _ = fs::remove_file(self.path(name));
        done(
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", self.path(name).to_str().unwrap()],
        );
    }

    /// Lets only this key in.
    pub(crate) fn let_in(&self, name: &str) {
        fs::copy(self.path(&format!("{name}.pub")), self.path("authorized_keys")).unwrap();
    }

    /// Remembers a key for the server's.
    pub(crate) fn trust(&self, name: &str) {
        let key = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        fs::write(self.path("known_hosts"), format!("[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    /// Writes the user's configuration of ssh, with these lines too.
    pub(crate) fn configure(&self, more: &str) {
        let user = rustix::process::geteuid().as_raw();
        let name = fs::read_to_string("/etc/passwd").unwrap();
        let name = name.lines().find(|line| line.split(':').nth(2) == Some(&user.to_string()));
        let name = name.and_then(|line| line.split(':').next()).unwrap();
        let config = format!(
            "Host {HOST}\nHostName 127.0.0.1\nPort {}\nUser {name}\nIdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\n\
            UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\nHashKnownHosts no\n{more}\n",
            self.port,
            self.path("key").display(),
            self.path("known_hosts").display()
        );
        fs::write(self.path("config"), config).unwrap();
    }

    /// The URI of the libvirt behind it.
    pub(crate) fn uri(&self) -> String {
        format!("qemu+ssh://{HOST}/session?command={}", self.path("ssh").display())
    }

    /// A configuration with the libvirt behind it as its only host.
    pub(crate) fn host(&self, name: &str) -> String {
        format!(
            "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n\
            [[host]]\nname = \"{name}\"\nbackend = \"libvirt\"\nuri = \"{}\"\n",
            self.uri()
        )
    }

    /// What it said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
