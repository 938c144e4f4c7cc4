//! How a disk grows: never from a size that it has no more, since QEMU shrinks without a word.
use super::{
    DiskRecord, Local, Monitor,
    disks::{Live, bytes, find, in_use},
    image_header::{open_image, size_of, virtual_size},
    proc,
};
use crate::{
    domain::{ByteSize, DiskId, Error, ResizePlan, Result, VmId},
    transport::{Program, at},
};
use serde_json::json;
use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};

/// How lately QEMU must have said a word on a connection: one that stands still may have a growth before it that it has
/// not begun. Figures of what is seen are asked for every second.
const FRESH: Duration = Duration::from_secs(2);

impl Local {
    pub(super) async fn resize(&self, vm: &VmId, id: &DiskId, plan: ResizePlan) -> Result<()> {
        let _lock = self.store.lock(vm).await?;
        let record = self.store.read(vm)?;
        let disk = find(&record, vm, id)?;
        let path = self.store.folder(vm)?.join(&disk.file);
        if let Some(monitor) = self.monitor(vm).await? {
            let mark = self.place(vm)?.growing();
            let is_marked = mark.exists();
            let known = if is_marked { None } else { known_size(&monitor, disk, &path) };
            let size = match known {
                Some(size) => Some(size),
                None => told_size(&monitor, disk).await?,
            };
            plan.check(id, size)?;
            // Before it is sent: whoever is ended now leaves the mark, and so does one whose answer is out or a no. What
            // QEMU has then, only QEMU knows.
            File::create(&mark).map_err(at(&mark))?;
            monitor.forget_size(&disk.id);
            monitor.execute("block_resize", json!({ "node-name": disk.id, "size": plan.to.0 })).await?;
            monitor.note_size(&disk.id, plan.to);
            if !is_marked {
                let _ = fs::remove_file(&mark);
            }
            return Ok(());
        }
        plan.check(id, virtual_size(&path, &disk.format))?;
        let tool = self.settings.image_tool()?;
        let resize = Program::new(tool).args(["resize", "-q", "-f", &disk.format]).operand(&path)?;
        resize.arg(plan.to.0.to_string()).run().await.map(drop).map_err(|error| in_use(&path, error))
    }
}

/// The size that QEMU has for a disk, without asking it, which takes a third of the time of the growth: it has said it on
/// this connection, on which it has spoken just now, and the image says the same still.
fn known_size(monitor: &Monitor, disk: &DiskRecord, path: &Path) -> Option<ByteSize> {
    let told = monitor.known_size(&disk.id).filter(|_| monitor.qmp.spoke_within(FRESH))?;
    (size_in_use(monitor, disk, path) == Some(told)).then_some(told)
}

/// The size that QEMU has for a disk, by its own word.
async fn told_size(monitor: &Monitor, disk: &DiskRecord) -> Result<Option<ByteSize>> {
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
