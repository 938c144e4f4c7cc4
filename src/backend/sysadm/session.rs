//! From the first byte to a session: the certificate, the password, what server and user allow.
use super::{
    Sysadm, Trust,
    allowed::{self, Facts},
    client::Connection,
    link::Link,
    rest::{Polling, Rest},
    sign_in::SignIn,
};
use crate::{
    backend::EventSink,
    domain::{Capabilities, Error, ErrorKind, Result},
    transport::{
        http::{self, Http},
        spaced, tls, ws,
    },
};
use std::sync::{Arc, atomic::AtomicU64};
use tokio::sync::Mutex as Turn;

/// Where SysAdm takes WebSocket connections, and single requests.
const PORTS: (u16, u16) = (12150, 12151);

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
    /// Who signs in again. Some: why the server did not let us, and will not.
    pub(super) signing_in: Turn<Option<Error>>,
}

/// A session and what keeps its connection: that ends with this, whoever still waits for an answer.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) session: Arc<Session>,
    _socket: Option<Connection>,
    _polling: Option<Polling>,
}

impl Sysadm {
    /// Connects and signs in.
    pub(super) async fn begin(&self, events: &EventSink) -> Result<(Held, Capabilities)> {
        let is_rest = self.settings.url.starts_with("http");
        let server = tls::Server::read(&self.settings.url, if is_rest { PORTS.1 } else { PORTS.0 })?;
        if !server.is_secure && !server.is_loopback() {
            let right = if is_rest { "https" } else { "wss" };
            let why = format_args!("url: the password would cross the network for all to read: write {right}://");
            return Err(Error::invalid(why));
        }
        if is_rest && !matches!(self.settings.sign_in, SignIn::Password { .. }) {
            let why = "url: over https:// each request stands alone: a token or a key signs in over wss:// only";
            return Err(Error::invalid(why));
        }
        let shown = server.shown();
        let (stream, seen) = self.trusted(&server, events).await?;
        let (link, socket) = if is_rest {
            // Each request has a connection of its own, to the server whose certificate was judged just now.
            drop(stream);
            let mut http = http::Settings::new(server, self.settled(seen.as_deref()));
            (http.title_case, http.one_request_a_connection) = (true, true);
            (Link::Rest(Arc::new(Rest::new(Http::new(http)))), None)
        } else {
            let (reader, writer) = ws::open(stream, &shown).await?;
            let connection = Connection::new(reader, writer, self.jobs.clone(), events.clone());
            (Link::Socket(connection.client.clone()), Some(connection))
        };
        self.sign_in(&link, &shown, events).await?;
        let (facts, mut capabilities) = allowed::ask(&link).await?;
        capabilities.details.push(("Certificate".to_owned(), self.judged(seen.as_deref())));
        let (events, sign_ins, signing_in) = (events.clone(), AtomicU64::new(1), Turn::new(None));
        let session = Arc::new(Session { link, shown, facts, events, sign_ins, signing_in });
        let polling = session.link.rest().map(|rest| Polling::new(rest.clone(), &session, self.jobs.clone()));
        Ok((Held { session, _socket: socket, _polling: polling }, capabilities))
    }

    /// The rule for further connections, once a certificate was judged.
    fn settled(&self, seen: Option<&str>) -> tls::Trust {
        match (&self.settings.trust, seen) {
            (Trust::System { ca }, _) => tls::Trust::System { ca: ca.clone() },
            (Trust::Pin(pin), _) => tls::Trust::Pin(pin.clone()),
            (Trust::AcceptNew(_), Some(seen)) => tls::Trust::Pin(seen.to_owned()),
            (Trust::AcceptNew(_), None) | (Trust::Insecure, _) => tls::Trust::Any,
        }
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
        if !self.asking.confirm(events, text).await? {
            let why = format_args!("{shown}: its certificate was not accepted");
            return Err(Error::new(ErrorKind::NeedsAnswer, why));
        }
        known.set(&shown, &seen)?;
        tls::connect(server, &tls::Trust::Pin(seen)).await
    }
}
