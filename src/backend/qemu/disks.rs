//! The disks of a machine: as QEMU has them while it runs, as their files say while it is off.
use super::{DiskRecord, FolderLock, Local, Monitor, Qemu, Record, image_header::virtual_size};
use crate::{
    backend::{Call, Disks},
    domain::{
        ByteSize, Disk, DiskId, DiskKind, Error, ErrorKind, Expect, FieldSpec, Reply, ResizePlan, Result, Values,
        Verdict, VmId,
    },
    transport::real_size,
};
use serde_json::{Value, json};
use std::path::{Component, Path};

/// The CD drive that every machine has.
pub(super) const DRIVE: &str = "cd0";
const WAITING: &str = "waiting for the guest to let go";

/// What QEMU says of the drives of a running machine.
pub(super) struct Live {
    nodes: Value,
    drives: Value,
}

impl Live {
    async fn read(monitor: &Monitor) -> Result<Self> {
        let (nodes, drives) = tokio::join!(
            monitor.execute("query-named-block-nodes", json!({ "flat": true })),
            monitor.ask("query-block")
        );
        Ok(Self { nodes: nodes?, drives: drives? }.noted(monitor))
    }

    /// The images alone, which know their sizes: half of the way.
    pub(super) async fn nodes(monitor: &Monitor) -> Result<Self> {
        let nodes = monitor.execute("query-named-block-nodes", json!({ "flat": true })).await?;
        Ok(Self { nodes, drives: Value::Null }.noted(monitor))
    }

    /// What QEMU says of sizes is remembered with the connection.
    fn noted(self, monitor: &Monitor) -> Self {
        for node in self.nodes.as_array().into_iter().flatten() {
            if let (Some(name), Some(size)) =
                (node.get("node-name").and_then(Value::as_str), bytes(node, "/image/virtual-size"))
            {
                monitor.note_size(name, size);
            }
        }
        self
    }

    pub(super) fn node(&self, name: &str) -> Option<&Value> {
        let is_it = |node: &&Value| node.get("node-name").and_then(Value::as_str) == Some(name);
        self.nodes.as_array()?.iter().find(is_it)
    }

    /// A device by the name we gave it; QEMU tells it bare or as a path (`/machine/peripheral/disk0/virtio-backend`).
    fn device(&self, id: &str) -> Option<&Value> {
        self.drives.as_array()?.iter().find(|drive| {
            let said = drive.get("qdev").and_then(Value::as_str).unwrap_or_default();
            said.rsplit('/').any(|part| part == id)
        })
    }
}

pub(super) fn bytes(node: &Value, pointer: &str) -> Option<ByteSize> {
    node.pointer(pointer).and_then(Value::as_u64).map(ByteSize)
}

