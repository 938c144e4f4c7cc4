//! Machines that libvirt runs, on this computer or another.
//!
//! Its own protocol is spoken, so no library of libvirt is needed: one socket, or the same bytes through ssh. What it
//! tells of its own accord is a hint to look again, and what it says was done is read back.
pub mod calls;
pub mod client;
mod console;
mod copies;
mod define;
mod describe;
mod disks;
mod figures;
mod hints;
mod holders;
mod images;
mod install;
mod leavings;
mod look;
mod machines;
mod migrate;
mod networks;
pub mod packet;
mod peer;
mod plug;
mod pools;
mod power;
mod properties;
pub mod reach;
mod setup;
mod snapshots;
mod staged;
mod stream;
mod upload;
mod wake;
pub mod wire;
pub mod xdr;

pub use reach::{Place, Scope, Uri, sockets};

use crate::{
    backend::{
        Backend, EventSink, Nodes,
        fetching::Fetching,
        ssh::{self, Ssh},
    },
    domain::{
        Cancel, Capabilities, Error, ErrorKind, Events, Expect, Figures, Inventory, Limits, Node, Op, OpSet, Result,
        Secret, Verdict, Vm, VmId,
    },
    fetch,
    transport::{Program, find_program},
};
use calls::group;
use client::{Client, Connection};
use futures_util::{StreamExt, stream::iter};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32},
    time::Duration,
};
use tokio::task::JoinSet;
use wire::{Domain, Stats};

/// What this backend can do on any host.
const OPS: OpSet = OpSet::of(&[
    Op::List,
    Op::Show,
    Op::Start,
    Op::ShutDown,
    Op::PowerOff,
    Op::Reset,
    Op::Reboot,
    Op::Pause,
    Op::Resume,
    Op::Save,
    Op::Migrate,
    Op::Rename,
    Op::Clone,
    Op::Create,
    Op::Delete,
    Op::Install,
    Op::InsertImage,
    Op::EjectImage,
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
    Op::ShowDescription,
    Op::Define,
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
    Op::CheckSetup,
]);
/// What is done elsewhere.
const NEVER: [(Op, &str); 1] = [(Op::SetUp, "libvirt is set up on its own host")];

/// How many machines are asked for at a time.
const SIDE_BY_SIDE: usize = 32;

/// Where libvirt is, and how images are fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub uri: Uri,
    /// Whether this user's own daemon is started where nobody has yet.
    pub starts: bool,
    /// How ssh asks a person.
    pub ssh: ssh::Settings,
    /// For one command without a screen: nobody is told of what others do.
    pub headless: bool,
    /// Where images are fetched to before libvirt takes them, where its own folder cannot be written to from here.
    pub staging: PathBuf,
    /// How images are fetched.
    pub fetch: fetch::Options,
    /// How many images are fetched at once; the others wait.
    pub fetch_at_once: usize,
    /// The program that fetches, called with `fetch-worker`: vmdeck itself.
    pub worker: PathBuf,
}

/// What was last learnt of a machine.
#[derive(Clone, Debug)]
struct Known {
    domain: Domain,
    cpus: Option<u32>,
    /// What its disks have together, as last read.
    disk: Option<u64>,
}

/// The present connection.
#[derive(Debug)]
struct Session {
    connection: Connection,
    /// Tells of fetches of others, carries serial lines; all ends with this.
    tasks: JoinSet<()>,
}

