use super::{
    Capabilities, Disk, Error, Figures, Image, JobId, Node, NodeReport, Op, PowerState, Property, Question, Stamp,
    TaskState, Vm, VmId,
};
use std::time::Duration;

/// The state of the connection to a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    Connecting,
    Up(Box<Capabilities>),
    /// The host wants an answer from a person before it goes on.
    Asks(Question),
    /// None: it is not tried again by itself.
    Down {
        error: Error,
        retry_at: Option<Stamp>,
    },
}

/// What a host has. Each part is optional: None leaves what is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    pub nodes: Option<Vec<Node>>,
    pub vms: Option<Vec<Vm>>,
    pub images: Option<Vec<Image>>,
}

/// Work of the host that this program did not begin, or began in an earlier life.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub vm: Option<VmId>,
    pub title: String,
    /// The entry of the library that it brings, if it is a fetch.
    pub image: Option<String>,
    pub state: TaskState,
    /// When it began, where the host knows.
    pub begun: Option<Stamp>,
    /// What to ask for, to go on with it once it was interrupted.
    pub request: Option<super::Request>,
}

/// What a host says of its own accord, or in answer to the actor's own polling.
#[derive(Clone, Debug, PartialEq)]
pub enum HostEvent {
    /// From the actor alone.
    Link(Link),
    /// Everything, or the parts that it names.
    Inventory(Inventory),
    /// One machine, read anew: it replaces the old record, or is added.
    Vm(Box<Vm>),
    /// A machine that is no more.
    Gone(VmId),
    /// A state that needs no second look.
    Power(VmId, PowerState),
    /// A hint from a backend to the actor: this machine (None: the whole list) should be read again.
    Hint(Option<VmId>),
    /// What the machine uses now.
    Figures(Vec<(VmId, Figures)>),
    /// The disks of the machine whose details are shown.
    Disks(VmId, Vec<Disk>),
    /// The settings of the machine whose details are shown.
    Properties(VmId, Vec<Property>),
    /// Its disks ([`Op::ListDisks`]) or settings ([`Op::ListProperties`]) could not be read, and why. From the actor alone.
    Unread(VmId, Op, Error),
    /// The node whose details are shown, read anew.
    Node(Box<NodeReport>),
    /// How long it takes to answer. From the actor alone.
    Latency(Duration),
    /// The one physical machine behind the host, while its figures are shown. From the actor alone.
    OwnNode(Box<Node>),
    Job(Box<Job>),
    /// The connection can do less, or more, than before.
    Capabilities(Box<Capabilities>),
    /// A poll failed, hung or panicked: what is known is as old as `since`. From the actor alone.
    Stale {
        since: Stamp,
        error: Error,
    },
    /// From a backend: it, or one of its calls, needs an answer before it goes on.
    Asks(Question),
    /// From a backend: the connection is gone; the actor reconnects.
    Disconnected(Error),
}
