//! The requests of one host that are under way, and those that wait for their turn.
use super::{
    change::{Change, Ended, cancelled},
    guarded::unpanicked,
};
use crate::{
    app::Message,
    backend::{AnyBackend, Call},
    domain::{Capabilities, Error, ErrorKind, Expect, Progress, Request, TaskId, TaskState},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How many requests may wait for one host.
const QUEUE: usize = 256;

/// What came of the work of a host.
enum Outcome {
    Ended(Ended),
    /// A late answer after an unknown end.
    Late(TaskId, Option<TaskState>),
    /// The host of an overdue change answers again.
    Answers(TaskId),
}

struct Live {
    cancel: CancellationToken,
    /// It takes one of the places for changes.
    has_place: bool,
}

/// Whether the request takes one of the places for changes.
fn takes_place(request: &Request, capabilities: &Capabilities) -> bool {
    request.is_change() && !capabilities.limits.beside.contains(request.op())
}

/// The requests of one host.
pub(super) struct Calls {
    backend: Arc<dyn AnyBackend>,
    app: mpsc::Sender<Message>,
    work: JoinSet<Outcome>,
    live: HashMap<TaskId, Live>,
    queue: VecDeque<(TaskId, Request)>,
    /// Changes whose end is unknown on a host that answers nothing: they keep their place.
    silent: HashSet<TaskId>,
}

impl Calls {
    pub(super) fn new(backend: Arc<dyn AnyBackend>, app: mpsc::Sender<Message>) -> Self {
        Self {
            backend,
            app,
            work: JoinSet::new(),
            live: HashMap::new(),
            queue: VecDeque::new(),
            silent: HashSet::new(),
        }
    }

    async fn end(&self, task: TaskId, error: Error) {
        let _ = self.app.send(Message::TaskEnded(task, Err(error))).await;
    }

    /// Takes a request; without `capabilities` (still connecting) it waits. The one guard stands here.
    pub(super) async fn take(&mut self, task: TaskId, request: Request, capabilities: Option<&Arc<Capabilities>>) {
        if self.queue.len() >= QUEUE {
            return self.end(task, Error::new(ErrorKind::Busy, "too much is waiting for this host already")).await;
        }
        match capabilities {
            Some(capabilities) if self.has_room(&request, capabilities) => {
                self.begin(task, request, capabilities).await;
            }
            _ => {
                self.queue.push_back((task, request));
                let _ = self.app.send(Message::TaskState(task, TaskState::Queued)).await;
            }
        }
    }

    fn has_room(&self, request: &Request, capabilities: &Capabilities) -> bool {
        let most = capabilities.limits.changes_at_once;
        !takes_place(request, capabilities) || most.is_none_or(|most| self.changes() < most.max(1))
    }

    /// How many places for changes are taken.
    pub(super) fn changes(&self) -> usize {
        self.live.values().filter(|live| live.has_place).count() + self.silent.len()
    }

    async fn begin(&mut self, task: TaskId, request: Request, capabilities: &Arc<Capabilities>) {
        if let Err(why) = capabilities.check(request.op()) {
            return self.end(task, Error::unsupported(request.op(), why)).await;
        }
        let (call, progress) = Call::new();
        self.live.insert(task, Live { cancel: call.cancel.clone(), has_place: takes_place(&request, capabilities) });
        let change = Change {
            backend: self.backend.clone(),
            task,
            request,
            capabilities: capabilities.clone(),
            call,
            app: self.app.clone(),
        };
        self.work.spawn(async move {
            let ended = unpanicked(async { Ok(change.run(progress).await) }).await;
            Outcome::Ended(ended.unwrap_or_else(|bug| Ended {
                task,
                result: Err(bug),
                expect: None,
                late: None,
                silence: None,
            }))
        });
    }

    /// Begins what has room now.
    pub(super) async fn advance(&mut self, capabilities: &Arc<Capabilities>) {
        let mut kept = VecDeque::new();
        while let Some((task, request)) = self.queue.pop_front() {
            if self.has_room(&request, capabilities) {
                let _ = self.app.send(Message::TaskState(task, TaskState::Running(Progress::default()))).await;
                self.begin(task, request, capabilities).await;
            } else {
                kept.push_back((task, request));
            }
        }
        self.queue = kept;
    }

    /// Ends everything that waits: there is no connection to send it on.
    pub(super) async fn refuse_all(&mut self, error: &Error) {
        self.silent.clear();
        for (task, _) in std::mem::take(&mut self.queue) {
            self.end(task, error.clone()).await;
        }
    }

    pub(super) async fn cancel(&mut self, task: TaskId) {
        if let Some(at) = self.queue.iter().position(|(t, _)| *t == task) {
            self.queue.remove(at);
            self.end(task, cancelled()).await;
        } else if let Some(live) = self.live.get(&task) {
            live.cancel.cancel();
        }
    }

    /// Waits for the next end, for ever when nothing is under way. Safe to drop: the end then comes again.
    pub(super) async fn next(&mut self) -> Option<Joined> {
        match self.work.join_next().await {
            Some(Ok(outcome)) => Some(Joined(outcome)),
            Some(Err(broken)) => {
                tracing::error!("a task of a host broke: {broken}");
                None
            }
            None => std::future::pending().await,
        }
    }

    /// Tells the application; returns what a change was to bring about.
    pub(super) async fn settle(&mut self, joined: Joined) -> Option<Expect> {
        match joined.0 {
            Outcome::Ended(ended) => {
                self.live.remove(&ended.task);
                let _ = self.app.send(Message::TaskEnded(ended.task, ended.result)).await;
                if let Some(late) = ended.late {
                    self.work.spawn(async move { Outcome::Late(ended.task, late.await) });
                }
                if let Some(silence) = ended.silence {
                    self.silent.insert(ended.task);
                    self.work.spawn(async move {
                        silence.await;
                        Outcome::Answers(ended.task)
                    });
                }
                ended.expect
            }
            Outcome::Answers(task) => {
                self.silent.remove(&task);
                None
            }
            Outcome::Late(task, state) => {
                self.silent.remove(&task);
                if let Some(state) = state {
                    let _ = self.app.send(Message::TaskState(task, state)).await;
                }
                Some(Expect::Nothing)
            }
        }
    }
}

/// An end on its way to [`Calls::settle`].
pub(super) struct Joined(Outcome);
