//! Copies of machines: their disks volume by volume, then a description of their own. All or nothing.
use super::{
    Libvirt,
    client::Client,
    describe,
    pools::{self, Place},
    wire::{Domain, Volume},
};
use crate::{
    backend::{
        Call,
        domain_xml::{Description, Drive, Source, copied},
    },
    domain::{ByteSize, Error, ErrorKind, PowerState, Progress, Result, VmId, clean_line},
};
use std::{collections::BTreeMap, sync::Arc};

/// A disk that the copy gets one of its own for.
struct Own {
    target: String,
    volume: Volume,
    place: Place,
    format: String,
    size: ByteSize,
    /// What its copy is called.
    name: String,
    /// Its machine names it by its pool.
    is_named: bool,
}

/// What a disk of the copy is called: as that of the other, with the new name in place of the old one.
fn new_name(volume: &str, target: &str, old: &str, new: &str) -> String {
    match volume.strip_prefix(old) {
        Some(rest) if !rest.starts_with(|c: char| c.is_alphanumeric()) => format!("{new}{rest}"),
        _ => match volume.rsplit_once('.') {
            Some((_, end)) if !end.is_empty() => format!("{new}-{target}.{end}"),
            _ => format!("{new}-{target}"),
        },
    }
}

/// Refuses a machine that is not off, or whose memory is kept for its next start.
async fn check_rests(client: &Client, vm: &VmId, domain: &Domain) -> Result<()> {
    let (state, reason) = client.state(domain).await?;
    let number = |n: i32| u64::try_from(n).unwrap_or(0);
    match describe::power(number(state), number(reason)) {
        (PowerState::Off, Some("saved")) => {
            let why = "its memory is saved, which its disks belong to: start it, and shut it down";
            Err(Error::conflict(format_args!("{vm}: {why}")))
        }
        (PowerState::Off, _) => Ok(()),
        _ => Err(Error::conflict(format_args!("{vm} is not off: shut it down first"))),
    }
}

impl Libvirt {
    pub(super) async fn copy_machine(&self, vm: &VmId, name: &str, call: &Call) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        check_rests(&client, vm, &domain).await?;
        let xml = client.xml_text(&domain).await?;
        let description = Description::parse(&xml)?;
        let is_own = |drive: &&Drive| !drive.is_read_only && !drive.is_shared && drive.device != "cdrom";
        let mut disks = Vec::new();
        for drive in description.drives.iter().filter(|drive| is_own(drive) && drive.source.is_some()) {
            disks.push(self.own(&client, vm, drive, name).await?);
        }
        let mut made = Vec::new();
        let done = async {
            let mut files = BTreeMap::new();
            for (at, disk) in disks.iter().enumerate() {
                call.progress(Progress::note(format!("copying {} ({} of {})", disk.target, at + 1, disks.len())));
                let volume = copy_volume(&client, disk, &mut made).await?;
                let file = if disk.is_named { disk.name.clone() } else { client.volume_path(&volume).await? };
                files.insert(disk.target.clone(), file);
                if call.cancel.is_cancelled() {
                    return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
                }
            }
            check_rests(&client, vm, &domain)
                .await
                .map_err(|error| error.context("it did not rest while it was copied"))?;
            client.define(&copied(&xml, name, &files)?).await.map(drop)
        };
        let done = done.await;
        match done {
            Err(error) if !error.leaves_unknown() => Err(undo(&client, made, error).await),
            done => done,
        }
    }

    /// What is behind a disk, if libvirt can copy it.
    async fn own(&self, client: &Arc<Client>, vm: &VmId, drive: &Drive, new: &str) -> Result<Own> {
        let target = drive.target.clone();
        let refused = |why: &str| Error::conflict(format_args!("{target} of {vm} {why}: it cannot be copied"));
        let volume = match &drive.source {
            Some(Source::Volume { pool, volume }) => {
                let place = self.pool(client, pool).await?;
                client.volume_named(&place.pool, volume).await
            }
            Some(Source::Path(path)) => pools::volume_at(client, path).await,
            _ => return Err(refused("is no file of a pool")),
        };
        let volume = volume.map_err(|error| match error.kind {
            ErrorKind::NotFound => refused("is in no pool of libvirt"),
            _ => error,
        })?;
        // What libvirt takes it for is what it copies; it looks when it is told to.
        let pool = client.pool_of(&volume).await?;
        client.pool_refresh(&pool).await?;
        let xml = client.volume_xml(&volume).await?;
        let format = match pools::format(&xml).as_str() {
            "" | "iso" | "none" | "unknown" => "raw".to_owned(),
            format => format.to_owned(),
        };
        if drive.format.as_ref().is_some_and(|own| *own != format) {
            // A guest can write what reads as a disk on top of a file of the host.
            let own = clean_line(drive.format.as_deref().unwrap_or_default());
            return Err(refused(&format!("is {own}, but what is in it reads as {}", clean_line(&format))));
        }
        if xml.contains("<encryption") {
            return Err(refused("is encrypted"));
        }
        let (extent, place) = (client.volume_extent(&volume).await?, Place::read(client, pool).await?);
        let needed = if place.holds_files() { extent.allocation } else { extent.capacity };
        if needed > place.info.available {
            let (free, needed) = (ByteSize(place.info.available), ByteSize(needed));
            let name = clean_line(&place.pool.name);
            let why = format_args!("{target} takes {needed}, and the pool {name} has {free} free");
            return Err(Error::refused(why));
        }
        Ok(Own {
            name: new_name(&volume.name, &target, vm.as_str(), new),
            format,
            size: ByteSize(extent.capacity),
            is_named: matches!(drive.source, Some(Source::Volume { .. })),
            target,
            volume,
            place,
        })
    }
}

async fn copy_volume(client: &Client, disk: &Own, made: &mut Vec<Volume>) -> Result<Volume> {
    let xml = disk.place.volume_xml(&disk.name, &disk.format, disk.size);
    let volume = client.volume_copy(&disk.place.pool, &xml, &disk.volume).await?;
    made.push(volume.clone());
    let size = client.volume_extent(&volume).await?.capacity;
    if size != disk.size.0 {
        let why = format_args!("the copy of {} has {} in place of {}", disk.target, ByteSize(size), disk.size);
        return Err(Error::new(ErrorKind::Differs, why));
    }
    Ok(volume)
}

/// Deletes what was made for a copy that came to nothing. Returns why it did, and what could not be deleted.
async fn undo(client: &Client, made: Vec<Volume>, error: Error) -> Error {
    let mut left = Vec::new();
    for volume in made {
        if client.volume_delete(&volume).await.is_err() {
            left.push(clean_line(&volume.key).into_owned());
        }
    }
    match left.is_empty() {
        true => error,
        false => Error::new(error.kind, format_args!("{}; left behind: {}", error.message, left.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_of_a_copy_are_called_like_it() {
        let named = |volume: &str| new_name(volume, "vda", "web", "twin");
        assert_eq!((named("web.qcow2"), named("web-1.raw")), ("twin.qcow2".to_owned(), "twin-1.raw".to_owned()));
        assert_eq!((named("website.img"), named("disk")), ("twin-vda.img".to_owned(), "twin-vda".to_owned()));
    }
}
