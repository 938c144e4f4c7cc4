//! A libvirt daemon of the test's own, in a folder of its own, ended with the test and all that it started.
use super::qemu::eventually;
use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, EventSink,
        libvirt::{Libvirt, Settings, Uri, client::Connection},
        ssh,
    },
    domain::{HostEvent, Values},
    fetch,
    transport::find_program,
};

/// A daemon with one storage pool.
pub(crate) struct Daemon {
    folder: tempfile::TempDir,
    child: Option<Child>,
    _ports: TcpListener,
}

/// The answers of a small machine.
pub(crate) fn small(name: &str) -> Values {
    let answers =
        [("name", name), ("cpus", "1"), ("memory", "32M"), ("disk", "16M"), ("firmware", "bios"), ("network", "none")];
    answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// How many machines can come to one daemon at once.
const PORTS: u16 = 39;

/// The first of the ports where machines come to one daemon, and what keeps the other daemons of this computer off them.
fn ports() -> (TcpListener, u16) {
    let mut all = (0..256).map(|range| 20_000 + range * (PORTS + 1));
    all.find_map(|claim| Some((TcpListener::bind(("127.0.0.3", claim)).ok()?, claim + 1))).unwrap()
}

/// What QEMU can do takes seconds to find out, and is the same for all daemons.
fn share_found_out(home: &Path) {
    let found_out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libvirt-cache");
    fs::create_dir_all(&found_out).unwrap();
    let _ = fs::set_permissions(&found_out, fs::Permissions::from_mode(0o777));
    symlink(found_out, home.join(".cache/libvirt/qemu/cache")).unwrap();
}

impl Daemon {
    /// Starts one and makes its pool.
    pub(crate) async fn new() -> Self {
        assert!(find_program("libvirtd").is_some(), "libvirtd is not installed: run tests/setup");
        let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
        let inside = |name: &str| folder.path().join(name);
        for name in ["run", "home/.config", "home/.cache/libvirt/qemu", "images"] {
            fs::create_dir_all(inside(name)).unwrap();
        }
        share_found_out(&inside("home"));
        // Machines move between two of these on one computer: each takes itself for a host of its own, at an address
        // that it does not know for the computer itself.
        let own = uuid::Uuid::new_v4();
        let (claim, port) = ports();
        fs::create_dir_all(inside("home/.config/libvirt")).unwrap();
        fs::write(inside("home/.config/libvirt/libvirtd.conf"), format!("host_uuid = \"{own}\"\n")).unwrap();
        let moves = format!(
            "migration_host = \"127.0.0.2\"\nmigration_address = \"127.0.0.2\"\n\
            migration_port_min = {port}\nmigration_port_max = {}\n",
            port + PORTS - 1
        );
        fs::write(inside("home/.config/libvirt/qemu.conf"), moves).unwrap();
        let mut daemon = Self { child: None, folder, _ports: claim };
        daemon.start().await;
        let pool = format!(
            "<pool type='dir'><name>default</name><target><path>{}</path></target></pool>",
            daemon.path("images").display()
        );
        daemon.open().await.client.pool_make(&pool).await.unwrap();
        daemon
    }

    #[expect(clippy::disallowed_methods, reason = "the daemon is the other side of what is tested")]
    pub(crate) async fn start(&mut self) {
        let program = find_program("libvirtd").unwrap();
        let mut command = Command::new(&program);
        if rustix::process::geteuid().is_root() {
            // For root it would be the daemon of the whole computer.
            let owned = ["-R", "65534:65534", self.folder.path().to_str().unwrap()];
            assert!(Command::new("chown").args(owned).status().unwrap().success());
            fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.env("XDG_CONFIG_HOME", self.path("home/.config")).env("XDG_CACHE_HOME", self.path("home/.cache"));
        let log = fs::File::create(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let socket = self.socket();
        eventually("the libvirt daemon", async || UnixStream::connect(&socket).is_ok()).await;
    }

    /// Ends the daemon; its machines run on.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }

    /// Kills the daemon, with whatever it does; its machines run on.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/libvirt/libvirt-sock")
    }

    pub(crate) fn uri(&self) -> String {
        format!("qemu:///session?socket={}", self.socket().display())
    }

    /// How another daemon of this computer reaches it.
    pub(crate) fn peer_uri(&self) -> String {
        format!("qemu+unix:///session?socket={}", self.socket().display())
    }

    /// A connection below the backend.
    pub(crate) async fn open(&self) -> Connection {
        let uri = Uri::parse(&self.uri()).unwrap();
        let connection = uri.connect(mpsc::channel(8).0, |program| program).await.unwrap();
        connection.client.open(uri.driver()).await.unwrap();
        connection
    }

    /// How many MiB a second a move of this machine may send (`REMOTE_PROC_DOMAIN_MIGRATE_SET_MAX_SPEED`).
    pub(crate) async fn limit_moves(&self, vm: &str, speed: u64) {
        let connection = self.open().await;
        let domain = connection.client.lookup(&vm.into()).await.unwrap();
        connection.client.call(207, domain.arg().u64(speed).u32(0)).await.unwrap();
    }

    /// Its URI from another computer: the real helper of libvirt behind a stand-in for ssh, which writes down what it
    /// was called with into the file `words`.
    pub(crate) fn far(&self) -> String {
        let words = format!("echo \"$*\" > {}", self.path("words").display());
        behind_ssh(&self.path("ssh"), &words, &self.path("run"))
    }

    /// A backend on another computer, not connected yet, which fetches into the folder `staging` first.
    pub(crate) fn seen_from_afar(&self) -> Libvirt {
        staged_at(&self.far(), self.path("staging"))
    }

    /// A backend on this daemon, not connected yet.
    pub(crate) fn backend(&self) -> Libvirt {
        at(&self.uri())
    }

    /// A backend that is connected, and what it tells.
    pub(crate) async fn connected(&self) -> (Libvirt, mpsc::Receiver<HostEvent>) {
        let backend = self.backend();
        let (events, heard): (EventSink, _) = mpsc::channel(1024);
        backend.connect(events).await.unwrap();
        (backend, heard)
    }
}

/// A program that is called in place of ssh, and the URI that calls it.
pub(crate) fn ssh(path: &Path, script: &str) -> String {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    format!("qemu+ssh://me@far.example:2222/session?command={}", path.display())
}

/// The URI of a daemon with its socket in the folder `run`: the real helper of libvirt behind a stand-in for ssh, which does
/// `first` before.
pub(crate) fn behind_ssh(path: &Path, first: &str, run: &Path) -> String {
    // For root it would be the daemon of the whole computer.
    let user =
        if rustix::process::geteuid().is_root() { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    // The other side's shell gets the last word, as from ssh.
    let run = run.display();
    ssh(path, &format!("{first}\nfor far; do :; done\nexport XDG_RUNTIME_DIR={run}\nexec {user} sh -c \"$far\""))
}

/// How every ssh of the tests asks: through the program, with its sockets among the temporary files.
pub(crate) fn asking() -> ssh::Settings {
    ssh::Settings { own: env!("CARGO_BIN_EXE_vmdeck").into(), run: std::env::temp_dir() }
}

/// A backend for a URI.
pub(crate) fn at(uri: &str) -> Libvirt {
    Libvirt::new(settings(uri))
}

/// [`at`], with a folder for what is sent.
pub(crate) fn staged_at(uri: &str, staging: PathBuf) -> Libvirt {
    Libvirt::new(Settings { staging, ..settings(uri) })
}

/// How a backend of the tests is set.
pub(crate) fn settings(uri: &str) -> Settings {
    Settings {
        uri: Uri::parse(uri).unwrap(),
        starts: false,
        ssh: asking(),
        headless: false,
        staging: "/nonexistent".into(),
        fetch: fetch::Options::default(),
        fetch_at_once: 2,
        worker: env!("CARGO_BIN_EXE_vmdeck").into(),
    }
}

/// Ends the process that wrote a file with its number.
fn end(file: &Path, signal: rustix::process::Signal) {
    let pid = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

impl Drop for Daemon {
    /// Machines and the log's daemon outlive it by design, so the test ends them, also when it fails.
    fn drop(&mut self) {
        self.stop();
        let machines = fs::read_dir(self.path("run/libvirt/qemu/run")).into_iter().flatten().flatten();
        let others = machines.map(|entry| entry.path()).chain([self.path("run/libvirt/virtlogd.pid")]);
        for file in others.filter(|path| path.extension().is_some_and(|end| end == "pid")) {
            end(&file, rustix::process::Signal::KILL);
        }
    }
}

/// A user's folders with room for a daemon that the test does not start itself; it ends with the test.
pub(crate) struct Own(tempfile::TempDir);

impl Own {
    pub(crate) fn new() -> Self {
        assert!(find_program("libvirtd").is_some(), "libvirtd is not installed: run tests/setup");
        let own = Self(tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap());
        let folders = ["", "bin", "run", "run/libvirt", "home", "home/.cache", "home/.cache/libvirt"];
        for name in folders.into_iter().chain(["home/.cache/libvirt/qemu"]) {
            fs::create_dir_all(own.path(name)).unwrap();
            fs::set_permissions(own.path(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
        share_found_out(&own.path("home"));
        own
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/libvirt/libvirt-sock")
    }

    /// The process of the daemon, as it wrote it down.
    pub(crate) fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.path("run/libvirt/libvirtd.pid")).ok()?;
        text.trim().parse().ok()
    }

    /// Ends the daemon, and waits until it has put away what it wrote.
    pub(crate) async fn stop(&self) {
        end(&self.path("run/libvirt/libvirtd.pid"), rustix::process::Signal::TERM);
        eventually("the end of the daemon", async || self.pid().is_none()).await;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        for name in ["libvirtd.pid", "virtlogd.pid"] {
            end(&self.path("run/libvirt").join(name), rustix::process::Signal::KILL);
        }
    }
}
