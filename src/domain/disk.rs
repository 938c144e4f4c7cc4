use super::{ByteSize, DiskId};

/// What kind of drive it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskKind {
    #[default]
    Disk,
    Cdrom,
}

/// A drive of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    pub id: DiskId,
    pub kind: DiskKind,
    /// `qcow2`, `raw`, `zvol`.
    pub format: Option<String>,
    /// What the guest sees.
    pub virtual_size: Option<ByteSize>,
    /// What it takes of the host's storage.
    pub real_size: Option<ByteSize>,
    /// `virtio`, `sata`.
    pub bus: Option<String>,
    /// The file, volume or image behind it; None for an empty drive.
    pub medium: Option<String>,
    /// The storage pool that holds it.
    pub pool: Option<String>,
    pub read_only: bool,
    /// What is behind it stays when the machine is deleted with its disks: others use it too, or it lies elsewhere.
    pub stays: bool,
    /// A change that waits for the guest: `being removed`.
    pub pending: Option<String>,
}

impl Disk {
    /// A plain disk of which only the identity is known.
    pub fn new(id: impl Into<DiskId>) -> Self {
        Self {
            id: id.into(),
            kind: DiskKind::Disk,
            format: None,
            virtual_size: None,
            real_size: None,
            bus: None,
            medium: None,
            pool: None,
            read_only: false,
            stays: false,
            pending: None,
        }
    }
}
