//! Machines that the `iohyve` command runs on `FreeBSD`: what is known of that command, whoever calls it; and the backend
//! that calls it itself, here or through ssh.
mod command;
mod copy;
mod datasets;
mod disks;
mod images;
mod incoming;
mod look;
mod machines;
pub(in crate::backend) mod names;
mod node;
mod pools;
mod power;
mod properties;
mod read;
mod setup;
pub(in crate::backend) mod sizes;
mod snapshots;
mod standing;
pub(in crate::backend) mod values;

pub use command::Place;

use crate::{
    backend::{
        Backend, EventSink, Nodes,
        fetching::Fetching,
        ssh::{self, Ssh},
    },
    domain::{
        Cancel, Capabilities, Error, ErrorKind, Events, Expect, Inventory, Limits, Op, OpSet, PowerState, Result,
        Secret, Verdict, Vm, VmId, clean_line,
    },
    fetch,
    transport::Stopwatch,
};
use command::Shell;
use incoming::Incoming;
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;

/// How long a machine that is no longer running may still be in memory before that is nothing passing.
const STOPPING: Duration = Duration::from_secs(15);
/// What only reads.
const READ: Duration = Duration::from_secs(10);
/// What changes something at once.
const CHANGE: Duration = Duration::from_secs(30);

/// What brings up a machine that is in memory and does not run: for as long as it does, the guest has not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loader {
    /// Nobody told.
    #[default]
    Untold,
    Nothing,
    /// It goes on by itself.
    Bhyveload,
    /// It may ask on the machine's console, and waits there for as long as that takes.
    Grub,
}

/// What the loader of a machine does that does not run yet.
const IN_LOADER: &str = "grub-bhyve is at work, and may wait for an answer on the console";

/// A machine of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    /// Whether it is in the host's memory.
    pub is_loaded: bool,
    pub is_running: bool,
    pub loader: Loader,
    /// Whether it starts with the host.
    pub starts_at_boot: bool,
    pub description: String,
}

impl Row {
    /// Whether it is on its way up.
    pub const fn is_loading(&self) -> bool {
        !self.is_running && matches!(self.loader, Loader::Bhyveload | Loader::Grub)
    }
}

/// When each machine was last seen running.
#[derive(Debug, Default)]
pub(in crate::backend) struct Seen(Mutex<HashMap<VmId, Stopwatch>>);

impl Seen {
    /// The machines that a whole list tells of: what is not in it is forgotten.
    pub(in crate::backend) fn all(&self, rows: &[Row]) -> Vec<Vm> {
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|id, _| names.contains(id.as_str()));
        drop(seen);
        rows.iter().map(|row| self.vm(row)).collect()
    }

    /// The machine that a row tells of.
    pub(in crate::backend) fn vm(&self, row: &Row) -> Vm {
        let id = VmId::from(row.name.as_str());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if row.is_running {
            seen.insert(id.clone(), Stopwatch::start());
        } else if !row.is_loaded {
            seen.remove(&id);
        }
        let was_running = seen.get(&id).is_some_and(|since| since.elapsed() < STOPPING);
        let (power, remark) = match (row.is_loaded, row.is_running) {
            (_, true) => (PowerState::Running, None),
            (true, false) if row.loader == Loader::Grub => (PowerState::Starting, Some("in its loader")),
            (true, false) if row.is_loading() => (PowerState::Starting, None),
            (true, false) if was_running => (PowerState::Stopping, None),
            (true, false) if row.loader == Loader::Nothing => (PowerState::Off, Some("stale")),
            (true, false) => (PowerState::Off, Some("stale/loading")),
            (false, false) => (PowerState::Off, None),
        };
        let starts = if row.starts_at_boot { "yes" } else { "no" };
        let (stale, loader) = match (remark, row.loader) {
            (None, _) => ("", ""),
            (_, Loader::Grub) => ("", IN_LOADER),
            (_, Loader::Untold) => ("it has ended, and is still in the host's memory; or its loader is at work", ""),
            _ => ("it has ended, and is still in the host's memory", ""),
        };
        let details =
            [("Loader", loader), ("Stale", stale), ("Description", row.description.as_str()), ("Autostart", starts)];
        let details = details.into_iter().filter(|(_, v)| !v.is_empty()).map(|(l, v)| (l.into(), v.to_owned()));
        Vm {
            power: Some(power),
            remark: remark.map(str::to_owned),
            is_held: power == PowerState::Off && row.is_loaded,
            details: details.collect(),
            ..Vm::named(&row.name)
        }
    }
}

