use super::{Op, Stamp, VmId};
use std::borrow::Cow;

/// What a machine is doing. A backend that cannot tell says [`PowerState::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PowerState {
    Running,
    Starting,
    Stopping,
    Paused,
    /// Stopped by a fault it can be resumed from: a full disk, an I/O error. [`Vm::remark`] has the reason.
    Blocked,
    Off,
    #[default]
    Unknown,
}

impl PowerState {
    /// The word on the screen and in `--json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Paused => "paused",
            Self::Blocked => "blocked",
            Self::Off => "off",
            Self::Unknown => "unknown",
        }
    }

    /// Whether there is a process or a guest to act on.
    pub const fn is_alive(self) -> bool {
        !matches!(self, Self::Off | Self::Unknown)
    }
}

/// What a value of a machine is called: mostly a word that is known before, which then costs a machine no memory.
pub type Label = Cow<'static, str>;

/// A machine as its host last described it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vm {
    pub id: VmId,
    pub name: String,
    /// None: this answer did not tell; the state known before stays, marked as old.
    pub power: Option<PowerState>,
    /// One or two words that say more than the state: `disk full`, `boot loop`, `watched by others`.
    pub remark: Option<String>,
    /// It is told as off, and its host has it in memory all the same: it has ended, or a loader is at work that nobody can
    /// see.
    pub is_held: bool,
    pub cpus: Option<u32>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Virtual size of all its disks, in bytes.
    pub disk: Option<u64>,
    pub started: Option<Stamp>,
    /// What else the host tells, in its order: label and value. A value that is empty is not to be had now.
    pub details: Vec<(Label, String)>,
}

impl Vm {
    /// The detail that names the file of its UEFI variables.
    pub const VARIABLES: &str = "UEFI variables";

    /// The detail that tells why it, or its record, cannot be read.
    pub const PROBLEM: &str = "Problem";

    /// The remark of one whose record cannot be read: [`Vm::PROBLEM`] has the reason.
    pub const UNREADABLE: &str = "unreadable";

    /// A machine of which only the name is known yet.
    pub fn named(name: &str) -> Self {
        Self { id: name.into(), name: name.to_owned(), ..Self::default() }
    }

    pub fn power(&self) -> PowerState {
        self.power.unwrap_or_default()
    }

    /// Whether it can take the operation as it is now; the words say why not. What is held can be taken out of memory, and
    /// its loader may ask on the console. What needs its record cannot be had where that is not read.
    pub fn allows(&self, op: Op) -> Result<(), &str> {
        match op {
            Op::PowerOff | Op::OpenConsole if self.is_held => Ok(()),
            _ => op.allowed(self.power()).and_then(|()| self.is_read_for(op)),
        }
    }

    fn is_read_for(&self, op: Op) -> Result<(), &str> {
        if self.remark.as_deref() != Some(Self::UNREADABLE) || !op.needs_record() {
            return Ok(());
        }
        let problem = self.details.iter().find(|(label, _)| label == Self::PROBLEM);
        Err(problem.map_or("its record cannot be read", |(_, why)| why))
    }

    /// The group that its host keeps it in, where that has groups.
    pub fn group(&self) -> Option<&str> {
        self.details.iter().find(|(label, _)| label == GROUP).map(|(_, group)| group.as_str())
    }
}

/// How the details call the group of a machine.
pub const GROUP: &str = "Group";

/// What a machine uses now. None is unknown, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Share of one core times 100, divided by the machine's cores: 0 to 100.
    pub cpu: Option<f32>,
    /// Memory the host spends on it, in bytes.
    pub memory: Option<u64>,
    /// Bytes a second.
    pub disk_read: Option<u64>,
    pub disk_write: Option<u64>,
    pub net_in: Option<u64>,
    pub net_out: Option<u64>,
    /// What its disks have together, in bytes, where the list of machines does not tell it.
    pub disk: Option<u64>,
}

/// The one rule for names of machines that vmdeck makes: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
pub fn check_vm_name(name: &str) -> Result<(), String> {
    let shown = super::clean(name, 40);
    if name.is_empty() {
        return Err("a name is needed".to_owned());
    }
    if name.len() > 63 {
        return Err(format!("`{shown}` is too long: at most 63 characters"));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(format!("`{shown}` must begin with a letter or a digit"));
    }
    match name.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-".contains(*c)) {
        Some(_) => Err(format!("`{shown}` may hold only letters, digits, `.`, `_` and `-`")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_and_held_in_memory_can_be_taken_out_of_there() {
        let mut vm = Vm { power: Some(PowerState::Off), ..Vm::named("web") };
        assert_eq!([Op::PowerOff, Op::OpenConsole].map(|op| vm.allows(op)), [Err("it is off"); 2]);
        vm.is_held = true;
        assert_eq!([Op::PowerOff, Op::OpenConsole, Op::Start].map(|op| vm.allows(op)), [Ok(()); 3]);
        assert_eq!(vm.allows(Op::ShutDown), Err("it is off"));
    }

    #[test]
    fn what_needs_a_record_that_cannot_be_read_is_refused_with_the_reason() {
        let details = vec![(Vm::PROBLEM.into(), "vm.toml: line 1".to_owned())];
        let mut vm =
            Vm { power: Some(PowerState::Off), remark: Some(Vm::UNREADABLE.into()), details, ..Vm::named("web") };
        for op in [Op::Start, Op::Install, Op::AddDisk, Op::ResizeDisk, Op::RemoveDisk, Op::ListDisks, Op::SetProperty]
        {
            assert_eq!(vm.allows(op), Err("vm.toml: line 1"), "{op:?}");
        }
        assert_eq!((vm.allows(Op::Delete), vm.allows(Op::PowerOff)), (Ok(()), Err("it is off")));
        vm.power = Some(PowerState::Running);
        assert_eq!([Op::PowerOff, Op::ShutDown, Op::OpenConsole].map(|op| vm.allows(op)), [Ok(()); 3]);
        vm.remark = Some("no answer".into());
        assert_eq!(vm.allows(Op::AddDisk), Ok(()), "its record is there");
    }

    #[test]
    fn names_stay_in_their_folder() {
        for good in ["a", "web-1", "9p", "x.y_z", &"a".repeat(63)] {
            assert_eq!(check_vm_name(good), Ok(()));
        }
        for bad in ["", "-rf", ".hidden", "..", "a/b", "a b", "ä", "a\n", &"a".repeat(64)] {
            assert!(check_vm_name(bad).is_err(), "{bad:?}");
        }
    }
}
