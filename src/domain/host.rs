use super::HostId;

/// A configured host as the screens know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub id: HostId,
    /// The backend's name in the configuration: `qemu`, `sysadm`.
    pub backend: &'static str,
    /// Where it is, without secrets: `wss://bsd1:12150`, a folder.
    pub address: String,
}
