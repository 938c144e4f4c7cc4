use super::{Call, unsupported};
use crate::domain::{FieldSpec, Op, Result, Values, Vm, VmId};
use std::future::Future;

/// Machines themselves: one looked up, moved, made, deleted.
pub trait Machines {
    /// Requires [`Op::Show`]. One machine, read without the whole list where the host can; `NotFound` when there is none.
    fn find(&self, _vm: &VmId) -> impl Future<Output = Result<Vm>> + Send {
        unsupported(Op::Show)
    }

    /// Requires [`Op::Migrate`]. Only a machine that runs; `to` is the address by which the host reaches the other one.
    /// With `copy_disks`, what its disks hold goes along; without, they are on storage that both see. Where it ends in
    /// an error that is known or in `Cancelled`, the machine goes on here. Returns what is to be told of a machine that
    /// has moved, if there is anything.
    fn migrate(
        &self,
        _vm: &VmId,
        _to: &str,
        _copy_disks: bool,
        _call: Call,
    ) -> impl Future<Output = Result<Option<String>>> + Send {
        unsupported(Op::Migrate)
    }

    /// Requires [`Op::Create`]. The fields of a new machine, with this host's choices.
    fn create_form(&self) -> impl Future<Output = Result<Vec<FieldSpec>>> + Send {
        unsupported(Op::Create)
    }

    /// Requires [`Op::Create`]. `values` are checked against [`Machines::create_form`] already. The field `name` is
    /// the machine's name. All or nothing: a failure leaves no half machine.
    fn create(&self, _values: &Values, _call: Call) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Create)
    }

    /// Requires [`Op::Rename`]. Only a machine that is off; no other is called `name`.
    fn rename(&self, _vm: &VmId, _name: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Rename)
    }

    /// Requires [`Op::Clone`]. Only a machine that is off; `name` is the copy's, and no other's yet.
    fn clone_machine(&self, _vm: &VmId, _name: &str, _call: Call) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Clone)
    }

    /// Requires [`Op::Delete`]. Only a machine that is off. Returns where disks are that were kept, if there is more to
    /// tell of them than that.
    fn delete(&self, _vm: &VmId, _keep_disks: bool) -> impl Future<Output = Result<Option<String>>> + Send {
        unsupported(Op::Delete)
    }

    /// Requires [`Op::Install`]. Starts it with `image` in its drive: an empty disk falls through to the drive. What else
    /// is to be known of that run is returned.
    fn install(&self, _vm: &VmId, _image: &str) -> impl Future<Output = Result<Option<String>>> + Send {
        unsupported(Op::Install)
    }
}
