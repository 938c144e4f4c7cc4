//! Hypervisors of lochness through chypervisord, which keeps records of them, and their guests through cguestd.
//!
//! The document tells neither status codes nor what a partial update does: see [`wire`].
mod capabilities;
mod client;
mod guests;
mod nodes;
pub mod wire;

use crate::{
    backend::{Backend, Disks, EventSink, Images, Properties, Setup, Snapshots, lochness_records::Hypervisor},
    domain::{Capabilities, Error, Expect, Inventory, Result, Verdict, Vm, VmId},
};
use client::Client;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Where chypervisord and cguestd take connections.
const PORTS: (u16, u16) = (17000, 18000);

/// Where the services are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `http://host:17000`.
    pub url: String,
    /// `http://host:18000`.
    pub guests_url: Option<String>,
    /// Whether jobs may be looked at until they end: some builds of cguestd lose a job that is looked at.
    pub follow_jobs: bool,
}

/// A chypervisord.
#[derive(Debug)]
pub struct Chypervisord {
    settings: Settings,
    nodes: Client,
    guests: Option<Client>,
    /// What became of the last action on each guest, in words.
    taken: Mutex<HashMap<VmId, String>>,
    /// What connecting brought: the first list is there already, and a long one takes its server a while.
    first: Mutex<Option<Inventory>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chypervisord {
    pub fn new(settings: Settings) -> Self {
        let nodes = Client::new(&settings.url, PORTS.0);
        let guests = settings.guests_url.as_ref().map(|url| Client::new(url, PORTS.1));
        Self { settings, nodes, guests, taken: Mutex::default(), first: Mutex::default() }
    }
}

/// What cguestd says of its guests; None: no such server is configured.
type Guests = Option<Result<Vec<Vm>>>;

impl Chypervisord {
    /// All hypervisors, and all guests.
    async fn lists(&self) -> Result<(Vec<Hypervisor>, Guests)> {
        let (nodes, guests) = tokio::join!(self.nodes.hypervisors(), async {
            match &self.guests {
                Some(client) => Some(client.guests().await.inspect_err(|error| tracing::info!("guests: {error}"))),
                None => None,
            }
        });
        Ok((nodes.map_err(|error| named(error, &self.nodes))?, guests))
    }
}

/// Guests that could not be asked for are not none.
fn inventory(nodes: &[Hypervisor], guests: Guests) -> Inventory {
    let vms = guests.map_or_else(|| Some(Vec::new()), Result::ok);
    Inventory { nodes: Some(nodes.iter().map(Hypervisor::node).collect()), vms, images: None }
}

impl Backend for Chypervisord {
    async fn connect(&self, _: EventSink) -> Result<Capabilities> {
        let (nodes, guests) = self.lists().await?;
        let capabilities = capabilities::of(&self.settings, guests.as_ref());
        *locked(&self.first) = Some(inventory(&nodes, guests));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let first = locked(&self.first).take().filter(|_| quick);
        match first {
            Some(first) => Ok(first),
            None => self.lists().await.map(|(nodes, guests)| inventory(&nodes, guests)),
        }
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        match expect {
            Expect::Node(expect) => self.judge(expect).await,
            Expect::Power { vm, .. } => self.taken(vm),
            Expect::Nothing => Verdict::Met(None),
            _ => Verdict::Unknown(Error::unsupported(crate::domain::Op::Show, "lochness does not tell")),
        }
    }
}

/// The error with the server's name before it, where it does not stand there yet.
fn named(error: Error, client: &Client) -> Error {
    let shown = client.shown();
    if error.message.starts_with(&shown) { error } else { error.context(shown) }
}

impl Disks for Chypervisord {}
impl Images for Chypervisord {}
impl Properties for Chypervisord {}
impl Setup for Chypervisord {}
impl Snapshots for Chypervisord {}
