use super::Govirthost;
use crate::{
    backend::{
        Disks,
        domain_xml::{Drive, Source},
    },
    domain::{Disk, DiskKind, Result, VmId, clean_line},
};

fn disk(drive: &Drive) -> Disk {
    let line = |text: &str| clean_line(text).into_owned();
    let medium = drive.source.as_ref().map(|source| match source {
        Source::Path(path) => line(path),
        Source::Volume { pool, volume } => line(&format!("{volume} in {pool}")),
        Source::Other(kind) => line(kind),
    });
    Disk {
        kind: if drive.is_cdrom() { DiskKind::Cdrom } else { DiskKind::Disk },
        format: drive.format.as_deref().map(line),
        bus: drive.bus.as_deref().map(line),
        medium,
        read_only: drive.is_read_only,
        ..Disk::new(line(&drive.target))
    }
}

impl Disks for Govirthost {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        let (description, _) = session.describe(vm, row.run).await?;
        Ok(description.drives.iter().map(disk).collect())
    }
}
