//! What a change has left behind, for `--json`: the machine, the disks, the setting or the image, as lists tell them.
use super::json;
use crate::domain::{Reply, Request};
use serde_json::Value;

/// What to read after `request` came back with `reply`; None: the reply tells it, or nothing is left.
pub(super) fn question(request: &Request, reply: &Reply) -> Option<Request> {
    // That a setting waits for the next start stands in the setting.
    let waits = matches!((request, reply), (Request::SetProperty { .. }, Reply::Remark(_)));
    if !waits && !matches!(reply, Reply::Done | Reply::DiskAdded(_)) {
        return None;
    }
    Some(match request {
        Request::Start(vm)
        | Request::ShutDown(vm)
        | Request::PowerOff(vm)
        | Request::Reset(vm)
        | Request::Pause(vm)
        | Request::Resume(vm)
        | Request::Define { vm, .. }
        | Request::Install { vm, .. } => Request::Show(vm.clone()),
        Request::Create { .. } => Request::Show(request.target().as_str().into()),
        Request::InsertImage { vm, .. }
        | Request::EjectImage { vm }
        | Request::AddDisk { vm, .. }
        | Request::RemoveDisk { vm, .. } => Request::ListDisks(vm.clone()),
        Request::SetProperty { vm, .. } => Request::ListProperties(vm.clone()),
        Request::RenameImage { .. } => Request::ListImages,
        _ => return None,
    })
}

/// The part of what was read that `request` is about.
pub(super) fn part(request: &Request, reply: &Reply, read: &Reply) -> Option<Value> {
    match (request, reply, read) {
        (_, Reply::DiskAdded(id), Reply::Disks(disks)) => disks.iter().find(|disk| disk.id == *id).map(json::disk),
        (Request::SetProperty { name, .. }, _, Reply::Properties(all)) => {
            all.iter().find(|property| property.spec.name == name).map(json::property)
        }
        (Request::RenameImage { name, .. }, _, Reply::Images(images)) => {
            images.iter().find(|image| image.name == *name).map(json::image)
        }
        (_, _, read) => Some(json::reply(read)),
    }
}
