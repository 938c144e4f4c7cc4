//! Where the bytes come from.
use super::{
    Address, Options,
    name::{self, Names},
};
use crate::{
    domain::{Error, ErrorKind, Result, Secret, clean_line},
    transport::at,
};
use reqwest::{
    Certificate, Client, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
    redirect::Policy,
};
use std::{fs::File, sync::Once, time::Duration};
use tokio_util::bytes::Bytes;

/// The bytes of an image, and what is known of it before they come.
#[derive(Debug)]
pub(super) struct Source {
    pub names: Names,
    /// How many bytes there are; None: the server does not tell.
    pub total: Option<u64>,
    pub body: Body,
    content_type: String,
    encoding: String,
    stall: Duration,
}

#[derive(Debug)]
pub(super) enum Body {
    Http(Box<Response>),
    File(File),
}

/// Asks for `address`; no byte of the image is read yet.
pub(super) async fn open(address: &Address, options: &Options) -> Result<Source> {
    if address.url().scheme() == "file" { open_file(address) } else { open_http(address, options).await }
}

impl Source {
    /// The next bytes; None: no more come.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        match &mut self.body {
            Body::Http(response) => response.chunk().await.map_err(|error| failed(error, self.stall)),
            Body::File(_) => Ok(None),
        }
    }

    /// Refuses what comes under the name of an image and is something else.
    pub(super) fn refuse_other_than_image(&self, name: &str) -> Result<()> {
        let is_page = ["text/html", "application/xhtml+xml"].iter().any(|page| self.content_type.starts_with(page));
        if is_page && (name::is_image_like(name) || !name.contains('.')) {
            return Err(Error::refused(
                "the server answered with a web page and not with an image: open the address in a browser to see it",
            ));
        }
        let is_packed = !matches!(self.encoding.as_str(), "" | "identity");
        if is_packed && ![".gz", ".tgz"].iter().any(|ending| name.ends_with(ending)) {
            return Err(Error::refused(format_args!(
                "the server packed the image ({}) though it was asked not to",
                clean_line(&self.encoding)
            )));
        }
        Ok(())
    }
}

fn open_file(address: &Address) -> Result<Source> {
    let path = address.url().to_file_path().map_err(|()| Error::invalid("url: no path of this machine"))?;
    let meta = path.metadata().map_err(at(&path))?;
    if !meta.is_file() {
        return Err(Error::invalid(format_args!("url: {} is not a file", clean_line(&path.to_string_lossy()))));
    }
    let file = File::open(&path).map_err(at(&path))?;
    let total = file.metadata().map_err(at(&path))?.len();
    if total == 0 {
        return Err(Error::refused(format_args!("{} is empty", clean_line(&path.to_string_lossy()))));
    }
    Ok(Source {
        names: Names::of(None, address.url(), address.url()),
        total: Some(total),
        body: Body::File(file),
        content_type: String::new(),
        encoding: String::new(),
        stall: Duration::ZERO,
    })
}

async fn open_http(address: &Address, options: &Options) -> Result<Source> {
    let client = client(address, options)?;
    // What is counted and checked are the bytes of the file itself.
    let mut request = client.get(address.url().clone()).header(ACCEPT_ENCODING, "identity");
    if let Some((user, password)) = address.login() {
        request = request.basic_auth(user, Some(Secret::expose(password)));
    }
    let response = request.send().await.map_err(|error| failed(error, options.stall))?;
    let status = response.status();
    if status != StatusCode::OK {
        return Err(refusal(status));
    }
    let header = |name: HeaderName| {
        let value = response.headers().get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
        value.filter(|v| v.len() <= 4096)
    };
    Ok(Source {
        names: Names::of(header(CONTENT_DISPOSITION).as_deref(), address.url(), response.url()),
        total: response.content_length(),
        content_type: header(CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase(),
        encoding: header(CONTENT_ENCODING).unwrap_or_default().to_ascii_lowercase(),
        stall: options.stall,
        body: Body::Http(Box::new(response)),
    })
}

/// An HTTP client, made for one fetch: it costs milliseconds that the start of the program should not pay.
fn client(address: &Address, options: &Options) -> Result<Client> {
    static PROVIDER: Once = Once::new();
    // It fails when another part of the program was first, which does as well.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let mut builder = Client::builder()
        .user_agent(concat!("vmdeck/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect)
        .read_timeout(options.stall)
        .referer(false)
        .redirect(redirects());
    if address.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(ca) = &options.ca {
        let pem = std::fs::read(ca).map_err(at(ca))?;
        let shown = ca.to_string_lossy();
        let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if authorities.is_empty() {
            return Err(Error::invalid(format_args!("ca: {} holds no PEM certificate", clean_line(&shown))));
        }
        builder = builder.tls_certs_merge(authorities);
    }
    builder.build().map_err(|error| {
        Error::refused(format_args!("no HTTP client ({}): are the system's CA certificates installed?", root(&error)))
    })
}

/// Ten at most, and never from a checked connection to one that anybody can read.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let is_downgrade =
            attempt.url().scheme() == "http" && attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if is_downgrade {
            attempt.error("the server leads from https:// to http://")
        } else if attempt.previous().len() > 10 {
            attempt.error("the server leads from one address to the next without end")
        } else {
            attempt.follow()
        }
    })
}

fn refusal(status: StatusCode) -> Error {
    let reason = status.canonical_reason().unwrap_or("no reason given");
    let more = match status.as_u16() {
        401 | 403 => ": it wants a user and a password, or does not give this file out",
        404 | 410 => ": the address is wrong, or the file has moved",
        429 | 503 => ": it has too much to do, try again later",
        _ => "",
    };
    let kind = if status.as_u16() == 404 { ErrorKind::NotFound } else { ErrorKind::Refused };
    Error::new(kind, format_args!("the server said {} {reason}{more}", status.as_u16()))
}

/// A failure of the connection in words, without the address: it may hold a password or a token. The outcome of a
/// fetch that fails is known, so none of these leaves it open.
fn failed(error: reqwest::Error, stall: Duration) -> Error {
    let host = error.url().and_then(Url::host_str).map(|h| clean_line(h).into_owned());
    let host = host.unwrap_or_else(|| "the server".to_owned());
    let error = error.without_url();
    let why = root(&error);
    if error.is_redirect() {
        return Error::refused(why);
    }
    if error.is_connect() {
        let late = if error.is_timeout() { "no answer".to_owned() } else { why };
        return Error::refused(format_args!("{host} cannot be reached: {late}"));
    }
    if error.is_timeout() {
        return Error::refused(format_args!(
            "nothing came for {} s: the server or the network stalls",
            stall.as_secs_f32()
        ));
    }
    if error.is_body() || error.is_decode() || error.is_request() {
        return Error::refused(format_args!("the connection broke before all had come: {why}"));
    }
    Error::refused(why)
}

/// The innermost reason, which is the one that says something.
fn root(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
