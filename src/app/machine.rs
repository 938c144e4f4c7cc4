use super::{HostState, Usage};
use crate::domain::{Disk, Error, Figures, Op, Property, Vm};

/// A machine as it is known: the host's last word and what was read of it besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    pub vm: Vm,
    /// The power state is from before the last list, which did not tell it.
    pub old_power: bool,
    /// The remark came instead of the state: `no answer`.
    pub says_why_unknown: bool,
    /// Rounded as they are shown. Apart, since thousands of machines are off and have none.
    pub figures: Option<Box<Figures>>,
    /// What graphs are drawn from; None: nothing was measured since it runs.
    pub usage: Option<Box<Usage>>,
    /// None: not read yet.
    pub disks: Option<Vec<Disk>>,
    /// None: not read yet.
    pub properties: Option<Vec<Property>>,
    /// Why disks or settings could not be read.
    pub unread: Vec<(Op, Error)>,
}

impl Machine {
    /// Why what `op` reads is not known: the host offers no such thing, or could not tell. None: it is being read.
    pub fn why_unread<'a>(&'a self, host: &'a HostState, op: Op) -> Option<&'a str> {
        if let Some(Err(why)) = host.capabilities().map(|capabilities| capabilities.check(op)) {
            return Some(why);
        }
        self.unread.iter().find(|(unread, _)| *unread == op).map(|(_, error)| error.message.as_str())
    }

    /// What `op` reads could not be read, or (None) it was.
    pub(super) fn take_unread(&mut self, op: Op, error: Option<Error>) -> bool {
        let before = self.unread.clone();
        self.unread.retain(|(unread, _)| *unread != op);
        self.unread.extend(error.map(|error| (op, error)));
        self.unread != before
    }

    /// What it used counts no more: it does not run.
    pub(super) fn forget_figures(&mut self) {
        (self.figures, self.usage) = (None, None);
    }
}
