//! One task per host: connects, reconnects, reads, runs calls side by side, and reports to the application. It alone
//! knows the backend, and it alone waits for it.
use super::{
    calls::Calls,
    guarded::{at, guarded, instant, unpanicked, unsent},
    policy::{Policy, jittered},
    reads::{Read, Reads},
    shown::Shown,
};
use crate::{
    app::{Effect, Message},
    backend::{AnyBackend, Console},
    domain::{Capabilities, Error, ErrorKind, Focus, HostEvent, HostId, Link, Result, Stamp, VmId},
    transport::{Latency, now},
};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// What an actor is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Effect(Effect),
    /// The way into a console: no data, so it does not pass through the application.
    Console(VmId, oneshot::Sender<Result<Console>>),
}

/// How many events of a backend may wait.
const EVENTS: usize = 64;

/// Where the connection stands.
enum Phase {
    Connecting { until: Option<Instant> },
    Up(Arc<Capabilities>),
    Down { retry: Option<Instant>, error: Error },
}

struct Actor {
    id: HostId,
    backend: Arc<dyn AnyBackend>,
    policy: Policy,
    app: mpsc::Sender<Message>,
    phase: Phase,
    events: mpsc::Receiver<HostEvent>,
    connecting: JoinSet<Result<Capabilities>>,
    calls: Calls,
    reads: Reads,
    latency: Arc<Latency>,
    side: JoinSet<()>,
    backoff: Duration,
    /// Since when the host does not serve.
    down_since: Option<Instant>,
    /// When the last list was asked for that nothing but the time called for.
    polled: Instant,
    shown: Shown,
    listed: Stamp,
    stale: Option<Error>,
}

/// Serves one host until `stop`, or until nobody can ask for anything any more.
pub(super) async fn run(
    id: HostId,
    backend: Arc<dyn AnyBackend>,
    policy: Policy,
    mut commands: mpsc::Receiver<Command>,
    app: mpsc::Sender<Message>,
    stop: CancellationToken,
) {
    let latency = Arc::<Latency>::default();
    let mut actor = Actor {
        id,
        policy,
        phase: Phase::Connecting { until: None },
        events: mpsc::channel(1).1,
        connecting: JoinSet::new(),
        calls: Calls::new(backend.clone(), app.clone()),
        reads: Reads::new(backend.clone(), policy.read_within, latency.clone()),
        latency,
        side: JoinSet::new(),
        backoff: policy.backoff,
        down_since: None,
        polled: instant(),
        shown: Shown::new(policy.figures_every),
        listed: now(),
        stale: None,
        backend,
        app,
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = actor.serve(&mut commands) => {}
    }
}

/// What comes next from a backend, while it has a way to say something.
async fn event(events: &mut mpsc::Receiver<HostEvent>) -> HostEvent {
    match events.recv().await {
        Some(event) => event,
        None => pending().await,
    }
}

