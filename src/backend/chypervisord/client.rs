//! Requests to chypervisord and cguestd, each with what its refusals mean.
use super::wire;
use crate::{
    backend::{
        lochness_records::{self as records, Hypervisor},
        way::Way,
    },
    domain::{Error, ErrorKind, NodeId, Result, Vm, VmId, is_uuid},
    transport::http::{Answer, Ask, Method},
};
use serde_json::Value;

/// One of the services.
#[derive(Debug)]
pub(super) struct Client(pub(super) Way);

/// The part of a path that stands for a node. What is no UUID names none, and is never sent.
fn word(id: &str, what: &str) -> Result<String> {
    match is_uuid(id) {
        true => Ok(id.to_ascii_lowercase()),
        false => {
            Err(Error::not_found(format_args!("no {what} is called {}: an id is a UUID", crate::domain::clean(id, 60))))
        }
    }
}

pub(super) fn path(node: &NodeId) -> Result<String> {
    Ok(format!("/hypervisors/{}", word(node.as_str(), "hypervisor")?))
}

pub(super) fn subnet_path(node: &NodeId, subnet: &str) -> Result<String> {
    Ok(format!("{}/subnets/{}", path(node)?, word(subnet, "subnet")?))
}

fn guest_path(vm: &VmId) -> Result<String> {
    Ok(format!("/guests/{}", word(vm.as_str(), "guest")?))
}

impl Client {
    pub(super) fn shown(&self) -> String {
        self.0.shown()
    }

    async fn send(&self, ask: &Ask) -> Result<Answer> {
        self.0.http()?.send(ask).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.ask(&Ask::get(path)).await
    }

    pub(super) async fn change(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let ask = Ask::new(method, path);
        let ask = match body {
            Some(body) => ask.json(body),
            None => ask,
        };
        self.ask(&ask).await
    }

    async fn ask(&self, ask: &Ask) -> Result<Value> {
        let answer = self.send(ask).await?;
        if answer.is_success() { answer.json() } else { Err(wire::refusal(&answer)) }
    }

    /// A list below `/`; a store that nothing was ever written to has an empty one.
    async fn list(&self, folder: &str) -> Result<Value> {
        let answer = self.send(&Ask::get(format!("/{folder}"))).await?;
        if answer.is_success() {
            return answer.json();
        }
        if wire::is_empty_store(&answer, folder) {
            return Ok(Value::Null);
        }
        let error = wire::refusal(&answer);
        Err(match error.kind {
            ErrorKind::NotFound if answer.status == 500 => Error::refused(format_args!(
                "the list cannot be read while one record is broken: {}; its key has to be deleted in the store",
                error.message
            )),
            ErrorKind::NotFound => {
                let why = format_args!("{}: it knows no /{folder}: is it the right server?", self.shown());
                Error::new(ErrorKind::Unsupported, why)
            }
            _ => error,
        })
    }

    pub(super) async fn hypervisors(&self) -> Result<Vec<Hypervisor>> {
        Hypervisor::read_all(&self.list("hypervisors").await?)
    }

    pub(super) async fn hypervisor(&self, node: &NodeId) -> Result<Hypervisor> {
        let found = self.get(&path(node)?).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::not_found(format_args!("no hypervisor is called {node}")),
            _ => error,
        });
        Hypervisor::read(&found?)
    }

    pub(super) async fn guests(&self) -> Result<Vec<Vm>> {
        records::guests(&self.list("guests").await?)
    }

    pub(super) async fn guest(&self, vm: &VmId) -> Result<Vm> {
        let found = self.get(&guest_path(vm)?).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::not_found(format_args!("no guest is called {vm}")),
            _ => error,
        });
        records::guest(&found?)
    }

    /// Asks for an action on a guest; the job that will do it comes back.
    pub(super) async fn act(&self, vm: &VmId, action: &str) -> Result<String> {
        self.queue(Ask::new(Method::POST, format!("{}/{action}", guest_path(vm)?))).await
    }

    /// Asks for the end of a guest; the job that will do it comes back.
    pub(super) async fn delete(&self, vm: &VmId) -> Result<String> {
        self.queue(Ask::new(Method::DELETE, guest_path(vm)?)).await
    }

    async fn queue(&self, ask: Ask) -> Result<String> {
        let answer = self.send(&ask).await?;
        if !answer.is_success() {
            return Err(wire::refusal(&answer));
        }
        let job = answer.header("x-guest-job-id").map(str::to_owned);
        job.ok_or_else(|| Error::new(ErrorKind::Protocol, "the server said yes, but named no job"))
    }
}
