//! A machine that is started from an image in its CD drive: as it boots anyway where that comes to the CD, else with
//! another boot order for that one run. What it is kept with stays as it is.
use super::{
    Libvirt,
    client::Client,
    machines::is_off,
    wire::{Domain, procedure as p},
};
use crate::{
    backend::domain_xml::{CdPlace, Description, check_boots_in_order, ending_at_restart, with_cd},
    domain::{ByteSize, Error, Result, VmId},
};

/// An empty disk of any format takes less than this of the storage.
const EMPTY_DISK: ByteSize = ByteSize(4 << 20);
/// What is told before, and after.
pub(super) const CAUTION: &str = "Where a disk or the network would be booted before the CD, it starts from the CD this once: when its \
    installer restarts it, it powers off instead; start it then.";
const ONCE: &str =
    "it starts from the CD this once: when its installer restarts it, it powers off instead; start it then";

/// Whether it would start the system of a disk or of the network, or nothing from a CD ever. What a disk holds that cannot
/// be told may be a system.
async fn passes_by(client: &Client, domain: &Domain, next: &Description) -> bool {
    let Some(before) = next.before_cd.as_ref().filter(|before| !before.has_others) else { return true };
    for disk in &before.disks {
        if client.extent(domain, disk).await.map_or(true, |extent| extent.allocation > EMPTY_DISK.0) {
            return true;
        }
    }
    false
}

/// The description of a run that begins with the CD. It ends where the guest restarts: it would begin with the CD again.
fn once(xml: &str) -> Result<String> {
    ending_at_restart(&with_cd(xml, CdPlace::First)?)
}

impl Libvirt {
    pub(super) async fn install_from(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
        let (client, domain) = self.domain(vm).await?;
        is_off(&client, vm, &domain).await?;
        if client.is_saved(&domain).await? {
            let why = "it goes on with the memory that was saved, not from a CD: start it, then shut it down";
            return Err(Error::conflict(format_args!("{vm}: {why}")));
        }
        let next = client.xml(&domain, true).await?;
        let is_once = passes_by(&client, &domain, &next).await;
        if is_once {
            // What cannot be is told before anything is changed. A drive that it has not got yet is made below.
            let xml = client.xml_text(&domain).await?;
            if next.cdrom().is_some() { once(&xml).map(drop) } else { check_boots_in_order(&xml) }?;
        }
        self.set_medium(vm, Some(image)).await?;
        if !is_once {
            return client.act(p::START, &domain).await.map(|()| None);
        }
        client.create(&once(&client.xml_text(&domain).await?)?).await.map(|()| Some(ONCE.to_owned()))
    }
}
