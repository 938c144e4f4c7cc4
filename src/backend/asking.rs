//! Questions of a backend to the person, each waited for until it is answered.
use super::EventSink;
use crate::{
    domain::{Error, ErrorKind, HostEvent, Question, QuestionKind, Result, Secret, clean_line},
    transport::Password,
};
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::oneshot;

/// How many questions there were: no two of one host have the same number, whichever of its parts asks.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// The one question that may be open, and the password that a person typed, until it turns out to be wrong.
#[derive(Debug, Default)]
pub(super) struct Asking {
    open: Mutex<Option<(u64, oneshot::Sender<Option<Secret>>)>>,
    typed: Mutex<Option<Secret>>,
}

impl Asking {
    fn open(&self) -> MutexGuard<'_, Option<(u64, oneshot::Sender<Option<Secret>>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn typed(&self) -> MutexGuard<'_, Option<Secret>> {
        self.typed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the person, and waits for as long as the answer takes. None: no answer will come.
    pub(super) async fn ask(&self, events: &EventSink, kind: QuestionKind, text: String) -> Result<Option<Secret>> {
        let number = ASKED.fetch_add(1, Ordering::Relaxed) + 1;
        let (answered, answer) = oneshot::channel();
        *self.open() = Some((number, answered));
        let gone = |_| Error::new(ErrorKind::NeedsAnswer, "nobody can be asked");
        events.send(HostEvent::Asks(Question { number, kind, text })).await.map_err(gone)?;
        Ok(answer.await.unwrap_or(None))
    }

    /// A question with yes and no.
    pub(super) async fn confirm(&self, events: &EventSink, text: String) -> Result<bool> {
        let answer = self.ask(events, QuestionKind::Confirm, text).await?;
        Ok(answer.is_some_and(|answer| answer.expose().trim() == "yes"))
    }

    /// The password of `user` that is configured, was typed before, or is asked for now. `shown`: the server.
    pub(super) async fn password(
        &self,
        events: &EventSink,
        source: &Password,
        user: &str,
        shown: &str,
    ) -> Result<Secret> {
        if let Some(secret) = source.get("password").await? {
            return Ok(secret);
        }
        let typed = self.typed().clone();
        if let Some(secret) = typed {
            return Ok(secret);
        }
        let text = format!("Password of {} on {shown}", clean_line(user));
        let typed = self.ask(events, QuestionKind::Secret, text).await?;
        typed.ok_or_else(|| Error::new(ErrorKind::NeedsAnswer, "no password was given"))
    }

    /// Keeps a password that signed in for the next time; forgets one that the server does not take.
    pub(super) fn signed_in<T>(&self, password: &Secret, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => *self.typed() = Some(password.clone()),
            Err(error) => self.forget_refused(error),
        }
        result
    }

    /// Forgets the password where the server did not take it.
    pub(super) fn forget_refused(&self, error: &Error) {
        if error.kind == ErrorKind::Unauthorized {
            *self.typed() = None;
        }
    }

    /// Takes the answer to the question of this number; one to an older question comes too late.
    pub(super) fn answer(&self, question: u64, answer: Option<Secret>) {
        if let Some((_, waits)) = self.open().take_if(|(number, _)| *number == question) {
            let _ = waits.send(answer);
        }
    }
}
