//! The operations: one table makes their names, weights and help.
use super::PowerState;

/// How much an operation may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Reads only: may be repeated at will.
    Read,
    /// Changes something: sent once, looked at afterwards, never retried.
    Change,
    /// May lose something: asked before.
    Risk,
}

/// One row of the table.
#[derive(Debug)]
pub struct OpRow {
    pub op: Op,
    /// Its word on the command line.
    pub name: &'static str,
    pub weight: Weight,
    pub help: &'static str,
}

macro_rules! ops {
    ($($op:ident $name:literal $weight:ident $help:literal;)*) => {
        /// An operation that a host may offer.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Op { $(#[doc = $help] $op,)* }

        /// Every operation, in the order of the documentation.
        pub const OPS: &[OpRow] = &[$(OpRow { op: Op::$op, name: $name, weight: Weight::$weight, help: $help },)*];
    };
}

ops! {
    List "list" Read "List the machines";
    Show "show" Read "Show one machine";
    Start "start" Change "Start a machine";
    ShutDown "shut-down" Risk "Ask the guest to shut down";
    PowerOff "power-off" Risk "Power off without asking the guest";
    Reset "reset" Risk "Reset without asking the guest";
    Reboot "reboot" Risk "Ask the guest to restart";
    Pause "pause" Change "Pause a machine";
    Resume "resume" Change "Resume a paused machine";
    Save "save" Change "Keep the memory of a running machine and stop it; a start goes on from there";
    Migrate "migrate" Risk "Move a running machine to another host";
    Create "create" Change "Create a machine";
    Rename "rename" Change "Rename a machine";
    Clone "clone" Change "Make a copy of a machine, with its disks";
    Delete "delete" Risk "Delete a machine, with its disks or keeping them";
    Install "install" Change "Start a machine from an image in its CD drive";
    InsertImage "insert-image" Change "Put an image into the CD drive";
    EjectImage "eject-image" Change "Take the image out of the CD drive";
    ListDisks "list-disks" Read "List the disks of a machine";
    AddDisk "add-disk" Change "Add a disk to a machine";
    ResizeDisk "resize-disk" Change "Grow a disk";
    RemoveDisk "remove-disk" Risk "Remove a disk from a machine";
    ListSnapshots "list-snapshots" Read "List the snapshots of a machine";
    TakeSnapshot "take-snapshot" Change "Take a snapshot of a machine";
    RevertSnapshot "revert-snapshot" Risk "Take a machine back to a snapshot";
    RemoveSnapshot "remove-snapshot" Risk "Remove a snapshot of a machine";
    ListProperties "list-properties" Read "List the settings of a machine";
    SetProperty "set-property" Change "Change a setting of a machine";
    ShowDescription "show-description" Read "Show the whole description of a machine";
    Define "define" Change "Define a machine anew by its whole description";
    OpenConsole "open-console" Read "Attach to the serial console";
    ListImages "list-images" Read "List the images of a host";
    ProbeImage "probe-image" Read "Say what an address holds, before it is fetched";
    FetchImage "fetch-image" Change "Fetch an image to the host";
    PauseFetch "pause-fetch" Change "Let a fetch rest, to be gone on with";
    CancelFetch "cancel-fetch" Change "End a fetch and throw away what came";
    ResumeFetch "resume-fetch" Change "Go on with a fetch, or follow one that is under way";
    ListFetches "list-fetches" Read "List the fetches: under way, at rest, and past";
    RenameImage "rename-image" Change "Rename an image";
    RemoveImage "remove-image" Risk "Remove an image";
    ListNodes "list-nodes" Read "List the physical machines behind a host";
    ShowNode "show-node" Read "Show a physical machine, its configuration, subnets, guests";
    AddNode "add-node" Change "Add a physical machine";
    UpdateNode "update-node" Change "Change the record of a physical machine";
    RemoveNode "remove-node" Risk "Remove a physical machine";
    SetConfig "set-config" Change "Set a key of a node's configuration, or drop it";
    SetSubnet "set-subnet" Change "Attach a subnet to a node, or change its bridge";
    RemoveSubnet "remove-subnet" Risk "Detach a subnet from a node";
    CheckSetup "check-setup" Read "Say what a host has and lacks";
    SetUp "set-up" Change "Install what a host lacks";
}

// A set of operations is one word of 128 bits.
const _: () = assert!(OPS.len() <= 128);

