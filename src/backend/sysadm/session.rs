//! From the first byte to a session: the certificate, the password, what server and user allow.
use super::{
    Sysadm, Trust,
    allowed::{self, Facts},
    client::Connection,
    link::Link,
    wire,
};
use crate::{
    backend::EventSink,
    domain::{Capabilities, Error, ErrorKind, QuestionKind, Result},
    transport::{spaced, tls, ws},
};
use serde_json::json;
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::Mutex as Turn;

/// Where SysAdm takes connections.
const PORT: u16 = 12150;
/// A connection that serves.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Link,
    /// The server, as a person would write it.
    pub(super) shown: String,
    pub(super) facts: Facts,
    pub(super) events: EventSink,
    /// How often somebody signed in on this connection.
    pub(super) sign_ins: AtomicU64,
    pub(super) signing_in: Turn<()>,
}

/// A session and what keeps its connection: that ends with this, whoever still waits for an answer.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) session: Arc<Session>,
    _connection: Connection,
}

impl Sysadm {
    /// Connects and signs in.
    pub(super) async fn begin(&self, events: &EventSink) -> Result<(Held, Capabilities)> {
        if self.settings.url.starts_with("http") {
            let why = "url: only the WebSocket of SysAdm is spoken: write wss://host:12150";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let server = tls::Server::read(&self.settings.url, PORT)?;
        if !server.is_secure && !server.is_loopback() {
            return Err(Error::invalid("url: the password would cross the network for all to read: write wss://"));
        }
        let (stream, seen) = self.trusted(&server, events).await?;
        let (reader, writer) = ws::open(stream, &server.shown()).await?;
        let connection = Connection::new(reader, writer, self.jobs.clone(), events.clone());
        let (link, shown) = (Link::Socket(connection.client.clone()), server.shown());
        self.sign_in(&link, &shown, events).await?;
        let (facts, mut capabilities) = allowed::ask(&link).await?;
        capabilities.details.push(("Certificate".to_owned(), self.judged(seen.as_deref())));
        let (events, sign_ins, signing_in) = (events.clone(), AtomicU64::new(1), Turn::new(()));
        let session = Arc::new(Session { link, shown, facts, events, sign_ins, signing_in });
        Ok((Held { session, _connection: connection }, capabilities))
    }

    fn judged(&self, seen: Option<&str>) -> String {
        match (&self.settings.trust, seen) {
            (_, None) => "none: the connection is not encrypted".to_owned(),
            (Trust::System { .. }, _) => "by an authority that is trusted here".to_owned(),
            (Trust::Insecure, Some(seen)) => format!("NOT CHECKED (tls = \"insecure\"): {}", spaced(seen)),
            (_, Some(seen)) => spaced(seen),
        }
    }

    /// A stream to a server whose certificate will do. Nothing is sent before that is known.
    async fn trusted(&self, server: &tls::Server, events: &EventSink) -> Result<(tls::Stream, Option<String>)> {
        let known = match &self.settings.trust {
            Trust::System { ca } => return tls::connect(server, &tls::Trust::System { ca: ca.clone() }).await,
            Trust::Pin(pin) => return tls::connect(server, &tls::Trust::Pin(pin.clone())).await,
            Trust::Insecure => return tls::connect(server, &tls::Trust::Any).await,
            Trust::AcceptNew(known) => known,
        };
        let shown = server.shown();
        let (stream, seen) = tls::connect(server, &tls::Trust::Any).await?;
        let Some(seen) = seen else { return Ok((stream, None)) };
        let before = known.get(&shown)?;
        if before.as_ref() == Some(&seen) {
            return Ok((stream, Some(seen)));
        }
        // The server would not wait that long for a password.
        drop(stream);
        let text = match &before {
            None => format!(
                "{shown} shows a certificate for the first time. SHA-256 {}. Is it the server's?",
                spaced(&seen)
            ),
            Some(before) => format!(
                "{shown} shows ANOTHER certificate than before. A SysAdm server makes a new one at each start, but it \
                 may also be somebody between you and it. Now SHA-256 {}, before {}. Trust the new one?",
                spaced(&seen),
                spaced(before)
            ),
        };
        let answer = self.ask(events, QuestionKind::Confirm, text).await?;
        if answer.is_none_or(|answer| answer.expose().trim() != "yes") {
            let why = format_args!("{shown}: its certificate was not accepted");
            return Err(Error::new(ErrorKind::NeedsAnswer, why));
        }
        known.set(&shown, &seen)?;
        tls::connect(server, &tls::Trust::Pin(seen)).await
    }

    /// Finds the jobs that went on while nobody was connected.
    pub(super) async fn find_jobs(&self) -> Result<()> {
        match self.call("rpc", "dispatcher", json!({"action": "list"})).await {
            Ok(args) => self.jobs.listed(&wire::listed_jobs(&args)),
            Err(error) if error.leaves_unknown() => return Err(error),
            Err(error) => tracing::info!("the server does not list its jobs: {error}"),
        }
        Ok(())
    }
}
