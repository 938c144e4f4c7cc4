//! The way to the server, whichever transport it is.
use super::client::Client;
use crate::domain::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) enum Link {
    Socket(Arc<Client>),
}

impl Link {
    /// Sends a request; what stands in the `args` of the answer comes back.
    pub(super) async fn call(&self, namespace: &str, name: &str, args: Value) -> Result<Value> {
        match self {
            Self::Socket(client) => client.call(namespace, name, args).await,
        }
    }

    /// Says that the connection serves from now on. `Err`: it is lost already.
    pub(super) fn is_up(&self) -> Result<()> {
        match self {
            Self::Socket(client) => client.is_up(),
        }
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&self) {
        match self {
            Self::Socket(client) => client.lost().await,
        }
    }

    /// Gives the connection up: for this reason no answer can come any more.
    pub(super) fn lose(&self, error: &Error) {
        match self {
            Self::Socket(client) => client.lose(error),
        }
    }
}
