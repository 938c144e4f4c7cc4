//! Disks and media that come and go, also while the machine runs.
use super::{
    Libvirt,
    calls::{CONFIG, LIVE},
    client::Client,
    disks::{Drives, is_active},
    holders::{Held, Holders},
    machines::{answer, size},
    pools,
    wire::{Domain, Volume, procedure as p},
};
use crate::{
    backend::domain_xml::{self, Drive},
    domain::{DiskId, Error, ErrorKind, Result, Values, VmId},
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long the guest may take to let go of a disk before the removal counts as pending: Linux needs a tenth of a second.
const LETTING_GO: Duration = Duration::from_secs(3);

/// What a change has to reach: the running machine too, where it runs. A machine that is forgotten when it ends has no
/// next start.
fn both(drives: &Drives, domain: &Domain) -> u32 {
    match (is_active(domain), &drives.next) {
        (true, Some(_)) => LIVE | CONFIG,
        (true, None) => LIVE,
        (false, _) => CONFIG,
    }
}

/// The first name that no drive has, now or at the next start.
fn free_target(drives: &Drives) -> Option<String> {
    let is_free = |name: &String| {
        let next = drives.next.as_ref().and_then(|next| next.drive(name));
        drives.now.drive(name).is_none() && next.is_none()
    };
    ('a'..='z').map(|letter| format!("vd{letter}")).find(is_free)
}

fn drive<'a>(drives: &'a Drives, vm: &VmId, id: &DiskId) -> Result<&'a Drive> {
    let later = || drives.next.as_ref().and_then(|next| next.drive(id.as_str()));
    let found = drives.now.drive(id.as_str()).or_else(later);
    found.ok_or_else(|| Error::not_found(format_args!("{vm} has no disk called {id}")))
}

impl Libvirt {
    /// Makes the file and plugs it in. A failure takes the file back.
    pub(super) async fn add(&self, vm: &VmId, values: &Values) -> Result<DiskId> {
        let (client, domain) = self.domain(vm).await?;
        let size = size(values, "size")?;
        let format = if answer(values, "format") == "raw" { "raw" } else { "qcow2" };
        let drives = Drives::read(&client, &domain).await?;
        let target = free_target(&drives).ok_or_else(|| Error::conflict(format_args!("{vm} has too many disks")))?;
        let place = self.pool(&client, answer(values, "pool")).await?;
        place.makes_disks()?;
        let mut made = Err(Error::conflict(format_args!("{} has no free name for a disk of {vm}", place.pool.name)));
        for n in 1..=999 {
            made = place.make_disk(&client, &format!("{vm}-{n}"), format, size).await;
            let is_taken = |error: &Error| error.kind == ErrorKind::Conflict || error.message.contains("already");
            if !made.as_ref().is_err_and(is_taken) {
                break;
            }
        }
        let made = made?;
        let to = both(&drives, &domain);
        let xml = domain_xml::disk(&made.plugged(target.clone()));
        let plugged = client.device(p::ATTACH_FLAGS, &domain, &xml, to).await;
        if plugged.as_ref().is_err_and(|error| !error.leaves_unknown()) {
            let _ = client.volume_delete(&made.volume).await;
        }
        plugged.map_err(|error| match error.message.contains("No more available PCI slots") {
            true => Error::conflict("all ports for disks are taken: shut the machine down, then disks can be added"),
            false => error,
        })?;
        Ok(target.into())
    }