impl Op {
    fn row(self) -> Option<&'static OpRow> {
        OPS.get(self as usize)
    }

    /// Its word on the command line.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    pub fn weight(self) -> Weight {
        self.row().map_or(Weight::Read, |row| row.weight)
    }

    /// The operation called `name` on the command line.
    pub fn named(name: &str) -> Option<Self> {
        OPS.iter().find(|row| row.name == name).map(|row| row.op)
    }

    pub fn is_change(self) -> bool {
        self.weight() != Weight::Read
    }

    /// Whether a machine in this state can take the operation; the words say why not.
    pub fn allowed(self, power: PowerState) -> Result<(), &'static str> {
        use PowerState as P;
        let why = match (self, power) {
            (Self::Start | Self::Install, P::Running) => "it is running already",
            (Self::Start | Self::Install, P::Starting) => "it is starting already",
            (Self::Start, P::Paused | P::Blocked) => "it is paused",
            (Self::Install, P::Paused | P::Blocked) => "it is paused: power it off first",
            (Self::Start | Self::Install, P::Stopping) => "it is still stopping",
            (
                Self::ShutDown
                | Self::PowerOff
                | Self::Reset
                | Self::Reboot
                | Self::Save
                | Self::Pause
                | Self::Resume
                | Self::OpenConsole,
                P::Off,
            ) => "it is off",
            (Self::Migrate, P::Off) => "it is off: a machine moves while it runs",
            (Self::ShutDown | Self::Reboot, P::Paused | P::Blocked) => "it is paused: the guest cannot hear",
            (Self::Pause, P::Paused | P::Blocked) => "it is paused already",
            (Self::Resume, P::Running) => "it is running",
            (
                Self::Delete | Self::Rename | Self::Clone,
                P::Running | P::Starting | P::Stopping | P::Paused | P::Blocked,
            ) => "it is not off: power it off first",
            _ => return Ok(()),
        };
        Err(why)
    }

    /// Whether it can be done only where the machine's record is read.
    pub(super) const fn needs_record(self) -> bool {
        matches!(
            self,
            Self::Start
                | Self::Install
                | Self::InsertImage
                | Self::EjectImage
                | Self::ListDisks
                | Self::AddDisk
                | Self::ResizeDisk
                | Self::RemoveDisk
                | Self::ListProperties
                | Self::SetProperty
                | Self::ListSnapshots
                | Self::TakeSnapshot
                | Self::RevertSnapshot
                | Self::RemoveSnapshot
                | Self::Clone
                | Self::Migrate
        )
    }

    /// What may serve a person who cannot have this, of a machine in this state: as far as its host can do it.
    pub const fn instead(self, power: PowerState) -> &'static [Self] {
        use PowerState as P;
        match (self, power) {
            (Self::Start | Self::ShutDown | Self::Reboot, P::Paused | P::Blocked) => &[Self::Resume, Self::PowerOff],
            (Self::Reboot, _) => &[Self::ShutDown, Self::Reset],
            (Self::Reset, _) => &[Self::ShutDown, Self::PowerOff],
            (Self::PowerOff, _) => &[Self::ShutDown],
            (Self::Save, _) => &[Self::Pause, Self::ShutDown],
            (Self::ShowDescription | Self::Define, _) => &[Self::SetProperty],
            (Self::ResizeDisk, _) => &[Self::SetProperty, Self::Define],
            _ => &[],
        }
    }
}

/// A set of operations, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpSet(u128);

impl OpSet {
    pub const fn of(ops: &[Op]) -> Self {
        let mut bits = 0;
        let mut rest = ops;
        while let [first, tail @ ..] = rest {
            bits |= 1 << *first as u8;
            rest = tail;
        }
        Self(bits)
    }

    pub const fn contains(self, op: Op) -> bool {
        self.0 & (1 << op as u8) != 0
    }

    #[must_use]
    pub const fn without(self, op: Op) -> Self {
        Self(self.0 & !(1 << op as u8))
    }

    #[must_use]
    pub const fn with(self, op: Op) -> Self {
        Self(self.0 | (1 << op as u8))
    }

    pub fn iter(self) -> impl Iterator<Item = Op> {
        OPS.iter().map(|row| row.op).filter(move |op| self.contains(*op))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (i, row) in OPS.iter().enumerate() {
            assert_eq!(row.op as usize, i);
            assert_eq!(Op::named(row.name), Some(row.op));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set = OpSet::of(&[Op::Start, Op::SetUp]).without(Op::Start).with(Op::List);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Op::List, Op::SetUp]);
    }

    #[test]
    fn the_state_decides_what_can_be_done() {
        assert!(Op::Start.allowed(PowerState::Off).is_ok());
        assert_eq!(Op::Start.allowed(PowerState::Running), Err("it is running already"));
        assert!(Op::Resume.allowed(PowerState::Blocked).is_ok());
        assert!(Op::Delete.allowed(PowerState::Paused).is_err());
        assert!(Op::PowerOff.allowed(PowerState::Unknown).is_ok());
    }
}
