use super::{
    host::{self, Command},
    policy::Policy,
    threads::Threads,
};
use crate::{
    app::{Effect, Message},
    backend::{Backend, Console, any},
    domain::{Error, ErrorKind, HostId, Result, VmId},
};
use std::collections::HashMap;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How many messages of all hosts may wait for the application: beyond it, hosts wait.
const MESSAGES: usize = 256;
/// How many threads serve hosts at most.
const THREADS: usize = 2;
/// How many effects may wait for one host: beyond it, it is busy.
const COMMANDS: usize = 64;

/// The actors of all hosts and the way to each. After [`Hosts::add`] nobody knows a backend's type.
#[derive(Debug)]
pub struct Hosts {
    messages: mpsc::Sender<Message>,
    actors: JoinSet<()>,
    ways: HashMap<HostId, mpsc::Sender<Command>>,
    stop: CancellationToken,
    /// None: the hosts are served where everything else is done.
    threads: Option<Threads>,
}

impl Hosts {
    /// No hosts yet; and where everything they report comes out.
    pub fn new() -> (Self, mpsc::Receiver<Message>) {
        let (messages, inbox) = mpsc::channel(MESSAGES);
        let (ways, stop) = (HashMap::new(), CancellationToken::new());
        (Self { messages, actors: JoinSet::new(), ways, stop, threads: None }, inbox)
    }

    /// [`Hosts::new`], for `count` hosts that are served by threads of their own.
    pub fn on_threads(count: usize) -> (Self, mpsc::Receiver<Message>) {
        let (hosts, inbox) = Self::new();
        let threads = Threads::start(count.min(THREADS));
        let threads = threads.inspect_err(|error| tracing::warn!("no threads for the hosts: {error}")).ok();
        (Self { threads, ..hosts }, inbox)
    }

    /// Starts the actor of one host.
    pub fn add(&mut self, id: HostId, backend: impl Backend, policy: Policy) {
        let (way, commands) = mpsc::channel(COMMANDS);
        let messages = self.messages.clone();
        let actor = host::run(id.clone(), any(backend), policy, commands, messages, self.stop.child_token());
        match self.threads.as_mut().and_then(Threads::next) {
            Some(thread) => self.actors.spawn_on(actor, thread),
            None => self.actors.spawn(actor),
        };
        self.ways.insert(id, way);
    }

    /// Passes an effect to its host, without waiting. Some: what the application must be told instead.
    pub fn execute(&self, effect: Effect) -> Option<Message> {
        let effect = match effect {
            Effect::CallSoon { host, task, request } => Effect::Call { host, task, request },
            effect => effect,
        };
        let host = match &effect {
            Effect::Call { host, .. }
            | Effect::CallSoon { host, .. }
            | Effect::Cancel { host, .. }
            | Effect::Watch { host, .. }
            | Effect::Answer { host, .. }
            | Effect::Console { host, .. }
            | Effect::Refresh(host) => host,
            Effect::Edit { .. }
            | Effect::Copy(_)
            | Effect::Bell
            | Effect::Notice(_)
            | Effect::Redraw
            | Effect::Suspend => return None,
        };
        let (is_quiet, task) = match &effect {
            Effect::Call { task, .. } => (false, Some(*task)),
            Effect::Watch { .. } | Effect::Refresh(_) => (true, None),
            _ => (false, None),
        };
        let (kind, why) = match self.ways.get(host) {
            None => (ErrorKind::NotFound, format!("no host is called {host}")),
            Some(way) => {
                let why = format!("{host} is behind with its work: nothing was sent");
                match way.try_send(Command::Effect(effect)) {
                    Ok(()) => return None,
                    Err(_) => (ErrorKind::Busy, why),
                }
            }
        };
        match task {
            Some(task) => Some(Message::TaskEnded(task, Err(Error::new(kind, why)))),
            None => (!is_quiet).then_some(Message::Refused(why)),
        }
    }

    /// The way into the console of a machine, once its host has told it.
    pub fn console(&self, host: &HostId, vm: VmId) -> oneshot::Receiver<Result<Console>> {
        let (answer, console) = oneshot::channel();
        let Some(way) = self.ways.get(host) else { return console };
        if let Err(mpsc::error::TrySendError::Full(Command::Console(_, answer))) =
            way.try_send(Command::Console(vm, answer))
        {
            let _ = answer.send(Err(Error::new(ErrorKind::Busy, format_args!("{host} is behind with its work"))));
        }
        console
    }

    /// Ends all actors and what they have under way.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.actors.join_next().await.is_some() {}
    }
}
