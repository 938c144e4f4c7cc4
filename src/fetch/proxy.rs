//! Images of FTP servers by way of a proxy of the environment. It speaks FTP for us: what it is asked for over HTTP is the
//! address of the file, as curl asks for it.
use super::{
    Address, Options,
    source::{Broken, late},
};
use crate::domain::{Error, Result, clean_line};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::{
    Request,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    client::conn::http1,
    header::{AUTHORIZATION, CONNECTION, HOST, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
};
use hyper_util::{client::proxy::matcher::Matcher, rt::TokioIo};
use std::{
    env, fmt,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// An HTTP proxy that knows FTP.
pub(super) struct Proxy {
    host: String,
    port: u16,
    login: Option<HeaderValue>,
}

/// The first of these variables that says something.
fn named(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()))
}

/// The proxy that the environment names for an FTP server; None: the server itself is asked.
pub(super) fn find(address: &Address) -> Result<Option<Proxy>> {
    let variables = match address.url().scheme() {
        "ftps" => ["ftps_proxy", "FTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => ["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let (Some(proxy), false) = (named(&variables), address.is_loopback()) else { return Ok(None) };
    let none = named(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
    // It knows the schemes of HTTP alone.
    let asked = format!("http://{}/", address.url().host_str().unwrap_or_default()).parse();
    let matcher = Matcher::builder().http(proxy).no(none).build();
    let Some(found) = asked.ok().and_then(|asked| matcher.intercept(&asked)) else { return Ok(None) };
    let (uri, place) = (found.uri(), address.place());
    let refused = |why: &str| {
        Error::refused(format_args!("{why} of the environment: with no_proxy={place} the server itself is asked"))
    };
    if address.url().scheme() != "ftp" {
        return Err(refused("FTP with TLS does not go through the proxy"));
    }
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(host)) => Ok(Some(Proxy {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(80),
            login: found.basic_auth().cloned(),
        })),
        _ => Err(refused("FTP goes through an http:// proxy alone, which is not the one")),
    }
}

impl Proxy {
    /// Has it ask for `address`, with more headers.
    pub(super) async fn ask(
        &self,
        address: &Address,
        options: &Options,
        mut headers: HeaderMap,
    ) -> Result<reqwest::Response, Broken> {
        let connected = timeout(options.connect, TcpStream::connect((self.host.as_str(), self.port))).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(self.unreachable(&error.to_string())),
            Err(_) => return Err(self.unreachable("no answer")),
        };
        headers.insert(HOST, header(address.url().host_str().unwrap_or_default())?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("vmdeck/", env!("CARGO_PKG_VERSION"))));
        headers.extend(self.login.clone().map(|login| (PROXY_AUTHORIZATION, login)));
        if let Some((user, password)) = address.login() {
            let login = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            headers.insert(AUTHORIZATION, header(&format!("Basic {login}"))?);
        }
        // As the bytes of the file, not as lines of a text (RFC 1738, 3.2.2).
        let mut request = Request::get(format!("{};type=i", address.url())).body(String::new()).map_err(invalid)?;
        *request.headers_mut() = headers;
        let talk = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let mut held = JoinSet::new();
            held.spawn(async { drop(connection.await) });
            let response = sender.send_request(request).await?;
            Ok::<_, hyper::Error>(response.map(|body| reqwest::Body::wrap(Held { body, _connection: held })))
        };
        let response = timeout(options.stall, talk).await.map_err(|_| late(options.stall))?;
        response.map(Into::into).map_err(|error| self.unreachable(&error.to_string()))
    }

    fn unreachable(&self, why: &str) -> Broken {
        let (host, why) = (clean_line(&self.host), clean_line(why));
        Broken { error: Error::refused(format_args!("the proxy {host} cannot be reached: {why}")), is_passing: true }
    }
}

fn invalid(why: impl fmt::Display) -> Error {
    Error::invalid(format_args!("url: {why}"))
}

fn header(text: &str) -> Result<HeaderValue> {
    let mut value: HeaderValue = text.parse().map_err(invalid)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What comes, with the connection that it comes by.
struct Held {
    body: Incoming,
    _connection: JoinSet<()>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
