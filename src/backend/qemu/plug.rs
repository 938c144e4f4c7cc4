//! Disks that come and go, also while the machine runs.
use super::{
    DiskRecord, Local, Monitor,
    disks::{find, in_use},
    installed::missing,
};
use crate::{
    domain::{ByteSize, Choice, DiskId, Error, FieldKind, FieldSpec, Result, Values, VmId, clean_line},
    transport::{Program, at, find_program, free_space},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How long the guest may take to let go of a disk before the removal counts as pending: Linux needs a tenth of a second.
const LETTING_GO: Duration = Duration::from_secs(3);

impl Local {
    pub(super) fn add_form(&self, vm: &VmId) -> Result<Vec<FieldSpec>> {
        self.store.read(vm)?;
        let sizes = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 50) };
        let formats = FieldKind::Choice(vec![
            Choice::new("qcow2", "takes only what is written, can have snapshots"),
            Choice::new("raw", "the plain bytes"),
        ]);
        Ok(vec![
            FieldSpec::new("size", "Size", sizes).default("20G").help("20G, 512M, 1.5T"),
            FieldSpec::new("format", "Format", formats).default("qcow2"),
        ])
    }

    /// Makes the file, writes the disk into the record, and plugs it in where the machine runs. A failure takes all back.
    pub(super) async fn add(&self, vm: &VmId, values: &Values) -> Result<DiskId> {
        let answer = |name: &str| values.get(name).map(String::as_str).unwrap_or_default();
        let size: ByteSize = answer("size").parse().map_err(|why| Error::invalid(format_args!("size: {why}")))?;
        let size = ByteSize(size.0.checked_next_multiple_of(512).unwrap_or(size.0));
        let lock = self.store.lock(vm).await?;
        let record = self.store.read(vm)?;
        let folder = self.store.folder(vm)?;
        let format = if answer("format") == "raw" { "raw" } else { "qcow2" };
        let is_free = |n: &u32| {
            let id = format!("disk{n}");
            let is_known = record.disks.iter().any(|disk| disk.id == id);
            !is_known && ["raw", "qcow2"].iter().all(|e| folder.join(format!("{id}.{e}")).symlink_metadata().is_err())
        };
        let n = (0..=999).find(is_free).ok_or_else(|| Error::conflict(format_args!("{vm} has too many disks")))?;
        let id = format!("disk{n}");
        let disk = DiskRecord {
            file: format!("{id}.{format}"),
            format: format.to_owned(),
            bus: "virtio".to_owned(),
            leaving: String::new(),
            id: id.clone(),
        };
        let monitor = self.monitor(vm).await?;
        let path = folder.join(&disk.file);
        make(&path, format, size).await?;
        let added = async {
            self.store.change_locked(vm, &lock, |record| {
                record.disks.push(disk.clone());
                Ok(())
            })?;
            match &monitor {
                Some(monitor) => plug_in(monitor, &disk, &path).await,
                None => Ok(()),
            }
        };
        if let Err(error) = added.await {
            let _ = self.store.change_locked(vm, &lock, |record| {
                record.disks.retain(|d| d.id != id);
                Ok(())
            });
            let _ = fs::remove_file(&path);
            return Err(in_use(&path, error));
        }
        Ok(id.into())
    }

    /// Takes a disk away. A guest that does not let go keeps it for now: it is listed as waiting then.
    pub(super) async fn remove(&self, vm: &VmId, id: &DiskId, delete: bool) -> Result<()> {
        let lock = self.store.lock(vm).await?;
        let record = self.store.read(vm)?;
        let disk = find(&record, vm, id)?;
        let monitor = self.monitor(vm).await?;
        if let Some(monitor) = &monitor
            && self.has_device(monitor, &disk.id).await?
        {
            monitor.execute("device_del", json!({ "id": disk.id })).await.map_err(|error| {
                match error.message.contains("not support hotplugging") {
                    true => {
                        Error::conflict(format_args!("{id} cannot be unplugged while {vm} runs: shut it down first"))
                    }
                    false => error,
                }
            })?;
        }
        let leaving = if delete { "delete" } else { "keep" };
        self.store.change_locked(vm, &lock, |record| {
            record.disks.iter_mut().filter(|d| d.id == id.as_str()).for_each(|d| leaving.clone_into(&mut d.leaving));
            Ok(())
        })?;
        if let Some(monitor) = &monitor {
            let let_go = async {
                while self.has_device(monitor, id.as_str()).await? {
                    sleep(Duration::from_millis(25)).await;
                }
                Ok::<_, Error>(())
            };
            match timeout(LETTING_GO, let_go).await {
                Ok(done) => done?,
                Err(_) => return Ok(()),
            }
        }
        self.finish_removals(vm, &lock, monitor.as_deref()).await
    }
}

