//! What both adapters refuse, and what they warn of, in the same words.
use crate::domain::{Error, Op, VmId};

/// What both do for nodes.
pub(in crate::backend) const NODES: &[Op] = &[
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

/// What stops a heartbeat: the daemon writes its own copy of the record, and ends when somebody else wrote.
pub(in crate::backend) const HEARTBEAT: &str = "A change of a live node's record ends its heartbeat daemon, and the node \
                                                counts as dead until that is started again. Its configuration and its \
                                                subnets are safe to change.";

/// Why an operation is missing, however lochness is spoken to.
pub(in crate::backend) fn why(op: Op) -> &'static str {
    match op {
        Op::Pause | Op::Resume => "cguestd takes a suspend, but the worker behind it refuses it",
        Op::Reset => "lochness has no reset: its restart and its reboot both ask the guest",
        Op::Save => "no service of lochness keeps the memory of a guest",
        Op::Rename => "guests of lochness have identities, no names of their own",
        Op::ListSnapshots | Op::TakeSnapshot | Op::RevertSnapshot | Op::RemoveSnapshot => {
            "snapshots are kept by the agent of each hypervisor, which vmdeck does not speak to"
        }
        Op::Create | Op::Clone => "lochness makes guests from flavors and networks, which only its own tools list",
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

/// A node that still has guests is not removed; each is named.
pub(in crate::backend) fn full(guests: &[VmId]) -> Error {
    let names = guests.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Error::conflict(match guests.len() {
        0 => "it still has guests".to_owned(),
        1 => format!("it still has a guest: {names}"),
        n => format!("it still has {n} guests: {names}"),
    })
}
