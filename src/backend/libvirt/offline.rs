//! A machine that is off, moved to the libvirt of another host: its description goes there. Its disks stay where they are,
//! so that libvirt has to see them too, which is looked at before the machine is forgotten here.
use super::{
    Libvirt,
    client::Client,
    describe,
    migrate::{explained, number},
    peer::{Peer, in_time, volume_of},
    wire::Domain,
};
use crate::{
    backend::domain_xml::{Description, Drive, Source},
    domain::{Error, ErrorKind, Result, VmId, clean_line},
};

/// How such a move is done (`virDomainMigrateFlags`): by this libvirt; defined there; without being started.
const FLAGS: u32 = 2 | 8 | 1024;

/// A disk or image that is seen here.
struct Seen<'a> {
    drive: &'a Drive,
    bytes: u64,
}

/// How many bytes a guest would see of a drive's content; None: it has none that can be looked at.
async fn size(client: &Client, domain: &Domain, drive: &Drive) -> Result<Option<u64>> {
    let extent = match drive.source.as_ref() {
        Some(Source::Path(_)) => client.extent(domain, &drive.target).await?,
        Some(source @ Source::Volume { .. }) => match volume_of(client, source).await? {
            Some(volume) => client.volume_extent(&volume).await?,
            None => return Ok(None),
        },
        Some(Source::Other(_)) | None => return Ok(None),
    };
    Ok(Some(extent.capacity))
}

/// What the machine has in its drives. What is missing here already need not be there.
async fn seen<'a>(client: &Client, domain: &Domain, description: &'a Description) -> Vec<Seen<'a>> {
    let mut found = Vec::new();
    for drive in &description.drives {
        if let Ok(Some(bytes)) = size(client, domain, drive).await {
            found.push(Seen { drive, bytes });
        }
    }
    found
}

/// Refuses where the other libvirt does not see the same as this one.
async fn check_seen(peer: &Peer, vm: &VmId, domain: &Domain, here: &[Seen<'_>]) -> Result<()> {
    for Seen { drive, bytes } in here {
        match size(peer.client(), domain, drive).await {
            Ok(Some(there)) if there == *bytes => {}
            Err(error) if error.leaves_unknown() => return Err(error),
            Ok(_) | Err(_) => {
                let place = match drive.source.as_ref() {
                    Some(Source::Path(path)) => path,
                    Some(Source::Volume { volume, .. }) => volume,
                    Some(Source::Other(_)) | None => "",
                };
                let (target, place) = (&drive.target, clean_line(place));
                let why = "a machine that is off moves only where both hosts see its disks";
                return Err(Error::conflict(format_args!(
                    "the other host does not see {target} of {vm}, {place}: {why}"
                )));
            }
        }
    }
    Ok(())
}

impl Libvirt {
    /// Moves a machine that is off. It is there and here for a moment, and never nowhere.
    pub(super) async fn move_off(
        &self,
        vm: &VmId,
        (client, domain): (&Client, &Domain),
        to: &str,
        copy_disks: bool,
    ) -> Result<()> {
        let refused = |why: &str| Err(Error::conflict(format_args!("{vm}: {why}")));
        if copy_disks {
            return refused("it is off: its disks are copied only while it runs");
        }
        let (state, reason) = client.state(domain).await?;
        if describe::power(number(state), number(reason)).1 == Some("saved") {
            return refused("its memory is saved, which stays here: start it, and move it while it runs");
        }
        let xml = client.xml_text(domain).await?;
        if xml.contains("<tpm") {
            return refused("it is off, and what its TPM keeps stays here: move it while it runs");
        }
        let description = Description::parse(&xml)?;
        let peer = in_time(async {
            let peer = self.peer(to).await?;
            let is_there = peer.has(domain).await?;
            Ok((!is_there).then_some(peer))
        });
        let unseen = "nothing was sent, since nobody could tell whether the other host sees the disks";
        // Nothing has begun, whatever it was that failed.
        let Some(peer) = peer.await.map_err(|error| Error::refused(format_args!("{unseen}: {}", error.message)))?
        else {
            return refused("there is a machine of this name there already");
        };
        let here = seen(client, domain, &description).await;
        client.migrate(domain, to, FLAGS).await.map_err(|error| explained(error, false))?;
        if let Err(error) = in_time(check_seen(&peer, vm, domain, &here)).await {
            return Err(taken_back(&peer, vm, domain, error).await);
        }
        match client.let_go_of(domain).await {
            // It may be gone here, so it has to be there.
            Err(error) if error.leaves_unknown() => Err(on_both(vm, &error)),
            Err(error) => Err(taken_back(&peer, vm, domain, error).await),
            Ok(()) => Ok(()),
        }
    }
}

fn on_both(vm: &VmId, error: &Error) -> Error {
    let why = "may be defined on both hosts: start it on one alone, and delete it on the other, keeping its disks";
    Error::new(ErrorKind::Differs, format_args!("{}; {vm} {why}", error.message))
}

/// Has the other libvirt forget a machine that stays here after all. Returns why it does.
async fn taken_back(peer: &Peer, vm: &VmId, domain: &Domain, error: Error) -> Error {
    match in_time(peer.client().let_go_of(domain)).await {
        Ok(()) => Error::new(ErrorKind::Conflict, error.message),
        Err(_) => on_both(vm, &error),
    }
}
