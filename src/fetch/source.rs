//! Where the bytes come from.
use super::{
    Address, Options, ftp, http,
    http::Way,
    name::{self, Names},
    proxy,
};
use crate::{
    domain::{Error, Result, clean_line},
    transport::at,
};
use reqwest::Response;
use std::{fs::File, time::Duration};
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

/// Why a source gave no more, and whether it may do so when it is asked again.
#[derive(Debug)]
pub(super) struct Broken {
    pub error: Error,
    pub is_passing: bool,
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self { error, is_passing: false }
    }
}

/// A server or a network that says nothing for this long.
pub(super) fn late(stall: Duration) -> Broken {
    let seconds = stall.as_secs_f32();
    let error = Error::refused(format_args!("nothing came for {seconds} s: the server or the network stalls"));
    Broken { error, is_passing: true }
}

/// The failure of a TLS handshake, where the reason is the server's certificate: to ask again helps nobody.
pub(super) fn untrusted(host: &str, why: &str) -> Option<Broken> {
    let fault = clean_line(why.strip_prefix("invalid peer certificate: ")?);
    let error = Error::refused(format_args!(
        "the certificate of {host} is not trusted here ({fault}): `ca` in [fetch] names a file with more authorities"
    ));
    Some(error.into())
}

/// Where to go on, and by what to know that the file is still the same.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    pub offset: u64,
    pub validator: String,
    pub total: Option<u64>,
}

/// The bytes of an image, and what is known of it before they come.
#[derive(Debug)]
pub(super) struct Source {
    pub names: Names,
    /// Which byte comes first: 0 also where another was asked for and the server would not or could not.
    pub begins: u64,
    /// How many bytes there are in the whole; None: the server does not tell.
    pub total: Option<u64>,
    /// By what the server tells one version from another; None: it cannot be resumed.
    pub validator: Option<String>,
    /// Whether the server says that it sends a part where one is asked for.
    pub gives_parts: bool,
    pub body: Body,
    pub(super) content_type: String,
    pub(super) encoding: String,
    pub(super) stall: Duration,
}

#[derive(Debug)]
pub(super) enum Body {
    Http(Box<Response>),
    /// Nobody else minds the time of these.
    Proxied(Box<Response>),
    Ftp(Box<ftp::Download>),
    File(File),
}

/// Asks for `address`, from `rest` on where there is one; no byte of the image is read yet.
pub(super) async fn open(address: &Address, options: &Options, rest: Option<&Rest>) -> Result<Source, Broken> {
    if address.url().scheme() == "file" {
        Ok(open_file(address)?)
    } else if address.is_ftp() {
        match proxy::find(address)? {
            Some(proxy) => http::open(&Way::Proxy(proxy), address, options, rest).await,
            None => ftp::open(address, options, rest).await,
        }
    } else {
        http::open(&Way::Client(http::client(address, options)?), address, options, rest).await
    }
}

/// A small text beside an image; None: it is not there, is no text, or is larger than `most` bytes. Without a `way` it is a
/// file of this machine.
pub(super) async fn text(way: Option<&Way>, address: &Address, options: &Options, most: usize) -> Option<String> {
    let Some(way) = way else {
        let path = address.url().to_file_path().ok()?;
        let size = path.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        return (size <= most as u64).then(|| std::fs::read_to_string(path).ok())?;
    };
    let mut source = http::open(way, address, options, None).await.ok()?;
    if source.total.is_some_and(|total| total > most as u64) {
        return None;
    }
    let mut text = Vec::new();
    while let Some(piece) = source.next().await.ok()? {
        text.extend_from_slice(&piece);
        if text.len() > most {
            return None;
        }
    }
    String::from_utf8(text).ok()
}

impl Source {
    /// Whether a fetch that is interrupted goes on where it was, as far as the server tells.
    pub(super) const fn is_resumable(&self) -> bool {
        self.validator.is_some() && self.gives_parts
    }

    /// The next bytes; None: no more come.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        match &mut self.body {
            Body::Http(response) => response.chunk().await.map_err(|error| http::failed(error, self.stall)),
            Body::Proxied(response) => match timeout(self.stall, response.chunk()).await {
                Ok(chunk) => chunk.map_err(|error| http::failed(error, self.stall)),
                Err(_) => Err(late(self.stall)),
            },
            Body::Ftp(download) => download.next().await,
            Body::File(_) => Ok(None),
        }
    }

    /// Refuses what comes under the name of an image and is something else. Packed it may be where it will be unpacked.
    pub(super) fn refuse_other_than_image(&self, name: &str, unpack: bool) -> Result<()> {
        let is_page = ["text/html", "application/xhtml+xml"].iter().any(|page| self.content_type.starts_with(page));
        if is_page && (name::is_image_like(name) || !name.contains('.')) {
            return Err(Error::refused(
                "the server answered with a web page and not with an image: open the address in a browser to see it",
            ));
        }
        let is_packed = !matches!(self.encoding.as_str(), "" | "identity");
        if is_packed && !unpack && ![".gz", ".tgz"].iter().any(|ending| name.ends_with(ending)) {
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
        begins: 0,
        validator: None,
        gives_parts: false,
        total: Some(total),
        body: Body::File(file),
        content_type: String::new(),
        encoding: String::new(),
        stall: Duration::ZERO,
    })
}
