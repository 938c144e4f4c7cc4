//! A move to a configured host, by its name: what that host has is looked at before and afterwards.
use super::Asked;
use crate::{
    config::{BackendConfig, Config, HostConfig},
    domain::{Error, ErrorKind, Reply, Request, Result, VmId},
};

/// The request with the URI of a libvirt host that it names, and that host. An address stays what it is.
pub(super) fn named<'a>(
    config: &'a Config,
    from: &HostConfig,
    request: Request,
) -> Result<(Request, Option<&'a HostConfig>)> {
    let Request::Migrate { vm, to, copy_disks } = request else { return Ok((request, None)) };
    let is_meant = |host: &&HostConfig| host.name.as_str() == to && matches!(host.backend, BackendConfig::Libvirt(_));
    let there = config.hosts.iter().find(is_meant).filter(|_| matches!(from.backend, BackendConfig::Libvirt(_)));
    let Some(there) = there else { return Ok((Request::Migrate { vm, to, copy_disks }, None)) };
    let host = there.host();
    if there.name == from.name || host.address == from.host().address {
        return Err(Error::invalid(format_args!("to: {to} is the host that {vm} is on")));
    }
    let Some(uri) = host.uri() else {
        let why = "is known to this computer alone: give it a peer_uri, or write to=qemu+ssh://user@host/system";
        return Err(Error::invalid(format_args!("to: {} {why}", host.address)));
    };
    Ok((Request::Migrate { vm, to: uri.to_owned(), copy_disks }, Some(there)))
}

/// Moves `vm` where `there` runs none of this name, and afterwards looks whether it does.
pub(super) async fn followed(
    ask: &mut impl AsyncFnMut(&HostConfig, Asked) -> Result<Reply>,
    from: &HostConfig,
    asked: Asked,
    there: &HostConfig,
    vm: &VmId,
) -> Result<Reply> {
    let name = &there.name;
    let show = || Asked { request: Request::Show(vm.clone()), answer: None };
    match ask(there, show()).await {
        Ok(Reply::Vm(found)) if found.power().is_alive() => {
            return Err(Error::conflict(format_args!("{name} runs a machine called {vm} already")));
        }
        Ok(_) => {}
        Err(error) if error.kind == ErrorKind::NotFound => {}
        Err(error) => return Err(error.context(name)),
    }
    let more = match ask(from, asked).await? {
        Reply::Remark(more) => format!("; {more}"),
        _ => String::new(),
    };
    match ask(there, show()).await {
        Ok(Reply::Vm(found)) if found.power().is_alive() => Ok(Reply::Remark(format!("{vm} runs on {name}{more}"))),
        Ok(_) => Err(Error::new(ErrorKind::Differs, format_args!("{vm} has left, and does not run on {name}"))),
        Err(error) => Err(Error::new(ErrorKind::Differs, format_args!("{vm} has left, but on {name}: {error}"))),
    }
}
