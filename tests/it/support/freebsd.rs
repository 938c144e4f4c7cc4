//! A FreeBSD with iohyve in a folder: a stand-in that prints what iohyve prints, and lies as it does.
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend,
        iohyve::{Iohyve, Place, Settings},
    },
    domain::Capabilities,
    fetch,
};

const STAND_IN: &str = include_str!("iohyve.py");

/// A FreeBSD in a folder.
pub(crate) struct Rig(tempfile::TempDir);

impl Rig {
    pub(crate) fn new() -> Self {
        let rig = Self(tempfile::tempdir().unwrap());
        for name in ["iohyve", "id", "zfs", "zpool", "ifconfig", "pgrep", "ssh"] {
            fs::write(rig.path(name), STAND_IN).unwrap();
            fs::set_permissions(rig.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let world = json!({"version": "v0.7.9", "guests": {}, "isos": [], "home": "tank/iohyve"});
        fs::write(rig.path("world.json"), world.to_string()).unwrap();
        fs::create_dir(rig.path("library")).unwrap();
        rig
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
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
            images: self.path("library"),
            fetch: fetch::Options::default(),
            fetch_at_once: 2,
            worker: env!("CARGO_BIN_EXE_vmdeck").into(),
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
        for pid in self.world().get("loops").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64) {
            let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
