use crate::{
    domain::{HostEvent, HostId, Progress, Reply, Result, TaskId, TaskState, VmId},
    input::Key,
};

/// What a frame showed of what moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visible {
    /// Rows of machines.
    pub vms: Vec<(HostId, VmId)>,
    /// Rows of hosts, with what those use.
    pub hosts: Vec<HostId>,
    /// How far what lies over the screen, or else the details can be scrolled.
    pub scroll: usize,
}

/// Everything that can happen to the application.
#[derive(Clone, Debug)]
pub enum Message {
    Key(Key),
    /// Text pasted into the terminal.
    Paste(String),
    /// The terminal has another size: columns, rows.
    Resized(u16, u16),
    Host(HostId, HostEvent),
    TaskProgress(TaskId, Progress),
    /// The host took it from the queue, or is being looked at, or told an unknown end after all.
    TaskState(TaskId, TaskState),
    /// `Timeout` means for a change that its end is unknown, and that looking did not tell; any other error is final.
    TaskEnded(TaskId, Result<Reply>),
    /// The text as the editor left it.
    Edited(Result<String>),
    /// What was asked of the world outside a task (a console) could not be had: one sentence for a notice.
    Refused(String),
    /// What the last frame showed, where that changed.
    Visible(Visible),
    /// A second has passed while something moves.
    Tick,
}
