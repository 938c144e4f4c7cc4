//! Hypervisors and guests of lochness straight from its store, which is etcd (second API): the same records that
//! chypervisord gives out, and what it does not: which node is alive, and every change as it happens.
mod capabilities;
mod client;
pub mod mirror;
mod nodes;
pub mod record;
mod watch;
pub mod wire;

use crate::{
    backend::{
        Backend, Disks, EventSink, Images, Machines, Power, Properties, Setup, Snapshots, asking::Asking,
        lochness_records::Flavor,
    },
    domain::{Capabilities, Error, ErrorKind, Expect, Inventory, Op, Result, Secret, Verdict, Vm, VmId, clean_line},
    transport::{Password, Trust, tls::Identity},
};
use client::{Client, Opened};
use mirror::Mirror;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;
use watch::Watch;

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The addresses of its servers: `http://127.0.0.1:4001`.
    pub endpoints: Vec<String>,
    /// None: nobody signs in.
    pub user: Option<String>,
    pub password: Password,
    /// Whether nobody looks on: then nothing is watched.
    pub headless: bool,
    pub trust: Trust,
    /// By which the servers know us.
    pub identity: Option<Identity>,
}

/// A connection: what is known, and what keeps it in step.
#[derive(Debug)]
struct Session {
    mirror: Arc<Mutex<Mirror>>,
    /// Ends with this.
    _watching: JoinSet<()>,
}

/// The store of lochness.
#[derive(Debug)]
pub struct Lochness {
    settings: Settings,
    client: Arc<Client>,
    session: Mutex<Option<Session>>,
    asking: Arc<Asking>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lochness {
    pub fn new(settings: Settings) -> Self {
        let client = Arc::new(Client::new(&settings));
        Self { settings, client, session: Mutex::default(), asking: Arc::default() }
    }

    /// The way to the store, once one of its servers was found.
    fn client(&self) -> Result<&Client> {
        self.mirror().map(|_| &*self.client)
    }

    fn mirror(&self) -> Result<Arc<Mutex<Mirror>>> {
        let session = locked(&self.session);
        let session = session.as_ref().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
        Ok(session.mirror.clone())
    }
}

impl Backend for Lochness {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        drop(locked(&self.session).take());
        let opened = self.client.open(&self.asking, &events).await?;
        let Opened { tree, index, version, certificate } = opened;
        let mirror = Mirror::new(tree.as_ref(), index);
        let mut capabilities = capabilities::of(version);
        if self.settings.endpoints.len() > 1 {
            capabilities.details.push(("Server".to_owned(), self.client.shown()));
        }
        if let Some(user) = &self.settings.user {
            capabilities.details.push(("Signed in as".to_owned(), clean_line(user).into_owned()));
        }
        capabilities.details.push(("Certificate".to_owned(), certificate));
        let mirror = Arc::new(Mutex::new(mirror));
        let mut watching = JoinSet::new();
        if !self.settings.headless {
            let (client, asking) = (self.client.clone(), self.asking.clone());
            let watch = Watch { client, mirror: mirror.clone(), asking, events };
            watching.spawn(watch.run());
        }
        *locked(&self.session) = Some(Session { mirror, _watching: watching });
        Ok(capabilities)
    }

    /// The store is only asked whether it still answers: what it holds was told already, change by change.
    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let mirror = self.mirror()?;
        if self.settings.headless {
            let (tree, index) = self.client.tree().await?;
            return Ok(Mirror::new(tree.as_ref(), index).inventory());
        }
        if !quick {
            self.client.ping().await?;
        }
        Ok(locked(&mirror).inventory())
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        match expect {
            Expect::Node(expect) => self.judge(expect).await,
            Expect::Nothing => Verdict::Met(None),
            _ => Verdict::Unknown(Error::unsupported(Op::Show, "the store does not tell")),
        }
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }
}

impl Machines for Lochness {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        let gone = || Error::not_found(format_args!("no guest is called {vm}"));
        let folder = client::path(&["guests", vm.as_str()]).map_err(|_| gone())?;
        let client = self.client()?;
        let folder = client.get(&folder).await?.ok_or_else(gone)?;
        let record = folder.get("metadata").and_then(|entry| entry.value.as_deref());
        let mut guest = mirror::guest(vm.as_str(), record);
        let flavor = Flavor::of(&guest).and_then(|id| client::path(&["flavors", id, "metadata"]).ok());
        if let Some(path) = flavor
            // Where it cannot be read, the guest is there all the same.
            && let Ok(Some(record)) = client.get(&path).await
        {
            mirror::flavor(record.value.as_deref()).complete(&mut guest);
        }
        Ok(guest)
    }
}

impl Power for Lochness {}
impl Disks for Lochness {}
impl Images for Lochness {}
impl Properties for Lochness {}
impl Setup for Lochness {}
impl Snapshots for Lochness {}
