//! Making and deleting machines: all or nothing.
use super::{
    Boot, DiskRecord, Firmware, Local, NEW_DISK, Qemu, Record,
    disks::lies_elsewhere,
    from_image::{FromImage, ways},
    leftovers::{Work, take_apart},
    node,
    record::MOST_CPUS,
    write_whole,
};
use crate::{
    backend::{Call, Machines},
    domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, Result, Values, Vm, VmId, check_vm_name},
    fetch::check_library_name,
    transport::Program,
};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

pub(super) const LEAST_MEMORY: ByteSize = ByteSize(1 << 20);
const LARGEST_DISK: ByteSize = ByteSize(1 << 50);

/// The network field: QEMU's own, none, and the bridges of this host.
pub(super) fn network_field() -> FieldSpec {
    let mut choices = vec![
        Choice::new("user", "out through this host, not reachable from outside"),
        Choice::new("none", "no network card"),
    ];
    for entry in fs::read_dir("/sys/class/net").into_iter().flatten().flatten() {
        let name = entry.file_name();
        if is_bridge(&name.to_string_lossy()) {
            choices.push(Choice::new(&name.to_string_lossy(), "a bridge of this host"));
        }
    }
    let lacks = (choices.len() == 2).then_some("this host has no bridge");
    FieldSpec::new("network", "Network", FieldKind::Choice(choices)).lacking(lacks)
}

/// Whether this host has a bridge of this name.
pub(super) fn is_bridge(name: &str) -> bool {
    Path::new("/sys/class/net").join(name).join("bridge").is_dir()
}

/// The choices of the firmware field.
pub(super) fn firmwares() -> FieldKind {
    FieldKind::Choice(vec![Choice::new("bios", "SeaBIOS"), Choice::new("uefi", "OVMF")])
}

impl Local {
    /// Where the disks of a deleted machine are kept.
    pub(super) fn kept_disks(&self) -> PathBuf {
        self.settings.machines.parent().unwrap_or(Path::new("/")).join("disks")
    }

    /// The file of an image of the library.
    pub fn image_path(&self, image: &str) -> Result<PathBuf> {
        check_library_name(image).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
        let path = self.settings.images.join(image);
        if path.is_file() {
            Ok(path)
        } else {
            Err(Error::not_found(format_args!("the library has no image `{image}`")))
        }
    }

    /// The images to choose from, with what they are; `disks`: only those that can be disks.
    pub(super) fn image_choices(&self, disks: bool) -> FieldKind {
        let mut choices = vec![Choice::new("", "none")];
        for image in self.list_images().unwrap_or_default() {
            let kind = image.kind.unwrap_or_default();
            match image.disk_size {
                Some(size) => choices.push(Choice::new(&image.name, &format!("{kind}, a disk of {size}"))),
                None if !disks => choices.push(Choice::new(&image.name, &kind)),
                None => {}
            }
        }
        FieldKind::Choice(choices)
    }

