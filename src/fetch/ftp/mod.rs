//! Images over FTP (RFC 959, 2428, 3659 and 4217): whole, or the rest of one that is still the same.
//!
//! `ftp://` is without TLS; `ftps://` has TLS from the first byte on, at port 990; `ftpes://`, and `ftps://` at port 21,
//! ask for TLS after the greeting and send nothing without it. All data connections are passive.
mod session;

pub(super) use session::Session;

use super::{
    Address, Options,
    name::{self, Names},
    source::{Body, Broken, Rest, Source, late},
};
use crate::domain::{Error, Result};
use session::{Transfer, broke, failed};
use std::{fmt, time::Duration};
use tokio::{io::AsyncReadExt, time::timeout};
use tokio_util::bytes::{Bytes, BytesMut};

/// The largest piece that is read at once.
const PIECE: usize = 1 << 17;
/// How long the server may take to say that all was sent, after it was.
const FAREWELL: Duration = Duration::from_secs(2);

/// Asks for `address`; where the rest alone cannot be had, for all of it.
pub(super) async fn open(address: &Address, options: &Options, rest: Option<&Rest>) -> Result<Source, Broken> {
    let path = path(address)?;
    let mut session = Session::open(address, options).await?;
    let (total, validator) = session.look(&path).await?;
    let mut begins = 0;
    let mut transfer = None;
    if let Some(rest) = rest.filter(|rest| validator.as_ref() == Some(&rest.validator)) {
        match session.begin(&path, rest.offset).await {
            Ok(begun) => (transfer, begins) = (Some(begun), rest.offset),
            Err(broken) if broken.is_passing => return Err(broken),
            // It cannot begin in the middle.
            Err(_) => {}
        }
    }
    if transfer.is_none() && total.is_none() {
        // Nothing has told yet that the file is there.
        transfer = Some(session.begin(&path, 0).await?);
    }
    let download = Download { session, path, transfer, total, offset: begins, buffer: BytesMut::new() };
    Ok(Source {
        names: Names::of(None, address.url(), address.url()),
        begins,
        total,
        validator,
        gives_parts: true,
        content_type: String::new(),
        encoding: String::new(),
        stall: options.stall,
        body: Body::Ftp(Box::new(download)),
    })
}

/// The path as the server knows it: below the folder of the login; an absolute one begins with `%2F` (RFC 1738, 3.2.2).
fn path(address: &Address) -> Result<String> {
    let path = address.url().path();
    let path = name::decoded(path.strip_prefix('/').unwrap_or(path));
    match path {
        Some(path) if path.is_empty() => Err(Error::invalid("url: the name of a file is missing")),
        Some(path) if path.contains(char::is_control) => Err(Error::invalid("url: the path holds a control character")),
        Some(path) => Ok(path),
        None => Err(Error::invalid("url: the path is not UTF-8")),
    }
}

/// The bytes of a file; they are asked for when the first is wanted, if not before.
pub(super) struct Download {
    session: Session,
    path: String,
    transfer: Option<Transfer>,
    total: Option<u64>,
    offset: u64,
    buffer: BytesMut,
}

impl Download {
    /// The next bytes; None: no more come.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let transfer = match &mut self.transfer {
            Some(transfer) => transfer,
            none => none.insert(self.session.begin(&self.path, 0).await?),
        };
        self.buffer.reserve(PIECE);
        let read = self.session.in_time(transfer.read_buf(&mut self.buffer)).await?;
        let is_whole = self.total == Some(self.offset);
        match read {
            Ok(size) if size > 0 => {
                self.offset += size as u64;
                if self.total.is_some_and(|total| self.offset > total) {
                    let error = Error::refused("it has grown at the server while it came");
                    return Err(Broken { error, is_passing: true });
                }
                return Ok(Some(self.buffer.split().freeze()));
            }
            // Servers close without the farewell of TLS, and firewalls forget the other connection: the count tells.
            Err(_) if is_whole => {}
            Err(error) => return Err(broke(&error.to_string())),
            Ok(_) => {}
        }
        let Some(transfer) = self.transfer.take() else { return Ok(None) };
        match timeout(FAREWELL, transfer.finish()).await {
            _ if is_whole => Ok(None),
            Ok(Ok(())) => Ok(None),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(late(FAREWELL)),
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("path", &self.path).field("offset", &self.offset).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str) -> Result<String, String> {
        path(&url.parse().unwrap()).map_err(|error| error.message)
    }

    #[test]
    fn a_path_is_below_the_login_and_decoded() {
        assert_eq!(asked("ftp://h/pub/tiny%20os.iso;type=i").unwrap(), "pub/tiny os.iso");
        assert_eq!(asked("ftps://h/%2Fsrv/a%3F.iso").unwrap(), "/srv/a?.iso");
        assert!(asked("ftp://h/a%0d%0aDELE%20b").unwrap_err().contains("control character"));
        assert!(asked("ftp://h/%ff").unwrap_err().contains("UTF-8"));
        assert!(asked("ftp://h/").unwrap_err().contains("missing"));
    }
}