    /// Takes a disk away and tells where its file is if that stays. Libvirt says yes also when the guest keeps it.
    pub(super) async fn remove(&self, vm: &VmId, id: &DiskId, delete: bool) -> Result<Option<String>> {
        let (client, domain) = self.domain(vm).await?;
        let drives = Drives::read(&client, &domain).await?;
        let drive = drive(&drives, vm, id)?;
        if drive.device != "disk" {
            return Err(Error::conflict(format_args!("{id} is no disk")));
        }
        let path = drive.path().map(str::to_owned);
        // What is to be deleted is known before anything is changed.
        let volume = match (&path, delete) {
            (_, false) => None,
            (Some(path), true) => Some(self.alone(&client, vm, id, path).await?),
            (None, true) => return Err(Error::conflict(format_args!("{id} is no file: it can only be kept"))),
        };
        let is_in = |description: &domain_xml::Description| description.drive(id.as_str()).is_some();
        let mut from = both(&drives, &domain);
        if !is_in(&drives.now) && is_active(&domain) {
            from &= !LIVE;
        }
        if drives.next.as_ref().is_some_and(|next| !is_in(next)) {
            from &= !CONFIG;
        }
        let target = domain_xml::escape(&drive.target);
        let bus = domain_xml::escape(drive.bus.as_deref().unwrap_or("virtio"));
        let xml = format!("<disk type='file' device='disk'><target dev='{target}' bus='{bus}'/></disk>");
        client.device(p::DETACH_FLAGS, &domain, &xml, from).await?;
        let shown = path.clone().unwrap_or_default();
        if from & LIVE != 0 && !let_go(&client, &domain, id).await? {
            let stays = if delete { format!("; its file stays: {shown}") } else { String::new() };
            let why = format_args!("libvirt said yes, but the guest of {vm} has not let go of {id}{stays}");
            return Err(Error::new(ErrorKind::Differs, why));
        }
        match volume {
            Some(volume) => client.volume_delete(&volume).await.map(|()| None),
            None => Ok(Some(format!("{id} removed, its file is kept: {shown}"))),
        }
    }

    /// The volume behind a disk. Refused where anything else has it.
    async fn alone(&self, client: &Client, vm: &VmId, id: &DiskId, path: &str) -> Result<Volume> {
        let volume = pools::volume_at(client, path).await?;
        let holders = Holders::read(client, self.settings.uri.is_local()).await?;
        let is_this = |held: &Held| held.vm == vm.as_str() && held.target == id.as_str();
        match holders.why_not(&volume, is_this, &[]) {
            Some(why) => Err(Error::conflict(format_args!("{id} {why}: it can only be kept"))),
            None => Ok(volume),
        }
    }

    /// Puts an image of the library into the CD drive, or empties it.
    pub(super) async fn set_medium(&self, vm: &VmId, image: Option<&str>) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        let path = match image {
            Some(image) => Some(super::images::path(&client, image).await?),
            None => None,
        };
        let drives = Drives::read(&client, &domain).await?;
        let Some(drive) = drives.now.cdrom() else {
            if is_active(&domain) {
                return Err(Error::conflict(format_args!("{vm} has no CD drive: it gets one while it is off")));
            }
            let names = ('a'..='z').map(|letter| format!("sd{letter}"));
            let mut free = names.filter(|name| drives.now.drive(name).is_none());
            let target = free.next().ok_or_else(|| Error::conflict(format_args!("{vm} has too many drives")))?;
            let xml = domain_xml::cdrom(&target, "sata", path.as_deref(), None);
            return client.device(p::ATTACH_FLAGS, &domain, &xml, CONFIG).await;
        };
        let bus = drive.bus.as_deref().unwrap_or("sata");
        let change = async |order, to| {
            let xml = domain_xml::cdrom(&drive.target, bus, path.as_deref(), order);
            client.device(p::UPDATE_DEVICE, &domain, &xml, to).await
        };
        // A drive without the number that it is booted by loses it.
        let next = drives.next.as_ref().unwrap_or(&drives.now).drive(&drive.target);
        let (now, next, to) = (drive.boot_order, next.and_then(|next| next.boot_order), both(&drives, &domain));
        if now != next && to == LIVE | CONFIG {
            change(now, LIVE).await?;
            return change(next, CONFIG).await;
        }
        change(next, to).await
    }
}

/// Waits until the running machine has the disk no more.
async fn let_go(client: &Client, domain: &Domain, id: &DiskId) -> Result<bool> {
    let gone = async {
        while client.xml(domain, false).await?.drive(id.as_str()).is_some() {
            sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Error>(())
    };
    match timeout(LETTING_GO, gone).await {
        Ok(done) => done.map(|()| true),
        Err(_) => Ok(false),
    }
}