/// What the backend uses.
#[derive(Clone, Debug)]
pub struct Settings {
    pub place: Place,
    /// A folder for what is this program's own.
    pub run: PathBuf,
    /// How ssh asks a person.
    pub ssh: ssh::Settings,
    /// Where images are fetched to before iohyve takes them.
    pub images: PathBuf,
    pub fetch: fetch::Options,
    pub fetch_at_once: usize,
    /// The program that fetches: vmdeck itself.
    pub worker: PathBuf,
    /// Whether nobody looks on: then the fetches of others are not watched.
    pub headless: bool,
}

/// Machines of the `iohyve` command.
#[derive(Debug)]
pub struct Iohyve {
    settings: Settings,
    shell: Arc<Shell>,
    incoming: Arc<Incoming>,
    fetching: Arc<Fetching>,
    seen: Seen,
    /// The machines that may still be on their way out of memory.
    leaving: power::Leaving,
    version: Mutex<Option<names::Version>>,
    /// What was told of the latest connection, and whom.
    told: Mutex<Option<(EventSink, Capabilities)>>,
    /// The watch of the latest connection; it ends with this.
    watching: Mutex<JoinSet<()>>,
}

/// What iohyve does for root alone.
const READS: [Op; 8] = [
    Op::List,
    Op::Show,
    Op::ListSnapshots,
    Op::ListProperties,
    Op::ListImages,
    Op::ProbeImage,
    Op::ListFetches,
    Op::CheckSetup,
];

const ALL: [Op; 32] = [
    Op::List,
    Op::Show,
    Op::Start,
    Op::ShutDown,
    Op::PowerOff,
    Op::Create,
    Op::Rename,
    Op::Clone,
    Op::Delete,
    Op::Install,
    Op::ListDisks,
    Op::AddDisk,
    Op::ResizeDisk,
    Op::RemoveDisk,
    Op::ListSnapshots,
    Op::TakeSnapshot,
    Op::RevertSnapshot,
    Op::RemoveSnapshot,
    Op::ListProperties,
    Op::SetProperty,
    Op::ListImages,
    Op::ProbeImage,
    Op::FetchImage,
    Op::PauseFetch,
    Op::CancelFetch,
    Op::ResumeFetch,
    Op::ListFetches,
    Op::RenameImage,
    Op::RemoveImage,
    Op::CheckSetup,
    Op::SetUp,
    Op::OpenConsole,
];

const DRIVE: &str = "machines of iohyve have no CD drive but during an installation";
const WHOLE: &str = "a machine of iohyve has no description beside its settings";
/// What no iohyve does.
const NEVER: [(Op, &str); 10] = [
    (Op::Reset, "iohyve has no reset: power the machine off, then start it"),
    (Op::Reboot, "iohyve asks no guest to restart: shut it down, then start it"),
    (Op::Save, "bhyve keeps no memory of a machine that is stopped"),
    (Op::Pause, "bhyve cannot pause a machine"),
    (Op::Resume, "bhyve cannot pause a machine"),
    (Op::Migrate, "bhyve moves no machines while they run"),
    (Op::InsertImage, DRIVE),
    (Op::EjectImage, DRIVE),
    (Op::ShowDescription, WHOLE),
    (Op::Define, WHOLE),
];

impl Iohyve {
    pub fn new(settings: Settings) -> Self {
        let shell = Arc::new(Shell {
            place: settings.place.clone(),
            run: settings.run.clone(),
            ssh: Ssh::new(settings.ssh.clone()),
        });
        let incoming = Arc::new(Incoming { shell: shell.clone(), folder: settings.images.clone() });
        let fetching = Fetching::new(settings.fetch.clone(), settings.fetch_at_once, settings.worker.clone());
        Self {
            settings,
            shell,
            incoming,
            fetching: Arc::new(fetching),
            seen: Seen::default(),
            leaving: power::Leaving::default(),
            version: Mutex::default(),
            told: Mutex::default(),
            watching: Mutex::default(),
        }
    }

    async fn read(&self, arguments: &[&str]) -> Result<String> {
        self.shell.read(arguments).await
    }

