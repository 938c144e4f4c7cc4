//! Machines of libvirt behind a govirthost: one path, three methods, and a lock that is not always given back.
//!
//! A change is sent only where it should succeed, and one after the other. What a machine has stands in its description
//! alone, which is read for what is on the screen.
mod client;
mod connect;
mod define;
mod disks;
mod look;
mod machines;
mod power;
mod properties;
pub mod wire;

use super::{Backend, EventSink, Images, Nodes, Setup, Snapshots, asking::Asking, domain_xml::Description};
use crate::{
    domain::{
        Capabilities, Error, ErrorKind, Expect, Figures, HostEvent, Inventory, Node, Op, Result, Secret, Verdict, Vm,
        VmId, clean_line, span,
    },
    transport::{Stopwatch, Trust, tls::Identity},
};
use client::Client;
use futures_util::{StreamExt, stream};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use wire::{Build, Metal, Row};

/// How many descriptions are read at once.
const AT_ONCE: usize = 4;
/// A description that is on the screen is read again when it is this old, since others may change it.
const STALE: Duration = Duration::from_secs(30);
/// How long a list waits for descriptions that were never read.
const WALK: Duration = Duration::from_secs(4);

/// Where the server is, and the certificates on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `http://host:33345`, or `https://`.
    pub url: String,
    pub trust: Trust,
    /// By which the server knows us.
    pub identity: Option<Identity>,
}

/// What a machine's description said, in which run, and when.
#[derive(Clone, Debug)]
struct Known {
    description: Description,
    run: i64,
    since: Stopwatch,
}

/// What was defined while a machine runs, for its next start: the server shows only what it has now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    run: i64,
    xml: String,
}

/// What is known since the server was found.
#[derive(Debug)]
struct Session {
    client: Client,
    build: Build,
    events: EventSink,
    rows: Mutex<HashMap<VmId, Row>>,
    known: Mutex<HashMap<VmId, Known>>,
    pending: Mutex<HashMap<VmId, Pending>>,
}

/// A govirthost server.
#[derive(Debug)]
pub struct Govirthost {
    settings: Settings,
    session: Mutex<Option<Arc<Session>>>,
    asking: Asking,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing(vm: &VmId) -> Error {
    Error::not_found(format_args!("no machine is called {}", clean_line(vm.as_str())))
}

impl Session {
    /// All machines, as they are now.
    async fn rows(&self) -> Result<Vec<Row>> {
        let (rows, _) = wire::domains(&self.client.get("vm", "").await?)?;
        *locked(&self.rows) = rows.iter().map(|row| (VmId::from(row.name.as_str()), row.clone())).collect();
        let runs = |vm: &VmId, run: i64| rows.iter().any(|row| row.name == vm.as_str() && row.run == run);
        // With the run ends what was true of it.
        locked(&self.pending).retain(|vm, pending| runs(vm, pending.run));
        locked(&self.known).retain(|vm, _| rows.iter().any(|row| row.name == vm.as_str()));
        Ok(rows)
    }

    async fn row(&self, vm: &VmId) -> Result<Row> {
        self.rows().await?.into_iter().find(|row| row.name == vm.as_str()).ok_or_else(|| missing(vm))
    }

    /// The description of a machine as the server shows it now.
    async fn xml(&self, vm: &VmId) -> Result<String> {
        wire::xml(&self.client.get("xml", vm.as_str()).await?)
    }

    /// Reads the description of a machine; returns whether it is news.
    async fn describe(&self, vm: &VmId, run: i64) -> Result<(Description, bool)> {
        let description = Description::parse(&self.xml(vm).await?)?;
        let known = Known { description: description.clone(), run, since: Stopwatch::start() };
        let before = locked(&self.known).insert(vm.clone(), known);
        let is_news = before.is_none_or(|before| before.description != description);
        Ok((description, is_news))
    }

    /// The machines whose descriptions are missing or, with `old`, may have changed.
    fn undescribed(&self, old: bool, wanted: impl Fn(&VmId) -> bool) -> Vec<(VmId, i64)> {
        let known = locked(&self.known);
        let is_due =
            |vm: &VmId, row: &Row| known.get(vm).is_none_or(|k| k.run != row.run || (old && k.since.elapsed() > STALE));
        let rows = locked(&self.rows);
        let due = rows.iter().filter(|(vm, row)| wanted(vm) && is_due(vm, row));
        due.map(|(vm, row)| (vm.clone(), row.run)).collect()
    }

