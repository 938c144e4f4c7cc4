//! Machines that iohyve runs on `FreeBSD` and `TrueOS`, through the `iohyve` class of a SysAdm server.
//!
//! The server runs the command and often says yes when it failed, so nothing counts before it was read back. It is
//! documented in one way and answers in another: both are read, see [`wire`].
mod allowed;
mod client;
mod disks;
mod images;
mod jobs;
mod key;
mod link;
mod listing;
mod look;
mod machines;
mod power;
mod properties;
mod rest;
mod session;
mod setup;
mod sign_in;
pub mod wire;

pub use crate::transport::Trust;
use crate::{
    backend::{
        Backend, EventSink, Nodes, Snapshots,
        asking::Asking,
        iohyve::{Row, Seen, names, sizes, values},
    },
    domain::{Capabilities, Error, ErrorKind, Expect, Inventory, Op, Result, Secret, Verdict, Vm, VmId},
};
use jobs::Jobs;
use serde_json::{Map, Value};
use session::{Held, Session};
pub use sign_in::SignIn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering};

/// Where the server is and how to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `wss://host:12150` or `https://host:12151`.
    pub url: String,
    pub sign_in: SignIn,
    pub trust: Trust,
}

/// A SysAdm server.
#[derive(Debug)]
pub struct Sysadm {
    settings: Settings,
    held: Mutex<Option<Held>>,
    jobs: Arc<Jobs>,
    asking: Asking,
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
            held: Mutex::default(),
            jobs: Arc::default(),
            asking: Asking::default(),
            told: Mutex::default(),
            seen: Seen::default(),
        }
    }

    /// The present connection.
    fn session(&self) -> Result<Arc<Session>> {
        let held = locked(&self.held);
        let held = held.as_ref().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
        Ok(held.session.clone())
    }

    /// Refuses what the present connection does not offer, before anything is sent for it.
    fn check(&self, op: Op) -> Result<()> {
        let told = locked(&self.told);
        told.as_ref().map_or(Ok(()), |(_, told)| told.check(op).map_err(|why| Error::unsupported(op, why)))
    }

    /// Sends a request; what stands in the `args` of its answer comes back. Where the session has ended meanwhile, the
    /// server did nothing: signs in again, once, and asks again.
    async fn call(&self, namespace: &str, name: &str, args: Value) -> Result<Value> {
        let session = self.session()?;
        let sign_ins = session.sign_ins.load(Ordering::Acquire);
        match session.link.call(namespace, name, args.clone()).await {
            Err(error) if error.kind == ErrorKind::Unauthorized => {}
            result => return result,
        }
        let again = async {
            self.sign_in_again(&session, sign_ins).await?;
            session.link.call(namespace, name, args).await
        };
        again.await.inspect_err(|error| {
            if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::NeedsAnswer) {
                session.link.lose(error);
            }
        })
    }

    /// Asks the class for `action`; what stands below the action's name comes back. Values are texts only: the server
    /// takes anything else for nothing.
    async fn iohyve(&self, action: &str, fields: &[(&str, &str)]) -> Result<Value> {
        wire::below(action, &self.call("sysadm", "iohyve", asked(action, fields)).await?)
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
}

/// The arguments of an action.
fn asked(action: &str, fields: &[(&str, &str)]) -> Value {
    let mut args = Map::from_iter([("action".to_owned(), Value::from(action))]);
    args.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
    Value::Object(args)
}

fn missing(vm: &VmId) -> Error {
    Error::not_found(format_args!("no machine is called {vm}"))
}

impl Backend for Sysadm {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        drop(locked(&self.held).take());
        let (held, capabilities) = self.begin(&events).await?;
        let session = held.session.clone();
        *locked(&self.held) = Some(held);
        if session.facts.jobs != allowed::Tells::Nothing {
            listing::read(&session.link, &session.facts, &self.jobs).await?;
        }
        session.link.is_up()?;
        *locked(&self.told) = Some((events, capabilities.clone()));
        Ok(capabilities)
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let is_bare = !quick && self.is_bare();
        let (rows, images, is_ready) =
            tokio::join!(self.rows(), async { if quick { None } else { Some(self.library().await) } }, async {
                is_bare && self.says_set_up().await.unwrap_or(false)
            },);
        let rows = rows?;
        if is_ready || (is_bare && !rows.is_empty()) {
            self.tell_set_up().await;
        }
        let vms = self.seen.all(&rows);
        let images = images.and_then(Result::ok);
        Ok(Inventory { vms: Some(vms), images, nodes: None })
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        self.judge(expect).await.unwrap_or_else(Verdict::Unknown)
    }

    async fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }
}

/// It is one machine, which nobody adds or removes.
impl Nodes for Sysadm {}
impl Snapshots for Sysadm {}
