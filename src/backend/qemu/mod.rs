//! Machines of this computer, each a QEMU process of its own: no daemon between.
mod command_line;
mod describe;
mod device_group;
mod disks;
mod drive;
mod figures;
mod from_image;
mod grow;
mod image_header;
mod image_kind;
mod images;
mod installed;
mod leftovers;
mod look;
mod machines;
mod monitor;
mod node;
mod packages;
mod place;
mod plug;
mod power;
mod proc;
mod properties;
mod qmp;
mod record;
mod refusal;
mod resets;
mod setup;
mod store;
mod watch;

pub use command_line::{Host, arguments, check_arguments};
pub use image_header::{Header, backing, read_header, virtual_size};
pub use image_kind::ImageKind;
pub use installed::{Probe, uefi};
pub use monitor::Monitor;
pub use place::{Holder, Place};
pub use plug::NEW_DISK;
pub use qmp::{Event, Qmp};
pub use record::{Boot, DiskRecord, Firmware, Record, exact};
pub use store::{FolderLock, Store, write_whole};

use crate::{
    backend::{Backend, EventSink, Images, Nodes, Snapshots, fetching::Fetching},
    domain::{
        Cancel, Capabilities, Error, Events, Expect, Figures, Inventory, Limits, Node, Op, OpSet, Result, Secret,
        Verdict, Vm, VmId,
    },
    fetch,
};
use futures_util::{StreamExt, stream};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OnceCell},
    task::JoinSet,
};

/// What this backend can do where QEMU is installed.
const OPS: OpSet = OpSet::of(&[
    Op::List,
    Op::Show,
    Op::Start,
    Op::ShutDown,
    Op::PowerOff,
    Op::Reset,
    Op::Pause,
    Op::Resume,
    Op::Create,
    Op::Delete,
    Op::Install,
    Op::InsertImage,
    Op::EjectImage,
    Op::ListDisks,
    Op::AddDisk,
    Op::ResizeDisk,
    Op::RemoveDisk,
    Op::ListProperties,
    Op::SetProperty,
    Op::OpenConsole,
    Op::ListImages,
    Op::ProbeImage,
    Op::FetchImage,
    Op::PauseFetch,
    Op::CancelFetch,
    Op::ResumeFetch,
    Op::ListFetches,
    Op::RenameImage,
    Op::RemoveImage,
    Op::ListNodes,
    Op::CheckSetup,
    Op::SetUp,
]);

/// What may copy a large image, and how long that may take.
const COPIES: [Op; 2] = [Op::Create, Op::AddDisk];
const COPYING: Duration = Duration::from_secs(3600);

const WHOLE: &str = "a machine of vmdeck has no description beside its settings";

const SNAPSHOTS: &str = "snapshots are not kept here: while it is off, `qemu-img snapshot` takes one of a qcow2 disk";
/// What is not made of QEMU's own words.
const NEVER: [(Op, &str); 11] = [
    (Op::Reboot, "QEMU asks no guest to restart: shut it down and start it, or reset it"),
    (Op::Save, "a machine's memory is not kept here: pause it, or shut it down"),
    (Op::Migrate, "these machines run below vmdeck, and nothing on another host takes them over"),
    (Op::Rename, "a machine here is called as its folder: while it is off, rename the folder"),
    (Op::Clone, "a machine here is its folder: while it is off, copy the folder, and give the copy another uuid"),
    (Op::ListSnapshots, SNAPSHOTS),
    (Op::TakeSnapshot, SNAPSHOTS),
    (Op::RevertSnapshot, SNAPSHOTS),
    (Op::RemoveSnapshot, SNAPSHOTS),
    (Op::ShowDescription, WHOLE),
    (Op::Define, WHOLE),
];

/// What cannot be done before QEMU is installed.
const NEED_QEMU: [Op; 3] = [Op::Start, Op::Create, Op::Install];

/// What cannot be done before `qemu-img` is. Some disks can be added without it, and those of a machine that runs be grown.
const NEED_QEMU_IMG: [Op; 1] = [Op::Create];

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
    /// `qemu-img`; None: the one on `PATH`.
    pub qemu_img: Option<PathBuf>,
    /// `kvm`, `hvf` or `tcg` for all machines that do not say otherwise.
    pub accel: Option<String>,
    /// For one command without a screen: takes the monitor that is kept for those.
    pub headless: bool,
    /// How images are fetched.
    pub fetch: fetch::Options,
    /// How many images are fetched at once; the others wait.
    pub fetch_at_once: usize,
    /// The program that fetches, called with `fetch-worker`: vmdeck itself.
    pub worker: PathBuf,
}

/// What the calls and the watching tasks share.
#[derive(Debug)]
pub struct Local {
    pub settings: Settings,
    pub store: Store,
    /// The folder of the machines without links in its path, once it is there.
    real: OnceLock<PathBuf>,
    monitors: Mutex<HashMap<VmId, monitor::Cell>>,
    samples: Mutex<HashMap<VmId, figures::Sample>>,
    /// The machines that the watch knows to be alive; None: nothing is watched.
    alive: Mutex<Option<HashSet<VmId>>>,
    resets: resets::Resets,
    probe: OnceCell<Probe>,
    fetching: Fetching,
    /// What a person was told to think about before installing.
    caution_told: Mutex<Option<String>>,
    /// The machines are read in full: the watch begins.
    listed: Notify,
    /// Something was changed by us: the watch looks at once.
    changed: Notify,
}