    async fn create(&self, values: &Values, call: &Call) -> Result<()> {
        let value = |name: &str| values.get(name).map(String::as_str).unwrap_or_default();
        let number =
            |name: &str| value(name).parse::<u32>().map_err(|_| Error::invalid(format_args!("{name}: a number")));
        let size =
            |name: &str| value(name).parse::<ByteSize>().map_err(|w| Error::invalid(format_args!("{name}: {w}")));
        let name = value("name");
        check_vm_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let mut record = Record::new(number("cpus")?, size("memory")?);
        value("description").clone_into(&mut record.description);
        value("network").clone_into(&mut record.network);
        record.firmware = if value("firmware") == "uefi" { Firmware::Uefi } else { Firmware::Bios };
        record.boot = Boot::Disk;
        let source = match value("image") {
            "" => None,
            image => {
                let source = FromImage::new(self, image, value("how"), value("disk"))?;
                if source.is_none() {
                    if value("disk").is_empty() {
                        let image = crate::domain::clean_line(image);
                        return Err(Error::invalid(format_args!(
                            "disk: it is empty, and {image} stands in the CD drive: give a size, such as 20G"
                        )));
                    }
                    record.cdrom = self.image_path(image)?.display().to_string();
                }
                source
            }
        };
        let format = source.as_ref().map_or("qcow2", FromImage::format);
        let disk = DiskRecord {
            id: "disk0".to_owned(),
            file: format!("disk0.{format}"),
            format: format.to_owned(),
            bus: "virtio".to_owned(),
            leaving: String::new(),
        };
        record.disks.push(disk.clone());

        let machines = &self.settings.machines;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(machines)
            .map_err(|error| Error::from(error).context(machines.display()))?;
        let target = machines.join(name);
        let taken = || Error::conflict(format_args!("there is a machine called {name} already"));
        if fs::symlink_metadata(&target).is_ok() {
            return Err(taken());
        }
        // Made beside the others under a name that is none, and renamed when whole.
        let made = Work::begin(machines)?;
        let file = made.path().join(&disk.file);
        if let Some(source) = source {
            source.make(&file, &call.cancel, |progress| call.progress(progress)).await?;
        } else {
            let create = Program::new(self.settings.image_tool()?).args(["create", "-q", "-f", "qcow2"]);
            create.operand(file)?.arg(size("disk")?.0.to_string()).run().await?;
        }
        write_whole(&made.path().join("machine.toml"), &record.to_toml())?;
        match fs::rename(made.path(), &target) {
            Ok(()) => {
                drop(made.keep());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Err(taken()),
            Err(error) => Err(Error::from(error).context(target.display())),
        }
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        let place = self.place(vm)?;
        if place.folder.is_symlink() {
            let folder = place.folder.display();
            return Err(Error::refused(format_args!("{folder} is a link: what it leads to is to be deleted by hand")));
        }
        let lock = self.store.lock(vm).await?;
        if place.alive().is_some() {
            return Err(Error::conflict(format_args!("{vm} is not off: power it off first")));
        }
        let kept = if keep_disks {
            let record = self.store.read(vm).map_err(|e| e.context("its disks are not known"))?;
            self.put_aside(vm, &record, &place.folder)?
        } else {
            None
        };
        let taken = take_apart(&place.folder, &lock);
        if !self.store.holds(vm) {
            self.forget(vm);
            let _ = fs::remove_dir_all(&place.run);
        }
        taken.map(|()| kept)
    }

    /// Moves the disks that lie in the machine's folder to a folder of their own, and tells where that is.
    fn put_aside(&self, vm: &VmId, record: &Record, folder: &Path) -> Result<Option<String>> {
        let kept = self.kept_disks();
        let numbered = (2..).map(|n| kept.join(format!("{vm}-{n}")));
        let aside = std::iter::once(kept.join(vm.as_str())).chain(numbered).find(|path| !path.exists());
        let aside = aside.unwrap_or(kept);
        let failed = |error: io::Error| Error::from(error).context(aside.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside).map_err(failed)?;
        let (mut moved, mut elsewhere) = (false, "");
        for disk in &record.disks {
            let from = folder.join(&disk.file);
            if lies_elsewhere(&from, folder) {
                elsewhere = ", but for those that lay elsewhere";
            } else if let Some(name) = from.file_name().filter(|_| from.exists()) {
                let to = Some(aside.join(name)).filter(|to| !to.exists());
                let named = || aside.join(format!("{}-{}", disk.id, name.to_string_lossy()));
                fs::rename(&from, to.unwrap_or_else(named)).map_err(failed)?;
                moved = true;
            }
        }
        Ok(moved.then(|| format!("its disks are in {}{elsewhere}", aside.display())))
    }
}

impl Machines for Qemu {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        self.local.describe(vm).await
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let memory = FieldKind::Size { least: LEAST_MEMORY, most: node::most_memory() };
        let disk = FieldKind::Size { least: ByteSize(1 << 20), most: LARGEST_DISK };
        let images = self.local.image_choices(false);
        let is_none = matches!(&images, FieldKind::Choice(choices) if choices.iter().all(|c| c.value.is_empty()));
        let no_images = is_none.then_some("there are no images on this host");
        Ok(vec![
            FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits, `.`, `_` and `-`"),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: MOST_CPUS.into() }).default("2"),
            FieldSpec::new("memory", "Memory", memory).default("2G"),
            FieldSpec::new("disk", "Disk", disk)
                .default(NEW_DISK)
                .unless("image")
                .help("grows as it is filled; empty: as large as a disk image"),
            FieldSpec::new("firmware", "Firmware", firmwares()).default("bios"),
            network_field().default("user"),
            FieldSpec::new("image", "Image", images)
                .optional()
                .help("stands in the CD drive, or becomes the disk")
                .lacking(no_images),
            ways(true),
            FieldSpec::new("description", "Description", FieldKind::Text).optional(),
        ])
    }

    async fn create(&self, values: &Values, call: Call) -> Result<()> {
        self.local.create(values, &call).await?;
        self.local.changed.notify_one();
        Ok(())
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        let kept = self.local.delete(vm, keep_disks).await?;
        self.local.changed.notify_one();
        Ok(kept)
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
        let path = self.local.image_path(image)?;
        self.local.start(vm, Some(path.display().to_string())).await.map(|()| None)
    }
}
