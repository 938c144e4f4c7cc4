use super::super::{
    Address, Options,
    source::{Broken, late, untrusted},
};
use crate::{
    domain::{Error, ErrorKind, Result, clean_line},
    transport::tls::{self, Trust},
};
use std::{fmt, time::Duration};
use suppaftp::{
    FtpError, Mode, Status,
    tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream, AsyncRustlsStream, TransferStream},
    types::{FileType, Response},
};
use tokio::{io::AsyncReadExt, time::timeout};
use url::Host;

/// A connection for the bytes of a file.
pub(super) type Transfer = TransferStream<AsyncRustlsStream>;

/// A connection on which somebody is logged in.
pub(in super::super) struct Session {
    ftp: AsyncRustlsFtpStream,
    stall: Duration,
}

impl Session {
    pub(in super::super) async fn open(address: &Address, options: &Options) -> Result<Self, Broken> {
        let url = address.url();
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => return Err(Error::invalid("url: the name of a server is missing").into()),
        };
        let port = url.port().unwrap_or(if url.scheme() == "ftps" { 990 } else { 21 });
        let connector = || -> Result<AsyncRustlsConnector> {
            Ok(tls::connector(&Trust::System { ca: options.ca.clone() }, None)?.into())
        };
        let place = (host.as_str(), port);
        let connected = match (url.scheme(), port) {
            ("ftp", _) => timeout(options.connect, AsyncRustlsFtpStream::connect(place)).await,
            ("ftpes", _) | (_, 21) => {
                let connector = connector()?;
                timeout(options.connect, async {
                    AsyncRustlsFtpStream::connect(place).await?.into_secure(connector, &host).await
                })
                .await
            }
            _ => {
                let connect = AsyncRustlsFtpStream::connect_secure_implicit(place, connector()?, &host);
                timeout(options.connect, connect).await
            }
        };
        let shown = address.place();
        let mut ftp = match connected {
            Ok(Ok(ftp)) => ftp,
            Ok(Err(error)) => return Err(unreachable(&shown, error, url.scheme() != "ftp")),
            Err(_) => return Err(cannot_be_reached(&shown, "no answer")),
        };
        ftp.set_mode(Mode::ExtendedPassive);
        // The address in an answer to PASV is that of whoever made it up; the server's own is known.
        ftp.set_passive_nat_workaround(true);
        let mut session = Self { ftp, stall: options.stall };
        let (user, password) = match address.login() {
            Some((user, password)) => (user.as_str(), password.expose()),
            None => ("anonymous", "anonymous@"),
        };
        let login = timeout(options.stall, session.ftp.login(user, password)).await;
        match login.map_err(|_| late(options.stall))? {
            Ok(()) => session.keep_secret(url.scheme()).await,
            // Its words may repeat what was sent.
            Err(FtpError::UnexpectedResponse(no)) => Err(refusal(&no, Some(""))),
            Err(error) => Err(failed(error)),
        }
    }

    /// Has the data connections of `ftps://` use TLS too; most servers do so by themselves, and may not know the words.
    async fn keep_secret(mut self, scheme: &str) -> Result<Self, Broken> {
        if scheme == "ftps" {
            let stall = self.stall;
            let asked = timeout(stall, async {
                for command in ["PBSZ 0", "PROT P"] {
                    told(self.ftp.custom_command(command, &[Status::CommandOk]).await)?;
                }
                Ok(())
            });
            asked.await.map_err(|_| late(stall))?.map_err(failed)?;
        }
        Ok(self)
    }

    /// What `work` gives, unless nothing comes for too long.
    pub(super) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Broken> {
        timeout(self.stall, work).await.map_err(|_| late(self.stall))
    }

    /// Size and version of a file, as far as the server tells.
    pub(super) async fn look(&mut self, path: &str) -> Result<(Option<u64>, Option<String>), Broken> {
        let stall = self.stall;
        let asked = timeout(stall, async {
            self.ftp.transfer_type(FileType::Binary).await?;
            let size = told(self.ftp.size(path).await)?;
            let time = if size.is_some() { told(self.ftp.mdtm(path).await)? } else { None };
            Ok((size, time))
        });
        let (size, time) = asked.await.map_err(|_| late(stall))?.map_err(failed)?;
        let validator = size.zip(time).map(|(size, time)| format!("{size} bytes of {time}"));
        Ok((size.map(|size| size as u64), validator))
    }

    /// Has the bytes sent, from `offset` on. Servers that do not know EPSV are asked by PASV.
    pub(super) async fn begin(&mut self, path: &str, offset: u64) -> Result<Transfer, Broken> {
        self.ftp.set_mode(Mode::ExtendedPassive);
        let begun = match self.retrieve(path, offset).await? {
            Err(FtpError::UnexpectedResponse(no)) if no.status != Status::FileUnavailable => {
                self.ftp.set_mode(Mode::Passive);
                self.retrieve(path, offset).await?
            }
            begun => begun,
        };
        begun.map_err(failed)
    }

    async fn retrieve(&mut self, path: &str, offset: u64) -> Result<Result<Transfer, FtpError>, Broken> {
        let offset = usize::try_from(offset).map_err(|_| Error::invalid("url: too large for this machine"))?;
        let stall = self.stall;
        let begun = timeout(stall, async {
            self.ftp.resume_transfer(offset).await?;
            self.ftp.retr_as_stream(path).await
        });
        begun.await.map_err(|_| late(stall))
    }

    /// A small text; None: it is not there, is no text, or is larger than `most` bytes.
    pub(in super::super) async fn text(&mut self, address: &Address, most: usize) -> Result<Option<String>, Broken> {
        let path = super::path(address)?;
        let (Some(size), _) = self.look(&path).await? else { return Ok(None) };
        if size > most as u64 {
            return Ok(None);
        }
        let mut transfer = self.begin(&path, 0).await?;
        let mut text = Vec::new();
        let mut all = (&mut transfer).take(most as u64);
        self.in_time(all.read_to_end(&mut text)).await?.map_err(|error| broke(&error.to_string()))?;
        self.in_time(transfer.finish()).await?.map_err(failed)?;
        Ok(String::from_utf8(text).ok())
    }
}

