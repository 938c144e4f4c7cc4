//! Hypervisors of lochness through chypervisord, which keeps records of them, and their guests through cguestd.
//!
//! The document tells neither status codes nor what a partial update does: see [`wire`].
mod capabilities;
mod client;
mod guests;
mod nodes;
pub mod wire;

use crate::{
    backend::{
        Backend, Disks, EventSink, Images, Properties, Setup, Snapshots, asking::Asking, lochness_records::Hypervisor,
        way::Way,
    },
    domain::{Capabilities, Error, Expect, Inventory, Result, Secret, Verdict, Vm, VmId},
    transport::{Trust, tls::Identity},
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
    /// For both.
    pub trust: Trust,
    /// By which they know us.
    pub identity: Option<Identity>,
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
    asking: Asking,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chypervisord {
    pub fn new(settings: Settings) -> Self {
        let way = |url: &String, port| Client(Way::new(url, port, &settings.trust, settings.identity.as_ref()));
        let (nodes, guests) = (way(&settings.url, PORTS.0), settings.guests_url.as_ref().map(|url| way(url, PORTS.1)));
        let (taken, first, asking) = (Mutex::default(), Mutex::default(), Asking::default());
        Self { settings, nodes, guests, taken, first, asking }
    }
}

/// What cguestd says of its guests; None: no such server is configured.
type Guests = Option<Result<Vec<Vm>>>;

impl Chypervisord {
    /// All hypervisors, and all guests.
    async fn lists(&self) -> Result<(Vec<Hypervisor>, Guests)> {
        let (nodes, guests) = tokio::join!(self.nodes.hypervisors(), async {
            match &self.guests {
                Some(client) => Some(guests(client).await.inspect_err(|error| tracing::info!("guests: {error}"))),
                None => None,
            }
        });
        let nodes = nodes.map_err(|error| {
            let error = self.nodes.0.other_port(error, "chypervisord", PORTS.0);
            named(error, &self.nodes)
        });
        Ok((nodes?, guests))
    }

    /// Settles how the certificates are judged. Guests that cannot be asked for do not keep the hypervisors away.
    async fn open(&self, events: &EventSink) -> Result<Vec<(String, String)>> {
        let ask = async |text| self.asking.confirm(events, text).await;
        let mut told = vec![("Certificate".to_owned(), self.nodes.0.open(ask).await?)];
        if let Some(client) = &self.guests {
            match client.0.open(ask).await {
                Ok(judged) => told.push(("of cguestd".to_owned(), judged)),
                Err(error) => tracing::info!("guests: {error}"),
            }
        }
        Ok(told)
    }
}

/// All guests. A cguestd that was away while connecting may be back.
async fn guests(client: &Client) -> Result<Vec<Vm>> {
    let asked = async {
        client.0.open_again().await?;
        client.guests().await
    };
    asked.await.map_err(|error| named(client.0.other_port(error, "cguestd", PORTS.1), client))
}

/// Guests that could not be asked for are not none.
fn inventory(nodes: &[Hypervisor], guests: Guests) -> Inventory {
    let vms = guests.map_or_else(|| Some(Vec::new()), Result::ok);
    Inventory { nodes: Some(nodes.iter().map(Hypervisor::node).collect()), vms, images: None }
}

impl Backend for Chypervisord {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        let certificates = self.open(&events).await?;
        let (nodes, guests) = self.lists().await?;
        let mut capabilities = capabilities::of(&self.settings, guests.as_ref());
        capabilities.details.extend(certificates);
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
            Expect::Gone(vm) => self.has_gone(vm).await,
            Expect::Nothing => Verdict::Met(None),
            _ => Verdict::Unknown(Error::unsupported(crate::domain::Op::Show, "lochness does not tell")),
        }
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
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
