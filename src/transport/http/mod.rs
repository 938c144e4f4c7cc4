//! HTTP to the servers of hosts: one client a server, a time-out for each request, and every way of failing in one
//! sentence. Nothing is ever sent twice, and nothing to another server than the one that was configured.
mod answer;
mod failure;

pub use answer::Answer;
pub use reqwest::Method;

use super::{
    Stopwatch, answered_after,
    tls::{self, Identity, Server},
};
use crate::domain::{Error, Result, Secret};
use failure::Failure;
use reqwest::{
    Client, RequestBuilder,
    header::{ACCEPT, CONNECTION, HeaderValue, LOCATION},
    redirect::Policy,
};
use serde_json::Value;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use url::Url;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take that names no time of its own.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is taken, unpacked, in bytes.
const LARGEST: usize = 32 << 20;
/// How often a read follows where the server leads.
const REDIRECTS: usize = 3;

/// A server, and how it likes to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub server: Server,
    pub trust: tls::Trust,
    pub identity: Option<Identity>,
    /// `Content-Type` instead of `content-type`: some servers compare names of headers letter by letter.
    pub title_case: bool,
    /// Each request on a connection of its own, for servers that lose the second.
    pub one_request_a_connection: bool,
    /// The largest answer that is taken, in bytes.
    pub largest: usize,
}

impl Settings {
    /// A server that needs nothing special.
    pub const fn new(server: Server, trust: tls::Trust) -> Self {
        let (title_case, one_request_a_connection) = (false, false);
        Self { server, trust, identity: None, title_case, one_request_a_connection, largest: LARGEST }
    }
}

/// A request: what is asked of which path, and how long the answer may take.
#[derive(Debug)]
pub struct Ask {
    method: Method,
    path: String,
    body: Option<Body>,
    headers: Vec<(&'static str, String)>,
    login: Option<Login>,
    patience: Duration,
}

#[derive(Debug)]
enum Body {
    Json(String),
    Form(String),
}

#[derive(Debug)]
enum Login {
    Bearer(Secret),
    Basic(String, Secret),
}

impl Ask {
    /// `path` begins with `/`; a query stands in it already, encoded.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let (body, headers, login) = (None, Vec::new(), None);
        Self { method, path: path.into(), body, headers, login, patience: PATIENCE }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With a JSON body, whatever the method: there are servers that want one with GET and DELETE.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(Body::Json(body.to_string()));
        self
    }

    /// With the fields of a form as its body.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body =
            Some(Body::Form(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()));
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn bearer(mut self, key: Secret) -> Self {
        self.login = Some(Login::Bearer(key));
        self
    }

    #[must_use]
    pub fn basic(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.login = Some(Login::Basic(user.into(), password));
        self
    }

    /// How long the whole may take, from connecting to the last byte of the answer.
    #[must_use]
    pub const fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether it changes nothing, so that it may follow where the server leads.
    fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// The way to one server. It costs nothing until the first request.
#[derive(Debug)]
pub struct Http {
    settings: Settings,
    client: Mutex<Option<Client>>,
}

impl Http {
    pub const fn new(settings: Settings) -> Self {
        Self { settings, client: Mutex::new(None) }
    }

    /// `host:port`, as a person would write it.
    pub fn shown(&self) -> String {
        self.settings.server.shown()
    }

    /// Sends a request once and reads the whole answer, whatever its status: see [`Answer::ok`].
    ///
    /// A time-out is [`ErrorKind::Timeout`](crate::domain::ErrorKind::Timeout), a connection that breaks is
    /// `Unreachable`: after a change both leave open whether it was done.
    pub async fn send(&self, ask: &Ask) -> Result<Answer> {
        let watch = Stopwatch::start();
        let result = self.follow(ask).await;
        let path = ask.path.split('?').next().unwrap_or_default();
        // Neither bodies nor queries nor headers: they may hold what is secret.
        match &result {
            Ok(answer) => {
                tracing::debug!("{} {path}: {} in {:?}", ask.method, answer.status, watch.elapsed());
            }
            Err(error) => tracing::debug!("{} {path}: {error} after {:?}", ask.method, watch.elapsed()),
        }
        result
    }

    async fn follow(&self, ask: &Ask) -> Result<Answer> {
        let server = &self.settings.server;
        let scheme = if server.is_secure { "https" } else { "http" };
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let origin = format!("{scheme}://{host}:{}", server.port);
        let wrong = |_| Error::invalid(format_args!("`{}` is no address", self.shown()));
        let mut url = Url::parse(&format!("{origin}{}", ask.path)).map_err(wrong)?;
        for _ in 0..=REDIRECTS {
            let answer = self.once(ask, url.clone()).await?;
            let Some(location) = answer.header(LOCATION.as_str()).filter(|_| (300..400).contains(&answer.status))
            else {
                return Ok(answer);
            };
            let Ok(next) = url.join(location) else { return Ok(answer) };
            if !ask.is_read() {
                return Err(failure::leads_away(&self.shown(), &next, "a change is not sent on"));
            }
            if next.origin() != url.origin() {
                return Err(failure::leads_away(&self.shown(), &next, "another server is not asked instead"));
            }
            url = next;
        }
        Err(failure::leads_away(&self.shown(), &url, "and so on, without end"))
    }

    async fn once(&self, ask: &Ask, url: Url) -> Result<Answer> {
        let failed = |error| Failure { shown: &self.shown(), patience: ask.patience, error }.in_words();
        let request = self.request(&self.client()?, ask, url);
        let watch = Stopwatch::start();
        let response = request.send().await.map_err(failed)?;
        answered_after(watch.elapsed());
        Answer::read(response, self.settings.largest, &self.shown(), failed).await
    }

    fn request(&self, client: &Client, ask: &Ask, url: Url) -> RequestBuilder {
        let mut request = client.request(ask.method.clone(), url).timeout(ask.patience);
        request = request.header(ACCEPT, "application/json");
        if self.settings.one_request_a_connection {
            request = request.header(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        request = match &ask.login {
            Some(Login::Bearer(key)) => request.bearer_auth(key.expose()),
            Some(Login::Basic(user, password)) => request.basic_auth(user, Some(password.expose())),
            None => request,
        };
        match &ask.body {
            Some(Body::Json(text)) => request.header("content-type", "application/json").body(text.clone()),
            Some(Body::Form(text)) => {
                request.header("content-type", "application/x-www-form-urlencoded").body(text.clone())
            }
            None => request,
        }
    }

    /// The client, made for the first request: that costs milliseconds which the start should not pay.
    fn client(&self) -> Result<Client> {
        let mut made = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*made {
            return Ok(client.clone());
        }
        let Settings { server, trust, identity, .. } = &self.settings;
        // Without TLS no certificate is ever seen, and the system's authorities need not be read.
        let trust = if server.is_secure { trust } else { &tls::Trust::Any };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls::config(trust, identity.as_ref().filter(|_| server.is_secure))?)
            .user_agent(concat!("vmdeck/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http1_only()
            .referer(false)
            .redirect(Policy::none());
        if server.is_loopback() {
            builder = builder.no_proxy();
        }
        if self.settings.title_case {
            builder = builder.http1_title_case_headers();
        }
        if self.settings.one_request_a_connection {
            builder = builder.pool_max_idle_per_host(0);
        }
        let client = builder.build().map_err(|why| Error::refused(format_args!("no HTTP client: {why}")))?;
        Ok(made.insert(client).clone())
    }
}
