//! etcd's keys as its second API tells them, and what its errors mean.
//!
//! Every answer is JSON: `{action, node, prevNode?}`, or `{errorCode, message, cause, index}`; the header `X-Etcd-Index`
//! holds the number of the newest change of the whole store.
use crate::{
    domain::{Error, ErrorKind, Result, clean},
    transport::http::Answer,
};
use serde::Deserialize;

/// A key with its value, or a folder with what stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The whole path, from `/` on.
    pub key: String,
    pub value: Option<String>,
    #[serde(rename = "dir")]
    pub is_folder: bool,
    #[serde(rename = "nodes")]
    inside: Option<Vec<Entry>>,
    /// The number of the change that it is from.
    #[serde(rename = "modifiedIndex")]
    pub index: u64,
}

impl Entry {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    pub fn inside(&self) -> &[Self] {
        self.inside.as_deref().unwrap_or_default()
    }

    /// What is called so in this folder.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.inside().iter().find(|entry| entry.name() == name)
    }

    /// The texts in this folder and in the folders in it, each by its path below this one.
    pub fn texts(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut open: Vec<(String, &Self)> = vec![(String::new(), self)];
        while let Some((path, folder)) = open.pop() {
            for entry in folder.inside() {
                let path = format!("{path}{}", entry.name());
                match &entry.value {
                    Some(value) if !entry.is_folder => found.push((path, value.clone())),
                    _ => open.push((format!("{path}/"), entry)),
                }
            }
        }
        found
    }
}

/// What happened to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether it is there no more: deleted, or its time was over.
    pub is_gone: bool,
    pub entry: Entry,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    action: String,
    node: Entry,
}

fn told(body: &[u8]) -> Result<Told> {
    let told: Told = serde_json::from_slice(body).map_err(|why| odd(&why.to_string()))?;
    if told.node.key.is_empty() && !told.node.is_folder {
        return Err(odd("no key"));
    }
    Ok(told)
}

fn odd(why: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format_args!("this is not what etcd answers ({}): is it the right server?", clean(why, 80)),
    )
}

/// What a read found.
pub fn entry(body: &[u8]) -> Result<Entry> {
    told(body).map(|told| told.node)
}

/// What a watch was told.
pub fn event(body: &[u8]) -> Result<Event> {
    let told = told(body)?;
    let is_gone = matches!(told.action.as_str(), "delete" | "compareAndDelete" | "expire");
    Ok(Event { is_gone, entry: told.node })
}

/// The newest change of the store, as this answer tells it.
pub(super) fn index(answer: &Answer) -> Option<u64> {
    answer.header("x-etcd-index")?.parse().ok()
}

/// `{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}`; releases before 2.0.10 tell a line of text.
pub fn version(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Version {
        etcdserver: String,
    }
    match serde_json::from_slice::<Version>(body) {
        Ok(version) => format!("etcd {}", clean(&version.etcdserver, 20)),
        Err(_) => clean(String::from_utf8_lossy(body).trim(), 20).into_owned(),
    }
}

/// Whether a release as [`version`] tells it is too new for the second API: 3.6 is the first.
pub fn is_without_second_api(version: &str) -> bool {
    let mut numbers = version.strip_prefix("etcd ").unwrap_or_default().split('.').map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(3), Some(6))
}

/// etcd's numbers for what it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    NotFound,
    /// The key changed since.
    Changed,
    Exists,
    NotEmpty,
    /// The change that a watch begins with is too old to be told.
    Cleared,
    /// Nobody signed in, not with this password, or without the right.
    NoRight,
    Other(u64),
}

/// The number of a refusal, and etcd's words; None: these are not etcd's.
pub fn refused(body: &[u8]) -> Option<(Code, String)> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "errorCode")]
        code: u64,
        #[serde(default)]
        message: String,
        #[serde(default)]
        cause: String,
    }
    let told: Refusal = serde_json::from_slice(body).ok()?;
    let code = match told.code {
        100 => Code::NotFound,
        101 => Code::Changed,
        105 => Code::Exists,
        108 => Code::NotEmpty,
        110 => Code::NoRight,
        401 => Code::Cleared,
        other => Code::Other(other),
    };
    Some((code, clean(&format!("{} {}: {}", told.code, told.message, told.cause), 200).into_owned()))
}

/// A refusal as an error.
pub fn error((code, words): &(Code, String)) -> Error {
    match code {
        Code::NotFound => Error::not_found("there is no such key"),
        Code::Changed => Error::conflict("somebody else changed it meanwhile"),
        Code::Exists => Error::conflict("it is there already"),
        Code::NotEmpty => Error::conflict("something stands in it"),
        Code::Cleared => Error::conflict("what changed since is forgotten"),
        Code::NoRight => Error::new(ErrorKind::Unauthorized, format_args!("etcd: {words}")),
        // The cluster was asked and has not agreed: what was sent may still be done.
        Code::Other(300 | 301) => Error::new(ErrorKind::Timeout, format_args!("etcd has not agreed on it: {words}")),
        Code::Other(_) => Error::refused(format_args!("etcd: {words}")),
    }
}
