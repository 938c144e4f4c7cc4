use super::{
    ByteSize, DiskId, Error, NodeExpect, PowerState, Reply, ResizePlan, Snapshot, SnapshotState, VmId, clean,
    clean_line,
};
use std::fmt;

/// What a change should bring about: looked at after every change, and after every change without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing that can be read back.
    Nothing,
    Power {
        vm: VmId,
        state: PowerState,
    },
    Present(VmId),
    Gone(VmId),
    /// It runs here no more: it is elsewhere.
    Left(VmId),
    /// What `text` describes; `before`: the description that was edited, where that is known.
    Defined {
        vm: VmId,
        before: Option<String>,
        text: String,
    },
    /// `before`: the disks that it had; `named`: what the host called the new one, once it has answered.
    NewDisk {
        vm: VmId,
        before: Vec<DiskId>,
        named: Option<DiskId>,
    },
    DiskSize {
        vm: VmId,
        disk: DiskId,
        plan: ResizePlan,
    },
    DiskGone {
        vm: VmId,
        disk: DiskId,
    },
    /// What is in the CD drive; None: nothing.
    Medium {
        vm: VmId,
        image: Option<String>,
    },
    PropertyIs {
        vm: VmId,
        name: String,
        value: String,
    },
    Snapshot {
        vm: VmId,
        snapshot: String,
        state: SnapshotState,
    },
    ImagePresent(String),
    ImageGone(String),
    Node(NodeExpect),
    /// The host is set up.
    Ready,
}

impl Expect {
    /// The machine it is about.
    pub const fn vm(&self) -> Option<&VmId> {
        match self {
            Self::Power { vm, .. }
            | Self::Present(vm)
            | Self::Gone(vm)
            | Self::Left(vm)
            | Self::Defined { vm, .. }
            | Self::NewDisk { vm, .. }
            | Self::DiskSize { vm, .. }
            | Self::DiskGone { vm, .. }
            | Self::Medium { vm, .. }
            | Self::PropertyIs { vm, .. }
            | Self::Snapshot { vm, .. } => Some(vm),
            _ => None,
        }
    }

    /// Whether a disk is the one of [`Expect::NewDisk`]: what the host named, or else any that was not there before.
    pub fn is_new_disk(&self, disk: &DiskId) -> bool {
        match self {
            Self::NewDisk { named: Some(named), .. } => named == disk,
            Self::NewDisk { before, .. } => !before.contains(disk),
            _ => false,
        }
    }

    /// What to look for once the host has answered: the disk that it names, and not one that came from elsewhere meanwhile.
    #[must_use]
    pub fn answered(mut self, answer: &Reply) -> Self {
        if let (Self::NewDisk { named, .. }, Reply::DiskAdded(disk)) = (&mut self, answer) {
            *named = Some(disk.clone());
        }
        self
    }

    /// The reply that reading back gives, where it says more than the host's own.
    pub fn reply(&self) -> Option<Reply> {
        match self {
            Self::DiskSize { vm, disk, plan } => {
                Some(Reply::Resized { vm: vm.clone(), disk: disk.clone(), plan: *plan })
            }
            _ => None,
        }
    }
}

/// `that web is off`: follows "looking whether" and "expected".
impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing to look at"),
            Self::Power { vm, state } => write!(f, "{vm} is {}", state.name()),
            Self::Present(vm) => write!(f, "{vm} is there"),
            Self::Gone(vm) => write!(f, "{vm} is gone"),
            Self::Left(vm) => write!(f, "{vm} runs here no more"),
            Self::Defined { vm, .. } => write!(f, "{vm} is as it was described"),
            Self::NewDisk { vm, .. } => write!(f, "{vm} has a new disk"),
            Self::DiskSize { vm, disk, plan } => write!(f, "{disk} of {vm} has {}", plan.to),
            Self::DiskGone { vm, disk } => write!(f, "{disk} of {vm} is gone"),
            Self::Medium { vm, image: Some(image) } => write!(f, "{} is in the drive of {vm}", clean_line(image)),
            Self::Medium { vm, image: None } => write!(f, "the drive of {vm} is empty"),
            Self::PropertyIs { vm, name, value } => write!(f, "{} of {vm} is {}", clean_line(name), clean_line(value)),
            Self::Snapshot { vm, snapshot, state } => {
                let name = clean_line(snapshot);
                match state {
                    SnapshotState::There => write!(f, "{vm} has the snapshot {name}"),
                    SnapshotState::Gone => write!(f, "{vm} has no snapshot {name}"),
                    SnapshotState::Current => write!(f, "{vm} is back at {name}"),
                }
            }
            Self::ImagePresent(name) => write!(f, "{} is there", clean_line(name)),
            Self::ImageGone(name) => write!(f, "{} is gone", clean_line(name)),
            Self::Node(expect) => expect.fmt(f),
            Self::Ready => f.write_str("the host is set up"),
        }
    }
}

/// What a look found.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is as expected; a reply where the look learnt one ([`Reply::DiskAdded`]).
    Met(Option<Reply>),
    /// It is not, or not yet: what is there instead, in words ("it is still running").
    NotMet(String),
    /// It cannot become so any more: the machine is gone, the start failed.
    Failed(Error),
    /// It could not be seen.
    Unknown(Error),
}

impl Verdict {
    /// The verdict on the size of a disk.
    pub fn size(plan: ResizePlan, found: Option<ByteSize>) -> Self {
        match found {
            Some(size) if size == plan.to => Self::Met(None),
            Some(size) => Self::NotMet(format!("it has {size}")),
            None => Self::NotMet("its size is unknown".to_owned()),
        }
    }

    /// The verdict on a setting that has its value; `current`: what the running machine has until its next start, if
    /// that differs.
    pub fn set(current: Option<&str>) -> Self {
        let remark = |now: &str| match clean(now, 60) {
            now if now.is_empty() => "at the next start; until then it is empty".to_owned(),
            now => format!("at the next start; until then it is {now}"),
        };
        Self::Met(current.map(remark).map(Reply::Remark))
    }

    /// The verdict on a snapshot, of all that the machine has.
    pub fn snapshot(name: &str, state: SnapshotState, all: &[Snapshot]) -> Self {
        state.is_so(name, all).map_or_else(|instead| Self::NotMet(instead.to_owned()), |()| Self::Met(None))
    }

    /// The verdict on the state of a machine.
    pub fn power(wanted: PowerState, found: PowerState) -> Self {
        if wanted == found { Self::Met(None) } else { Self::NotMet(format!("it is {}", found.name())) }
    }
}