impl Local {
    pub(super) async fn list_disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let mut record = self.store.read(vm)?;
        let folder = self.store.folder(vm)?;
        // Others may hold all monitors: then the files tell what they can.
        let monitor = match self.monitor(vm).await {
            Err(error) if error.kind == ErrorKind::Busy => None,
            other => other?,
        };
        let mut live = match &monitor {
            Some(monitor) => Some(Live::read(monitor).await?),
            None => None,
        };
        // A removal whose program was ended before its end.
        if monitor.is_none()
            && record.disks.iter().any(|disk| !disk.leaving.is_empty())
            && self.place(vm)?.alive().is_none()
        {
            let lock = self.store.lock(vm).await?;
            if self.place(vm)?.alive().is_none() {
                self.finish_removals(vm, &lock, None).await?;
                record = self.store.read(vm)?;
            }
        }
        let has_let_go = |disk: &DiskRecord, live: &Live| !disk.leaving.is_empty() && live.device(&disk.id).is_none();
        if let (Some(found), Some(monitor)) = (&live, &monitor)
            && record.disks.iter().any(|disk| has_let_go(disk, found))
        {
            let lock = self.store.lock(vm).await?;
            self.finish_removals(vm, &lock, Some(monitor)).await?;
            record = self.store.read(vm)?;
            live = Some(Live::read(monitor).await?);
        }
        let mut disks: Vec<_> = record.disks.iter().map(|disk| described(disk, &folder, live.as_ref())).collect();
        disks.push(self.drive(&record, live.as_ref()));
        Ok(disks)
    }

    /// One disk, by what its image says of itself: a running QEMU writes a new size there before it says that it is done,
    /// and what it has itself is compared right before it is told another. A raw one says nothing: what it lies on may have
    /// grown without QEMU.
    async fn by_file(&self, vm: &VmId, id: &DiskId) -> Result<Option<Disk>> {
        let record = self.store.read(vm)?;
        let is_it = |disk: &&DiskRecord| disk.id == id.as_str() && disk.format == "qcow2" && disk.leaving.is_empty();
        match record.disks.iter().find(is_it).map(|disk| (disk, self.store.folder(vm))) {
            Some((disk, folder)) => Ok(Some(described(disk, &folder?, None))),
            None => Ok(self.list_disks(vm).await?.into_iter().find(|disk| disk.id == *id)),
        }
    }

    /// The CD drive and what is in it.
    fn drive(&self, record: &Record, live: Option<&Live>) -> Disk {
        let medium = match live.and_then(|live| live.device(DRIVE)) {
            Some(drive) => drive.pointer("/inserted/file").and_then(Value::as_str).map(str::to_owned),
            None => Some(record.cdrom.clone()).filter(|path| !path.is_empty()),
        };
        let size = medium.as_ref().and_then(|path| virtual_size(Path::new(path), "raw"));
        let in_library = |path: String| match Path::new(&path).strip_prefix(&self.settings.images) {
            Ok(name) => name.to_string_lossy().into_owned(),
            Err(_) => path,
        };
        Disk {
            kind: DiskKind::Cdrom,
            virtual_size: size,
            bus: Some("sata".to_owned()),
            medium: medium.map(in_library),
            read_only: true,
            ..Disk::new(DRIVE)
        }
    }

    /// Ends the removals of disks that the guest has let go of, or all of a machine that is off.
    pub(super) async fn finish_removals(&self, vm: &VmId, lock: &FolderLock, on: Option<&Monitor>) -> Result<()> {
        let record = self.store.read(vm)?;
        if record.disks.iter().all(|disk| disk.leaving.is_empty()) {
            return Ok(());
        }
        let live = match on {
            Some(monitor) => Some(Live::read(monitor).await?),
            None => None,
        };
        for disk in record.disks.iter().filter(|disk| !disk.leaving.is_empty()) {
            if live.as_ref().is_some_and(|live| live.device(&disk.id).is_some()) {
                continue;
            }
            if let (Some(monitor), Some(_)) = (on, live.as_ref().and_then(|live| live.node(&disk.id))) {
                match monitor.execute("blockdev-del", json!({ "node-name": disk.id })).await {
                    // QEMU itself lets go a moment after the guest has: whoever looks next ends it.
                    Err(error) if is_held(&error) => continue,
                    deleted => drop(deleted?),
                }
            }
            // The file first: what ends in between is ended by the next who looks, and nothing is left behind.
            if disk.leaving == "delete" {
                let path = self.store.folder(vm)?.join(&disk.file);
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    removed => removed.map_err(crate::transport::at(&path))?,
                }
            }
            self.store.change_locked(vm, lock, |record| {
                record.disks.retain(|d| d.id != disk.id);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Ends the removals of a running machine, if the guest has let go of something.
    pub(super) async fn settle_removals(&self, vm: &VmId) -> Result<()> {
        if self.store.read(vm)?.disks.iter().all(|disk| disk.leaving.is_empty()) {
            return Ok(());
        }
        let lock = self.store.lock(vm).await?;
        let monitor = self.monitor(vm).await?;
        self.finish_removals(vm, &lock, monitor.as_deref()).await
    }

    /// Whether QEMU has the device (still).
    pub(super) async fn has_device(&self, monitor: &Monitor, id: &str) -> Result<bool> {
        Ok(Live::read(monitor).await?.device(id).is_some())
    }
}

fn described(disk: &DiskRecord, folder: &Path, live: Option<&Live>) -> Disk {
    let path = &folder.join(&disk.file);
    let node = live.and_then(|live| live.node(&disk.id));
    let from_file = || virtual_size(path, &disk.format);
    let size = node.map_or_else(from_file, |node| bytes(node, "/image/virtual-size"));
    let pending = if !disk.leaving.is_empty() {
        Some(WAITING.to_owned())
    } else if live.is_some() && node.is_none() {
        Some("plugged in at the next start".to_owned())
    } else if size.is_none() {
        Some("its file is missing or is no such image".to_owned())
    } else {
        None
    };
    Disk {
        format: Some(disk.format.clone()),
        virtual_size: size,
        real_size: std::fs::metadata(path).ok().map(|meta| real_size(&meta)),
        bus: Some(disk.bus.clone()),
        medium: Some(path.to_string_lossy().into_owned()),
        read_only: node.and_then(|node| node.get("ro")).and_then(Value::as_bool).unwrap_or(false),
        pending,
        stays: lies_elsewhere(path, folder),
        ..Disk::new(disk.id.as_str())
    }
}

/// Whether a file does not go with the machine's folder; of a link, only the link does.
pub(super) fn lies_elsewhere(path: &Path, folder: &Path) -> bool {
    path.strip_prefix(folder).map_or(true, |inside| inside.components().any(|part| part == Component::ParentDir))
        || path.is_symlink()
}

pub(super) fn find<'a>(record: &'a Record, vm: &VmId, id: &DiskId) -> Result<&'a DiskRecord> {
    let found = record.disks.iter().find(|disk| disk.id == id.as_str());
    found.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {id}")))
}

