//! SysAdm over HTTP: each request by name and password on a connection of its own, and no word unasked.
use super::{allowed::Tells, listing, locked, session::Session, wire};
use crate::{
    domain::{Error, ErrorKind, HostEvent, Result, Secret},
    transport::http::{Ask, Http, Method},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long an answer may take at all: an installation may have none. Who asks has less patience.
const LONGEST: Duration = Duration::from_secs(900);

/// What calls use of the server.
#[derive(Debug)]
pub(super) struct Rest {
    http: Http,
    /// Who asks, once the server has agreed to them.
    login: Mutex<Option<(String, Secret)>>,
    is_up: AtomicBool,
    lost: Mutex<Option<Error>>,
    end: CancellationToken,
}

impl Rest {
    pub(super) fn new(http: Http) -> Self {
        let (login, is_up, lost) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
        Self { http, login, is_up, lost, end: CancellationToken::new() }
    }

    /// Sends a request; what stands in the `args` of the answer comes back.
    pub(super) async fn call(&self, namespace: &str, name: &str, args: Value) -> Result<Value> {
        if let Some(error) = locked(&self.lost).clone() {
            return Err(error);
        }
        // A body that is no object is never answered.
        let body = if args.is_object() { args } else { json!({"args": args}) };
        let ask = Ask::new(Method::PUT, format!("/{namespace}/{name}")).json(&body).within(LONGEST);
        let login = locked(&self.login).clone();
        let ask = match login {
            Some((user, password)) if name != "auth" => ask.basic(user, password),
            _ => ask,
        };
        let answer = self.http.send(&ask).await.map_err(|error| self.broken(error))?;
        match answer.status {
            // What goes with these is empty.
            400 | 401 | 403 | 404 if !answer.is_page() => Err(wire::status(answer.status, "")),
            _ => answer.ok()?.get_mut("args").map(Value::take).ok_or_else(|| wire::odd(name)),
        }
    }

    /// What comes of a request that had no answer. A server that shows another certificate was begun anew: the next
    /// connection asks about it.
    fn broken(&self, error: Error) -> Error {
        let error = match error.kind {
            ErrorKind::NeedsAnswer => Error::new(ErrorKind::Unreachable, error.message),
            _ => error,
        };
        if error.kind == ErrorKind::Unreachable {
            self.lose(&error);
        }
        error
    }

    /// From now on these are who asks.
    pub(super) fn signed_in(&self, user: &str, password: &Secret) {
        *locked(&self.login) = Some((user.to_owned(), password.clone()));
    }

    /// From now on a loss is reported. `Err`: it is lost already.
    pub(super) fn is_up(&self) -> Result<()> {
        self.is_up.store(true, Ordering::Release);
        locked(&self.lost).clone().map_or(Ok(()), Err)
    }

    /// Waits until nothing is sent any more.
    pub(super) async fn lost(&self) {
        self.end.cancelled().await;
    }

    /// Sends nothing from now on.
    pub(super) fn lose(&self, error: &Error) {
        locked(&self.lost).get_or_insert_with(|| error.clone());
        self.end.cancel();
    }
}

/// What goes on beside the calls: all ends with this.
#[derive(Debug)]
pub(super) struct Polling {
    rest: Arc<Rest>,
    _tasks: JoinSet<()>,
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.rest.lose(&Error::new(ErrorKind::Unreachable, "the connection was given up"));
    }
}

impl Polling {
    /// Asks for jobs, since no event tells of them, and reports the loss of the server.
    pub(super) fn new(rest: Arc<Rest>, session: &Arc<Session>, jobs: Arc<super::jobs::Jobs>) -> Self {
        let mut tasks = JoinSet::new();
        let (own, events) = (rest.clone(), session.events.clone());
        tasks.spawn(async move {
            own.lost().await;
            let lost = locked(&own.lost).clone().filter(|_| own.is_up.load(Ordering::Acquire));
            if let Some(error) = lost {
                let _ = events.send(HostEvent::Disconnected(error)).await;
            }
        });
        let (told, events) = (jobs.clone(), session.events.clone());
        tasks.spawn(async move { told.tell(&events).await });
        if session.facts.jobs != Tells::Nothing {
            let session = session.clone();
            tasks.spawn(async move { listing::poll(&session.link, &session.facts, &jobs).await });
        }
        Self { rest, _tasks: tasks }
    }
}
