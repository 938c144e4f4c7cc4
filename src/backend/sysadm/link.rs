//! The way to the server, whichever transport it is.
use super::{client::Client, rest::Rest};
use crate::domain::{Error, Result, Secret};
use serde_json::Value;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) enum Link {
    Socket(Arc<Client>),
    Rest(Arc<Rest>),
}

impl Link {
    /// Sends a request; what stands in the `args` of the answer comes back.
    pub(super) async fn call(&self, namespace: &str, name: &str, args: Value) -> Result<Value> {
        match self {
            Self::Socket(client) => client.call(namespace, name, args).await,
            Self::Rest(rest) => rest.call(namespace, name, args).await,
        }
    }

    /// The way by single requests, on which no event comes.
    pub(super) fn rest(&self) -> Option<&Arc<Rest>> {
        match self {
            Self::Socket(_) => None,
            Self::Rest(rest) => Some(rest),
        }
    }

    /// Says that the connection serves from now on. `Err`: it is lost already.
    pub(super) fn is_up(&self) -> Result<()> {
        match self {
            Self::Socket(client) => client.is_up(),
            Self::Rest(rest) => rest.is_up(),
        }
    }

    /// The server has agreed to them: a connection remembers that, single requests have to say it each time.
    pub(super) fn signed_in(&self, user: &str, password: &Secret) {
        if let Self::Rest(rest) = self {
            rest.signed_in(user, password);
        }
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&self) {
        match self {
            Self::Socket(client) => client.lost().await,
            Self::Rest(rest) => rest.lost().await,
        }
    }

    /// Gives the connection up: for this reason no answer can come any more.
    pub(super) fn lose(&self, error: &Error) {
        match self {
            Self::Socket(client) => client.lose(error),
            Self::Rest(rest) => rest.lose(error),
        }
    }
}
