use super::{Op, OpSet, Weight};
use std::{borrow::Cow, time::Duration};

/// How changes on the host become known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Events {
    /// The host says so; a slow poll catches what it does not say.
    Push,
    /// The actor asks every few seconds.
    #[default]
    Poll,
}

/// What cancelling a task means on this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancel {
    /// The host has no way to stop work once begun.
    #[default]
    No,
    /// The host is asked, and may go on: the task runs until the host says that it ended.
    Ask,
    /// It stops.
    Sure,
}

/// How much a host takes at once, and how long its answers may need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many changes may be under way at once; None: any number. The others are queued.
    pub changes_at_once: Option<usize>,
    /// Changes that the host queues itself and that take no place among the others: a download of an hour.
    pub beside: OpSet,
    /// Answers of these operations may need longer (or come sooner) than the rule of [`Limits::patience`].
    pub patience: Vec<(Op, Duration)>,
    /// The state may follow an answer later than the rule of [`Limits::settle`].
    pub settle: Vec<(Op, Duration)>,
    /// How often the list is read again, where the host reports its changes but not all of them; None: by its cost.
    pub resync: Option<Duration>,
}

impl Limits {
    /// How long to wait for the answer to `op` before it counts as unknown. None: as long as it makes progress.
    pub fn patience(&self, op: Op) -> Option<Duration> {
        let own = self.patience.iter().find(|(o, _)| *o == op).map(|(_, time)| *time);
        match op {
            Op::FetchImage | Op::ResumeFetch | Op::SetUp | Op::Migrate => own,
            // A server far away is asked, and lists of checksums beside.
            Op::ProbeImage => own.or(Some(Duration::from_secs(30))),
            _ if op.weight() == Weight::Read => own.or(Some(Duration::from_secs(10))),
            _ => own.or(Some(Duration::from_secs(30))),
        }
    }

    /// How long after the answer the state may take to be what was asked for.
    pub fn settle(&self, op: Op) -> Duration {
        let own = self.settle.iter().find(|(o, _)| *o == op).map(|(_, time)| *time);
        own.unwrap_or(match op {
            Op::ShutDown => Duration::from_secs(60),
            _ => Duration::from_secs(5),
        })
    }
}

/// Where running machines may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// The backends whose hosts may take one.
    pub to: &'static [&'static str],
    /// The other host is named by a URI, not by its computer alone.
    pub by_uri: bool,
    /// Disks that the other host does not see can be copied along.
    pub copies_disks: bool,
}

/// What this connection can do: of the backend's operations, those that this server and this user allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub ops: OpSet,
    pub events: Events,
    pub cancel: Cancel,
    pub limits: Limits,
    /// Why an operation is missing, for the help page and the refusal.
    pub missing: Vec<(Op, Cow<'static, str>)>,
    /// What to be warned of before an operation, in the confirm dialog.
    pub cautions: Vec<(Op, Cow<'static, str>)>,
    /// Whether the files of its disks stay where a machine is deleted; None: a person chooses.
    pub keeps_disks: Option<bool>,
    /// Where machines that run here may go, and how.
    pub moves: Moves,
    /// A look at a machine's disks and settings changes something on the host: that is for what a person opens.
    pub looks_leave_traces: bool,
    /// The server's name and version: `QEMU 10.0.2`.
    pub version: String,
    /// Whether machines can run here; None: not known.
    pub is_set_up: Option<bool>,
    /// What else is known of this connection, in its order: label and value.
    pub details: Vec<(String, String)>,
}

impl Capabilities {
    /// `Err` says why not, in words for the user.
    pub fn check(&self, op: Op) -> Result<(), &str> {
        if self.ops.contains(op) {
            return Ok(());
        }
        let why = self.missing.iter().find(|(o, _)| *o == op).map(|(_, why)| why.as_ref());
        Err(why.unwrap_or_else(|| lacking(op)))
    }

    /// What a dialog should warn of before `op`.
    pub fn caution(&self, op: Op) -> Option<&str> {
        self.cautions.iter().find(|(o, _)| *o == op).map(|(_, what)| what.as_ref())
    }
}

/// What is said of an operation whose lack a host does not explain itself.
const fn lacking(op: Op) -> &'static str {
    match op {
        Op::ListNodes
        | Op::ShowNode
        | Op::AddNode
        | Op::UpdateNode
        | Op::RemoveNode
        | Op::SetConfig
        | Op::SetSubnet
        | Op::RemoveSubnet => "it keeps no records of hypervisors, as those of lochness do",
        _ => "this kind of host cannot do that",
    }
}
