//! Making and deleting machines.
use super::{
    Libvirt,
    client::Client,
    holders::Holders,
    pools,
    wire::{Domain, Volume},
};
use crate::{
    backend::{
        Call, Machines,
        domain_xml::{Drive, NewMachine, Source},
    },
    domain::{
        ByteSize, Choice, Error, ErrorKind, FieldKind, FieldSpec, PowerState, Result, Values, Vm, VmId, check_vm_name,
    },
};

pub(super) const LEAST_MEMORY: ByteSize = ByteSize(1 << 20);
const LARGEST_DISK: ByteSize = ByteSize(1 << 50);

/// The field of a disk's size.
pub(super) fn size_field(name: &'static str, label: &'static str) -> FieldSpec {
    FieldSpec::new(name, label, FieldKind::Size { least: ByteSize(1 << 20), most: LARGEST_DISK }).default("20G")
}

pub(super) fn answer<'a>(values: &'a Values, name: &str) -> &'a str {
    values.get(name).map(String::as_str).unwrap_or_default()
}

/// A size of the form, in whole sectors.
pub(super) fn size(values: &Values, name: &str) -> Result<ByteSize> {
    let size: ByteSize = answer(values, name).parse().map_err(|why| Error::invalid(format_args!("{name}: {why}")))?;
    Ok(ByteSize(size.0.checked_next_multiple_of(512).unwrap_or(size.0)))
}

/// What runs machines here: the best that libvirt offers.
fn accelerator(capabilities: &str) -> &'static str {
    let Ok(document) = roxmltree::Document::parse(capabilities) else { return "kvm" };
    let mut guests = document.root_element().children().filter(|node| node.has_tag_name("guest"));
    let arch = |guest: &roxmltree::Node<'_, '_>| {
        guest.children().find(|node| node.attribute("name") == Some("x86_64")).map(|arch| {
            arch.children().any(|node| node.has_tag_name("domain") && node.attribute("type") == Some("kvm"))
        })
    };
    if guests.find_map(|guest| arch(&guest)).unwrap_or(false) { "kvm" } else { "qemu" }
}

/// Refuses what is only done to a machine that is off.
pub(super) async fn is_off(client: &Client, vm: &VmId, domain: &Domain) -> Result<()> {
    let (state, reason) = client.state(domain).await?;
    let number = |n: i32| u64::try_from(n).unwrap_or(0);
    match super::describe::power(number(state), number(reason)).0 {
        PowerState::Off => Ok(()),
        _ => Err(Error::conflict(format_args!("{vm} is not off: power it off first"))),
    }
}

impl Libvirt {
    async fn make(&self, values: &Values) -> Result<()> {
        let client = self.client()?;
        let name = answer(values, "name");
        check_vm_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        // Defining it anew would change the one that is there.
        match client.lookup(&VmId::from(name)).await {
            Ok(_) => return Err(Error::conflict(format_args!("there is a machine called {name} already"))),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let cdrom = match answer(values, "image") {
            "" => None,
            image => Some(super::images::path(&client, image).await?),
        };
        let cpus = answer(values, "cpus").parse().map_err(|_| Error::invalid("cpus: a number"))?;
        let (memory, disk) = (size(values, "memory")?, size(values, "disk")?);
        let network = super::networks::chosen(values)?;
        let place = self.pool(&client, answer(values, "pool")).await?;
        let capabilities = client.capabilities().await?;
        let disk = place.make_disk(&client, name, "qcow2", disk).await?;
        let machine = NewMachine {
            name: name.to_owned(),
            description: answer(values, "description").to_owned(),
            accelerator: accelerator(&capabilities).to_owned(),
            cpus,
            memory,
            is_uefi: answer(values, "firmware") == "uefi",
            network,
            disk: disk.plugged("vda".to_owned()),
            cdrom,
        };
        let defined = client.define(&machine.to_xml()).await;
        if defined.as_ref().is_err_and(|error| !error.leaves_unknown()) {
            let _ = client.volume_delete(&disk.volume).await;
        }
        defined.map(drop)
    }

    async fn forget(&self, vm: &VmId, keep_disks: bool) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        is_off(&client, vm, &domain).await?;
        let disks = if keep_disks { Vec::new() } else { self.own_disks(&client, vm, &domain).await? };
        // Looking through all that is there takes its time, and one that runs is forgotten without a word.
        is_off(&client, vm, &domain).await?;
        client.undefine(&domain).await?;
        if !disks.is_empty() && client.lookup(vm).await.is_ok_and(|left| left.uuid == domain.uuid) {
            return Err(Error::conflict(format_args!(
                "{vm} was started meanwhile: it goes when it ends, and its disks are kept"
            )));
        }
        for volume in disks {
            let deleted = client.volume_delete(&volume).await;
            deleted.map_err(|error| error.context(format_args!("{vm} is deleted, but {} is not", volume.key)))?;
        }
        Ok(())
    }