/// QEMU's words for an image that another process has open: the program's last line, or the monitor's only one.
pub(super) fn in_use(path: &Path, error: Error) -> Error {
    if ["Is another process using the image", "write\" lock"].iter().any(|words| error.message.contains(words)) {
        return Error::conflict(format_args!("another program has {} open: stop it first", path.display()));
    }
    error
}

/// QEMU's words for an image that it still holds: `Node disk1 is in use` (7.2 to 10), `Node 'disk1' is busy: ...`.
fn is_held(error: &Error) -> bool {
    error.kind == ErrorKind::Refused && [" is in use", " is busy"].iter().any(|words| error.message.contains(words))
}

impl Disks for Qemu {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        self.local.list_disks(vm).await
    }

    async fn disk(&self, vm: &VmId, disk: &DiskId) -> Result<Option<Disk>> {
        self.local.by_file(vm, disk).await
    }

    async fn add_disk_form(&self, vm: &VmId) -> Result<Vec<FieldSpec>> {
        self.local.add_form(vm)
    }

    async fn add_disk(&self, vm: &VmId, values: &Values, call: Call) -> Result<DiskId> {
        self.local.add(vm, values, &call).await
    }

    async fn resize_disk(&self, vm: &VmId, disk: &DiskId, plan: ResizePlan) -> Result<()> {
        self.local.resize(vm, disk, plan).await
    }

    async fn remove_disk(&self, vm: &VmId, disk: &DiskId, delete: bool) -> Result<Option<String>> {
        self.local.remove(vm, disk, delete).await
    }

    async fn insert_image(&self, vm: &VmId, image: &str) -> Result<()> {
        let path = self.local.image_path(image)?;
        self.local.set_medium(vm, Some(path)).await
    }

    async fn eject_image(&self, vm: &VmId) -> Result<()> {
        self.local.set_medium(vm, None).await
    }
}

pub(super) async fn look(local: &Local, expect: &Expect) -> Verdict {
    let Some(vm) = expect.vm() else { return Verdict::Met(None) };
    let disks = match expect {
        Expect::DiskSize { disk, .. } => local.by_file(vm, disk).await.map(|disk| disk.into_iter().collect()),
        _ => local.list_disks(vm).await,
    };
    let disks: Vec<Disk> = match disks {
        Ok(disks) => disks,
        Err(error) if error.kind == ErrorKind::NotFound => return Verdict::Failed(error),
        Err(error) => return Verdict::Unknown(error),
    };
    let found = |id: &DiskId| disks.iter().find(|disk| disk.id == *id);
    match expect {
        Expect::NewDisk { .. } => match disks.iter().find(|disk| expect.is_new_disk(&disk.id)) {
            Some(disk) => match &disk.pending {
                Some(why) => Verdict::NotMet(format!("{}: {why}", disk.id)),
                None => Verdict::Met(Some(Reply::DiskAdded(disk.id.clone()))),
            },
            None => Verdict::NotMet("it has no new disk".to_owned()),
        },
        Expect::DiskSize { disk, plan, .. } => match found(disk) {
            Some(found) => Verdict::size(*plan, found.virtual_size),
            None => Verdict::Failed(Error::not_found(format_args!("{vm} has no disk called {disk} any more"))),
        },
        Expect::DiskGone { disk, .. } => match found(disk) {
            Some(found) => {
                let why = found.pending.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
                Verdict::NotMet(format!("it is still there{why}"))
            }
            None => Verdict::Met(None),
        },
        Expect::Medium { image, .. } => {
            let medium = found(&DRIVE.into()).and_then(|drive| drive.medium.clone());
            match (medium == *image, medium) {
                (true, _) => Verdict::Met(None),
                (false, Some(other)) => Verdict::NotMet(format!("{other} is in the drive")),
                (false, None) => Verdict::NotMet("the drive is empty".to_owned()),
            }
        }
        _ => Verdict::Met(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_machines_folder_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/sdb", folder.path().join("link.raw")).unwrap();
        let elsewhere = |file: &str| lies_elsewhere(&folder.path().join(file), folder.path());
        assert!(elsewhere("/dev/sdb") && elsewhere("../web/disk0.raw") && elsewhere("link.raw"));
        assert!(!elsewhere("disk0.raw"));
    }
}
