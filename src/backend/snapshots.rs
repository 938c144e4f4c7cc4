use super::unsupported;
use crate::domain::{Op, Result, Snapshot, VmId};
use std::future::Future;

/// The snapshots of a machine: its disks as they were, and its memory where it ran.
pub trait Snapshots {
    /// Requires [`Op::ListSnapshots`]. Oldest first.
    fn snapshots(&self, _vm: &VmId) -> impl Future<Output = Result<Vec<Snapshot>>> + Send {
        unsupported(Op::ListSnapshots)
    }

    /// Requires [`Op::TakeSnapshot`]. No snapshot of the machine is called `name` yet.
    fn take_snapshot(&self, _vm: &VmId, _name: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::TakeSnapshot)
    }

    /// Requires [`Op::RevertSnapshot`]. What the machine has become since is lost.
    fn revert_snapshot(&self, _vm: &VmId, _name: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RevertSnapshot)
    }

    /// Requires [`Op::RemoveSnapshot`]. The machine stays as it is.
    fn remove_snapshot(&self, _vm: &VmId, _name: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RemoveSnapshot)
    }
}