    /// The disks that go with a machine: all that it alone has. Refused where one cannot be deleted, before anything is.
    async fn own_disks(&self, client: &Client, vm: &VmId, domain: &Domain) -> Result<Vec<Volume>> {
        let own = client.xml(domain, true).await?;
        let refused = |drive: &Drive, why: &str| {
            Error::conflict(format_args!("{} of {vm} {why}: delete the machine and keep its disks", drive.target))
        };
        let mut disks = Vec::new();
        for drive in own.drives.iter().filter(|drive| drive.goes()) {
            let found = match &drive.source {
                None => continue,
                Some(Source::Other(_)) => return Err(refused(drive, "is on storage that is not managed here")),
                Some(Source::Volume { pool, volume }) => {
                    let place = self.pool(client, pool).await?;
                    client.volume_named(&place.pool, volume).await
                }
                Some(Source::Path(path)) => pools::volume_at(client, path).await,
            };
            match found {
                Ok(volume) => disks.push((drive, volume)),
                Err(error) if error.kind == ErrorKind::NotFound => {
                    return Err(refused(drive, "is in no pool of libvirt"));
                }
                Err(error) => return Err(error),
            }
        }
        if disks.is_empty() {
            return Ok(Vec::new());
        }
        let volumes: Vec<_> = disks.iter().map(|(_, volume)| volume.clone()).collect();
        let holders = Holders::read(client, self.settings.uri.is_local()).await?;
        for (drive, volume) in disks {
            if let Some(why) = holders.why_not(&volume, |held| held.vm == domain.name, &volumes) {
                return Err(refused(drive, &why));
            }
        }
        Ok(volumes)
    }
}

impl Machines for Libvirt {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        self.find_vm(vm).await
    }

    async fn migrate(&self, vm: &VmId, to: &str, copy_disks: bool, call: Call) -> Result<Option<String>> {
        self.move_to(vm, to, copy_disks, call).await
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let client = self.client()?;
        let (networks, places, images, node) = tokio::join!(
            self.network_fields(&client),
            pools::all(&client),
            super::images::list(&client),
            client.node()
        );
        let most = ByteSize(node?.1.saturating_mul(1024));
        let mut choices = vec![Choice::new("", "none")];
        choices.extend(images?.iter().map(|image| Choice::new(&image.name, "")));
        let firmwares = FieldKind::Choice(vec![Choice::new("bios", "SeaBIOS"), Choice::new("uefi", "OVMF")]);
        let mut fields = vec![
            FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits, `.`, `_` and `-`"),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 255 }).default("2"),
            FieldSpec::new("memory", "Memory", FieldKind::Size { least: LEAST_MEMORY, most }).default("2G"),
            size_field("disk", "Disk").help("grows as it is filled; can be made larger later"),
        ];
        fields.extend(pools::field(&places?));
        fields.push(FieldSpec::new("firmware", "Firmware", firmwares).default("bios"));
        fields.extend(networks);
        fields.extend([
            FieldSpec::new("image", "Image", FieldKind::Choice(choices)).optional().help("stands in the CD drive"),
            FieldSpec::new("description", "Description", FieldKind::Text).optional(),
        ]);
        Ok(fields)
    }

    async fn create(&self, values: &Values, _call: Call) -> Result<()> {
        self.make(values).await
    }

    /// Its disks keep the names that they have.
    async fn rename(&self, vm: &VmId, name: &str) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        client.rename(&domain, name).await
    }

    async fn clone_machine(&self, vm: &VmId, name: &str, call: Call) -> Result<()> {
        self.copy_machine(vm, name, &call).await
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        self.forget(vm, keep_disks).await.map(|()| None)
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
        self.install_from(vm, image).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_is_taken_where_it_is_offered() {
        let host = |kinds: &str| {
            format!(
                "<capabilities><guest><arch name='i686'><domain type='kvm'/></arch></guest><guest><arch name='x86_64'>{kinds}</arch></guest></capabilities>"
            )
        };
        assert_eq!(accelerator(&host("<domain type='qemu'/><domain type='kvm'/>")), "kvm");
        assert_eq!(accelerator(&host("<domain type='qemu'/>")), "qemu");
    }
}
