//! Machines of this computer, each a QEMU process of its own: no daemon between.
#![expect(dead_code, reason = "what uses it follows")]
mod describe;
mod disks;
mod images;
mod monitor;
mod place;
mod proc;
mod qmp;
mod record;
mod resets;
mod setup;
mod store;

pub use describe::virtual_size;
pub use monitor::Monitor;
pub use place::Place;
pub use qmp::{Event, Qmp};
pub use record::{Boot, DiskRecord, Firmware, Record, exact};
pub use store::{FolderLock, Store, write_whole};

use crate::domain::{Result, VmId};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

/// Where everything is, and how QEMU is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder with a folder for each machine.
    pub machines: PathBuf,
    /// The folder below which each machine has its sockets.
    pub run: PathBuf,
    /// The library of images.
    pub images: PathBuf,
    /// QEMU; None: the one on `PATH`.
    pub program: Option<PathBuf>,
    /// `kvm`, `hvf` or `tcg` for all machines that do not say otherwise.
    pub accel: Option<String>,
    /// For one command without a screen: takes the monitor that is kept for those.
    pub headless: bool,
}

/// What the calls and the watching tasks share.
#[derive(Debug)]
pub struct Local {
    pub settings: Settings,
    pub store: Store,
    monitors: Mutex<HashMap<VmId, monitor::Cell>>,
    resets: resets::Resets,
}

impl Local {
    /// Where the machine's process is found.
    pub fn place(&self, vm: &VmId) -> Result<Place> {
        self.store.folder(vm)?;
        Ok(Place::new(&self.settings.machines, &self.settings.run, vm))
    }
}

/// The host that this program runs on.
#[derive(Debug)]
pub struct Qemu {
    local: Arc<Local>,
}

impl Qemu {
    pub fn new(settings: Settings) -> Self {
        let store = Store::new(settings.machines.clone());
        Self {
            local: Arc::new(Local { settings, store, monitors: Mutex::default(), resets: resets::Resets::default() }),
        }
    }
}
