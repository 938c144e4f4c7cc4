//! The way to a server of which a person may have to say first that its certificate is right.
use crate::{
    domain::{Error, ErrorKind, Result},
    transport::{
        Trust,
        http::{Http, Settings},
        tls::{self, Identity, Server},
    },
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What it means that a server has neither TLS nor a sign-in.
pub(super) const OPEN: &str = "whoever reaches the port can do everything";
/// What it means that a sign-in goes without TLS.
pub(super) const READABLE: &str = "all that is sent can be read on the way, the password too";

/// `error`, with the port where `what` listens by default, if something else may have answered at the one of `server`.
pub(super) fn other_port(error: Error, server: &Server, what: &str, port: u16) -> Error {
    use ErrorKind as K;
    // A refusal that only HTTP gave, and not the server in its own words.
    let is_bare = error.kind == K::Refused && error.message.starts_with(&server.shown());
    let is_another = is_bare || matches!(error.kind, K::Unsupported | K::Protocol | K::NotFound | K::Unauthorized);
    if !is_another || server.port == port || error.message.contains(&port.to_string()) {
        return error;
    }
    let joint = if error.message.ends_with('?') { "" } else { ";" };
    Error::new(error.kind, format_args!("{}{joint} {what} is at port {port} by default", error.message))
}

/// A server; or why its address is none.
#[derive(Debug)]
pub(super) struct Way {
    server: Result<Server>,
    trust: Trust,
    identity: Option<Identity>,
    /// The largest answer that is taken, in bytes; None: what is usual.
    largest: Option<usize>,
    signs_in: bool,
    /// Or why nothing is sent.
    http: Mutex<Result<Arc<Http>>>,
}

impl Way {
    /// [`other_port`] of this server.
    pub(super) fn other_port(&self, error: Error, what: &str, port: u16) -> Error {
        match &self.server {
            Ok(server) => other_port(error, server, what, port),
            Err(_) => error,
        }
    }

    pub(super) fn new(url: &str, port: u16, trust: &Trust, identity: Option<&Identity>) -> Self {
        let not_yet = Err(Error::new(ErrorKind::Unreachable, "not connected"));
        let server = Server::read(url, port);
        let way = Self {
            server,
            trust: trust.clone(),
            identity: identity.cloned(),
            largest: None,
            signs_in: false,
            http: Mutex::new(not_yet),
        };
        way.ready()
    }

    /// For answers of at most so many bytes.
    pub(super) fn largest(mut self, bytes: usize) -> Self {
        self.largest = Some(bytes);
        self.ready()
    }

    /// With a password in each request.
    pub(super) fn signs_in(self, signs_in: bool) -> Self {
        Self { signs_in, ..self }
    }

    /// Where nobody has to be asked, the way is open.
    fn ready(self) -> Self {
        let http = match &self.server {
            Ok(server) => self.trust.rule(server).ok().map(|rule| Ok(self.by(server.clone(), rule))),
            Err(error) => Some(Err(error.clone())),
        };
        if let Some(http) = http {
            *self.locked() = http;
        }
        self
    }

    fn locked(&self) -> MutexGuard<'_, Result<Arc<Http>>> {
        self.http.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by(&self, server: Server, rule: tls::Trust) -> Arc<Http> {
        let usual = Settings::new(server, rule);
        let largest = self.largest.unwrap_or(usual.largest);
        Arc::new(Http::new(Settings { identity: self.identity.clone(), largest, ..usual }))
    }

    /// Settles how the server's certificate is judged, before anything is sent; tells it in words.
    pub(super) async fn open(&self, ask: impl AsyncFnOnce(String) -> Result<bool>) -> Result<String> {
        let server = self.server.clone()?;
        let settled = self.trust.settle(&server, self.identity.as_ref(), ask).await;
        let plain = if self.signs_in { READABLE } else { OPEN };
        let judged = settled.clone().map(|rule| self.trust.judged(&rule, &server, self.identity.as_ref(), plain));
        *self.locked() = settled.map(|rule| self.by(server, rule));
        judged
    }

    /// Opens it where it was away meanwhile. A person is not asked in the middle of work.
    pub(super) async fn open_again(&self) -> Result<()> {
        if self.http().is_err_and(|error| error.kind == ErrorKind::Unreachable) {
            let why = format!("{}: its certificate is not known yet: connect again to be shown it", self.shown());
            self.open(async |_| Err(Error::new(ErrorKind::NeedsAnswer, why))).await?;
        }
        Ok(())
    }

    pub(super) fn http(&self) -> Result<Arc<Http>> {
        self.locked().clone()
    }

    /// `host:port`, as a person would write it; nothing where the address is none.
    pub(super) fn shown(&self) -> String {
        self.server.as_ref().map(Server::shown).unwrap_or_default()
    }
}