/// Why the conversation ended, in words.
pub(super) fn failed(error: FtpError) -> Broken {
    match error {
        FtpError::UnexpectedResponse(no) => refusal(&no, None),
        FtpError::ConnectionError(why) => broke(&why.to_string()),
        FtpError::SecureError(why) => broke(why.trim_start_matches("Secure error: ")),
        other => passing(format_args!("the server's answer is no FTP: {other}")),
    }
}

pub(super) fn broke(why: &str) -> Broken {
    passing(format_args!("the connection broke before all had come: {}", clean_line(why)))
}

/// An answer that a server need not give: None where it would not.
fn told<T>(answer: Result<T, FtpError>) -> Result<Option<T>, FtpError> {
    match answer {
        Ok(told) => Ok(Some(told)),
        Err(FtpError::UnexpectedResponse(no)) if no.status != Status::NotAvailable => Ok(None),
        Err(FtpError::BadResponse) => Ok(None),
        Err(error) => Err(error),
    }
}

fn passing(why: fmt::Arguments<'_>) -> Broken {
    Broken { error: Error::refused(why), is_passing: true }
}

fn cannot_be_reached(host: &str, why: &str) -> Broken {
    passing(format_args!("{host} cannot be reached: {}", clean_line(why)))
}

/// Why there is no connection to log in on.
fn unreachable(host: &str, error: FtpError, is_secure: bool) -> Broken {
    match error {
        FtpError::ConnectionError(why) => cannot_be_reached(host, &why.to_string()),
        FtpError::SecureError(why) => {
            let why = why.trim_start_matches("Secure error: ");
            untrusted(host, why).unwrap_or_else(|| cannot_be_reached(host, &format!("TLS failed: {why}")))
        }
        // Before anything else was asked: the greeting, or AUTH.
        FtpError::UnexpectedResponse(no) => {
            let has_no_tls = is_secure && matches!(no.status.code(), 500..=504);
            refusal(&no, has_no_tls.then_some("(it offers no TLS here)"))
        }
        other => passing(format_args!("{host} does not speak FTP: {other}")),
    }
}

/// The server's no, with its number and its words, or `instead` of them.
fn refusal(no: &Response, instead: Option<&str>) -> Broken {
    let text = String::from_utf8_lossy(&no.body);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let number: String = last.chars().take_while(char::is_ascii_digit).take(3).collect();
    let words: String = clean_line(last.get(3..).unwrap_or_default().trim()).chars().take(200).collect();
    let words = instead.map_or(words.trim_end_matches('.'), |instead| instead);
    let more = match number.as_str() {
        "530" | "430" => ": it wants another user and password, or does not let anybody in",
        "550" => ": the address is wrong, or the file has moved",
        "421" => ": it has too much to do, try again later",
        _ => "",
    };
    let kind = if number == "550" { ErrorKind::NotFound } else { ErrorKind::Refused };
    let said = format!("the server said {number} {words}");
    Broken { error: Error::new(kind, format_args!("{}{more}", said.trim_end())), is_passing: number.starts_with('4') }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_is_told_with_its_number() {
        let said = |body: &str, instead| refusal(&Response::new(Status::Ready, body.into()), instead);
        let missing = said("550-Sorry\r\n550 No such \u{1b}[31mfile.\r\n", None);
        assert!(missing.error.message.starts_with("the server said 550 No such "), "{}", missing.error.message);
        assert!(!missing.error.message.contains('\u{1b}') && !missing.is_passing);
        assert!(said("421 Too many.\r\n", None).is_passing);
        assert!(!said("530 hunter2 is wrong\r\n", Some("")).error.message.contains("hunter2"));
        assert_eq!(said("no number", None).error.message, "the server said  number");
    }
}
