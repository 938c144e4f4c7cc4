//! A computer without QEMU, with a package manager that has the troubles of a real one.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};
use vmdeck::transport::find_program;

/// Keeps the release's QEMU out, because newer tools from backports are there, until it may take those back.
const APT: &str = r#"#!/bin/sh
echo "$*" >>"$FAKES/asked"
[ "$1" = update ] && : >"$FAKES/lists"
if [ ! -e "$FAKES/lists" ]; then
    echo 'E: Unable to locate package qemu-system-x86' >&2
    exit 100
fi
case "$*" in
update*) echo 'Hit:1 http://deb.example trixie InRelease' ;;
*-s*--allow-downgrades*)
    echo 'The following packages will be DOWNGRADED:'
    echo '  qemu-system-common qemu-utils'
    echo '0 upgraded, 1 newly installed, 2 downgraded, 0 to remove and 0 not upgraded.'
    ;;
*--allow-downgrades*)
    for name in qemu-system-x86_64 qemu-img; do
        printf '#!/bin/sh\necho "QEMU emulator version 7.2.22 (Debian)"\n' >"$FAKES/$name"
        chmod 755 "$FAKES/$name"
    done
    ;;
*)
    echo 'E: Unable to correct problems, you have held broken packages.' >&2
    exit 100
    ;;
esac
"#;

/// Passes on what root is to do.
const SUDO: &str = "#!/bin/sh\n[ \"$1\" = -n ] && shift\nexec \"$@\"\n";

/// A folder with all the programs that there are, and a configuration in `home`.
pub(crate) struct Computer(tempfile::TempDir);

impl Computer {
    /// `has_lists`: apt knows its packages from the beginning.
    pub(crate) fn new(has_lists: bool) -> Self {
        let computer = Self(tempfile::tempdir().unwrap());
        let fakes = computer.folder();
        fs::create_dir(fakes.join("home")).unwrap();
        // As at first: no other host of this computer, and no QEMU on the path.
        fs::write(fakes.join("home/config.toml"), "[[host]]\nname = \"local\"\naccel = \"tcg\"\n").unwrap();
        for (name, text) in [("apt-get", APT), ("sudo", SUDO)] {
            fs::write(fakes.join(name), text).unwrap();
            fs::set_permissions(fakes.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        for name in ["sh", "env", "chmod", "id"] {
            symlink(find_program(name).unwrap(), fakes.join(name)).unwrap();
        }
        if has_lists {
            fs::write(fakes.join("lists"), "").unwrap();
        }
        computer
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn is_installed(&self) -> bool {
        self.folder().join("qemu-system-x86_64").exists()
    }

    /// What apt was asked for, a line each.
    pub(crate) fn asked(&self) -> String {
        fs::read_to_string(self.folder().join("asked")).unwrap_or_default()
    }

    /// What it was to install in earnest.
    pub(crate) fn installs(&self) -> Vec<String> {
        self.asked().lines().filter(|line| line.starts_with("install -y")).map(str::to_owned).collect()
    }
}
