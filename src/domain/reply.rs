use super::{
    Disk, DiskId, Fetches, FieldSpec, Image, JobId, Node, NodeReport, Property, Prospect, SetupReport, Snapshot, Vm,
    VmId,
};
use std::path::PathBuf;

/// What a request that succeeds comes back with.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done; for a change: and seen.
    Done,
    Vms(Vec<Vm>),
    Vm(Box<Vm>),
    Disks(Vec<Disk>),
    /// A disk that was added.
    DiskAdded(DiskId),
    /// A disk that was grown: sizes before, and as read back.
    Resized {
        vm: VmId,
        disk: DiskId,
        plan: super::ResizePlan,
    },
    Snapshots(Vec<Snapshot>),
    Properties(Vec<Property>),
    /// The whole description of a machine, as its host tells it.
    Description(String),
    Images(Vec<Image>),
    /// What an address would bring.
    Probed(Prospect),
    Fetches(Fetches),
    /// The host goes on with it by itself, under this name.
    GoesOn(JobId),
    /// An image that is whole and has its name.
    Fetched(Image),
    Form(Vec<FieldSpec>),
    Setup(SetupReport),
    Nodes(Vec<Node>),
    Node(Box<NodeReport>),
    /// Where a machine's serial line can be had; `history`: a file with what was said before.
    Console {
        socket: PathBuf,
        history: Option<PathBuf>,
    },
    /// The command line that shows a machine's serial line; `leave`: the keys that end it.
    ConsoleProgram {
        line: String,
        leave: &'static str,
    },
    /// Asked for and taken, and that is all that is known: what became of it, in words.
    Taken(String),
    /// Done, with something that the person should know.
    Remark(String),
}
