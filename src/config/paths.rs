//! Where everything lies.
use directories::ProjectDirs;
use std::path::{Path, PathBuf};

/// The program's folders and files. None of them need be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The configuration file, unless another is named.
    pub config: PathBuf,
    /// A folder for each local machine.
    pub machines: PathBuf,
    /// Sockets of running machines. It stays when the user logs out, since machines do.
    pub run: PathBuf,
    /// The library of installation images.
    pub images: PathBuf,
    /// The log, and other things that may be thrown away.
    pub state: PathBuf,
}

impl Paths {
    /// Folders of this user: the platform's own; for root the system's. `VMDECK_HOME` puts all of them into one folder.
    pub fn find() -> Result<Self, String> {
        match std::env::var_os("VMDECK_HOME").filter(|v| !v.is_empty()).map(PathBuf::from) {
            Some(home) if home.is_absolute() => Ok(Self::below(&home)),
            Some(home) => Err(format!("VMDECK_HOME is `{}`: write the whole path", home.display())),
            None if rustix::process::geteuid().is_root() => Ok(Self::system()),
            None => {
                let dirs = ProjectDirs::from("", "", "vmdeck");
                dirs.as_ref()
                    .map(Self::user)
                    .ok_or_else(|| "there is no home folder: set HOME or VMDECK_HOME".to_owned())
            }
        }
    }

    /// Everything in one folder.
    pub fn below(home: &Path) -> Self {
        Self {
            config: home.join("config.toml"),
            machines: home.join("machines"),
            run: home.join("run"),
            images: home.join("images"),
            state: home.join("state"),
        }
    }

    /// Root's: machines of the system.
    pub fn system() -> Self {
        let lib = Path::new("/var/lib/vmdeck");
        Self {
            config: "/etc/vmdeck/config.toml".into(),
            machines: lib.join("machines"),
            run: "/run/vmdeck".into(),
            images: lib.join("images"),
            state: lib.join("state"),
        }
    }

    fn user(dirs: &ProjectDirs) -> Self {
        // Only Linux has a folder for state; elsewhere it lies beside the data.
        let state = dirs.state_dir().unwrap_or_else(|| dirs.data_local_dir());
        Self {
            config: dirs.config_dir().join("config.toml"),
            machines: dirs.data_dir().join("machines"),
            run: state.join("run"),
            images: dirs.data_dir().join("images"),
            state: state.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_the_systems_folders_and_users_their_own() {
        let system = Paths::system();
        assert_eq!(system.config, Path::new("/etc/vmdeck/config.toml"));
        assert_eq!((system.run, system.machines), ("/run/vmdeck".into(), "/var/lib/vmdeck/machines".into()));
        let user = Paths::user(&ProjectDirs::from("", "", "vmdeck").unwrap());
        assert!(user.run.ends_with("vmdeck/run") || cfg!(not(target_os = "linux")), "{user:?}");
        assert!(user.config.ends_with("vmdeck/config.toml") || cfg!(not(target_os = "linux")), "{user:?}");
    }
}