impl Actor {
    async fn serve(&mut self, commands: &mut mpsc::Receiver<Command>) {
        self.connect().await;
        loop {
            let (wait, list, figures, details) = self.times();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await,
                    None => return,
                },
                event = event(&mut self.events) => self.event(event).await,
                Some(joined) = self.calls.next() => self.call_ended(joined).await,
                (begun, read) = self.reads.next() => self.was_read(begun, read).await,
                Some(connected) = self.connecting.join_next() => self.connected(connected).await,
                Some(_) = self.side.join_next() => {}
                () = at(wait) => self.waited().await,
                () = at(list) => self.poll(),
                () = at(details) => self.details(),
                () = at(figures) => self.figures(),
            }
        }
    }

    /// When to act without being asked: on the connection, the list, the figures, the details.
    fn times(&self) -> (Option<Instant>, Option<Instant>, Option<Instant>, Option<Instant>) {
        match &self.phase {
            Phase::Connecting { until } => (*until, None, None, None),
            Phase::Down { retry, .. } => (*retry, None, None, None),
            Phase::Up(_) => (
                None,
                self.policy.is_watching.then(|| self.reads.full_at.unwrap_or_else(|| self.polled + self.list_every())),
                self.shown.figures_at().filter(|_| self.policy.is_watching && self.reads.full_at.is_none()),
                self.shown.details_at,
            ),
        }
    }

    async fn tell(&self, event: HostEvent) {
        let _ = self.app.send(Message::Host(self.id.clone(), event)).await;
        // The screen, where it shares the processor, would have to wait for all that is read next.
        std::thread::yield_now();
    }

    /// Connecting goes on: what was asked has its answer.
    async fn goes_on(&mut self) {
        if let Phase::Connecting { until } = &mut self.phase {
            *until = Some(instant() + self.policy.connect_within);
            self.tell(HostEvent::Link(Link::Connecting)).await;
        }
    }

    async fn connect(&mut self) {
        self.tell(HostEvent::Link(Link::Connecting)).await;
        self.phase = Phase::Connecting { until: Some(instant() + self.policy.connect_within) };
        let (sink, events) = mpsc::channel(EVENTS);
        self.events = events;
        let (backend, latency) = (self.backend.clone(), self.latency.clone());
        self.connecting.spawn(async move { latency.measure(unpanicked(backend.connect(sink))).await });
    }

    async fn connected(&mut self, ended: std::result::Result<Result<Capabilities>, tokio::task::JoinError>) {
        let capabilities = match ended {
            Ok(Ok(capabilities)) => Arc::new(capabilities),
            Ok(Err(error)) => return self.down(error).await,
            Err(broken) if broken.is_cancelled() => return,
            Err(broken) => return self.down(Error::new(ErrorKind::Panicked, broken)).await,
        };
        self.tell(HostEvent::Link(Link::Up(Box::new((*capabilities).clone())))).await;
        self.phase = Phase::Up(capabilities.clone());
        self.calls.advance(&capabilities).await;
        if self.policy.is_watching {
            self.polled = instant();
            self.shown.is_due();
            self.reads.list(true);
            self.details();
        }
    }

    async fn down(&mut self, error: Error) {
        self.connecting.abort_all();
        self.reads.reset();
        self.shown.forget();
        self.latency.forget();
        let lasting = matches!(
            error.kind,
            ErrorKind::Unsupported | ErrorKind::Invalid | ErrorKind::Unauthorized | ErrorKind::NeedsAnswer
        );
        let pause = jittered(self.backoff).min(self.policy.backoff_max);
        // A cut that is over soon is noticed soon.
        let since = *self.down_since.get_or_insert_with(instant);
        if since.elapsed() >= self.policy.patient_after {
            self.backoff = (self.backoff * 2).min(self.policy.backoff_max);
        }
        let retry_at = (!lasting).then(|| now().after(pause));
        self.phase = Phase::Down { retry: (!lasting).then(|| instant() + pause), error: error.clone() };
        self.calls.refuse_all(&unsent(&error)).await;
        self.tell(HostEvent::Link(Link::Down { error, retry_at })).await;
    }

    /// The pause is over, or connecting took too long.
    async fn waited(&mut self) {
        if matches!(self.phase, Phase::Connecting { .. }) {
            let why = super::guarded::no_answer(self.policy.connect_within);
            self.down(Error::new(ErrorKind::Unreachable, why)).await;
        } else {
            self.connect().await;
        }
    }

    fn capabilities(&self) -> Option<Arc<Capabilities>> {
        match &self.phase {
            Phase::Up(capabilities) => Some(capabilities.clone()),
            _ => None,
        }
    }

    fn list_every(&self) -> Duration {
        self.policy.list_every(self.capabilities().as_deref(), self.reads.list_took)
    }

    fn poll(&mut self) {
        self.polled = instant();
        // What is selected when the machines are read in full for the first time is asked for in its own time.
        if self.reads.full_at.is_none() {
            self.details();
        }
        self.reads.list(false);
    }

    /// Asks what is used now of what is on the screen.
    fn figures(&mut self) {
        self.shown.were_asked();
        if !self.shown.vms.is_empty() {
            self.reads.figures(self.shown.vms.clone());
        }
        if self.shown.node {
            self.reads.own_node();
        }
    }

    /// Reads what is shown in full.
    fn details(&mut self) {
        self.shown.details_at = None;
        if let (Some(focus), Some(capabilities)) = (self.shown.selected.clone(), self.capabilities()) {
            self.reads.details(focus, &capabilities);
        }
    }

    async fn command(&mut self, command: Command) {
        match command {
            Command::Console(vm, answer) => self.console(vm, answer),
            Command::Effect(Effect::Call { task, request, .. }) => match &self.phase {
                Phase::Down { error, .. } => {
                    let _ = self.app.send(Message::TaskEnded(task, Err(unsent(error)))).await;
                }
                Phase::Connecting { .. } => self.calls.take(task, request, None).await,
                Phase::Up(capabilities) => self.calls.take(task, request, Some(&capabilities.clone())).await,
            },
            Command::Effect(Effect::Cancel { task, .. }) => self.calls.cancel(task).await,
            Command::Effect(Effect::Watch { vms, node, selected, .. }) => {
                // What stood there from before is old.
                if self.shown.take(vms, node, selected) && matches!(self.phase, Phase::Up(_)) {
                    self.reads.own_node();
                }
            }
            Command::Effect(Effect::Refresh(_)) => match &self.phase {
                Phase::Up(_) => self.poll(),
                Phase::Down { .. } => {
                    (self.backoff, self.down_since) = (self.policy.backoff, None);
                    self.connect().await;
                }
                Phase::Connecting { .. } => {}
            },
            Command::Effect(Effect::Answer { question, answer, .. }) => {
                self.goes_on().await;
                let backend = self.backend.clone();
                self.side.spawn(async move { backend.answer(question, answer).await });
            }
            Command::Effect(
                Effect::CallSoon { .. }
                | Effect::Console { .. }
                | Effect::Edit { .. }
                | Effect::Copy(_)
                | Effect::Bell
                | Effect::Notice(_)
                | Effect::Redraw
                | Effect::Suspend,
            ) => {}
        }
    }

    fn console(&mut self, vm: VmId, answer: oneshot::Sender<Result<Console>>) {
        let op = crate::domain::Op::OpenConsole;
        let refusal = match &self.phase {
            Phase::Up(capabilities) => capabilities.check(op).err().map(|why| Error::unsupported(op, why)),
            Phase::Down { error, .. } => Some(unsent(error)),
            Phase::Connecting { .. } => Some(Error::new(ErrorKind::Unreachable, "still connecting")),
        };
        if let Some(error) = refusal {
            let _ = answer.send(Err(error));
            return;
        }
        let (backend, within) = (self.backend.clone(), self.policy.read_within);
        self.side.spawn(async move {
            let _ = answer.send(guarded(Some(within), backend.open_console(&vm)).await);
        });
    }

    async fn event(&mut self, event: HostEvent) {
        match event {
            HostEvent::Disconnected(error) => self.down(error).await,
            HostEvent::Asks(question) => match &mut self.phase {
                Phase::Connecting { until } => {
                    *until = None;
                    self.tell(HostEvent::Link(Link::Asks(question))).await;
                }
                // One of its calls waits; it serves the others.
                Phase::Up(_) | Phase::Down { .. } => self.tell(HostEvent::Asks(question)).await,
            },
            HostEvent::Link(Link::Connecting) => self.goes_on().await,
            HostEvent::Hint(vm) => {
                let Some(capabilities) = self.capabilities().filter(|_| self.policy.is_watching) else { return };
                let is_meant = |shown: &Focus| match (shown, &vm) {
                    (Focus::Vm(shown), Some(vm)) => shown == vm,
                    (Focus::Node(_), None) => true,
                    _ => false,
                };
                if let Some(focus) = self.shown.selected.clone().filter(is_meant) {
                    self.reads.details(focus, &capabilities);
                }
                match vm {
                    Some(vm) => self.reads.vm(vm, &capabilities),
                    None => self.reads.list(false),
                }
            }
            HostEvent::Capabilities(capabilities) => {
                if self.capabilities().is_none() {
                    return;
                }
                let new = Arc::new((*capabilities).clone());
                self.phase = Phase::Up(new.clone());
                self.tell(HostEvent::Capabilities(capabilities)).await;
                self.calls.advance(&new).await;
            }
            event => {
                self.reads.pushed(&event);
                self.tell(event).await;
            }
        }
    }

    async fn call_ended(&mut self, joined: super::calls::Joined) {
        let expect = self.calls.settle(joined).await;
        // As after all that is told.
        std::thread::yield_now();
        let Some(capabilities) = self.capabilities() else { return };
        self.calls.advance(&capabilities).await;
        if let Some(expect) = expect.filter(|_| self.policy.is_watching) {
            self.reads.changed(&expect, &capabilities, self.shown.selected.as_ref());
        }
    }

    async fn was_read(&mut self, begun: u64, read: Read) {
        let Some(capabilities) = self.capabilities() else { return };
        let is_list = matches!(read, Read::List { .. });
        match self.reads.settle(begun, read, &capabilities) {
            Ok(events) => {
                if is_list {
                    (self.backoff, self.down_since) = (self.policy.backoff, None);
                    self.stale = None;
                    self.listed = now();
                }
                for event in events {
                    if !matches!(&event, HostEvent::Figures(figures) if !self.shown.is_news(figures)) {
                        self.tell(event).await;
                    }
                }
            }
            Err(error) if error.kind == ErrorKind::Unreachable => self.down(error).await,
            Err(error) => {
                if self.stale.as_ref() != Some(&error) {
                    self.stale = Some(error.clone());
                    self.tell(HostEvent::Stale { since: self.listed, error }).await;
                }
            }
        }
        if let Some(latency) = self.latency.now().filter(|_| self.policy.is_watching) {
            self.tell(HostEvent::Latency(latency)).await;
        }
    }
}
