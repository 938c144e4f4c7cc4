use super::{Call, unsupported};
use crate::domain::{Disk, DiskId, FieldSpec, Op, ResizePlan, Result, Values, VmId};
use std::future::Future;

/// The disks and the CD drive of a machine.
pub trait Disks: Sync {
    /// Requires [`Op::ListDisks`]. All drives of a machine, the CD drive too, in their order.
    fn disks(&self, _vm: &VmId) -> impl Future<Output = Result<Vec<Disk>>> + Send {
        unsupported(Op::ListDisks)
    }

    /// Requires [`Op::ListDisks`]. One drive, read without the others where the host can; None: the machine has no such.
    fn disk(&self, vm: &VmId, disk: &DiskId) -> impl Future<Output = Result<Option<Disk>>> + Send {
        async { Ok(self.disks(vm).await?.into_iter().find(|found| found.id == *disk)) }
    }

    /// Requires [`Op::AddDisk`]. The fields of a new disk for this machine.
    fn add_disk_form(&self, _vm: &VmId) -> impl Future<Output = Result<Vec<FieldSpec>>> + Send {
        unsupported(Op::AddDisk)
    }

    /// Requires [`Op::AddDisk`]. `values` are checked against [`Disks::add_disk_form`] already. Returns the new disk.
    fn add_disk(&self, _vm: &VmId, _values: &Values, _call: Call) -> impl Future<Output = Result<DiskId>> + Send {
        unsupported(Op::AddDisk)
    }

    /// Requires [`Op::ResizeDisk`]. Grows the disk from `plan.from` to `plan.to` bytes. Where the host would shrink
    /// without a word, the adapter compares with the size it finds at that moment once more.
    fn resize_disk(&self, _vm: &VmId, _disk: &DiskId, _plan: ResizePlan) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::ResizeDisk)
    }

    /// Requires [`Op::RemoveDisk`]. With `delete`, its file goes too. A guest may take its time to let go:
    /// the disk is then listed as pending. Some: what the person should know, such as where a file is that stays.
    fn remove_disk(
        &self,
        _vm: &VmId,
        _disk: &DiskId,
        _delete: bool,
    ) -> impl Future<Output = Result<Option<String>>> + Send {
        unsupported(Op::RemoveDisk)
    }

    /// Requires [`Op::InsertImage`]. Puts an image of the library into the CD drive.
    fn insert_image(&self, _vm: &VmId, _image: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::InsertImage)
    }

    /// Requires [`Op::EjectImage`]. Empties the CD drive.
    fn eject_image(&self, _vm: &VmId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::EjectImage)
    }
}
