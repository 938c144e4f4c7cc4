//! Identities: what a host keeps stable. Each wraps the host's own text, cheap to clone.
use std::{fmt, sync::Arc};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identity as the host spells it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self("".into())
            }
        }

        /// Cleaned, so that it can stand on a screen or in a log.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&super::clean_line(&self.0))
            }
        }
    )*};
}

ids! {
    /// A configured connection to a host, by its name in the configuration.
    HostId;
    /// A machine on its host: whatever that backend keeps stable across renames.
    VmId;
    /// A disk of one machine.
    DiskId;
    /// A physical machine behind a host.
    NodeId;
    /// Work that a host does and names itself; it may outlive the connection.
    JobId;
}

/// What somebody looks at closely: its details are read for as long as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Focus {
    Vm(VmId),
    Node(NodeId),
}

/// One task of this program's run, in order of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);
