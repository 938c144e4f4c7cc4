use super::Settings;
use crate::domain::{Capabilities, Events, Limits, OPS, Op, OpSet, Result, Vm};
use std::{borrow::Cow, time::Duration};

const NODES: &[Op] = &[
    Op::List,
    Op::ListNodes,
    Op::ShowNode,
    Op::AddNode,
    Op::UpdateNode,
    Op::RemoveNode,
    Op::SetConfig,
    Op::SetSubnet,
    Op::RemoveSubnet,
];
const GUESTS: &[Op] = &[Op::Show, Op::Start, Op::ShutDown, Op::PowerOff];

/// What stops a heartbeat: the daemon writes its own copy of the record, and ends when somebody else wrote.
const HEARTBEAT: &str = "A change of a live node's record ends its heartbeat daemon, and the node counts as dead until \
                         that is started again. Its configuration and its subnets are safe to change.";

/// Why an operation is missing.
fn why(op: Op, has_guests: bool) -> &'static str {
    match op {
        _ if GUESTS.contains(&op) && !has_guests => {
            "chypervisord knows the ids of guests alone: write guests_url = \"http://host:18000\""
        }
        Op::Pause | Op::Resume => "cguestd takes a suspend, but the worker behind it refuses it",
        Op::Reset => "lochness has no reset: its restart asks the guest to reboot",
        Op::Create | Op::Delete => "lochness makes guests from flavors and networks, which only its own tools list",
        Op::Migrate => "lochness places a guest once, and none of its services moves it",
        Op::ListDisks => "no service of lochness tells the disks of a guest",
        Op::ResizeDisk => "no service of lochness grows a disk: a guest has the size that its flavor gave it",
        Op::AddDisk | Op::RemoveDisk | Op::Install | Op::InsertImage | Op::EjectImage => {
            "no service of lochness changes what a guest has: its flavor decided"
        }
        Op::ShowDescription | Op::Define => {
            "a guest of lochness has no description: its flavor and its network are all"
        }
        Op::OpenConsole => "no service of lochness offers a console",
        Op::ListProperties | Op::SetProperty => "guests of lochness have no settings to change",
        Op::CheckSetup | Op::SetUp => "lochness is set up by its own tools",
        _ => "the images of lochness are kept by another service",
    }
}

/// What this connection can do. `guests`: what cguestd said to a first question; None: it is not configured.
pub(super) fn of(settings: &Settings, guests: Option<&Result<Vec<Vm>>>) -> Capabilities {
    let has_guests = guests.is_some();
    let mut ops = OpSet::of(NODES);
    if has_guests {
        ops = GUESTS.iter().fold(ops, |ops, op| ops.with(*op));
    }
    let missing = OPS.iter().filter(|row| !ops.contains(row.op));
    let missing = missing.map(|row| (row.op, Cow::from(why(row.op, has_guests)))).collect();
    let told = match guests {
        None => "ids alone: no guests_url is configured".to_owned(),
        Some(Ok(all)) => format!("{} by cguestd", all.len()),
        Some(Err(error)) => format!("cguestd: {}", error.message),
    };
    let jobs = if settings.follow_jobs { "followed to their end" } else { "queued, and not looked at" };
    let mut details = vec![("Guests".to_owned(), told)];
    details.extend(has_guests.then(|| ("Jobs".to_owned(), jobs.to_owned())));
    let patience = [Op::Start, Op::ShutDown, Op::PowerOff].map(|op| (op, Duration::from_secs(60)));
    Capabilities {
        ops,
        events: Events::Poll,
        limits: Limits { patience: patience.to_vec(), ..Limits::default() },
        missing,
        cautions: vec![(Op::UpdateNode, HEARTBEAT.into())],
        version: "chypervisord".to_owned(),
        details,
        ..Capabilities::default()
    }
}
