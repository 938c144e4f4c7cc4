use crate::domain::{Focus, HostId, Request, Secret, TaskId, VmId};

/// Everything that the application asks of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Ends with one `TaskEnded`.
    Call {
        host: HostId,
        task: TaskId,
        request: Request,
    },
    /// A [`Effect::Call`] that waits until the person has paused: the next one takes its place.
    CallSoon {
        host: HostId,
        task: TaskId,
        request: Request,
    },
    Cancel {
        host: HostId,
        task: TaskId,
    },
    /// What is on the screen: figures are asked for `vms` only, those of the host's own machine for `node` only, details
    /// for `selected` only.
    Watch {
        host: HostId,
        vms: Vec<VmId>,
        node: bool,
        selected: Option<Focus>,
    },
    /// Read this host's list again now, or try the connection again now.
    Refresh(HostId),
    /// None: the person will not answer.
    Answer {
        host: HostId,
        question: u64,
        answer: Option<Secret>,
    },
    /// Give the terminal to the serial console of a machine until the person detaches.
    Console {
        host: HostId,
        vm: VmId,
    },
    /// Give the terminal to the person's editor with this text in a file of this name; ends with one `Edited`.
    Edit {
        name: String,
        text: String,
    },
    /// Put text into the terminal's clipboard (OSC 52).
    Copy(String),
    /// Ring the terminal's bell.
    Bell,
    /// Have the terminal show a notice (OSC 9).
    Notice(String),
    /// Draw every cell anew: something else wrote to the terminal.
    Redraw,
    /// Stop the program as Ctrl-Z does.
    Suspend,
}