/// An empty image at a path where nothing is.
async fn make(path: &Path, format: &str, size: ByteSize) -> Result<()> {
    if format == "raw" {
        let made = File::create_new(path).and_then(|file| file.set_len(size.0));
        return made.map_err(at(path));
    }
    let tool = find_program("qemu-img").ok_or_else(missing)?;
    let create = Program::new(tool).args(["create", "-q", "-f", "qcow2"]).operand(path)?;
    let made = create.arg(size.0.to_string()).run().await;
    if made.is_err() {
        let _ = fs::remove_file(path);
    }
    made.map(drop).map_err(|error| match path.parent().map(free_space) {
        Some(Ok(free)) if error.message.contains("No space") => {
            Error::refused(format_args!("no room for a disk: the storage has {free} left"))
        }
        _ => error,
    })
}

/// Gives a running machine a disk: a node, and a device on a port that is free.
async fn plug_in(monitor: &Monitor, disk: &DiskRecord, path: &Path) -> Result<()> {
    let port = free_port(&monitor.ask("query-pci").await?);
    let port = port.ok_or_else(|| {
        Error::conflict("all ports for disks are taken: shut the machine down, then disks can be added")
    })?;
    let file = json!({ "driver": "file", "filename": path.to_string_lossy() });
    let node = json!({ "driver": disk.format, "node-name": disk.id, "discard": "unmap", "file": file });
    monitor.execute("blockdev-add", node).await?;
    let device = json!({ "driver": "virtio-blk-pci", "drive": disk.id, "id": disk.id, "bus": port });
    let added = monitor.execute("device_add", device).await;
    if added.is_err() {
        let _ = monitor.execute("blockdev-del", json!({ "node-name": disk.id })).await;
    }
    added.map(drop)
}

/// The first of our ports (`hp1`, `hp2` ...) behind which nothing is.
fn free_port(pci: &Value) -> Option<String> {
    let buses = pci.as_array()?.iter();
    let devices = buses.filter_map(|bus| bus.get("devices")?.as_array()).flatten();
    let mut free: Vec<u32> = devices
        .filter(|device| {
            let behind = device.pointer("/pci_bridge/devices").and_then(Value::as_array);
            behind.is_none_or(Vec::is_empty)
        })
        .filter_map(|device| clean_line(device.get("qdev_id")?.as_str()?).strip_prefix("hp")?.parse().ok())
        .collect();
    free.sort_unstable();
    free.first().map(|port| format!("hp{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_with_something_behind_it_is_taken() {
        let port = |id: &str, behind: Value| json!({ "qdev_id": id, "pci_bridge": { "bus": {}, "devices": behind } });
        let pci = json!([{ "bus": 0, "devices": [
            { "qdev_id": "nic0" }, { "qdev_id": "" },
            port("hp1", json!([{ "qdev_id": "disk0" }])), port("hp10", json!([])), port("hp3", json!([])),
        ] }]);
        assert_eq!(free_port(&pci).as_deref(), Some("hp3"));
        assert_eq!(free_port(&json!([{ "devices": [port("hp1", json!([{}]))] }])), None);
        assert_eq!(free_port(&json!(null)), None);
    }
}
