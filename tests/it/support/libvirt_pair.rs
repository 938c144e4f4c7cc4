//! Two hosts of libvirt on this computer, and a machine that may go from the one to the other.
use super::{guests::iso, libvirt::Daemon};
use std::fs;
use vmdeck::{
    backend::{Machines, Power, libvirt::Libvirt},
    domain::{ErrorKind, Expect, PowerState, VmId},
};

/// Where a machine of the tests has its disk.
#[derive(Clone, Copy)]
pub(crate) enum Disk {
    None,
    /// In the pool, by its name: each daemon has a folder of its own for it.
    Volume,
    /// A file that is named by its path.
    File,
}

/// Two hosts; on the first runs `web`, with this guest in its drive.
pub(crate) struct Pair {
    pub(crate) here: Daemon,
    pub(crate) there: Daemon,
    pub(crate) from: Libvirt,
    pub(crate) to: Libvirt,
    pub(crate) vm: VmId,
}

impl Pair {
    pub(crate) async fn new(guest: &str, disk: Disk) -> Self {
        let (here, there) = (Daemon::new().await, Daemon::new().await);
        let ((from, _), (to, _)) = (here.connected().await, there.connected().await);
        let cd = here.path("cd.iso");
        fs::write(&cd, iso(guest)).unwrap();
        let connection = here.open().await;
        let pool = connection.client.pools().await.unwrap().remove(0);
        let volume =
            "<volume><name>web.raw</name><capacity>1048576</capacity><target><format type='raw'/></target></volume>";
        let path = connection.client.volume_make(&pool, volume).await.unwrap().key;
        fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        let disk = match disk {
            Disk::None => String::new(),
            Disk::Volume => {
                "<disk type='volume'><source pool='default' volume='web.raw'/><target dev='vda'/></disk>".into()
            }
            Disk::File => format!("<disk type='file'><source file='{path}'/><target dev='vda'/></disk>"),
        };
        let xml = format!(
            "<domain type='qemu'><name>web</name><memory unit='MiB'>32</memory><os><type>hvm</type><boot dev='cdrom'/></os>\
            <features><acpi/></features><devices><disk type='file' device='cdrom'><source file='{}'/><target dev='sda' \
            bus='sata'/><readonly/></disk>{disk}<serial type='pty'/></devices></domain>",
            cd.display()
        );
        connection.client.define(&xml).await.unwrap();
        let vm = VmId::from("web");
        from.start(&vm).await.unwrap();
        Self { here, there, from, to, vm }
    }

    pub(crate) async fn power(&self, on: &Libvirt) -> Option<PowerState> {
        match on.find(&self.vm).await {
            Ok(vm) => vm.power,
            Err(error) if error.kind == ErrorKind::NotFound => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// What is where: the machine here, the machine there.
    pub(crate) async fn both(&self) -> (Option<PowerState>, Option<PowerState>) {
        (self.power(&self.from).await, self.power(&self.to).await)
    }

    /// A folder with both in its configuration, as `lab` and `lab2`.
    pub(crate) fn home(&self) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let host = |name: &str, daemon: &Daemon| {
            let (uri, peer) = (daemon.uri(), daemon.peer_uri());
            format!("[[host]]\nname = \"{name}\"\nbackend = \"libvirt\"\nuri = \"{uri}\"\npeer_uri = \"{peer}\"\n")
        };
        let local = "[[host]]\nname = \"local\"\nbackend = \"qemu\"\nenabled = false\n".to_owned();
        fs::write(home.path().join("config.toml"), local + &host("lab", &self.here) + &host("lab2", &self.there))
            .unwrap();
        home
    }

    pub(crate) fn left(&self) -> Expect {
        Expect::Left(self.vm.clone())
    }
}
