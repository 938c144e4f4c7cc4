use super::{
    Demo,
    machines::{disk_kind, size},
    world::{STORAGE, Temper},
};
use crate::{
    backend::{Call, Disks},
    domain::{
        ByteSize, Choice, Disk, DiskId, DiskKind, Error, FieldKind, FieldSpec, Op, ResizePlan, Result, Values, VmId,
    },
};
use std::time::Duration;

/// How long a guest takes to let go of a disk.
const LET_GO: Duration = Duration::from_secs(2);

fn missing(vm: &VmId, disk: &DiskId) -> Error {
    Error::not_found(format_args!("{vm} has no disk called {disk}"))
}

impl Demo {
    fn set_medium(&self, vm: &VmId, op: Op, image: Option<&str>) -> Result<()> {
        let mut world = self.world(op)?;
        if let Some(image) = image
            && !world.library.contains_key(image)
        {
            return Err(super::images::missing(image));
        }
        let machine = world.machine(vm)?;
        let drive = machine.drive().ok_or_else(|| Error::not_found(format_args!("{vm} has no CD drive")))?;
        drive.medium = image.map(str::to_owned);
        Ok(())
    }
}

impl Disks for Demo {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        Ok(self.world(Op::ListDisks)?.machine(vm)?.disks.clone())
    }

    async fn add_disk_form(&self, vm: &VmId) -> Result<Vec<FieldSpec>> {
        self.world(Op::AddDisk)?.machine(vm)?;
        let formats = vec![Choice::new("qcow2", "grows as it fills"), Choice::new("raw", "as fast as it gets")];
        Ok(vec![
            FieldSpec::new("size", "Size", disk_kind()).default("10G").help("like 10G"),
            FieldSpec::new("format", "Format", FieldKind::Choice(formats)).default("qcow2"),
        ])
    }

    async fn add_disk(&self, vm: &VmId, values: &Values, _: Call) -> Result<DiskId> {
        let id = {
            let mut world = self.world(Op::AddDisk)?;
            let format = values.get("format").cloned().unwrap_or_else(|| "qcow2".to_owned());
            let size = size(values, "size")?;
            let free = STORAGE.saturating_sub(world.used());
            if format == "raw" && size.0 > free {
                let free = ByteSize(free);
                return Err(Error::refused(format_args!("No space left on device: {size} wanted, {free} free")));
            }
            world.machine(vm)?.add_disk(size, &format)
        };
        self.tell(vm, None);
        Ok(id)
    }

    async fn resize_disk(&self, vm: &VmId, disk: &DiskId, plan: ResizePlan) -> Result<()> {
        {
            let mut world = self.world(Op::ResizeDisk)?;
            let machine = world.machine(vm)?;
            let found = machine.disks.iter_mut().find(|d| d.id == *disk && d.kind == DiskKind::Disk);
            let found = found.ok_or_else(|| missing(vm, disk))?;
            if found.virtual_size.is_none_or(|size| size >= plan.to) {
                return Err(Error::conflict(format_args!("{disk} is not smaller than {} any more", plan.to)));
            }
            found.virtual_size = Some(plan.to);
            if machine.temper == Temper::Full {
                machine.temper = Temper::Plain;
            }
            machine.sum();
        }
        self.tell(vm, None);
        Ok(())
    }

    async fn remove_disk(&self, vm: &VmId, disk: &DiskId, delete: bool) -> Result<Option<String>> {
        let later = {
            let mut world = self.world(Op::RemoveDisk)?;
            let now = world.now;
            let machine = world.machine(vm)?;
            let found = machine.disks.iter_mut().find(|d| d.id == *disk).ok_or_else(|| missing(vm, disk))?;
            if found.kind == DiskKind::Cdrom {
                return Err(Error::conflict("the CD drive stays: eject its image instead"));
            }
            if machine.vm.power().is_alive() {
                found.pending = Some("being removed".to_owned());
                machine.leaving = Some((now + LET_GO, disk.clone()));
                Some(LET_GO)
            } else {
                machine.drop_disk(disk);
                None
            }
        };
        self.tell(vm, later);
        Ok((!delete).then(|| format!("{disk} removed, its file is kept")))
    }

    async fn insert_image(&self, vm: &VmId, image: &str) -> Result<()> {
        self.set_medium(vm, Op::InsertImage, Some(image))
    }

    async fn eject_image(&self, vm: &VmId) -> Result<()> {
        self.set_medium(vm, Op::EjectImage, None)
    }
}
