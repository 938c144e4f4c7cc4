//! How a disk grows: never from a size that it has no more, since QEMU shrinks without a word.
use super::{
    DiskRecord, Local, Monitor,
    disks::{Live, bytes, find, in_use},
    image_header::{open_image, size_of, virtual_size},
    proc,
};
use crate::{
    domain::{ByteSize, DiskId, Error, ResizePlan, Result, VmId},
    transport::Program,
};
use serde_json::json;
use std::path::Path;

impl Local {
    pub(super) async fn resize(&self, vm: &VmId, id: &DiskId, plan: ResizePlan) -> Result<()> {
        let _lock = self.store.lock(vm).await?;
        let record = self.store.read(vm)?;
        let disk = find(&record, vm, id)?;
        let path = self.store.folder(vm)?.join(&disk.file);
        if let Some(monitor) = self.monitor(vm).await? {
            plan.check(id, size_now(&monitor, disk, &path).await?)?;
            monitor.execute("block_resize", json!({ "node-name": disk.id, "size": plan.to.0 })).await?;
            monitor.note_size(&disk.id, plan.to);
            return Ok(());
        }
        plan.check(id, virtual_size(&path, &disk.format))?;
        let tool = self.settings.image_tool()?;
        let resize = Program::new(tool).args(["resize", "-q", "-f", &disk.format]).operand(&path)?;
        resize.arg(plan.to.0.to_string()).run().await.map(drop).map_err(|error| in_use(&path, error))
    }
}

/// The size that QEMU has for a disk. It is asked, a third of the time that the growth takes, unless it has said it on this
/// connection and its image says the same still.
async fn size_now(monitor: &Monitor, disk: &DiskRecord, path: &Path) -> Result<Option<ByteSize>> {
    if let Some(told) = monitor.known_size(&disk.id)
        && size_in_use(monitor, disk, path) == Some(told)
    {
        return Ok(Some(told));
    }
    let live = Live::nodes(monitor).await?;
    let node = live.node(&disk.id);
    let node = node.ok_or_else(|| Error::conflict(format_args!("{} is not plugged in yet", disk.id)))?;
    Ok(bytes(node, "/image/virtual-size"))
}

/// What the image of a disk says, if it is the very file that QEMU has open: one that was put in its place says nothing of
/// what QEMU has. QEMU writes a new size into a qcow2 image before it says that it is done; a raw one says nothing.
fn size_in_use(monitor: &Monitor, disk: &DiskRecord, path: &Path) -> Option<ByteSize> {
    let image = open_image(path).filter(|_| disk.format == "qcow2")?;
    let is_open = proc::has_open(monitor.holder.pid()?, &image.metadata().ok()?);
    is_open.then(|| size_of(&image, &disk.format))?
}
