//! The one place where a configured host becomes an actor with a backend.
use super::{Hosts, Policy};
use crate::{
    backend::{Backend, Disks, EventSink, Images, Machines, Power, Properties, Setup},
    config::{BackendConfig, HostConfig, Paths},
    domain::{Capabilities, Error, ErrorKind, Inventory, Result},
};

/// Starts the actor of `host`.
pub(super) fn spawn(hosts: &mut Hosts, host: &HostConfig, paths: &Paths, policy: Policy) {
    let id = host.name.clone();
    let _ = paths;
    match &host.backend {
        BackendConfig::Qemu(_)
        | BackendConfig::Demo(_)
        | BackendConfig::Sysadm(_)
        | BackendConfig::Chypervisord(_)
        | BackendConfig::Govirthost(_)
        | BackendConfig::Velocity(_)
        | BackendConfig::Libvirt(_)
        | BackendConfig::Iohyve(_)
        | BackendConfig::Lochness(_) => hosts.add(id, Absent(host.backend.name()), policy),
    }
}

/// A kind of host that is known by name only.
struct Absent(&'static str);

impl Backend for Absent {
    async fn connect(&self, _: EventSink) -> Result<Capabilities> {
        let why = format_args!("this version of vmdeck cannot speak to {} hosts", self.0);
        Err(Error::new(ErrorKind::Unsupported, why))
    }

    async fn inventory(&self, _: bool) -> Result<Inventory> {
        Ok(Inventory::default())
    }
}

impl Power for Absent {}
impl Machines for Absent {}
impl Disks for Absent {}
impl Images for Absent {}
impl Properties for Absent {}
impl Setup for Absent {}
