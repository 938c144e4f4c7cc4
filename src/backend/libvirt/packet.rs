//! The frame of libvirt's messages: a length, six numbers, then what the procedure defines.
use super::xdr::{Reader, Writer};
use crate::domain::{Error, ErrorKind, Result};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The program of libvirt's calls, and the one that asks whether the other side lives.
pub const REMOTE: u32 = 0x2000_8086;
pub const KEEPALIVE: u32 = 0x6b65_6570;
/// The only version of both.
pub const VERSION: u32 = 1;
/// The length itself and the six numbers.
const HEADER: usize = 28;
/// The largest message that libvirt itself takes.
pub const LARGEST: usize = (32 << 20) + 4;

/// What is told of a connection that libvirt has closed.
pub(super) const CLOSED: &str = "libvirt closed the connection: it was stopped or restarted";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Call,
    Reply,
    /// Sent without being asked for.
    Event,
    /// A piece of a stream, which belongs to the call of the same number.
    Stream,
}

/// How the sender sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Good,
    Bad,
    /// Of a stream: more will come.
    More,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub program: u32,
    pub procedure: u32,
    pub kind: Kind,
    /// The number of the call that it belongs to; 0 for an event.
    pub serial: u32,
    pub status: Status,
    pub body: Vec<u8>,
}

fn odd(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Protocol, format_args!("this is not libvirt's protocol: {why}"))
}

/// A connection that breaks: a daemon that is killed with something unread resets it.
fn broken(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::new(ErrorKind::Unreachable, CLOSED),
        _ => Error::from(error).context("the connection to libvirt broke"),
    }
}

impl Packet {
    /// A call.
    pub const fn call(procedure: u32, serial: u32, body: Vec<u8>) -> Self {
        Self { program: REMOTE, procedure, kind: Kind::Call, serial, status: Status::Good, body }
    }

    /// As it goes over the wire. Refused when it is larger than libvirt takes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let length = HEADER + self.body.len();
        if length > LARGEST {
            return Err(Error::invalid("this is too long for libvirt"));
        }
        let kind = [Kind::Call, Kind::Reply, Kind::Event, Kind::Stream].iter().position(|k| *k == self.kind);
        let status = [Status::Good, Status::Bad, Status::More].iter().position(|s| *s == self.status);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let header = Writer::default().u32(number(length)).u32(self.program).u32(VERSION).u32(self.procedure);
        let header = header.u32(number(kind.unwrap_or(0))).u32(self.serial).u32(number(status.unwrap_or(0)));
        let mut bytes = header.done();
        bytes.extend(&self.body);
        Ok(bytes)
    }

    /// Reads what follows the length.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let (program, version, procedure) = (reader.u32()?, reader.u32()?, reader.u32()?);
        if version != VERSION {
            return Err(odd(format_args!("version {version} of program {program:#x}")));
        }
        let kind = match reader.u32()? {
            0 => Kind::Call,
            1 => Kind::Reply,
            2 => Kind::Event,
            3 => Kind::Stream,
            other => return Err(odd(format_args!("a message of the kind {other}"))),
        };
        let serial = reader.u32()?;
        let status = match reader.u32()? {
            0 => Status::Good,
            1 => Status::Bad,
            2 => Status::More,
            other => return Err(odd(format_args!("a message with the status {other}"))),
        };
        Ok(Self { program, procedure, kind, serial, status, body: reader.rest().to_vec() })
    }

    /// The next message; None: the other side has closed between two. Memory is taken as bytes come, whatever the
    /// length says.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Self>> {
        let mut length = [0; 4];
        match from.read(&mut length).await.map_err(broken)? {
            0 => return Ok(None),
            got => {
                from.read_exact(length.get_mut(got..).unwrap_or_default()).await.map_err(broken)?;
            }
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if !(HEADER..=LARGEST).contains(&length) {
            return Err(odd(format_args!("a message of {length} bytes")));
        }
        let rest = length - 4;
        let mut bytes = Vec::with_capacity(rest.min(64 << 10));
        from.take(u64::try_from(rest).unwrap_or(0)).read_to_end(&mut bytes).await.map_err(broken)?;
        if bytes.len() < rest {
            return Err(Error::new(ErrorKind::Unreachable, "libvirt closed the connection within a message"));
        }
        Self::decode(&bytes).map(Some)
    }
}
