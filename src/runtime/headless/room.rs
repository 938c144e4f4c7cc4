//! Whether a disk is given more than the storage of its host still holds, where that can be known without asking anybody.
use super::Call;
use crate::{
    backend::qemu::NEW_DISK,
    config::{BackendConfig, Config, Paths},
    domain::{ByteSize, Reply, Request, Shortage, Values},
    transport::free_space,
};

/// What the storage still holds that the disks of `call`'s host are on: only this computer's own is looked at, since to ask
/// another host would take as long as what is to be done.
pub(super) fn left(config: &Config, paths: &Paths, call: &Call, request: &Request) -> Option<ByteSize> {
    if !matches!(request, Request::ResizeDisk { .. } | Request::AddDisk { .. } | Request::Create { .. }) {
        return None;
    }
    match &super::named(config, &call.host).ok()?.backend {
        BackendConfig::Qemu(own) => free_space(own.machines.as_ref().unwrap_or(&paths.machines)).ok(),
        _ => None,
    }
}

/// What is to be said of a disk that has grown or is new, where `free` was less than that.
pub(super) fn caution(call: &Call, request: &Request, reply: &Reply, free: Option<ByteSize>) -> Option<String> {
    let more = match (reply, request) {
        (Reply::Resized { plan, .. }, _) => plan.to.0.saturating_sub(plan.from.0),
        (Reply::DiskAdded(_), Request::AddDisk { values, .. }) => new_disk(values, "size")?.0,
        (_, Request::Create { values }) => new_disk(values, "disk")?.0,
        _ => return None,
    };
    Some(Shortage::of(ByteSize(more), free?)?.told(&call.host))
}

/// How large a new disk is by its `field`; None: as large as the image that it is made of.
fn new_disk(values: &Values, field: &str) -> Option<ByteSize> {
    let given = |field: &str| values.get(field).map(String::as_str).filter(|value| !value.is_empty());
    let default = given("image").is_none().then_some(NEW_DISK);
    given(field).or(default)?.parse().ok()
}
