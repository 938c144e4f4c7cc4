//! The disks of a machine: as it has them while it runs, as it will have them at its next start. How they grow.
use super::{Libvirt, calls::Extent, client::Client, machines::size_field, pools, wire::Domain};
use crate::{
    backend::{
        Call, Disks,
        domain_xml::{Description, Drive, Source},
    },
    domain::{
        ByteSize, Choice, Disk, DiskId, DiskKind, Error, ErrorKind, FieldKind, FieldSpec, ResizePlan, Result, Values,
        VmId,
    },
};
use futures_util::future::join_all;
use std::{path::Path, sync::Arc};

pub(super) const WAITING: &str = "waiting for the guest to let go";
const NEXT_START: &str = "plugged in at the next start";

/// Whether a machine is in memory, by its number.
pub(super) const fn is_active(domain: &Domain) -> bool {
    domain.id >= 0
}

/// The drives that it has now, and those of its next start where they differ.
pub(super) struct Drives {
    pub(super) now: Description,
    pub(super) next: Option<Description>,
}

impl Drives {
    pub(super) async fn read(client: &Client, domain: &Domain) -> Result<Self> {
        if !is_active(domain) {
            return Ok(Self { now: client.xml(domain, true).await?, next: None });
        }
        let (now, next) = tokio::join!(client.xml(domain, false), client.xml(domain, true));
        Ok(Self { now: now?, next: next.ok() })
    }

    /// All drives, each with what waits.
    fn all(&self) -> impl Iterator<Item = (&Drive, Option<&'static str>)> {
        let stays = |drive: &Drive| self.next.as_ref().is_none_or(|next| next.drive(&drive.target).is_some());
        let now = self.now.drives.iter().map(move |drive| (drive, (!stays(drive)).then_some(WAITING)));
        let later = self.next.iter().flat_map(|next| &next.drives);
        let later = later.filter(|drive| self.now.drive(&drive.target).is_none());
        now.chain(later.map(|drive| (drive, Some(NEXT_START))))
    }
}

fn shown(source: &Source) -> String {
    match source {
        Source::Path(path) => path.clone(),
        Source::Volume { volume, .. } => volume.clone(),
        Source::Other(kind) => kind.clone(),
    }
}

/// The pool that has what a drive has: named by it, or the one whose folder it is in.
fn pool(source: &Source, places: &[pools::Place]) -> Option<String> {
    match source {
        Source::Volume { pool, .. } => Some(pool.clone()),
        Source::Path(path) => {
            let folder = Path::new(path).parent()?;
            let place = places.iter().find(|place| Path::new(&place.path) == folder)?;
            Some(place.pool.name.clone())
        }
        Source::Other(_) => None,
    }
}

/// What a drive has. One that is not plugged in yet is asked for by its volume.
async fn extent(client: &Client, domain: &Domain, drive: &Drive, waits: bool) -> Option<Extent> {
    drive.source.as_ref()?;
    if waits {
        let volume = pools::volume_at(client, drive.path()?).await.ok()?;
        return client.volume_extent(&volume).await.ok();
    }
    client.extent(domain, &drive.target).await.ok()
}

async fn described(client: &Client, domain: &Domain, drive: &Drive, pending: Option<&str>) -> Disk {
    with_extent(drive, pending, extent(client, domain, drive, pending == Some(NEXT_START)).await)
}

fn with_extent(drive: &Drive, pending: Option<&str>, extent: Option<Extent>) -> Disk {
    let medium = drive.source.as_ref().map(shown);
    let in_library = |path: String| path.rsplit('/').next().map(str::to_owned).unwrap_or(path);
    let is_disk = !drive.is_cdrom();
    let missing = || (is_disk && extent.is_none()).then(|| "its file is missing or cannot be read".to_owned());
    Disk {
        kind: if is_disk { DiskKind::Disk } else { DiskKind::Cdrom },
        format: drive.format.clone().filter(|_| is_disk),
        virtual_size: extent.map(|extent| ByteSize(extent.capacity)),
        real_size: extent.map(|extent| ByteSize(extent.allocation)),
        bus: drive.bus.clone(),
        medium: if is_disk { medium } else { medium.map(in_library) },
        read_only: drive.is_read_only,
        stays: !drive.goes(),
        pending: pending.map(str::to_owned).or_else(missing),
        ..Disk::new(drive.target.as_str())
    }
}

