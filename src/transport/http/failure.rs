//! Why there is no answer, in words.
use crate::{
    domain::{Error, ErrorKind, clean_line},
    transport::tls,
};
use std::{error::Error as _, io, time::Duration};
use url::Url;

/// A request that came to nothing.
pub(super) struct Failure<'a> {
    pub(super) shown: &'a str,
    pub(super) patience: Duration,
    pub(super) error: reqwest::Error,
}

impl Failure<'_> {
    pub(super) fn in_words(self) -> Error {
        // The address may hold what is secret, and a person knows it already.
        let (shown, error) = (self.shown, self.error.without_url());
        if let Some(tls) = cause::<rustls::Error>(&error) {
            return tls::refused(shown, tls);
        }
        if error.is_connect() {
            return match cause::<io::Error>(&error) {
                _ if error.is_timeout() => unreachable(shown, "no answer"),
                Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
                    unreachable(shown, "closed before TLS was agreed on: is it the right port?")
                }
                Some(io) if error.is_dns() => unreachable(shown, &format!("there is no such host ({io})")),
                Some(io) => tls::unreachable(shown, io),
                None => unreachable(shown, &root(&error)),
            };
        }
        if error.is_timeout() {
            let why = format_args!("{shown}: no answer for {} s", self.patience.as_secs_f32());
            return Error::new(ErrorKind::Timeout, why);
        }
        match cause::<hyper::Error>(&error) {
            Some(http) if http.is_parse() => {
                unreachable(shown, "it does not speak HTTP: is it the right port, or does it want https://?")
            }
            Some(http) if http.is_incomplete_message() => {
                unreachable(shown, "it closed the connection without an answer")
            }
            _ if error.is_decode() || error.is_body() => {
                unreachable(shown, &format!("the connection broke within the answer: {}", root(&error)))
            }
            _ => unreachable(shown, &format!("the connection broke: {}", root(&error))),
        }
    }
}

fn unreachable(shown: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unreachable, format_args!("{shown}: {why}"))
}

pub(super) fn too_large(shown: &str, largest: usize) -> Error {
    let most = crate::domain::ByteSize(u64::try_from(largest).unwrap_or(u64::MAX));
    Error::new(ErrorKind::Protocol, format_args!("{shown}: an answer of more than {most}, which is not taken"))
}

/// The server names another address.
pub(super) fn leads_away(shown: &str, next: &Url, why: &str) -> Error {
    // Without what may be secret in it.
    let address = format!("{}{}", next.origin().ascii_serialization(), next.path());
    Error::refused(format_args!("{shown}: it leads to {}: {why}; is the url right?", clean_line(&address)))
}

/// The innermost cause of this type. What an I/O error wraps is no source of it, so it is looked into.
fn cause<T: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&T> {
    let mut found = None;
    let mut next = error.source();
    while let Some(cause) = next {
        found = cause.downcast_ref().or(found);
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as _).or_else(|| cause.source());
    }
    found
}

/// The innermost reason, which is the one that says something.
fn root(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    clean_line(&innermost.to_string()).into_owned()
}