impl Local {
    /// Where the machine's process is found.
    pub fn place(&self, vm: &VmId) -> Result<Place> {
        let folder = self.store.folder(vm)?;
        // Before the folder of all machines is there, its real path is not known.
        let machines = &self.settings.machines;
        let real = self
            .real
            .get()
            .cloned()
            .or_else(|| machines.canonicalize().ok().inspect(|real| drop(self.real.set(real.clone()))));
        Ok(Place::of(folder, real.as_ref().unwrap_or(machines), &self.settings.run, vm))
    }

    fn capabilities(&self) -> Capabilities {
        // Looked for once: every folder of a long PATH is asked.
        let (qemu, image_tool) = (self.settings.qemu(), self.settings.image_tool());
        let mut found = Capabilities {
            ops: OPS,
            events: Events::Push,
            cancel: Cancel::Sure,
            version: "QEMU".to_owned(),
            is_set_up: Some(qemu.is_some() && image_tool.is_ok()),
            // A large image may be copied to make a disk.
            limits: Limits { patience: COPIES.map(|op| (op, COPYING)).to_vec(), ..Limits::default() },
            missing: NEVER.iter().map(|(op, why)| (*op, (*why).into())).collect(),
            ..Capabilities::default()
        };
        if let Some(probe) = qemu.as_deref().and_then(|qemu| self.known_probe(qemu)) {
            found.version = format!("QEMU {}", probe.version);
        }
        let mut lacks = |ops: &[Op], why: Error| {
            for op in ops {
                found.ops = found.ops.without(*op);
                found.missing.push((*op, why.message.clone().into()));
            }
        };
        if qemu.is_none() {
            lacks(&NEED_QEMU, installed::missing());
        }
        if let Err(why) = image_tool {
            lacks(&NEED_QEMU_IMG, why);
        }
        let kept = format!("Disks that are kept go to {}", self.kept_disks().display());
        let order = "A disk that can boot comes before the CD, unless the machine's boot order says otherwise";
        found.cautions.extend([(Op::Delete, kept.into()), (Op::Install, order.into())]);
        found
    }
}

/// The host that this program runs on.
#[derive(Debug)]
pub struct Qemu {
    local: Arc<Local>,
    /// The watch of the latest connection; it ends with this.
    watching: Mutex<JoinSet<()>>,
}

impl Qemu {
    pub fn new(settings: Settings) -> Self {
        let store = Store::new(settings.machines.clone());
        let fetching = Fetching::new(settings.fetch.clone(), settings.fetch_at_once, settings.worker.clone());
        let local = Local {
            settings,
            fetching,
            caution_told: Mutex::default(),
            store,
            real: OnceLock::new(),
            monitors: Mutex::default(),
            samples: Mutex::default(),
            alive: Mutex::default(),
            resets: resets::Resets::default(),
            probe: OnceCell::new(),
            listed: Notify::new(),
            changed: Notify::new(),
        };
        Self { local: Arc::new(local), watching: Mutex::default() }
    }
}

impl Backend for Qemu {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        self.local.fetching.ask_by(events.clone());
        if self.local.settings.headless {
            // Asked once for each QEMU; a screen does not wait for it and is told later.
            let _ = self.local.probe().await;
            return Ok(self.local.capabilities());
        }
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        *watching = JoinSet::new();
        let known = watch::Known::read(&self.local)?;
        watching.spawn(watch::watch(self.local.clone(), events, known));
        Ok(self.local.capabilities())
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        if self.local.settings.headless && !quick {
            self.local.sweep();
        }
        if !quick {
            self.local.listed.notify_one();
            // What changes while the list is read is seen by the watch, which has looked before.
            tokio::task::yield_now().await;
        }
        let names = self.local.store.names()?;
        if quick {
            let vms = names.iter().map(|name| Vm::named(name)).collect();
            return Ok(Inventory { vms: Some(vms), ..Inventory::default() });
        }
        let described = stream::iter(names.into_iter().map(VmId::from)).map(|vm| {
            let local = self.local.clone();
            async move { local.describe(&vm).await.ok() }
        });
        // Running ones are asked side by side; one that is deleted meanwhile is left out.
        let vms = described.buffered(32).filter_map(std::future::ready).collect().await;
        Ok(Inventory {
            vms: Some(vms),
            nodes: Some(vec![self.local.node().await]),
            images: Images::images(self).await.ok(),
        })
    }

    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        let told = stream::iter(vms.to_vec()).map(|vm| {
            let local = self.local.clone();
            async move { local.figures_of(&vm).await.map(|figures| (vm, figures)) }
        });
        Ok(told.buffered(32).filter_map(std::future::ready).collect().await)
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.local.look(expect).await
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.local.fetching.answer(question, answer);
        std::future::ready(()).await;
    }
}

/// It is one machine, which nobody adds or removes.
impl Nodes for Qemu {
    async fn own_node(&self) -> Result<Option<Node>> {
        Ok(Some(self.local.node().await))
    }
}
impl Snapshots for Qemu {}
