//! Real machines under QEMU's own processor, each test in a folder of its own, ended with the test.
use crate::support::guests::{TINY, boot_sector};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};
use vmdeck::{
    backend::{
        Call, Machines,
        qemu::{Place, Qemu, Settings},
    },
    domain::{Values, VmId},
    fetch,
    transport::find_program,
};

/// A folder with machines, and the backend on it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) qemu: Qemu,
}

impl World {
    pub(crate) fn new() -> Self {
        let found = find_program("qemu-system-x86_64");
        assert!(found.is_some(), "qemu-system-x86_64 is not installed: run tests/setup");
        Self::with_program(None)
    }

    /// Where `program` is QEMU.
    pub(crate) fn with_program(program: Option<PathBuf>) -> Self {
        // A socket's path is short, so its folder is too.
        let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
        let qemu = Qemu::new(Settings { program, ..settings(&folder, false) });
        fs::create_dir_all(folder.path().join("images")).unwrap();
        Self { folder, qemu }
    }

    /// Another program on the same folders.
    pub(crate) fn another(&self, headless: bool) -> Qemu {
        Qemu::new(settings(&self.folder, headless))
    }

    pub(crate) fn settings(&self) -> Settings {
        settings(&self.folder, false)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn place(&self, vm: &str) -> Place {
        Place::new(&self.path("machines"), &self.path("run"), &vm.into())
    }

    /// Makes a small machine, with a disk that boots where `boots`.
    pub(crate) async fn make(&self, name: &str, boots: bool) -> VmId {
        let answers = [
            ("name", name),
            ("cpus", "1"),
            ("memory", "32M"),
            ("disk", "1M"),
            ("firmware", "bios"),
            ("network", "none"),
        ];
        let values: Values =
            answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        self.qemu.create(&values, Call::new().0).await.unwrap();
        if boots {
            self.boot_from(name, TINY);
        }
        name.into()
    }

    /// Exchanges the disk of a new machine for a plain one with `guest` in its first sector.
    pub(crate) fn boot_from(&self, name: &str, guest: &str) {
        let folder = self.place(name).folder;
        let mut image = boot_sector(guest);
        image.resize(1 << 20, 0);
        fs::write(folder.join("disk0.raw"), image).unwrap();
        fs::remove_file(folder.join("disk0.qcow2")).unwrap();
        let record = folder.join("machine.toml");
        let text = fs::read_to_string(&record).unwrap();
        fs::write(record, text.replace("disk0.qcow2", "disk0.raw").replace("\"qcow2\"", "\"raw\"")).unwrap();
    }

    /// Waits until the guest has said `words` on its serial line.
    pub(crate) async fn hear(&self, vm: &str, words: &str) {
        let log = self.place(vm).serial_log();
        eventually(words, async || fs::read_to_string(&log).is_ok_and(|said| said.contains(words))).await;
    }

    pub(crate) fn pid(&self, vm: &str) -> i32 {
        self.place(vm).alive().unwrap().pid().unwrap().as_raw_nonzero().get()
    }
}

impl Drop for World {
    /// Machines outlive their programs by design, so the test ends them, also when it fails.
    fn drop(&mut self) {
        let Ok(names) = fs::read_dir(self.path("machines")) else { return };
        for name in names.flatten() {
            let place = self.place(&name.file_name().to_string_lossy());
            if let Some(pid) = place.alive().and_then(vmdeck::backend::qemu::Holder::pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

fn settings(folder: &tempfile::TempDir, headless: bool) -> Settings {
    let inside = |name: &str| folder.path().join(name);
    Settings {
        machines: inside("machines"),
        run: inside("run"),
        images: inside("images"),
        program: None,
        qemu_img: None,
        accel: Some("tcg".to_owned()),
        headless,
        fetch: fetch::Options::default(),
        fetch_at_once: 2,
        worker: env!("CARGO_BIN_EXE_vmdeck").into(),
    }
}

/// Sends `words` to a socket and returns the first bytes that come back.
pub(crate) fn converse(socket: &std::path::Path, words: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let mut answer = vec![0; words.len()];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Waits until `check` holds, at most two minutes: UEFI takes its time under QEMU's own processor, on a busy computer.
pub(crate) async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(120), wait).await.is_ok(), "in vain waited for {what}");
}
