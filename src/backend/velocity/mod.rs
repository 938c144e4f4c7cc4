//! Machines of a Velocity server: Apple's Virtualization framework behind a small HTTP API.
//!
//! Three generations of it are served by one form of request: the key stands in the header and in the body, a name of a
//! field as documented stands beside the one that servers read. There is no release, and its documentation is ahead of
//! it in some places and behind in others: see [`wire`].
mod catalogue;
mod client;
mod connect;
mod create;
mod disks;
mod images;
mod look;
mod machines;
mod power;
mod properties;
mod states;
pub mod wire;

use super::{Backend, EventSink, Nodes, Setup, Snapshots, asking::Asking};
use crate::{
    domain::{
        Capabilities, Error, ErrorKind, Expect, Figures, HostEvent, Inventory, Node, Result, Secret, Verdict, VmId,
    },
    transport::{Password, Trust, tls::Identity},
};
use catalogue::Catalogue;
use client::Client;
use states::States;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wire::{HostNic, Medium};

/// Where the server is and how to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `http://host:8090`; a proxy may add TLS and a path.
    pub url: String,
    /// None: root.
    pub user: Option<String>,
    pub password: Password,
    pub trust: Trust,
    /// By which the proxy knows us.
    pub identity: Option<Identity>,
}

/// What is known since the last sign-in.
#[derive(Debug)]
struct Session {
    client: Client,
    events: EventSink,
    states: States,
    catalogue: Mutex<Arc<Catalogue>>,
    /// The groups were read just now, for the first list.
    groups: Mutex<Option<Arc<catalogue::Groups>>>,
    /// Media by their identity, as the lists told them last.
    media: Mutex<HashMap<String, Medium>>,
    nics: Vec<HostNic>,
    details: tokio::sync::Mutex<Option<properties::Opened>>,
}

/// A Velocity server.
#[derive(Debug)]
pub struct Velocity {
    settings: Settings,
    session: Mutex<Option<Arc<Session>>>,
    asking: Asking,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    fn catalogue(&self) -> Arc<Catalogue> {
        locked(&self.catalogue).clone()
    }

    fn keep(&self, catalogue: Arc<Catalogue>) {
        *locked(&self.catalogue) = catalogue;
    }
}

impl Velocity {
    pub fn new(settings: Settings) -> Self {
        Self { settings, session: Mutex::default(), asking: Asking::default() }
    }

    fn session(&self) -> Result<Arc<Session>> {
        locked(&self.session).clone().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))
    }

    /// A sign-in that the server does not take any more ends the connection: the person has to do something.
    async fn told<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && error.kind == ErrorKind::Unauthorized
            && let Ok(session) = self.session()
        {
            self.asking.forget_refused(error);
            let _ = session.events.send(HostEvent::Disconnected(error.clone())).await;
        }
        result
    }

    async fn read_all(&self, quick: bool) -> Result<Inventory> {
        let session = self.session()?;
        let groups = locked(&session.groups).take();
        let catalogue = self.read_catalogue(groups).await?;
        session.keep_listed(&catalogue);
        let images = if quick {
            None
        } else {
            // What the user may not see of the media is no reason to show no machines.
            let (walked, images) = tokio::join!(session.walk(&catalogue), self.read_media(&catalogue));
            walked?;
            images.ok()
        };
        let vms = catalogue.entries.values().map(|entry| session.vm(entry)).collect();
        let node = Node {
            id: "velocity".into(),
            name: "Velocity".to_owned(),
            details: catalogue.described(),
            ..Node::default()
        };
        Ok(Inventory { vms: Some(vms), images, nodes: Some(vec![node]) })
    }
}

impl Backend for Velocity {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        *locked(&self.session) = None;
        let (session, capabilities) = self.begin(events).await?;
        *locked(&self.session) = Some(Arc::new(session));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let read = self.read_all(quick).await;
        self.told(read).await
    }

    /// Velocity tells no figures; what is seen is where states are read first.
    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        self.watch(vms).await.map(|()| Vec::new())
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(Verdict::Unknown)
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }
}

impl Nodes for Velocity {}
impl Setup for Velocity {}
impl Snapshots for Velocity {}