/// A host with libvirt.
#[derive(Debug)]
pub struct Libvirt {
    settings: Settings,
    session: Mutex<Option<Session>>,
    ssh: Ssh,
    fetching: Arc<Fetching>,
    known: Mutex<HashMap<VmId, Known>>,
    samples: Mutex<HashMap<VmId, figures::Sample>>,
    readings: AtomicU32,
    /// Machines whose move nobody has seen end, and what is to be told of their start with the host then.
    leaving: Mutex<HashMap<VmId, String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Libvirt {
    pub fn new(settings: Settings) -> Self {
        let fetching = Fetching::new(settings.fetch.clone(), settings.fetch_at_once, settings.worker.clone());
        Self {
            ssh: Ssh::new(settings.ssh.clone()),
            settings,
            session: Mutex::default(),
            fetching: Arc::new(fetching),
            known: Mutex::default(),
            samples: Mutex::default(),
            readings: AtomicU32::new(0),
            leaving: Mutex::default(),
        }
    }

    fn client(&self) -> Result<Arc<Client>> {
        let session = locked(&self.session);
        let session = session.as_ref().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
        Ok(session.connection.client.clone())
    }

    /// A connection that takes calls. Where ssh leads to it, it may ask the person behind `asked`.
    async fn open(uri: &Uri, ssh: &Ssh, events: &EventSink, asked: Option<&EventSink>) -> Result<Connection> {
        let open = async |led: &(dyn Fn(Program) -> Program + Sync)| {
            let connection = uri.connect(events.clone(), led).await?;
            connection.client.open(uri.driver()).await.map(|()| connection)
        };
        if uri.is_local() {
            return open(&|program| program).await;
        }
        ssh.asked(asked, async |asks| open(&|ssh| asks.lead(ssh)).await).await
    }

    /// The connection, and the machine on it.
    async fn domain(&self, vm: &VmId) -> Result<(Arc<Client>, Domain)> {
        let client = self.client()?;
        let domain = client.lookup(vm).await?;
        locked(&self.known)
            .entry(vm.clone())
            .and_modify(|known| known.domain.clone_from(&domain))
            .or_insert_with(|| Known { domain: domain.clone(), cpus: None, disk: None });
        Ok((client, domain))
    }

    /// [`Self::domain`], and what `ask` learns of the machine: asked at once of the one that had the name last, while the
    /// name is looked up. Where it is not the same any more, that is let go and asked again.
    async fn asked<T, F: Future<Output = T>>(
        &self,
        vm: &VmId,
        ask: impl Fn(Arc<Client>, Domain) -> F,
    ) -> Result<(Arc<Client>, Domain, T)> {
        let client = self.client()?;
        let known = locked(&self.known).get(vm).map(|known| known.domain.clone());
        let (found, early) = match &known {
            Some(known) => {
                let (found, told) = tokio::join!(client.lookup(vm), ask(client.clone(), known.clone()));
                (found?, Some(told))
            }
            None => (client.lookup(vm).await?, None),
        };
        let told = match early.filter(|_| known.as_ref() == Some(&found)) {
            Some(told) => told,
            None => ask(client.clone(), found.clone()).await,
        };
        Ok((client, found, told))
    }

    /// Reads one machine whole; None: it went away meanwhile.
    async fn read(&self, client: &Client, stats: &Stats) -> Option<Vm> {
        let description = client.xml(&stats.domain, false).await;
        if description.as_ref().is_err_and(|error| error.kind == ErrorKind::NotFound) {
            return None;
        }
        let Ok(description) = description else { return Some(describe::brief(stats)) };
        let (domain, cpus) = (stats.domain.clone(), description.current_cpus);
        let vm = VmId::from(domain.name.as_str());
        let disk = {
            let mut known = locked(&self.known);
            let before = known.get(&vm).and_then(|known| known.disk);
            let disk = stats.sum("block", "capacity").or(before);
            known.insert(vm, Known { domain, cpus, disk });
            disk
        };
        Some(Vm { disk, ..describe::whole(client, stats, &description).await })
    }

    /// What is asked of any machine. What its disks have is asked of QEMU, or read from their files: on a screen, of the
    /// machines that are seen.
    const fn groups(&self) -> u32 {
        if self.settings.headless { group::STATE | group::BLOCK } else { group::STATE }
    }

    async fn find_vm(&self, vm: &VmId) -> Result<Vm> {
        let (client, domain) = self.domain(vm).await?;
        let gone = || Error::not_found(format_args!("there is no machine called {vm}"));
        let (stats, is_saved) =
            tokio::join!(client.stats(self.groups(), std::slice::from_ref(&domain)), client.is_saved(&domain));
        let found = self.read(&client, stats?.first().ok_or_else(gone)?).await;
        let mut found = found.ok_or_else(gone)?;
        describe::tell_saved(&mut found, is_saved.unwrap_or(false));
        Ok(found)
    }
}

/// How old the list may be.
const RESYNC: Duration = Duration::from_secs(10);

/// A start may have a saved memory to read; libvirt answers once a memory is written, or a disk is copied.
fn patience() -> Vec<(Op, Duration)> {
    let memory = Duration::from_secs(600);
    let slow = [Op::Save, Op::TakeSnapshot, Op::RevertSnapshot, Op::RemoveSnapshot].map(|op| (op, memory));
    let starts = [Op::Start, Op::Install].map(|op| (op, Duration::from_secs(60)));
    slow.into_iter().chain(starts).chain([(Op::Clone, Duration::from_secs(24 * 3600))]).collect()
}

fn capabilities((libvirt, qemu): &(String, String), no_folder: Option<&String>) -> Capabilities {
    let mut found = Capabilities {
        ops: OPS,
        events: Events::Push,
        cancel: Cancel::Sure,
        version: format!("libvirt {libvirt}"),
        is_set_up: Some(!qemu.is_empty()),
        limits: Limits {
            patience: patience(),
            settle: vec![(Op::Migrate, migrate::SETTLE)],
            // A disk that somebody grew, a volume that somebody made, a start on its own: no event tells.
            resync: Some(RESYNC),
            ..Limits::default()
        },
        moves: migrate::MOVES,
        missing: NEVER.iter().map(|(op, why)| (*op, (*why).into())).collect(),
        details: vec![("QEMU".to_owned(), if qemu.is_empty() { "missing" } else { qemu }.to_owned())],
        ..Capabilities::default()
    };
    if let Some(why) = no_folder {
        found.ops = found.ops.without(Op::RenameImage);
        found.missing.push((Op::RenameImage, why.clone().into()));
    }
    let told = "its saved state, its snapshots and its UEFI variables go too; disks that are kept stay in their pools";
    let copied = "without its snapshots; its UEFI variables, if it has any, begin anew";
    let cautions = [
        (Op::Delete, told),
        (Op::Migrate, migrate::CAUTION),
        (Op::Clone, copied),
        (Op::Install, install::CAUTION),
        (Op::Define, define::CAUTION),
    ];
    found.cautions.extend(cautions.map(|(op, what)| (op, what.into())));
    found
}

impl Backend for Libvirt {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        drop(locked(&self.session).take());
        locked(&self.known).clear();
        self.fetching.ask_by(events.clone());
        let uri = &self.settings.uri;
        let open = || Self::open(uri, &self.ssh, &events, Some(&events));
        let connection = match open().await {
            Err(error) if error.kind == ErrorKind::Unreachable && self.settings.starts && wake::is_due(uri).await => {
                wake::wake(find_program).await?;
                open().await?
            }
            opened => opened?,
        };
        let client = connection.client.clone();
        let (versions, registered, folder) =
            tokio::join!(client.versions(), client.register(), self.own_folder(&client));
        registered?;
        let mut capabilities = capabilities(&versions?, folder.as_ref().err());
        if self.settings.headless {
            capabilities.ops = capabilities.ops.without(Op::OpenConsole);
            capabilities.missing.push((Op::OpenConsole, console::HEADLESS.into()));
        }
        let mut watching = JoinSet::new();
        if !self.settings.headless {
            let own = images::Shelf::new(client.clone(), folder.ok(), &self.settings.staging);
            let fetching = self.fetching.clone();
            watching.spawn(async move {
                fetching.watch(own.folder(), &own, &events).await;
            });
        }
        client.is_up()?;
        *locked(&self.session) = Some(Session { connection, tasks: watching });
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let client = self.client()?;
        if quick {
            let (domains, running) = tokio::try_join!(client.domains(), client.running(group::STATE))?;
            let running: HashMap<_, _> = running.iter().map(|stats| (stats.domain.uuid, stats)).collect();
            let vms = domains.iter().map(|domain| describe::listed(domain, running.get(&domain.uuid).copied()));
            return Ok(Inventory { vms: Some(vms.collect()), ..Inventory::default() });
        }
        let stats = client.stats(self.groups(), &[]).await?;
        let described = iter(stats).map(|stats| {
            let client = client.clone();
            async move { self.read(&client, &stats).await }
        });
        let described = described.buffered(SIDE_BY_SIDE).filter_map(std::future::ready).collect();
        let (mut vms, node, images, saved): (Vec<Vm>, _, _, _) =
            tokio::join!(described, self.node(&client), images::list(&client), client.saved());
        describe::tell_all_saved(&mut vms, &saved.unwrap_or_default());
        Ok(Inventory { vms: Some(vms), nodes: node.ok().map(|node| vec![node]), images: images.ok() })
    }

    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        self.measure(vms).await
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(|error| match error.kind {
            ErrorKind::NotFound => Verdict::Failed(error),
            _ => Verdict::Unknown(error),
        })
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.fetching.answer(question, answer.clone());
        self.ssh.answer(question, answer);
        std::future::ready(()).await;
    }
}

impl Nodes for Libvirt {
    async fn own_node(&self) -> Result<Option<Node>> {
        let client = self.client()?;
        self.node(&client).await.map(Some)
    }
}
