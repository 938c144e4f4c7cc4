//! Machines that iohyve runs on `FreeBSD` and `TrueOS`, through the `iohyve` class of a SysAdm server.
//!
//! The server runs the command and often says yes when it failed, so nothing counts before it was read back. It is
//! documented in one way and answers in another: both are read, see [`wire`].
mod client;
mod disks;
mod images;
mod jobs;
mod link;
mod look;
mod machines;
mod power;
mod properties;
mod session;
mod setup;
pub mod wire;

pub use crate::transport::Trust;
use crate::{
    backend::{
        Backend, EventSink, Nodes,
        iohyve::{Row, Seen, names, sizes, values},
    },
    domain::{
        Capabilities, Error, ErrorKind, Expect, HostEvent, Inventory, Question, QuestionKind, Result, Secret, Verdict,
        Vm, VmId,
    },
    transport::Password,
};
use jobs::Jobs;
use link::Link;
use serde_json::{Map, Value};
use session::Session;
use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;

/// Where the server is and how to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `wss://host:12150`.
    pub url: String,
    /// None: root.
    pub user: Option<String>,
    pub password: Password,
    /// A private key, which this version cannot sign in with.
    pub key: Option<PathBuf>,
    pub trust: Trust,
}

/// A SysAdm server.
#[derive(Debug)]
pub struct Sysadm {
    settings: Settings,
    session: Mutex<Option<Session>>,
    jobs: Arc<Jobs>,
    /// The password that a person typed, until it turns out to be wrong.
    typed: Mutex<Option<Secret>>,
    asked: Mutex<Option<(u64, oneshot::Sender<Option<Secret>>)>>,
    questions: AtomicU64,
    /// What the present connection was said to offer, and where to say otherwise.
    told: Mutex<Option<(EventSink, Capabilities)>>,
    seen: Seen,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sysadm {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            session: Mutex::default(),
            jobs: Arc::default(),
            typed: Mutex::default(),
            asked: Mutex::default(),
            questions: AtomicU64::new(1),
            told: Mutex::default(),
            seen: Seen::default(),
        }
    }

    /// What is known of the present connection, and the way to use it.
    fn session(&self) -> Result<(Link, Arc<session::Facts>)> {
        let session = locked(&self.session);
        let session = session.as_ref().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
        Ok((session.link.clone(), session.facts.clone()))
    }

    /// Asks the class for `action`; what stands below the action's name comes back. Values are texts only: the server
    /// takes anything else for nothing.
    async fn iohyve(&self, action: &str, fields: &[(&str, &str)]) -> Result<Value> {
        let (link, _) = self.session()?;
        iohyve(&link, action, fields).await
    }

    /// All machines, as they are now.
    async fn rows(&self) -> Result<Vec<Row>> {
        wire::rows(&self.iohyve("listvms", &[]).await?)
    }

    /// One machine as it is now, and all others.
    async fn row(&self, vm: &VmId) -> Result<(Row, Vec<Row>)> {
        let mut rows = self.rows().await?;
        let at = rows.iter().position(|row| row.name == vm.as_str()).ok_or_else(|| missing(vm))?;
        Ok((rows.swap_remove(at), rows))
    }

    async fn isos(&self) -> Result<Vec<String>> {
        wire::names(&self.iohyve("listisos", &[]).await?, "listisos")
    }

    fn vm(&self, row: &Row) -> Vm {
        self.seen.vm(row)
    }

    /// Asks the person, and waits for as long as the answer takes. None: no answer will come.
    async fn ask(&self, events: &EventSink, kind: QuestionKind, text: String) -> Result<Option<Secret>> {
        let number = self.questions.fetch_add(1, Ordering::Relaxed);
        let (answered, answer) = oneshot::channel();
        *locked(&self.asked) = Some((number, answered));
        let gone = |_| Error::new(ErrorKind::NeedsAnswer, "nobody can be asked");
        events.send(HostEvent::Asks(Question { number, kind, text })).await.map_err(gone)?;
        Ok(answer.await.unwrap_or(None))
    }
}

async fn iohyve(link: &Link, action: &str, fields: &[(&str, &str)]) -> Result<Value> {
    let mut args = Map::from_iter([("action".to_owned(), Value::from(action))]);
    args.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
    wire::below(action, &link.call("sysadm", "iohyve", Value::Object(args)).await?)
}

fn missing(vm: &VmId) -> Error {
    Error::not_found(format_args!("no machine is called {vm}"))
}

impl Backend for Sysadm {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        drop(locked(&self.session).take());
        let (session, capabilities) = self.begin(&events).await?;
        let link = session.link.clone();
        let may_list = session.facts.may_list_jobs;
        *locked(&self.session) = Some(session);
        if may_list {
            self.find_jobs(&link).await?;
        }
        link.is_up()?;
        *locked(&self.told) = Some((events, capabilities.clone()));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let is_bare = !quick && locked(&self.told).as_ref().is_some_and(|(_, told)| told.is_set_up == Some(false));
        let (rows, isos, is_ready) =
            tokio::join!(self.rows(), async { if quick { None } else { Some(self.isos().await) } }, async {
                is_bare && self.says_set_up().await.unwrap_or(false)
            },);
        let rows = rows?;
        if is_ready || (is_bare && !rows.is_empty()) {
            self.tell_set_up().await;
        }
        let vms = rows.into_iter().map(|row| self.vm(&row)).collect();
        let images = isos.and_then(Result::ok).map(|names| names.into_iter().map(crate::domain::Image::new).collect());
        Ok(Inventory { vms: Some(vms), images, nodes: None })
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(Verdict::Unknown)
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        let asked = locked(&self.asked).take_if(|(number, _)| *number == question);
        if let Some((_, waits)) = asked {
            let _ = waits.send(answer);
        }
    }
}

/// It is one machine, which nobody adds or removes.
impl Nodes for Sysadm {}