    fn vm(&self, row: &Row) -> Vm {
        let (power, remark) = wire::power(&row.state);
        let known = locked(&self.known);
        let description = known.get(&VmId::from(row.name.as_str())).map(|known| &known.description);
        let mut details = Vec::new();
        let mut tell = |label: &'static str, value: &str| {
            if !value.is_empty() {
                details.push((label.into(), clean_line(value).into_owned()));
            }
        };
        tell("UUID", &row.uuid);
        if let Some(found) = description {
            tell("Title", &found.title);
            tell("Description", &found.description);
            tell("VNC", found.vnc.as_deref().unwrap_or_default());
            tell("Serial line", if found.has_console { "on its host alone: virsh console" } else { "" });
        }
        Vm {
            power: Some(power),
            remark,
            cpus: description.and_then(|found| found.current_cpus),
            memory: description.and_then(|found| found.current_memory).map(|size| size.0),
            details,
            ..Vm::named(&row.name)
        }
    }

    fn node(&self, metal: &Metal) -> Node {
        let mut details = Vec::new();
        let mut tell = |label: &str, value: String| details.push((label.to_owned(), value));
        if let Some(uptime) = metal.uptime {
            tell("Up for", span(uptime));
        }
        if metal.loads.len() > 1 {
            tell("Load", metal.loads.iter().map(|load| format!("{load:.2}")).collect::<Vec<_>>().join("  "));
        }
        if let Some(threads) = metal.threads {
            tell("Threads", threads.to_string());
        }
        if let Some(swap) = metal.swap {
            tell("Swap", format!("{} of {}", swap.used.number_beside(swap.total), swap.total));
        }
        if metal.memory.is_some() {
            tell("Memory", "what files are cached in counts as used".to_owned());
        }
        if let Some(why) = self.client.obstacle() {
            tell("Changes", why);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a load is shown with one digit")]
        let load = metal.loads.first().map(|load| *load as f32);
        Node { id: "host".into(), name: self.client.shown(), load, memory: metal.memory, details, ..Node::default() }
    }
}

impl Govirthost {
    pub fn new(settings: Settings) -> Self {
        Self { settings, session: Mutex::default(), asking: Asking::default() }
    }

    fn session(&self) -> Result<Arc<Session>> {
        locked(&self.session).clone().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))
    }
}

impl Backend for Govirthost {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        *locked(&self.session) = None;
        let (session, capabilities) = self.begin(events).await?;
        *locked(&self.session) = Some(Arc::new(session));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let session = self.session()?;
        let (rows, metal) = tokio::join!(session.rows(), async {
            if quick { None } else { session.client.get("metal", "").await.ok() }
        });
        let rows = rows?;
        if !quick {
            let begun = Stopwatch::start();
            let read = |(vm, run): (VmId, i64)| {
                let session = &session;
                async move {
                    if begun.elapsed() < WALK
                        && let Err(error) = session.describe(&vm, run).await
                    {
                        tracing::debug!("{vm} was not described: {error}");
                    }
                }
            };
            let wanted = session.undescribed(false, |_| true);
            stream::iter(wanted.into_iter().map(read)).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
        let nodes = metal.and_then(|told| wire::metal(&told).ok()).map(|metal| vec![session.node(&metal)]);
        let vms = rows.iter().map(|row| session.vm(row)).collect();
        Ok(Inventory { vms: Some(vms), images: None, nodes })
    }

    /// The server tells no figures; what is seen is where descriptions are read again.
    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        let session = self.session()?;
        let read = |(vm, run): (VmId, i64)| {
            let session = &session;
            async move { session.describe(&vm, run).await.is_ok_and(|(_, is_news)| is_news).then_some(vm) }
        };
        let wanted = session.undescribed(true, |vm| vms.contains(vm));
        let mut news = stream::iter(wanted.into_iter().map(read)).buffer_unordered(AT_ONCE);
        while let Some(vm) = news.next().await {
            let row = vm.and_then(|vm| locked(&session.rows).get(&vm).cloned());
            if let Some(row) = row {
                // Nobody listens where there is no screen.
                let _ = session.events.send(HostEvent::Vm(Box::new(session.vm(&row)))).await;
            }
        }
        Ok(Vec::new())
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(Verdict::Unknown)
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }
}

impl Images for Govirthost {}
impl Nodes for Govirthost {}
impl Setup for Govirthost {}
impl Snapshots for Govirthost {}

/// Whether `op` can be done to a machine in the state of `row`.
fn check(row: &Row, op: Op) -> Result<()> {
    let (power, asleep) = wire::power(&row.state);
    op.allowed(power).map_err(|why| {
        let why = asleep.map_or_else(|| why.to_owned(), |word| why.replacen("paused", &word, 1));
        let never =
            if op.instead(power).contains(&Op::Resume) { format!("; {}", connect::RESUME) } else { String::new() };
        Error::conflict(format_args!("{}: {why}{never}", clean_line(&row.name)))
    })
}
