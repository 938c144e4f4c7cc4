//! What a move that came to nothing leaves on the other host: libvirt makes the disks there that it copies, and does not
//! take them away. What was certainly made by the move is removed, the rest is named.
use super::{
    Libvirt,
    client::Client,
    peer::{Peer, in_time},
    wire::{Domain, Volume},
};
use crate::{
    backend::domain_xml::{Description, Source},
    domain::{Error, ErrorKind, Result, clean_line},
};

/// A disk that is copied.
#[derive(Debug)]
struct Copied {
    name: String,
    source: Source,
    /// What the guest sees of it, in bytes.
    size: Option<u64>,
    /// The other host had nothing under its name when the move began.
    is_new: bool,
}

/// The disks that a move copies.
pub(super) struct Leavings {
    copied: Vec<Copied>,
    /// The other host, where it was looked at before.
    peer: Option<Peer>,
}

/// The disks that libvirt copies to the other host.
fn copied(description: &Description) -> Vec<(&str, &Source)> {
    let disks = description.drives.iter().filter(|drive| !drive.is_cdrom() && !drive.is_read_only && !drive.is_shared);
    disks.filter_map(|drive| Some((drive.target.as_str(), drive.source.as_ref()?))).collect()
}

fn name(source: &Source) -> Option<String> {
    let name = match source {
        Source::Volume { volume, .. } => volume.as_str(),
        Source::Path(path) => path.rsplit('/').next()?,
        Source::Other(_) => return None,
    };
    Some(clean_line(name).into_owned())
}

/// What may be there still.
fn may_keep(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        names => format!("; the pool of the other host may keep a part of {}: remove it there", names.join(", ")),
    }
}

impl Leavings {
    /// Looks at the other host before the move begins, as far as it can be reached from here.
    pub(super) async fn before(
        libvirt: &Libvirt,
        client: &Client,
        domain: &Domain,
        of: &Description,
        to: &str,
    ) -> Self {
        let mut found = Vec::new();
        for (target, source) in copied(of) {
            let size = client.extent(domain, target).await.ok().map(|extent| extent.capacity);
            found.extend(name(source).map(|name| Copied { name, source: source.clone(), size, is_new: false }));
        }
        if found.is_empty() {
            return Self { copied: found, peer: None };
        }
        let look = async {
            let peer = libvirt.peer(to).await?;
            for disk in &mut found {
                disk.is_new = peer.volume(&disk.source).await.is_ok_and(|there| there.is_none());
            }
            Ok(peer)
        };
        let peer = in_time(look).await;
        if let Err(why) = &peer {
            tracing::debug!("{to} is not looked at from here: {why}");
        }
        Self { copied: found, peer: peer.ok() }
    }

    /// Removes what the move has made there, if the machine is not there, and tells what was done: words that go behind a
    /// sentence. `has_begun`: what cannot be told apart, or not be looked at, is named.
    pub(super) async fn removed(self, domain: &Domain, has_begun: bool) -> String {
        let told = match &self.peer {
            Some(peer) => in_time(removed(peer, domain, &self.copied)).await,
            None => Err(Error::new(ErrorKind::Unreachable, "it is not reached from here")),
        };
        let (gone, mut kept) = told.unwrap_or_else(|why| {
            tracing::debug!("what a move has left on the other host stays: {why}");
            (Vec::new(), self.copied.iter().map(|disk| disk.name.as_str()).collect())
        });
        if !has_begun {
            kept.clear();
        }
        match gone.as_slice() {
            [] => may_keep(&kept),
            [one] => format!("; {one}, which it had made there, is removed{}", may_keep(&kept)),
            all => format!("; {}, which it had made there, are removed{}", all.join(", "), may_keep(&kept)),
        }
    }
}

/// Removes what is ours. Returns the names of what is gone, and of what is not.
async fn removed<'a>(peer: &Peer, domain: &Domain, copied: &'a [Copied]) -> Result<(Vec<&'a str>, Vec<&'a str>)> {
    if peer.has(domain).await? {
        return Err(Error::conflict("the machine is there"));
    }
    let (mut ours, mut gone, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for disk in copied {
        match peer.volume(&disk.source).await {
            Ok(None) => {}
            Ok(Some(volume)) if disk.is_new && is_like(peer, &volume, disk).await => {
                ours.push(volume);
                gone.push(disk.name.as_str());
            }
            Ok(Some(_)) | Err(_) => kept.push(disk.name.as_str()),
        }
    }
    if !ours.is_empty() {
        peer.remove(&ours).await?;
    }
    Ok((gone, kept))
}

/// Libvirt makes it as large as the disk that it copies.
async fn is_like(peer: &Peer, volume: &Volume, disk: &Copied) -> bool {
    let there = peer.client().volume_extent(volume).await.ok().map(|extent| extent.capacity);
    there.is_some() && there == disk.size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_move_copies_are_the_disks_that_only_this_machine_writes() {
        let disk =
            |kind: &str, source: &str| format!("<disk type='{kind}'><source {source}/><target dev='vda'/></disk>");
        let names = |disks: &str| {
            let xml = format!("<domain type='kvm'><name>web</name><devices>{disks}</devices></domain>");
            let description = Description::parse(&xml).unwrap();
            copied(&description).into_iter().filter_map(|(_, source)| name(source)).collect::<Vec<_>>()
        };
        let both = disk("file", "file='/images/web.qcow2'") + &disk("volume", "pool='p' volume='web.raw'");
        assert_eq!(names(&both), ["web.qcow2", "web.raw"]);
        let cd = "<disk type='file' device='cdrom'><source file='/a.iso'/><target dev='sda'/></disk>";
        assert_eq!(names(cd), Vec::<String>::new());
    }
}
