//! What a host with libvirt has and lacks. It is only told: the host's administrator installs it.
use super::{Libvirt, client::Client, pools};
use crate::{
    backend::Setup,
    domain::{ByteSize, Result, SetupItem, SetupReport},
};

fn item(name: &str, required: bool, found: Result<String, String>) -> SetupItem {
    let present = found.is_ok();
    SetupItem { name: name.to_owned(), present, required, detail: found.unwrap_or_else(|why| why) }
}

impl Libvirt {
    async fn pool_item(&self, client: &Client) -> SetupItem {
        let found = match pools::places(client).await {
            Ok(places) => places.first().map_or_else(
                || Err("none yet: the first machine makes one, where libvirt's own programs would".to_owned()),
                |place| Ok(format!("{}: {}, {} free", place.pool.name, place.path, ByteSize(place.info.available))),
            ),
            Err(error) => Err(error.message),
        };
        item("storage pool", false, found)
    }
}

impl Setup for Libvirt {
    async fn check_setup(&self) -> Result<SetupReport> {
        let client = self.client()?;
        let (versions, capabilities, pool) =
            tokio::join!(client.versions(), client.capabilities(), self.pool_item(&client));
        let (libvirt, qemu) = versions?;
        let has_kvm = capabilities?.contains("<domain type='kvm'");
        let kvm = match has_kvm {
            true => Ok("can be used".to_owned()),
            false => Err("cannot be used: machines run slowly".to_owned()),
        };
        let qemu = Some(qemu).filter(|version| !version.is_empty());
        let qemu = qemu.ok_or_else(|| "not installed there: no machine can run".to_owned());
        let items = vec![item("libvirt", true, Ok(libvirt)), item("QEMU", true, qemu), item("KVM", false, kvm), pool];
        Ok(SetupReport { items, ..SetupReport::default() })
    }
}
