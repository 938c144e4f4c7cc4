//! How both sides of a connection are known: the server's certificate, and ours.
use super::read::{Result, Table};
use std::path::PathBuf;

/// How a server's certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// By the authorities that the system trusts, and those in the file `ca`.
    #[default]
    System,
    /// By its fingerprint, which is written here.
    Pin(String),
    /// The first one is shown and asked about, then remembered.
    AcceptNew,
    /// Not at all.
    Insecure,
}

/// What is said of certificates by a host whose server may want one of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    pub tls: Tls,
    pub ca: Option<PathBuf>,
    /// The client's certificate, and its key; None: that is in the same file.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl Certificates {
    /// `addresses`: what they are for.
    pub(super) fn read(table: &mut Table<'_>, addresses: &[&str]) -> Result<Self> {
        check_has_tls(table, &["tls", "pin", "ca", "cert", "key"], addresses)?;
        let (cert, key) = (table.path("cert")?, table.path("key")?);
        if let (Some(value), Some(_), None) = (table.get("key"), &key, &cert) {
            return Err(value.error("write cert = \"/file\" too: the certificate of the key"));
        }
        Ok(Self { tls: tls(table)?, ca: table.path("ca")?, cert, key })
    }
}

/// Refuses what is said of certificates where none of `addresses` ever shows one: it would be taken for protection.
pub(super) fn check_has_tls(table: &mut Table<'_>, fields: &[&'static str], addresses: &[&str]) -> Result<()> {
    let parts = |address: &str| address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let schemes: Vec<_> = addresses.iter().filter_map(|address| parts(address)).collect();
    let (Some(plain), false) = (schemes.first(), schemes.iter().any(|s| matches!(s.as_str(), "https" | "wss"))) else {
        return Ok(());
    };
    match fields.iter().find_map(|field| table.get(field)) {
        Some(value) => {
            Err(value.error(format_args!("{plain}:// has no certificates: write {plain}s:// there, or leave this out")))
        }
        None => Ok(()),
    }
}

pub(super) fn tls(table: &mut Table<'_>) -> Result<Tls> {
    let pin = table.word("pin")?;
    let Some(value) = table.get("tls") else {
        return match pin {
            Some(_) => Err(table.error("`pin` needs tls = \"pin\"")),
            None => Ok(Tls::System),
        };
    };
    let choices = [("system", 0), ("pin", 1), ("accept-new", 2), ("insecure", 3)];
    match (value.choice(&choices)?, pin) {
        (1, Some(pin)) => {
            let digits: String = pin.chars().filter(|c| *c != ':').collect::<String>().to_ascii_lowercase();
            let is_sum = digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit());
            let sum = is_sum.then_some(Tls::Pin(digits));
            sum.ok_or_else(|| value.error("`pin` is the SHA-256 fingerprint of the certificate: 64 hexadecimal digits"))
        }
        (1, None) => Err(value.error("write pin = \"..\" too: the SHA-256 fingerprint of the certificate")),
        (_, Some(_)) => Err(value.error("`pin` needs tls = \"pin\"")),
        (0, None) => Ok(Tls::System),
        (2, None) => Ok(Tls::AcceptNew),
        _ => Ok(Tls::Insecure),
    }
}
