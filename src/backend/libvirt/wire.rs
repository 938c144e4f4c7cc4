//! What travels in the messages: machines, pools, volumes, figures, errors; and the numbers of the procedures, as
//! libvirt's `remote_protocol.x` has them.
use super::xdr::{Reader, Writer};
use crate::domain::{Error, ErrorKind, Result};
use std::collections::BTreeMap;

/// The numbers of the procedures.
pub mod procedure {
    pub const CONNECT_OPEN: u32 = 1;
    pub const VERSION: u32 = 4;
    pub const NODE_INFO: u32 = 6;
    pub const CAPABILITIES: u32 = 7;
    pub const CREATE_XML: u32 = 10;
    pub const ATTACH_FLAGS: u32 = 160;
    pub const DETACH_FLAGS: u32 = 161;
    pub const GET_AUTOSTART: u32 = 15;
    pub const XML: u32 = 14;
    pub const LOOKUP_BY_NAME: u32 = 23;
    pub const REBOOT: u32 = 27;
    pub const RESUME: u32 = 28;
    pub const SET_AUTOSTART: u32 = 29;
    pub const SHUT_DOWN: u32 = 33;
    pub const SUSPEND: u32 = 34;
    pub const HOSTNAME: u32 = 59;
    pub const AUTH_LIST: u32 = 66;
    pub const AUTH_POLKIT: u32 = 70;
    pub const POOL_DEFINE: u32 = 77;
    pub const POOL_CREATE: u32 = 78;
    pub const POOL_BUILD: u32 = 79;
    pub const POOL_UNDEFINE: u32 = 82;
    pub const POOL_REFRESH: u32 = 83;
    pub const POOL_OF_VOLUME: u32 = 86;
    pub const POOL_INFO: u32 = 87;
    pub const POOL_XML: u32 = 88;
    pub const POOL_SET_AUTOSTART: u32 = 90;
    pub const VOLUME_CREATE: u32 = 93;
    pub const VOLUME_DELETE: u32 = 94;
    pub const VOLUME_BY_NAME: u32 = 95;
    pub const VOLUME_BY_PATH: u32 = 97;
    pub const VOLUME_INFO: u32 = 98;
    pub const VOLUME_XML: u32 = 99;
    pub const VOLUME_PATH: u32 = 100;
    pub const VOLUME_COPY: u32 = 125;
    pub const INTERFACE_XML: u32 = 130;
    pub const IS_KEPT: u32 = 151;
    pub const LIB_VERSION: u32 = 157;
    pub const ABORT_JOB: u32 = 164;
    pub const UPDATE_DEVICE: u32 = 174;
    pub const MANAGED_SAVE: u32 = 182;
    pub const HAS_MANAGED_SAVE: u32 = 183;
    pub const SNAPSHOT_CREATE: u32 = 185;
    pub const SNAPSHOT_XML: u32 = 186;
    pub const SNAPSHOT_BY_NAME: u32 = 189;
    pub const SNAPSHOT_CURRENT: u32 = 191;
    pub const SNAPSHOT_REVERT: u32 = 192;
    pub const SNAPSHOT_DELETE: u32 = 193;
    pub const BLOCK_INFO: u32 = 194;
    pub const START: u32 = 196;
    pub const SET_CPUS: u32 = 199;
    pub const OPEN_CONSOLE: u32 = 201;
    pub const SET_MEMORY: u32 = 204;
    pub const VOLUME_UPLOAD: u32 = 208;
    pub const STATE: u32 = 212;
    pub const NODE_MEMORY: u32 = 228;
    pub const UNDEFINE: u32 = 231;
    pub const DESTROY: u32 = 234;
    pub const RESET: u32 = 245;
    pub const BLOCK_RESIZE: u32 = 251;
    pub const VOLUME_RESIZE: u32 = 260;
    pub const DISK_ERRORS: u32 = 263;
    pub const SET_METADATA: u32 = 264;
    pub const LIST_DOMAINS: u32 = 273;
    pub const LIST_SNAPSHOTS: u32 = 274;
    pub const LIST_POOLS: u32 = 281;
    pub const LIST_VOLUMES: u32 = 282;
    pub const LIST_NETWORKS: u32 = 283;
    pub const LIST_INTERFACES: u32 = 284;
    pub const JOB_STATS: u32 = 298;
    pub const MIGRATE_PERFORM: u32 = 305;
    pub const REGISTER_EVENT: u32 = 316;
    pub const STATS: u32 = 344;
    pub const DEFINE: u32 = 350;
    pub const RENAME: u32 = 358;
    pub const REGISTER_POOL_EVENT: u32 = 368;
}

