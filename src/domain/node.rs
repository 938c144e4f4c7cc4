use super::{ByteSize, NodeId, VmId};
use std::collections::BTreeMap;

/// Used and whole of a resource, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    pub used: ByteSize,
    pub total: ByteSize,
}

impl Amount {
    /// What is left of it.
    pub fn free(&self) -> ByteSize {
        ByteSize(self.total.0.saturating_sub(self.used.0))
    }

    /// How much of it is used, from 0 to 1; None: there is nothing of it.
    pub fn share(self) -> Option<f64> {
        (self.total.0 > 0).then(|| (self.used.as_f64() / self.total.as_f64()).clamp(0.0, 1.0))
    }
}

/// A physical machine behind a host: one for most backends, many for some.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    /// Where it can be reached: `10.0.0.7`.
    pub address: Option<String>,
    /// Whether it was heard of lately, where the host knows.
    pub is_alive: Option<bool>,
    pub cpus: Option<u32>,
    /// How many of them are given away.
    pub cpus_used: Option<u32>,
    /// The load average of the last minute.
    pub load: Option<f32>,
    pub memory: Option<Amount>,
    /// The storage that new disks and images go to.
    pub storage: Option<Amount>,
    /// What else it tells, in its order: label and value.
    pub details: Vec<(String, String)>,
}

impl Node {
    /// How much of its CPUs is given away, from 0 to 1; None: not known.
    pub fn cpus_share(&self) -> Option<f64> {
        let all = self.cpus.filter(|all| *all > 0)?;
        Some((f64::from(self.cpus_used?) / f64::from(all)).clamp(0.0, 1.0))
    }

    /// What its storage still holds, in bytes.
    pub fn storage_free(&self) -> Option<ByteSize> {
        self.storage.map(|storage| storage.free())
    }
}

/// A node with all that hangs on it, read for one node at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeReport {
    pub node: Node,
    /// Its configuration: key and value.
    pub config: BTreeMap<String, String>,
    /// The subnets that its guests may be in, each with the bridge that leads there.
    pub subnets: BTreeMap<String, String>,
    /// The machines that were given to it, running or not.
    pub guests: Vec<VmId>,
}

impl NodeId {
    /// Enough of it to tell it from others at a glance: the first group of a UUID.
    pub fn short(&self) -> &str {
        let text = self.as_str();
        match text.split_once('-') {
            Some((first, _)) if is_uuid(text) => first,
            _ => text,
        }
    }
}

/// Whether it has the form of a UUID, in small or capital letters.
pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.concat().chars().all(|c| c.is_ascii_hexdigit())
}

/// The rule for keys of a node's configuration: stores keep them as parts of a path.
pub fn check_config_key(key: &str) -> Result<(), String> {
    let shown = super::clean(key, 40);
    match key {
        "" => Err("a key is needed".to_owned()),
        "." | ".." => Err(format!("`{shown}` cannot be a key")),
        _ if key.contains('/') => Err(format!("`{shown}`: no `/`: the store would lose what stands behind it")),
        _ if key.chars().any(char::is_control) => Err("no control characters in a key".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_other_words() {
        let id = "abcd1234-abcd-1234-abcd-1234abcd1234";
        assert!(is_uuid(id) && is_uuid(&id.to_ascii_uppercase()));
        for bad in ["", "nope", "abcd1234-abcd-1234-abcd-1234abcd123g", "abcd1234abcd1234abcd1234abcd1234", "-"] {
            assert!(!is_uuid(bad), "{bad}");
        }
        assert_eq!((NodeId::from(id).short(), NodeId::from("big-one").short()), ("abcd1234", "big-one"));
    }

    #[test]
    fn keys_stay_in_their_folder() {
        for good in ["guestDiskDir", "a b", "a.b", "ä"] {
            assert_eq!(check_config_key(good), Ok(()));
        }
        for bad in ["", "a/b", "/", "..", ".", "a\nb"] {
            assert!(check_config_key(bad).is_err(), "{bad:?}");
        }
    }
}
