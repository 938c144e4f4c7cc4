//! Replies and progress as JSON: sizes in bytes, times in milliseconds since 1970, what is unknown is null.
use crate::domain::{
    Amount, Disk, DiskKind, Error, FieldKind, FieldSpec, Image, Node, OpenFetch, PastFetch, Progress, Property, Reply,
    Result, Snapshot, Vm, VmId,
};
use serde_json::{Map, Value, json};

fn vm(vm: &Vm) -> Value {
    let told = |value: &String| if value.is_empty() { Value::Null } else { value.clone().into() };
    let details: Map<String, Value> =
        vm.details.iter().map(|(label, value)| (label.to_string(), told(value))).collect();
    json!({
        "id": vm.id.as_str(), "name": vm.name, "state": vm.power().name(), "remark": vm.remark, "cpus": vm.cpus,
        "memory": vm.memory, "disk": vm.disk, "started": vm.started.map(|s| s.0), "details": details,
    })
}

pub(super) fn disk(disk: &Disk) -> Value {
    let kind = match disk.kind {
        DiskKind::Disk => "disk",
        DiskKind::Cdrom => "cdrom",
    };
    json!({
        "id": disk.id.as_str(), "kind": kind, "format": disk.format, "size": disk.virtual_size.map(|s| s.0),
        "real_size": disk.real_size.map(|s| s.0), "bus": disk.bus, "medium": disk.medium, "pool": disk.pool,
        "read_only": disk.read_only, "stays": disk.stays, "pending": disk.pending,
    })
}

pub(super) fn image(image: &Image) -> Value {
    json!({
        "name": image.name, "size": image.size.map(|s| s.0), "added": image.added.map(|s| s.0),
        "checked": image.checked, "used_by": image.used_by, "path": image.path, "kind": image.kind,
        "disk_size": image.disk_size.map(|s| s.0), "source": image.source,
        "partial": image.partial.as_ref().map(ToString::to_string),
    })
}

fn open_fetch(fetch: &OpenFetch) -> Value {
    let told = progress(&fetch.progress);
    json!({
        "name": fetch.name, "source": fetch.source, "running": fetch.halt.is_none(), "halt": fetch.halt,
        "progress": told.get("progress"),
    })
}

fn past_fetch(past: &PastFetch) -> Value {
    json!({
        "name": past.name, "source": past.source, "ended": past.ended.0, "received": past.received.0,
        "seconds": past.took.as_secs_f64(), "rate": past.rate().map(|r| r.0), "ok": past.why.is_none(),
        "error": past.why, "checked": past.checked,
    })
}

pub(super) fn property(property: &Property) -> Value {
    json!({
        "name": property.spec.name, "value": property.value, "current": property.current,
        "read_only": property.read_only,
    })
}

fn snapshot(snapshot: &Snapshot) -> Value {
    json!({
        "name": snapshot.name, "description": snapshot.description, "taken": snapshot.taken.map(|s| s.0),
        "state": snapshot.power.map(crate::domain::PowerState::name), "parent": snapshot.parent, "current": snapshot.is_current,
        "size": snapshot.size.map(|s| s.0),
    })
}

fn field(field: &FieldSpec) -> Value {
    let choices = match &field.kind {
        FieldKind::Choice(choices) => choices.iter().map(|choice| json!(choice.value)).collect(),
        _ => Value::Null,
    };
    json!({
        "name": field.name, "default": field.default, "required": field.required, "help": field.help, "choices": choices,
    })
}

fn node(node: &Node) -> Value {
    let details: Map<String, Value> = node.details.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
    let amount = |amount: Option<Amount>| amount.map(|a| json!({ "used": a.used.0, "total": a.total.0 }));
    json!({
        "id": node.id.as_str(), "name": node.name, "address": node.address, "alive": node.is_alive, "cpus": node.cpus,
        "cpus_used": node.cpus_used, "load": node.load, "memory": amount(node.memory),
        "storage": amount(node.storage), "details": details,
    })
}

