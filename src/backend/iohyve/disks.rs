use super::{
    CHANGE, Iohyve, Row,
    datasets::Datasets,
    differs,
    machines::{size_field, size_of},
    missing, names, read, sizes,
};
use crate::{
    backend::{Call, Disks},
    domain::{ByteSize, Disk, DiskId, Error, ErrorKind, FieldSpec, ResizePlan, Result, Values, VmId, clean},
};
use std::collections::{BTreeMap, BTreeSet};

/// What is shown of a disk.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    /// In bytes, or as iohyve shows it; or, where it is not known which it is, all that are told.
    size: String,
    /// All that are told, for people, where they are not one and the same.
    others: Option<String>,
}

impl Shown {
    /// Of what iohyve lists for it, and what ZFS tells of the one volume that is the machine's own.
    fn of(listed: &BTreeSet<String>, exact: Option<ByteSize>) -> Self {
        let fitting = exact.filter(|exact| listed.iter().any(|size| sizes::fits(size, *exact)));
        // What iohyve does not show at all is not what it would grow.
        let strange = exact.filter(|_| fitting.is_none()).map(|exact| exact.to_string());
        let all: Vec<_> = listed.iter().map(|size| sizes::told(size)).chain(strange).collect();
        let others = (all.len() > 1).then(|| all.join(" and "));
        let size = fitting.map(|exact| exact.0.to_string()).or_else(|| others.clone());
        Self { size: size.or_else(|| listed.first().cloned()).unwrap_or_default(), others }
    }
}

impl Iohyve {
    /// The disks by number, each with its size as [`Shown`] has it. A name within another one's would bring the other's
    /// disks.
    pub(super) async fn volumes(&self, vm: &VmId) -> Result<(BTreeMap<u32, String>, Row)> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        Ok((self.disks_of(vm).await?, row))
    }

    /// The same, of a machine that is known to be there and alone.
    pub(super) async fn disks_of(&self, vm: &VmId) -> Result<BTreeMap<u32, String>> {
        Ok(self.disks_and_volumes(vm).await?.0.into_iter().map(|(number, shown)| (number, shown.size)).collect())
    }

    /// iohyve knows which disks there are, and ZFS their exact size, where it tells.
    async fn disks_and_volumes(&self, vm: &VmId) -> Result<(BTreeMap<u32, Shown>, Datasets)> {
        let words = ["disks", vm.as_str()];
        let (listed, volumes) = tokio::join!(self.read(&words), Box::pin(self.volumes_of_zfs()));
        let disks = read::disks(&listed?).ok_or_else(|| missing(vm))?;
        let shown = |(number, listed)| {
            let exact = volumes.volume(vm.as_str(), number).map(|volume| volume.size);
            (number, Shown::of(&listed, exact))
        };
        Ok((disks.into_iter().map(shown).collect(), volumes))
    }

    /// A disk as it is shown now, and its machine.
    async fn volume(&self, vm: &VmId, disk: &DiskId) -> Result<(Shown, Row)> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        let (mut disks, _) = self.disks_and_volumes(vm).await?;
        let number = disk.as_str().strip_prefix("disk").and_then(|n| n.parse::<u32>().ok());
        let found = number.and_then(|n| disks.remove(&n));
        Ok((found.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {disk}")))?, row))
    }
}

impl Disks for Iohyve {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let (_, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        let (disks, volumes) = self.disks_and_volumes(vm).await?;
        let disk = |(number, shown): (u32, Shown)| {
            let volume = volumes.volume(vm.as_str(), number);
            Disk {
                format: Some("zvol".to_owned()),
                virtual_size: shown.size.parse().ok(),
                real_size: volume.as_ref().and_then(|volume| volume.referenced),
                pool: volume.map(|volume| clean(volume.pool, 60).into_owned()),
                ..Disk::new(format!("disk{number}"))
            }
        };
        Ok(disks.into_iter().map(disk).collect())
    }

    async fn add_disk_form(&self, _: &VmId) -> Result<Vec<FieldSpec>> {
        Ok(vec![size_field("size", "Size").default("10G"), self.pool_of_disk().await])
    }

    async fn add_disk(&self, vm: &VmId, values: &Values, _: Call) -> Result<DiskId> {
        let size = size_of(values, "size")?;
        let pool = values.get("pool").map(String::as_str).unwrap_or_default();
        if !pool.is_empty() {
            names::check(pool).map_err(|_| Error::invalid(format_args!("pool: `{pool}` is no name of a pool")))?;
        }
        let (before, _) = self.volumes(vm).await?;
        let sent = sizes::sent(size);
        let arguments: Vec<_> = ["add", vm.as_str(), &sent, pool].into_iter().filter(|word| !word.is_empty()).collect();
        let output = self.shell.run(&arguments, CHANGE).await?;
        let (after, _) = self.volumes(vm).await?;
        match after.iter().find(|(number, _)| !before.contains_key(number)) {
            Some((number, found)) if sizes::fits(found, size) => Ok(DiskId::from(format!("disk{number}"))),
            Some((number, found)) => {
                let found = sizes::told(found);
                Err(differs(&output, format_args!("disk{number} of {vm} has {found}, not {size}")))
            }
            None => Err(differs(&output, format_args!("{vm} has no new disk"))),
        }
    }

    async fn resize_disk(&self, vm: &VmId, disk: &DiskId, plan: ResizePlan) -> Result<()> {
        let (Shown { size: found, others }, row) = self.volume(vm, disk).await?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: iohyve grows disks of machines that are off")));
        }
        if let Some(others) = others {
            return Err(Error::conflict(format_args!(
                "{disk} of {vm} is there more than once, with {others}, and iohyve may shrink another one: nothing was sent"
            )));
        }
        // iohyve would shrink without a word, and shows rounded sizes.
        let most = sizes::most(&found).unwrap_or(ByteSize(u64::MAX));
        if plan.to < most || found.parse::<ByteSize>().is_ok_and(|now| plan.to <= now) {
            let (told, to) = (sizes::told(&found), plan.to);
            return Err(match sizes::is_exact(&found) {
                true => Error::conflict(format_args!("{disk} has {told}: {to} is not more")),
                false => {
                    Error::conflict(format_args!("{disk} is shown with {told}, which is rounded: {to} might shrink it"))
                }
            });
        }
        self.shell.run(&["resize", vm.as_str(), disk.as_str(), &sizes::sent(plan.to)], CHANGE).await.map(drop)
    }

    async fn remove_disk(&self, vm: &VmId, disk: &DiskId, delete: bool) -> Result<Option<String>> {
        if !delete {
            let why = "iohyve removes a disk with all that is on it: it cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        if disk.as_str() == "disk0" {
            return Err(Error::refused("disk0 is what the machine starts from: iohyve does not remove it"));
        }
        let (_, row) = self.volume(vm, disk).await?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: shut it down first")));
        }
        let output = self.shell.run(&["remove", "-f", vm.as_str(), disk.as_str()], CHANGE).await?;
        match self.volume(vm, disk).await {
            Ok(_) => Err(differs(&output, format_args!("{disk} of {vm} is still there"))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}
