//! What the user wrote, checked: every value has its default, every mistake its file and line.
mod address;
mod certificates;
mod file;
mod host;
mod paths;
mod read;
mod secret;

pub use certificates::{Certificates, Tls};
pub use file::{Color, Config, Fetch, Refresh, Theme, Ui};
pub use host::{
    BACKENDS, BackendConfig, Chypervisord, Demo, Fault, Govirthost, HostConfig, Iohyve, LOCAL, LOCAL_LIBVIRT, Libvirt,
    Lochness, Qemu, Scene, Sysadm, Velocity,
};
pub use paths::Paths;
pub use secret::{PasswordSource, Words};

use std::{fmt, path::PathBuf};

/// What is wrong with the configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub file: PathBuf,
    /// Counted from 1; None: the file as a whole.
    pub line: Option<usize>,
    /// One sentence that names the key, the value and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}