    async fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = read::rows(&self.read(&["list"]).await?)?;
        if rows.iter().any(|row| row.is_loaded && !row.is_running) {
            // Whoever is not root may see no processes of others.
            let otherwise = if self.is_root() { Loader::Nothing } else { Loader::Untold };
            let found = self.shell.other(&["pgrep", "-fl", "ioh-"]).await.ok();
            if let Some(found) = found.filter(|found| matches!(found.code, Some(0 | 1))) {
                let loaders = read::loaders(&String::from_utf8_lossy(&found.stdout));
                for row in rows.iter_mut().filter(|row| row.is_loaded && !row.is_running) {
                    row.loader = loaders.get(&row.name).copied().unwrap_or(otherwise);
                }
            }
        }
        Ok(rows)
    }

    /// One machine as it is now, and all others.
    async fn row(&self, vm: &VmId) -> Result<(Row, Vec<Row>)> {
        let mut rows = self.rows().await?;
        let at = rows.iter().position(|row| row.name == vm.as_str()).ok_or_else(|| missing(vm))?;
        Ok((rows.swap_remove(at), rows))
    }

    async fn isos(&self) -> Result<Vec<String>> {
        self.incoming.isos().await
    }

    fn is_root(&self) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.as_ref().is_some_and(|(_, capabilities)| capabilities.ops.contains(Op::Start))
    }

    fn version(&self) -> Option<names::Version> {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(vm: &VmId) -> Error {
    Error::not_found(format_args!("no machine is called {vm}"))
}

/// iohyve said yes, or said nothing, and what it should have changed is not so.
fn differs(output: &crate::transport::Output, what: std::fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Differs, format_args!("{what}; iohyve said: {}", command::words(output)))
}

impl Nodes for Iohyve {}

impl Backend for Iohyve {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        self.fetching.ask_by(events.clone());
        let user = self.shell.user(&events).await?;
        let version = self.read(&["version"]).await?;
        let line = version.lines().next().unwrap_or_default();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = names::Version::read(line);
        let is_root = user.stdout.trim_ascii() == b"0";
        let ops = ALL.iter().filter(|op| is_root || READS.contains(op));
        let ops = ops.fold(OpSet::default(), |set, op| set.with(*op));
        let why = if is_root { "iohyve cannot do that" } else { "iohyve does this for root only" };
        // It lists no images on a bare host too, and says that all is well.
        let is_set_up = self.homes().await.map(|homes| !homes.is_empty());
        let mut watching = JoinSet::new();
        if !self.settings.headless {
            let (fetching, incoming) = (self.fetching.clone(), self.incoming.clone());
            let events = events.clone();
            watching.spawn(async move { fetching.watch(&incoming.folder, &*incoming, &events).await });
        }
        *self.watching.lock().unwrap_or_else(PoisonError::into_inner) = watching;
        let capabilities = Capabilities {
            ops,
            events: Events::Poll,
            cancel: Cancel::Sure,
            keeps_disks: Some(false),
            limits: Limits {
                // It hands out numbers of taps and consoles without a lock.
                changes_at_once: Some(1),
                beside: OpSet::of(&[Op::FetchImage, Op::ResumeFetch, Op::PauseFetch, Op::CancelFetch]),
                patience: vec![
                    (Op::Delete, Duration::from_secs(60)),
                    (Op::Start, Duration::from_secs(60)),
                    (Op::Install, Duration::from_secs(60)),
                    (Op::Clone, machines::CLONE + READ),
                ],
                settle: vec![(Op::Start, Duration::from_secs(20)), (Op::PowerOff, Duration::from_secs(10))],
                resync: None,
            },
            missing: (NEVER.iter().map(|(op, why)| (*op, (*why).into())))
                .chain(ALL.iter().filter(|op| !ops.contains(**op)).map(|op| (*op, why.into())))
                .collect(),
            version: clean_line(line).chars().take_while(|c| *c != '/').collect::<String>(),
            is_set_up,
            ..Capabilities::default()
        };
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some((events, capabilities.clone()));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        if quick {
            let vms = self.seen.all(&self.rows().await?);
            return Ok(Inventory { vms: Some(vms), ..Inventory::default() });
        }
        let (rows, isos, datasets) = tokio::join!(self.rows(), self.isos(), self.datasets());
        let mut vms = self.seen.all(&rows?);
        for vm in &mut vms {
            datasets.complete(vm);
        }
        let images = async {
            match isos {
                Ok(names) => Some(self.shell.images(names, &datasets).await),
                Err(_) => None,
            }
        };
        let (images, node) = tokio::join!(images, self.node(&datasets));
        Ok(Inventory { vms: Some(vms), images, nodes: node.map(|node| vec![node]) })
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(Verdict::Unknown)
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.fetching.answer(question, answer.clone());
        self.shell.ssh.answer(question, answer);
        std::future::ready(()).await;
    }
}
