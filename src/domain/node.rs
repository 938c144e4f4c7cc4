use super::{ByteSize, NodeId};

/// Used and whole of a resource, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    pub used: ByteSize,
    pub total: ByteSize,
}

/// A physical machine behind a host: one for most backends, many for some.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    pub cpus: Option<u32>,
    /// The load average of the last minute.
    pub load: Option<f32>,
    pub memory: Option<Amount>,
    /// The storage that new disks and images go to.
    pub storage: Option<Amount>,
    /// What else it tells, in its order: label and value.
    pub details: Vec<(String, String)>,
}

impl Node {
    /// What its storage still holds, in bytes.
    pub fn storage_free(&self) -> Option<ByteSize> {
        self.storage.map(|s| ByteSize(s.total.0.saturating_sub(s.used.0)))
    }
}
