//! Requests to a govirthost: JSON bodies with every method, changes one at a time, and what silence means.
use super::wire::Build;
use crate::{
    domain::{Error, ErrorKind, Result, clean},
    transport::{
        Stopwatch,
        http::{self, Ask, Http, Method},
    },
};
use serde_json::{Value, json};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The server closes the connection after ten seconds of work, and goes on: nothing is given up before that.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long the answer to a question is waited for: longer than the ten seconds after which the server gives none.
const READ: Duration = Duration::from_secs(12);
/// What a list that fails may mean: the server asks libvirt for one machine after the other.
const UNLISTED: &str = "libvirt may be lost there, or a machine went while the list was made: if it goes on, restart the \
                        service there";
/// How long no change is sent to a server that took none: somebody may have restarted it since.
const STUCK: Duration = Duration::from_secs(120);

/// What became known of a lock that is not given back.
#[derive(Clone, Debug)]
struct Stuck {
    why: String,
    since: Stopwatch,
}

/// The way to one server.
#[derive(Debug)]
pub(super) struct Client {
    reads: Http,
    /// A connection for each: one that the server closed meanwhile would leave open whether a change was done.
    changes: Http,
    path: String,
    stuck: Mutex<Option<Stuck>>,
}

impl Client {
    pub(super) fn new(settings: http::Settings, path: String) -> Self {
        let changes = http::Settings { one_request_a_connection: true, ..settings.clone() };
        let path = if path.is_empty() { "/".to_owned() } else { path };
        Self { reads: Http::new(settings), changes: Http::new(changes), path, stuck: Mutex::default() }
    }

    pub(super) fn shown(&self) -> String {
        self.reads.shown()
    }

    /// Asks for `target`: `vm`, `metal`, or `xml` of a domain.
    pub(super) async fn get(&self, target: &str, domain: &str) -> Result<Value> {
        let body = json!({"target": target, "domain": domain});
        let answer = self.reads.send(&Ask::get(self.path.as_str()).json(&body).within(READ)).await?;
        // Every failure is a 500, with words or without.
        match answer.status {
            500 if target == "vm" => {
                let otherwise = format!("the server cannot list its machines: {UNLISTED}");
                Err(refused(&answer.text(), &otherwise))
            }
            500 => Err(refused(&answer.text(), "the server cannot tell")),
            _ => answer.ok(),
        }
    }

    fn stuck(&self) -> Option<Stuck> {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.take_if(|stuck| stuck.since.elapsed() > STUCK);
        stuck.clone()
    }

    fn is_stuck(&self, why: String) {
        *self.stuck.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stuck { why, since: Stopwatch::start() });
    }

    /// Why no change is sent now, if so.
    pub(super) fn obstacle(&self) -> Option<String> {
        self.stuck().map(|stuck| stuck.why)
    }

    /// Sends a change once. `build` decides what a failure costs.
    pub(super) async fn change(&self, method: Method, body: &Value, build: Build) -> Result<()> {
        self.change_within(PATIENCE, method, body, build).await
    }

    /// [`Client::change`], for one that may take long.
    pub(super) async fn change_within(
        &self,
        patience: Duration,
        method: Method,
        body: &Value,
        build: Build,
    ) -> Result<()> {
        if let Some(stuck) = self.stuck() {
            return Err(Error::conflict(format_args!("nothing was sent: {}", stuck.why)));
        }
        let sent = self.changes.send(&Ask::new(method, self.path.as_str()).json(body).within(patience)).await;
        match sent {
            Ok(answer) if answer.is_success() => Ok(()),
            Ok(answer) if answer.status == 500 => {
                let error = refused(&answer.text(), "the server refused it, and this build of it does not say why");
                if build == Build::First {
                    self.is_stuck(
                        "a change has failed, and this old build of govirthost keeps its lock for ever then: it takes no \
                         more changes until the service is restarted there"
                            .to_owned(),
                    );
                }
                Err(error)
            }
            Ok(answer) => Err(answer.refusal()),
            Err(error) if error.kind == ErrorKind::Timeout => Err(self.silence(error).await),
            Err(error) => Err(error),
        }
    }

    /// No answer came. A server that answers questions meanwhile is held up by its lock.
    async fn silence(&self, error: Error) -> Error {
        let ask = Ask::get(self.path.as_str()).json(&json!({"target": "vm"})).within(Duration::from_secs(3));
        if self.reads.send(&ask).await.is_err() {
            return error;
        }
        let why = "changes hang on this server while questions are answered: another change may be slow, or a lock was \
                   never given back, as old builds of govirthost do after a change that failed. If it goes on, the \
                   service needs a restart there";
        self.is_stuck(why.to_owned());
        Error::new(error.kind, format_args!("{}; {why}", error.message))
    }
}

/// A failure in the server's own words, which are libvirt's mostly.
fn refused(text: &str, otherwise: &str) -> Error {
    let words = clean(text.trim(), 300);
    match words.as_ref() {
        "" => Error::refused(otherwise),
        // What its siblings say to a question that is none of theirs.
        "Invalid Action" => Error::refused("it says \"Invalid Action\": a govirthost has another port: 33345"),
        words if words.starts_with("Domain not found") => Error::not_found(words),
        words if words.contains("broken pipe") => {
            let why = format_args!(
                "{words}: govirthost has lost libvirt and does not find it again: restart the service there"
            );
            Error::refused(why)
        }
        words if words.starts_with("Unable to list domains") => Error::refused(format_args!("{words}: {UNLISTED}")),
        words => Error::refused(words),
    }
}
