//! A FreeBSD with iohyve in a folder: a stand-in that prints what iohyve prints, and lies as it does.
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend,
        iohyve::{Iohyve, Place, Settings},
    },
    domain::Capabilities,
    fetch,
};

const CALL: &str = include_str!("iohyve.sh");
const STAND_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/iohyve.py");

/// A FreeBSD in a folder.
pub(crate) struct Rig {
    folder: tempfile::TempDir,
    answers: Child,
}

impl Rig {
    #[expect(clippy::disallowed_methods, reason = "what stands in for the programs under test")]
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        rustix::fs::mknodat(CWD, &asked, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let answers = Command::new("python3").args(["-S", "-E", STAND_IN]).arg(folder.path()).spawn().unwrap();
        let rig = Self { folder, answers };
        for name in ["iohyve", "id", "zfs", "zpool", "ifconfig", "pgrep", "bhyve", "ssh", "sysrc", "sysctl"] {
            fs::write(rig.path(name), CALL).unwrap();
            fs::set_permissions(rig.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let world = json!({"version": "v0.7.9", "guests": {}, "isos": [], "home": "tank/iohyve"});
        fs::write(rig.path("world.json"), world.to_string()).unwrap();
        fs::create_dir(rig.path("library")).unwrap();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn world(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("world.json")).unwrap()).unwrap()
    }

    pub(crate) fn set(&self, key: &str, value: Value) {
        let mut world = self.world();
        world.as_object_mut().unwrap().insert(key.to_owned(), value);
        fs::write(self.path("world.json"), world.to_string()).unwrap();
    }

    pub(crate) fn at(&self, place: Place) -> Iohyve {
        Iohyve::new(Settings {
            place,
            run: self.path("run"),
            ssh: super::libvirt::asking(),
            images: self.path("library"),
            fetch: fetch::Options::default(),
            fetch_at_once: 2,
            worker: env!("CARGO_BIN_EXE_vmdeck").into(),
            headless: false,
        })
    }

    pub(crate) fn here(&self) -> Iohyve {
        self.at(Place::Here(self.path("iohyve")))
    }

    pub(crate) async fn connected(&self) -> (Iohyve, Capabilities) {
        let iohyve = self.here();
        let capabilities = iohyve.connect(mpsc::channel(8).0).await.unwrap();
        (iohyve, capabilities)
    }

    /// What it was asked to change with one of these words, in order.
    pub(crate) fn sent(&self, words: &[&str]) -> Vec<String> {
        let log = fs::read_to_string(self.path("calls.log")).unwrap();
        let calls = log.lines().filter_map(|line| line.strip_prefix("iohyve "));
        calls.filter(|call| words.contains(&call.split(' ').next().unwrap())).map(str::to_owned).collect()
    }

    pub(crate) fn image(&self) -> String {
        fs::write(self.path("x.iso"), vec![0; 4096]).unwrap();
        format!("file://{}", self.path("x.iso").display())
    }
}

impl Drop for Rig {
    /// What it left running.
    fn drop(&mut self) {
        for pid in fs::read_to_string(self.path("loops")).unwrap_or_default().lines() {
            let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let _ = self.answers.kill();
        let _ = self.answers.wait();
    }
}
