//! What was configured about a server's certificate, and how it becomes one rule before anything is sent.
use super::{
    Known,
    tls::{self, Identity, Server},
};
use crate::domain::{Error, ErrorKind, Result};
use std::{path::PathBuf, time::Duration};
use tokio::time::timeout;

/// How long a server may take to show its certificate.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the server's certificate is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    System {
        ca: Option<PathBuf>,
    },
    Pin(String),
    /// A person is shown the fingerprint; the answer is kept in this file.
    AcceptNew(Known),
    Insecure,
}

impl Trust {
    /// The rule for connections to `server`, where nobody has to be asked; else the file of what was answered before.
    pub fn rule(&self, server: &Server) -> std::result::Result<tls::Trust, &Known> {
        match self {
            Self::System { ca } => Ok(tls::Trust::System { ca: ca.clone() }),
            Self::Pin(pin) => Ok(tls::Trust::Pin(pin.clone())),
            Self::Insecure => Ok(tls::Trust::Any),
            Self::AcceptNew(_) if !server.is_secure => Ok(tls::Trust::Any),
            Self::AcceptNew(known) => Err(known),
        }
    }

    /// The rule for all connections to `server` from now on. With [`Trust::AcceptNew`] the server is asked for its
    /// certificate, and `ask` says whether a new or changed one is right.
    pub async fn settle(
        &self,
        server: &Server,
        identity: Option<&Identity>,
        ask: impl AsyncFnOnce(String) -> Result<bool>,
    ) -> Result<tls::Trust> {
        let known = match self.rule(server) {
            Ok(rule) => return Ok(rule),
            Err(known) => known,
        };
        let shown = server.shown();
        let silence = |_| Error::new(ErrorKind::Unreachable, format_args!("{shown}: no answer"));
        let seen = timeout(PATIENCE, tls::certificate(server, identity)).await.map_err(silence)??;
        let before = known.get(&shown)?;
        if before.as_ref() != Some(&seen) {
            let text = match &before {
                None => format!(
                    "{shown} shows a certificate for the first time. SHA-256 {}. Is it the server's?",
                    spaced(&seen)
                ),
                Some(before) => format!(
                    "{shown} shows ANOTHER certificate than before: the server made a new one, or somebody is between \
                     you and it. Now SHA-256 {}, before {}. Trust the new one?",
                    spaced(&seen),
                    spaced(before)
                ),
            };
            if !ask(text).await? {
                let why = format_args!("{shown}: its certificate was not accepted");
                return Err(Error::new(ErrorKind::NeedsAnswer, why));
            }
            known.set(&shown, &seen)?;
        }
        Ok(tls::Trust::Pin(seen))
    }

    /// How a connection by `rule` is judged, in words; `plain`: what it means that a server elsewhere has no TLS.
    pub fn judged(&self, rule: &tls::Trust, server: &Server, identity: Option<&Identity>, plain: &str) -> String {
        let own = if identity.is_some() { ", and the server judges ours" } else { "" };
        match (self, rule) {
            _ if !server.is_secure && server.is_loopback() => "none: the connection stays on this computer".to_owned(),
            _ if !server.is_secure => format!("none: {plain}"),
            (Self::Insecure, _) => format!("NOT CHECKED (tls = \"insecure\"){own}"),
            (_, tls::Trust::Pin(pin)) => format!("{}{own}", spaced(pin)),
            _ => format!("by an authority that is trusted here{own}"),
        }
    }
}

/// Four digits at a time, so that a person can compare them.
pub fn spaced(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
