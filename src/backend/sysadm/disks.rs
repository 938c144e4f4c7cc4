use super::{
    Sysadm,
    machines::{size_field, size_of},
    names,
    setup::check_word,
    sizes, wire,
};
use crate::{
    backend::{Call, Disks},
    domain::{ByteSize, Disk, DiskId, Error, ErrorKind, FieldSpec, Op, ResizePlan, Result, Values, VmId},
};
use std::collections::BTreeMap;

impl Sysadm {
    /// The disks by number, as the server shows them. A name within another one's would bring the other's disks.
    pub(super) async fn volumes(&self, vm: &VmId) -> Result<(BTreeMap<u32, String>, super::wire::Row)> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        let found = self.iohyve("listdisks", &[("name", vm.as_str())]).await?;
        Ok((wire::disks(&found)?, row))
    }

    /// A size that the server shows for a disk, compared before it is changed.
    async fn volume(&self, vm: &VmId, disk: &DiskId) -> Result<(String, super::wire::Row)> {
        let (disks, row) = self.volumes(vm).await?;
        let number = disk.as_str().strip_prefix("disk").and_then(|n| n.parse::<u32>().ok());
        let found = number.and_then(|n| disks.get(&n));
        let found = found.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {disk}")))?;
        Ok((found.clone(), row))
    }
}

impl Disks for Sysadm {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let (disks, _) = self.volumes(vm).await?;
        let disk = |(number, size): (u32, String)| Disk {
            format: Some("zvol".to_owned()),
            virtual_size: size.parse().ok(),
            ..Disk::new(format!("disk{number}"))
        };
        Ok(disks.into_iter().map(disk).collect())
    }

    async fn add_disk_form(&self, _: &VmId) -> Result<Vec<FieldSpec>> {
        let pool = self.pool_field("where the machine's other disks are").await?;
        Ok(vec![size_field("size", "Size").default("10G"), pool])
    }

    async fn add_disk(&self, vm: &VmId, values: &Values, _: Call) -> Result<DiskId> {
        self.check(Op::AddDisk)?;
        let size = size_of(values, "size")?;
        let pool = check_word("pool", values)?;
        let (before, _) = self.volumes(vm).await?;
        // Without a pool the server always fails, and leaves a disk behind that is none.
        let fields = [("name", vm.as_str()), ("size", &sizes::sent(size)), ("pool", &pool)];
        self.iohyve("adddisk", &fields).await?;
        let (after, _) = self.volumes(vm).await?;
        let new = after.iter().find(|(number, _)| !before.contains_key(number));
        let (number, found) = new.ok_or_else(|| {
            Error::new(ErrorKind::Differs, format_args!("the server said yes, but {vm} has no new disk"))
        })?;
        if sizes::fits(found, size) {
            return Ok(DiskId::from(format!("disk{number}")));
        }
        let why = format_args!("disk{number} of {vm} has {}, not {size}", crate::domain::clean(found, 20));
        Err(Error::new(ErrorKind::Differs, why))
    }

    async fn resize_disk(&self, vm: &VmId, disk: &DiskId, plan: ResizePlan) -> Result<()> {
        self.check(Op::ResizeDisk)?;
        let (found, row) = self.volume(vm, disk).await?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: iohyve grows disks of machines that are off")));
        }
        // The server would shrink without a word, and shows rounded sizes.
        let most = sizes::most(&found).unwrap_or(ByteSize(u64::MAX));
        if plan.to < most || found.parse::<ByteSize>().is_ok_and(|now| plan.to <= now) {
            let found = crate::domain::clean(&found, 20);
            return Err(Error::conflict(format_args!(
                "{disk} is shown with {found}, which is rounded: {} might shrink it",
                plan.to
            )));
        }
        let size = sizes::sent(plan.to);
        self.iohyve("resizedisk", &[("name", vm.as_str()), ("disk", disk.as_str()), ("size", &size)]).await.map(drop)
    }

    async fn remove_disk(&self, vm: &VmId, disk: &DiskId, delete: bool) -> Result<Option<String>> {
        self.check(Op::RemoveDisk)?;
        if !delete {
            let why = "SysAdm removes a disk with all that is on it: it cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        if disk.as_str() == "disk0" {
            return Err(Error::refused("disk0 is what the machine starts from: iohyve does not remove it"));
        }
        let (_, row) = self.volume(vm, disk).await?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: shut it down first")));
        }
        self.iohyve("deletedisk", &[("name", vm.as_str()), ("disk", disk.as_str())]).await?;
        Ok(None)
    }
}
