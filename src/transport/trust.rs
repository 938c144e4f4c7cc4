//! What was configured about a server's certificate, and how it becomes one rule before anything is sent.
use super::{
    Known,
    tls::{self, Identity, Server},
};
use crate::domain::{Error, ErrorKind, Result};
use std::path::PathBuf;

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
    /// The rule for all connections to `server` from now on. With [`Trust::AcceptNew`] the server is asked for its
    /// certificate, and `ask` says whether a new or changed one is right.
    pub async fn settle(
        &self,
        server: &Server,
        identity: Option<&Identity>,
        ask: impl AsyncFnOnce(String) -> Result<bool>,
    ) -> Result<tls::Trust> {
        let known = match self {
            Self::System { ca } => return Ok(tls::Trust::System { ca: ca.clone() }),
            Self::Pin(pin) => return Ok(tls::Trust::Pin(pin.clone())),
            Self::Insecure => return Ok(tls::Trust::Any),
            Self::AcceptNew(_) if !server.is_secure => return Ok(tls::Trust::Any),
            Self::AcceptNew(known) => known,
        };
        let shown = server.shown();
        let seen = tls::certificate(server, identity).await?;
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
}

/// Four digits at a time, so that a person can compare them.
pub fn spaced(fingerprint: &str) -> String {
    let digits: Vec<char> = fingerprint.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
