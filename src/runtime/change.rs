//! One request from the guard to its verdict.
use super::{
    guarded::{guarded, instant, no_answer, unpanicked},
    throttle,
};
use crate::{
    app::Message,
    backend::{AnyBackend, Call},
    domain::{Cancel, Capabilities, Error, ErrorKind, Expect, Op, Reply, Request, Result, TaskId, TaskState, Verdict},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

/// The pauses between looks grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How long a host that stops at once when told to may still take.
const CANCEL_GRACE: Duration = Duration::from_secs(5);
/// Between two questions to a host that answers nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// How long an answer that is overdue is still waited for.
const LATE: Duration = Duration::from_secs(600);

/// What a request needs on its way.
pub(super) struct Change {
    pub(super) backend: Arc<dyn AnyBackend>,
    pub(super) task: TaskId,
    pub(super) request: Request,
    pub(super) capabilities: Arc<Capabilities>,
    pub(super) call: Call,
    pub(super) app: mpsc::Sender<Message>,
}

/// How a request ended.
pub(super) struct Ended {
    pub(super) task: TaskId,
    pub(super) result: Result<Reply>,
    /// What a change should have brought about; None: nothing was sent.
    pub(super) expect: Option<Expect>,
    /// An answer that is still out, where the end is unknown.
    pub(super) late: Option<BoxFuture<'static, Option<TaskState>>>,
    /// Ends when the host answers again, where it answers nothing: until then the change keeps its place.
    pub(super) silence: Option<BoxFuture<'static, ()>>,
}

impl Change {
    /// Runs a request to its end. A change is sent once and then looked at.
    pub(super) async fn run(self, progress: tokio::sync::watch::Receiver<crate::domain::Progress>) -> Ended {
        let (task, app) = (self.task, self.app.clone());
        let steps = async { if self.request.is_change() { self.change().await } else { self.read().await } };
        tokio::select! {
            ended = steps => ended,
            () = throttle::progress(task, progress, app) => unreachable!("it goes on until it is dropped"),
        }
    }

    fn ended(&self, result: Result<Reply>) -> Ended {
        Ended { task: self.task, result, expect: None, late: None, silence: None }
    }

    async fn read(&self) -> Ended {
        let patience = self.capabilities.limits.patience(self.request.op());
        let prepared = crate::backend::Prepared { request: self.request.clone(), expect: Expect::Nothing };
        let answer = guarded(patience, self.backend.dispatch(&prepared, self.call.clone()));
        let result = tokio::select! {
            result = answer => result,
            () = self.call.cancel.cancelled() => Err(cancelled()),
        };
        self.ended(result)
    }

    async fn change(&self) -> Ended {
        let op = self.request.op();
        let limits = &self.capabilities.limits;
        let within = limits.patience(Op::Show);
        let prepared = tokio::select! {
            prepared = guarded(within, self.backend.prepare(self.request.clone())) => prepared,
            () = self.call.cancel.cancelled() => Err(cancelled()),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            // Nothing was sent, so nothing is unknown.
            Err(error) if error.kind == ErrorKind::Timeout => {
                let why = format_args!("nothing was changed: {} to the question before it", error.message);
                return self.ended(Err(Error::new(ErrorKind::Busy, why)));
            }
            Err(error) => return self.ended(Err(error)),
        };
        let expect = prepared.expect.clone();
        let (backend, call) = (self.backend.clone(), self.call.clone());
        let mut answer = async move { unpanicked(backend.dispatch(&prepared, call)).await }.boxed();
        let patience = limits.patience(op);
        let first = tokio::select! {
            first = patient(patience, &mut answer) => first,
            () = self.given_up() => Some(Err(cancelled())),
        };
        let result = match first {
            Some(Ok(reply)) => self.verify(&expect, reply).await,
            Some(Err(error)) if !error.leaves_unknown() => Err(error),
            Some(Err(error)) => self.doubt(&expect, error).await,
            None => {
                let error = no_answer(patience.unwrap_or_default());
                let result = tokio::select! {
                    result = self.doubt(&expect, error) => result,
                    answered = &mut answer => match answered {
                        Ok(reply) => self.verify(&expect, reply).await,
                        Err(error) if error.leaves_unknown() => self.doubt(&expect, error).await,
                        Err(error) => Err(error),
                    },
                };
                match result {
                    Err(error) if error.kind == ErrorKind::Timeout => return self.overdue(expect, error, answer).await,
                    result => result,
                }
            }
        };
        Ended { task: self.task, result, expect: Some(expect), late: None, silence: None }
    }

    /// The end of a change that is past its patience. A host that answers reads meanwhile runs its calls side by side:
    /// others need not wait for one that hangs.
    async fn overdue(&self, expect: Expect, error: Error, answer: BoxFuture<'static, Result<Reply>>) -> Ended {
        let (mut error, mut silence) = (error, None);
        if self.capabilities.limits.changes_at_once.is_some() {
            let answers = answers(&*self.backend, self.capabilities.limits.patience(Op::List)).await;
            let told = if answers {
                "the host answers otherwise: what waited for this goes on"
            } else {
                let (backend, patience) = (self.backend.clone(), self.capabilities.limits.patience(Op::List));
                silence = Some(async move { while !answers_later(&*backend, patience).await {} }.boxed());
                "the host answers nothing else either: what waits for this waits on"
            };
            error = Error::new(error.kind, format_args!("{}; {told}", error.message));
        }
        let late = Some(self.late(expect.clone(), answer));
        Ended { task: self.task, result: Err(error), expect: Some(expect), late, silence }
    }

    /// Returns when a cancelled call has had its time, where the host is sure to stop.
    async fn given_up(&self) {
        self.call.cancel.cancelled().await;
        let takes_a_call = self.request.is_fetch()
            || matches!(self.request, Request::Create { .. } | Request::AddDisk { .. } | Request::SetUp { .. });
        if self.capabilities.cancel == Cancel::Sure && takes_a_call {
            sleep(CANCEL_GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    }

    async fn looking(&self, why: String) {
        let _ = self.app.send(Message::TaskState(self.task, TaskState::Looking(why))).await;
    }

    /// The host said yes: what does it have?
    async fn verify(&self, expect: &Expect, reply: Reply) -> Result<Reply> {
        let expect = expect.clone().answered(&reply);
        match self.look(&expect, &format!("looking whether {expect}")).await {
            Verdict::Met(found) => Ok(found.or_else(|| expect.reply()).unwrap_or(reply)),
            Verdict::NotMet(found) => Err(Error::new(
                ErrorKind::Differs,
                format_args!("the host said yes, but {found}; expected that {expect}"),
            )),
            Verdict::Failed(error) => Err(error),
            Verdict::Unknown(error) if error.kind == ErrorKind::Unsupported => Ok(reply),
            Verdict::Unknown(error) => Err(Error::new(
                ErrorKind::Timeout,
                format_args!("the host said yes, but it could not be read back: {}", error.message),
            )),
        }
    }

    /// The answer was lost: was it done all the same?
    async fn doubt(&self, expect: &Expect, error: Error) -> Result<Reply> {
        if *expect == Expect::Nothing {
            return Err(match error.kind {
                ErrorKind::Panicked => error,
                _ => Error::new(ErrorKind::Timeout, error.message),
            });
        }
        self.looking(format!("{}: looking whether {expect}", error.message)).await;
        match self.look(expect, "").await {
            Verdict::Met(found) => Ok(found.or_else(|| expect.reply()).unwrap_or(Reply::Done)),
            Verdict::Failed(error) => Err(error),
            Verdict::NotMet(_) | Verdict::Unknown(_) if error.kind == ErrorKind::Panicked => Err(error),
            Verdict::NotMet(found) => {
                Err(Error::new(ErrorKind::Timeout, format_args!("{}; so far {found}", error.message)))
            }
            Verdict::Unknown(why) => {
                Err(Error::new(ErrorKind::Timeout, format_args!("{}; {}", error.message, why.message)))
            }
        }
    }

    /// Looks until it is met or the time to settle is over: at once, then in growing pauses. Says so (`why`) only when
    /// the first look was not enough.
    async fn look(&self, expect: &Expect, why: &str) -> Verdict {
        if *expect == Expect::Nothing {
            return Verdict::Met(None);
        }
        let limits = &self.capabilities.limits;
        let until = instant() + limits.settle(self.request.op());
        let patience = limits.patience(Op::Show);
        let mut pause = PAUSES.0;
        loop {
            let seen = guarded(patience, async { Ok(self.backend.look(expect).await) }).await;
            let verdict = seen.unwrap_or_else(Verdict::Unknown);
            let ends = match &verdict {
                Verdict::Met(_) | Verdict::Failed(_) => true,
                Verdict::Unknown(error) => error.kind == ErrorKind::Unsupported,
                Verdict::NotMet(_) => false,
            };
            if ends || instant() >= until {
                return verdict;
            }
            if pause == PAUSES.0 && !why.is_empty() {
                self.looking(why.to_owned()).await;
            }
            sleep(pause.min(until.saturating_duration_since(instant()))).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Waits on for an answer that is overdue, and tells what it was after all.
    fn late(&self, expect: Expect, answer: BoxFuture<'static, Result<Reply>>) -> BoxFuture<'static, Option<TaskState>> {
        let change = Self {
            backend: self.backend.clone(),
            task: self.task,
            request: self.request.clone(),
            capabilities: self.capabilities.clone(),
            call: self.call.clone(),
            app: self.app.clone(),
        };
        async move {
            let reply = match timeout(LATE, answer).await.ok()? {
                Ok(reply) => reply,
                Err(error) if error.leaves_unknown() => return None,
                Err(error) => return Some(TaskState::Failed(error)),
            };
            let expect = expect.answered(&reply);
            match change.look(&expect, "").await {
                Verdict::Met(found) => {
                    Some(TaskState::Succeeded(Some(found.or_else(|| expect.reply()).unwrap_or(reply))))
                }
                Verdict::Failed(error) => Some(TaskState::Failed(error)),
                Verdict::NotMet(_) | Verdict::Unknown(_) => None,
            }
        }
        .boxed()
    }
}

/// The answer, or None when patience is over first.
async fn patient(patience: Option<Duration>, answer: &mut BoxFuture<'static, Result<Reply>>) -> Option<Result<Reply>> {
    match patience {
        Some(patience) => timeout(patience, answer).await.ok(),
        None => Some(answer.await),
    }
}

/// Whether the host answers a question that costs it little.
async fn answers(backend: &dyn AnyBackend, patience: Option<Duration>) -> bool {
    !matches!(guarded(patience, backend.inventory(true)).await, Err(error) if error.kind == ErrorKind::Timeout)
}

/// [`answers`], after a pause.
async fn answers_later(backend: &dyn AnyBackend, patience: Option<Duration>) -> bool {
    sleep(SILENCE).await;
    answers(backend, patience).await
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled")
}
