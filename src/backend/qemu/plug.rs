//! Disks that come and go, also while the machine runs.
use super::{
    DiskRecord, Local, Monitor, Record,
    disks::{find, in_use},
    from_image::{FromImage, ways, whole_sectors},
    leftovers::Work,
};
use crate::{
    backend::Call,
    domain::{ByteSize, Choice, DiskId, Error, ErrorKind, FieldKind, FieldSpec, Result, Values, VmId},
    transport::{Program, at, free_space},
};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// The size of a new disk of which nobody says how large it is to be.
pub const NEW_DISK: &str = "20G";

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
            FieldSpec::new("size", "Size", sizes)
                .default(NEW_DISK)
                .unless("image")
                .help("20G, 512M, 1.5T; empty: as large as the image"),
            FieldSpec::new("format", "Format", formats).default("qcow2").help("of an empty disk"),
            FieldSpec::new("image", "Image", self.image_choices(true)).optional().help("what the disk begins with"),
            ways(false),
        ])
    }

    /// Makes the file, writes the disk into the record, and plugs it in where the machine runs. A failure takes all back.
    /// It is made beside the others before the machine is locked: a large copy keeps nobody from it.
    pub(super) async fn add(&self, vm: &VmId, values: &Values, call: &Call) -> Result<DiskId> {
        let answer = |name: &str| values.get(name).map(String::as_str).unwrap_or_default();
        let size = match (answer("size"), answer("image")) {
            // As large as the image.
            ("", image) if !image.is_empty() => ByteSize::default(),
            (size, _) => size.parse().map_err(|why| Error::invalid(format_args!("size: {why}")))?,
        };
        let record = self.store.read(vm)?;
        let folder = self.store.folder(vm)?;
        // What stands in the way is told before a large copy, and looked for once more after it.
        free_id(vm, &record, &folder)?;
        if let Some(monitor) = self.monitor(vm).await? {
            first_port(&monitor).await?;
        }
        let source = match answer("image") {
            "" => None,
            image => FromImage::new(self, image, answer("how"), answer("size"))?,
        };
        let format = match &source {
            Some(source) if answer("format") == "raw" && source.format() != "raw" => {
                let image = crate::domain::clean_line(answer("image"));
                return Err(Error::invalid(format_args!(
                    "format: raw is for an empty disk: what is made of {image} this way is {}",
                    source.format()
                )));
            }
            Some(source) => source.format(),
            None if answer("format") == "raw" => "raw",
            None => "qcow2",
        };
        let work = Work::begin(&folder)?;
        let made = work.path().join("disk");
        match &source {
            Some(source) => source.make(&made, &call.cancel, |progress| call.progress(progress)).await?,
            None => make(self.settings.image_tool(), &made, format, ByteSize(whole_sectors(size))).await?,
        }
        let lock = self.store.lock(vm).await?;
        if call.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
        }
        let record = self.store.read(vm)?;
        let id = free_id(vm, &record, &folder)?;
        let disk = DiskRecord {
            file: format!("{id}.{format}"),
            format: format.to_owned(),
            bus: "virtio".to_owned(),
            leaving: String::new(),
            id: id.clone(),
        };
        let monitor = self.monitor(vm).await?;
        let path = folder.join(&disk.file);
        fs::rename(&made, &path).map_err(at(&path))?;
        drop(work);
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

    /// Takes a disk away and tells where its file is if that stays. A guest that does not let go keeps it for now: it is
    /// listed as waiting then.
    pub(super) async fn remove(&self, vm: &VmId, id: &DiskId, delete: bool) -> Result<Option<String>> {
        let lock = self.store.lock(vm).await?;
        let record = self.store.read(vm)?;
        let disk = find(&record, vm, id)?;
        let file = self.store.folder(vm)?.join(&disk.file);
        let kept = (!delete).then(|| format!("{id} removed, its file is kept: {}", file.display()));
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
                Err(_) => return Ok(kept),
            }
        }
        self.finish_removals(vm, &lock, monitor.as_deref()).await?;
        Ok(kept)
    }
}

/// The first name that neither a disk of the machine nor a file in its folder has.
fn free_id(vm: &VmId, record: &Record, folder: &Path) -> Result<String> {
    let is_free = |id: &String| {
        let is_known = record.disks.iter().any(|disk| disk.id == *id);
        !is_known && ["raw", "qcow2"].iter().all(|e| folder.join(format!("{id}.{e}")).symlink_metadata().is_err())
    };
    let id = (0..=999).map(|n| format!("disk{n}")).find(is_free);
    id.ok_or_else(|| Error::conflict(format_args!("{vm} has too many disks")))
}

/// An empty image at a path where nothing is.
async fn make(tool: Result<PathBuf>, path: &Path, format: &str, size: ByteSize) -> Result<()> {
    if format == "raw" {
        let made = File::create_new(path).and_then(|file| file.set_len(size.0));
        return made.map_err(at(path));
    }
    let create = Program::new(tool?).args(["create", "-q", "-f", "qcow2"]).operand(path)?;
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
    let port = first_port(monitor).await?;
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

/// [`free_port`], or why no disk can be plugged in.
async fn first_port(monitor: &Monitor) -> Result<String> {
    free_port(monitor)
        .await?
        .ok_or_else(|| Error::conflict("all ports for disks are taken: shut the machine down, then disks can be added"))
}

/// The first of our ports (`hp1`, `hp2` ...) behind which nothing is. QEMU's object tree is asked: `query-pci` sees nothing
/// behind a port before the firmware has numbered it, and a second device on a port is never seen by the guest.
async fn free_port(monitor: &Monitor) -> Result<Option<String>> {
    let list = async |path: String| monitor.execute("qom-list", json!({ "path": path })).await;
    let mut ports: Vec<u32> = ports(&list("/machine/peripheral".to_owned()).await?).collect();
    ports.sort_unstable();
    for port in ports {
        if !is_taken(&list(format!("/machine/peripheral/hp{port}/hp{port}")).await?) {
            return Ok(Some(format!("hp{port}")));
        }
    }
    Ok(None)
}

fn entries<'a>(list: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    list.as_array().into_iter().flatten().filter_map(move |entry| entry.get(key)?.as_str())
}

/// The numbers of our ports among the devices of a machine.
fn ports(devices: &Value) -> impl Iterator<Item = u32> {
    entries(devices, "name").filter_map(|name| name.strip_prefix("hp")?.parse().ok())
}

/// Whether the bus of a port has a device.
fn is_taken(bus: &Value) -> bool {
    entries(bus, "name").any(|name| name.starts_with("child["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_with_something_behind_it_is_taken() {
        let devices = json!([{ "name": "type" }, { "name": "hp10" }, { "name": "hp2" }, { "name": "hpx" }, {}]);
        assert_eq!(ports(&devices).collect::<Vec<_>>(), [10, 2]);
        assert!(is_taken(&json!([{ "name": "type" }, { "name": "child[0]", "type": "link<virtio-blk-pci>" }])));
        assert!(!is_taken(&json!([{ "name": "type" }, { "name": "hotplug-handler" }])));
        assert_eq!(ports(&json!(null)).count(), 0);
    }
}