/// A machine as libvirt names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    pub name: String,
    pub uuid: [u8; 16],
    /// -1: it is off.
    pub id: i32,
}

impl Domain {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { name: reader.text()?, uuid: reader.fixed()?, id: reader.i32()? })
    }

    /// Put behind what was written.
    #[must_use]
    pub fn write(&self, writer: Writer) -> Writer {
        writer.text(&self.name).fixed(&self.uuid).i32(self.id)
    }

    /// The argument of most calls.
    pub fn arg(&self) -> Writer {
        self.write(Writer::default())
    }
}

/// A storage pool, or a network: both are named so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub name: String,
    pub uuid: [u8; 16],
}

impl Pool {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { name: reader.text()?, uuid: reader.fixed()? })
    }

    pub fn arg(&self) -> Writer {
        Writer::default().text(&self.name).fixed(&self.uuid)
    }
}

/// A network interface of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    pub name: String,
    pub mac: String,
}

impl Interface {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { name: reader.text()?, mac: reader.text()? })
    }

    pub fn arg(&self) -> Writer {
        Writer::default().text(&self.name).text(&self.mac)
    }
}

/// A volume of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub pool: String,
    pub name: String,
    /// Its identity over all pools: its path, where it is a file.
    pub key: String,
}

impl Volume {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { pool: reader.text()?, name: reader.text()?, key: reader.text()? })
    }

    /// Put behind what was written.
    #[must_use]
    pub fn write(&self, writer: Writer) -> Writer {
        writer.text(&self.pool).text(&self.name).text(&self.key)
    }

    pub fn arg(&self) -> Writer {
        self.write(Writer::default())
    }
}

/// One of a machine's figures.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    Signed(i64),
    Unsigned(u64),
    Real(f64),
    Text(String),
}

/// Figures by their names (`remote_typed_param`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(BTreeMap<String, Figure>);

impl Params {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let figures = reader.list(|reader| {
            let name = reader.text()?;
            let figure = match reader.u32()? {
                1 | 6 => Figure::Signed(reader.i32()?.into()),
                2 => Figure::Unsigned(reader.u32()?.into()),
                3 => Figure::Signed(reader.i64()?),
                4 => Figure::Unsigned(reader.u64()?),
                5 => Figure::Real(reader.f64()?),
                7 => Figure::Text(reader.text()?),
                other => {
                    let why = format_args!("libvirt's figure {name} is of the kind {other}, which is not known");
                    return Err(Error::new(ErrorKind::Protocol, why));
                }
            };
            Ok((name, figure))
        })?;
        Ok(Self(figures.into_iter().collect()))
    }

    /// A figure that is a number and not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Figure::Signed(number) => u64::try_from(*number).ok(),
            Figure::Unsigned(number) => Some(*number),
            Figure::Real(_) | Figure::Text(_) => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Figure::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What libvirt tells of one machine in one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    pub domain: Domain,
    params: Params,
}

impl Stats {
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { domain: Domain::read(reader)?, params: Params::read(reader)? })
    }

    /// A figure that is a number and not negative.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.params.number(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.params.text(name)
    }

    /// The sum of a figure over all drives or cards: `block`, `rd.bytes`. None: nobody has it.
    pub fn sum(&self, of: &str, name: &str) -> Option<u64> {
        let count = self.number(&format!("{of}.count"))?.min(1000);
        let each = (0..count).filter_map(|n| self.number(&format!("{of}.{n}.{name}")));
        each.fold(None, |sum, each| Some(sum.unwrap_or(0_u64).saturating_add(each)))
    }
}

/// What libvirt says when it refuses: its own words, and what kind of refusal it is.
pub fn refusal(body: &[u8]) -> Error {
    let mut reader = Reader::new(body);
    let read = (|| Ok::<_, Error>((reader.i32()?, reader.i32()?, reader.maybe()?)))();
    let Ok((code, _, message)) = read else {
        return Error::new(ErrorKind::Protocol, "libvirt refused, in words that cannot be read");
    };
    let kind = match code {
        3 | 84 => ErrorKind::Unsupported,
        42 | 43 | 49 | 50 | 72 => ErrorKind::NotFound,
        // What it says of a machine in another state, of one that is busy with another job, of a name that is taken.
        55 | 68 | 87 | 90 => ErrorKind::Conflict,
        45 | 79 => ErrorKind::Unauthorized,
        // Work that somebody has told it to stop.
        78 => ErrorKind::Cancelled,
        _ => ErrorKind::Refused,
    };
    let message = message.filter(|message| !message.trim().is_empty());
    Error::new(kind, message.unwrap_or_else(|| format!("libvirt refused, with code {code} and no words")))
}