impl Libvirt {
    pub(super) async fn list_disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let (client, domain) = self.domain(vm).await?;
        let (drives, places) = tokio::join!(Drives::read(&client, &domain), pools::all(&client));
        let (drives, places) = (drives?, places.unwrap_or_default());
        let each = drives.all().map(async |(drive, pending)| Disk {
            pool: drive.source.as_ref().and_then(|source| pool(source, &places)),
            ..described(&client, &domain, drive, pending).await
        });
        Ok(join_all(each).await)
    }

    /// One drive, by what libvirt reads in its image's header: QEMU writes a new size there before it says that it is done.
    /// It is asked itself right before it is told another, and takes ten times as long to answer. None: no pool has the
    /// drive, or it has no header.
    async fn by_volume(&self, vm: &VmId, id: &DiskId) -> Result<Option<Disk>> {
        let (client, domain) = self.domain(vm).await?;
        let description = client.xml(&domain, false).await?;
        let is_it = |drive: &&Drive| drive.target == id.as_str() && drive.format.as_deref() == Some("qcow2");
        let Some(drive) = description.drives.iter().find(is_it) else { return Ok(None) };
        let Some(path) = drive.path() else { return Ok(None) };
        let extent = async { client.volume_extent(&client.volume_at(path).await?).await };
        Ok(extent.await.ok().map(|extent| with_extent(drive, None, Some(extent))))
    }

    /// One drive, without the others.
    pub(super) async fn one_disk(&self, vm: &VmId, id: &DiskId) -> Result<Option<Disk>> {
        // Its size goes along, in case it is a drive of now: that is the one that takes time.
        let (client, domain, (drives, extent)) = self
            .asked(vm, |client, domain| async move {
                tokio::join!(Drives::read(&client, &domain), client.extent(&domain, id.as_str()))
            })
            .await?;
        let drives = drives?;
        match drives.all().find(|(drive, _)| drive.target == id.as_str()) {
            Some((drive, pending)) if pending != Some(NEXT_START) => {
                let extent = drive.source.as_ref().and(extent.ok());
                Ok(Some(with_extent(drive, pending, extent)))
            }
            Some((drive, pending)) => Ok(Some(described(&client, &domain, drive, pending).await)),
            None => Ok(None),
        }
    }

    async fn grow(&self, vm: &VmId, id: &DiskId, plan: ResizePlan) -> Result<()> {
        let size = |client: Arc<Client>, domain: Domain| async move { client.extent(&domain, id.as_str()).await };
        let (client, domain, found) = self.asked(vm, size).await?;
        plan.check(id, Some(ByteSize(found?.capacity)))?;
        if is_active(&domain) {
            return client.resize_live(&domain, id.as_str(), plan.to.0).await;
        }
        let description = client.xml(&domain, true).await?;
        let drive = description.drive(id.as_str());
        let drive = drive.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {id}")))?;
        let volume = if let Some(Source::Volume { pool, volume }) = &drive.source {
            let place = self.pool(&client, pool).await?;
            client.volume_named(&place.pool, volume).await?
        } else {
            let path = drive.path().ok_or_else(|| Error::conflict(format_args!("{id} is no file")))?;
            let help = "it can grow while the machine runs, or after its folder was made a pool";
            pools::volume_at(&client, path).await.map_err(|error| match error.kind {
                ErrorKind::NotFound => Error::conflict(format_args!("{}: {help}", error.message)),
                _ => error,
            })?
        };
        let pool = client.pool_of(&volume).await?;
        pools::Place::read(&client, pool).await?.grows_disks(id)?;
        client.volume_resize(&volume, plan.to.0).await
    }
}

impl Disks for Libvirt {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        self.list_disks(vm).await
    }

    async fn disk(&self, vm: &VmId, disk: &DiskId) -> Result<Option<Disk>> {
        match self.by_volume(vm, disk).await? {
            None => self.one_disk(vm, disk).await,
            found => Ok(found),
        }
    }

    async fn add_disk_form(&self, _: &VmId) -> Result<Vec<FieldSpec>> {
        let places = pools::all(&*self.client()?).await?;
        let formats = FieldKind::Choice(vec![
            Choice::new("qcow2", "takes only what is written, can have snapshots"),
            Choice::new("raw", "the plain bytes"),
        ]);
        let mut fields = vec![
            size_field("size", "Size").help("20G, 512M, 1.5T"),
            FieldSpec::new("format", "Format", formats).default("qcow2"),
        ];
        fields.extend(pools::field(&places));
        Ok(fields)
    }

    async fn add_disk(&self, vm: &VmId, values: &Values, _: Call) -> Result<DiskId> {
        self.add(vm, values).await
    }

    async fn resize_disk(&self, vm: &VmId, disk: &DiskId, plan: ResizePlan) -> Result<()> {
        self.grow(vm, disk, plan).await
    }

    async fn remove_disk(&self, vm: &VmId, disk: &DiskId, delete: bool) -> Result<Option<String>> {
        self.remove(vm, disk, delete).await
    }

    async fn insert_image(&self, vm: &VmId, image: &str) -> Result<()> {
        self.set_medium(vm, Some(image)).await
    }

    async fn eject_image(&self, vm: &VmId) -> Result<()> {
        self.set_medium(vm, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(targets: &[&str]) -> Description {
        let disks = targets.join("'/></disk><disk><target dev='");
        let xml = format!("<domain><devices><disk><target dev='{disks}'/></disk></devices></domain>");
        Description::parse(&xml).unwrap()
    }

    #[test]
    fn what_waits_for_the_guest_or_for_the_next_start_is_told() {
        let drives = Drives { now: with(&["vda", "vdb"]), next: Some(with(&["vda", "vdc"])) };
        let all: Vec<_> = drives.all().map(|(drive, pending)| (drive.target.as_str(), pending)).collect();
        assert_eq!(all, [("vda", None), ("vdb", Some(WAITING)), ("vdc", Some(NEXT_START))]);
        let off = Drives { now: with(&["vda"]), next: None };
        assert_eq!(off.all().map(|(_, pending)| pending).collect::<Vec<_>>(), [None]);
    }
}