pub(super) fn reply(reply: &Reply) -> Value {
    match reply {
        Reply::Done => Value::Null,
        Reply::Vms(vms) => vms.iter().map(vm).collect(),
        Reply::Vm(one) => vm(one),
        Reply::Disks(disks) => disks.iter().map(disk).collect(),
        Reply::DiskAdded(disk) => json!({ "disk": disk.as_str() }),
        Reply::Resized { vm, disk, plan } => {
            json!({ "vm": vm.as_str(), "disk": disk.as_str(), "from": plan.from.0, "to": plan.to.0 })
        }
        Reply::Snapshots(all) => all.iter().map(snapshot).collect(),
        Reply::Properties(all) => all.iter().map(property).collect(),
        Reply::Description(text) => json!({ "description": text }),
        Reply::Images(images) => images.iter().map(image).collect(),
        Reply::Fetches(all) => json!({
            "open": all.open.iter().map(open_fetch).collect::<Value>(),
            "past": all.past.iter().map(past_fetch).collect::<Value>(),
        }),
        Reply::GoesOn(job) => json!({ "job": job.as_str() }),
        Reply::Probed(prospect) => json!({
            "name": prospect.name, "taken": prospect.is_taken, "size": prospect.size.map(|s| s.0),
            "resumable": prospect.is_resumable, "checksum": prospect.checksum,
            "free": prospect.free.map(|s| s.0), "obstacle": prospect.obstacle(),
        }),
        Reply::Fetched(fetched) => image(fetched),
        Reply::Form(fields) => fields.iter().map(field).collect(),
        Reply::Setup(report) => {
            let items: Vec<Value> = report
                .items
                .iter()
                .map(|i| json!({ "name": i.name, "present": i.present, "required": i.required, "detail": i.detail }))
                .collect();
            json!({
                "ready": report.is_ready(), "items": items, "command": report.command,
                "fields": report.fields.iter().map(field).collect::<Value>(), "obstacle": report.obstacle,
                "caution": report.caution,
            })
        }
        Reply::Nodes(nodes) => nodes.iter().map(node).collect(),
        Reply::Node(report) => {
            let guests: Vec<&str> = report.guests.iter().map(VmId::as_str).collect();
            json!({ "node": node(&report.node), "config": report.config, "subnets": report.subnets, "guests": guests })
        }
        Reply::Console { socket, history } => json!({ "socket": socket, "history": history }),
        Reply::ConsoleProgram { line, leave } => json!({ "command": line, "leave": leave }),
        Reply::Taken(text) => json!({ "taken": text }),
        Reply::Remark(text) => json!({ "remark": text }),
    }
}

/// One line of progress.
pub(super) fn progress(progress: &Progress) -> Value {
    json!({ "progress": {
        "done": progress.done.map(|s| s.0), "total": progress.total.map(|s| s.0), "percent": progress.percent(),
        "rate": progress.rate, "note": progress.note,
    }})
}

/// The object that ends `--json`. `op` is what was asked for, which need not be an operation; `seen`: what was read after
/// a change; `caution`: what is to be said of that besides.
pub(super) fn outcome(
    host: &str,
    op: &str,
    result: &Result<Reply>,
    (seen, caution): (Option<Value>, Option<String>),
) -> Value {
    let told = |told: &Reply| {
        let mut told = seen.unwrap_or_else(|| reply(told));
        if let (Some(caution), Some(told)) = (caution, told.as_object_mut()) {
            told.insert("caution".to_owned(), caution.into());
        }
        told
    };
    let error = |error: &Error| json!({ "kind": error.kind.name(), "message": error.message });
    json!({
        "host": host,
        "op": op,
        "ok": result.is_ok(),
        "result": result.as_ref().ok().map(told),
        "error": result.as_ref().err().map(error),
    })
}
