use super::{Velocity, images::name, locked};
use crate::{
    backend::Disks,
    domain::{ByteSize, Disk, DiskKind, Result, VmId, clean_line},
};

impl Disks for Velocity {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        let details = self.details(vm).await?;
        let session = self.session()?;
        let is_known = |mid: &String| locked(&session.media).contains_key(mid);
        if !details.media.iter().all(|medium| is_known(&medium.mid)) {
            // Without their names the media are still there.
            let _ = self.read_media(&session.catalogue()).await;
        }
        let media = locked(&session.media);
        let disk = |attached: &super::wire::Attached| {
            let known = media.get(&attached.mid);
            let id = known.map_or_else(|| clean_line(&attached.mid).into_owned(), |medium| name(medium, &media));
            Disk {
                kind: if known.is_some_and(super::wire::Medium::is_iso) { DiskKind::Cdrom } else { DiskKind::Disk },
                bus: Some(clean_line(&attached.mode.to_lowercase()).into_owned()),
                medium: Some(clean_line(&attached.mid).into_owned()),
                virtual_size: known.and_then(|medium| medium.size).map(ByteSize),
                read_only: attached.is_read_only,
                ..Disk::new(id)
            }
        };
        Ok(details.media.iter().map(disk).collect())
    }
}
