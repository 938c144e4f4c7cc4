//! `tests/setup` on a system in a folder, with programs that stand in for its package manager and for root's.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
};
use vmdeck::transport::find_program;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/setup");
/// What the script looks for, but for the firmware.
const PROGRAMS: [&str; 9] =
    ["qemu-system-x86_64", "qemu-img", "python3", "libvirtd", "virt-ssh-helper", "ssh", "sshd", "ssh-keygen", "etcd"];

/// Tells what it was asked, and whether servers may start meanwhile; installs all, unless QEMU is to come as it is beside
/// tools that are newer.
const APT: &str = r#"#!/bin/sh
policy="$VMDECK_SETUP_ROOT/usr/sbin/policy-rc.d"
[ -x "$policy" ] && { "$policy"; held=$?; }
echo "$DEBIAN_FRONTEND ${held:-free} $*" >>"$VMDECK_SETUP_ROOT/asked"
case "$* $NEWER" in
update*) exit "$OLD_LISTS" ;;
*' newer')
    case "$*" in
    *--allow-downgrades*) ;;
    *) echo 'E: Unable to correct problems, you have held broken packages.' >&2; exit 100 ;;
    esac ;;
esac
[ -n "$BREAKS" ] && exit 100
for name in $INSTALLS; do
    printf '#!/bin/sh\n' >"$VMDECK_SETUP_ROOT/usr/sbin/$name"
    chmod 755 "$VMDECK_SETUP_ROOT/usr/sbin/$name"
done
: >"$VMDECK_SETUP_ROOT/usr/share/OVMF/OVMF_CODE_4M.fd"
"#;

/// Passes on what root is to do, and notes it.
const SUDO: &str = "#!/bin/sh\necho \"$*\" >>\"$VMDECK_SETUP_ROOT/sudo\"\nexec \"$@\"\n";

/// A Debian in a folder.
struct System(tempfile::TempDir);

impl System {
    fn new(has: &[&str]) -> Self {
        let system = Self(tempfile::tempdir().unwrap());
        for folder in ["bin", "etc", "usr/sbin", "usr/share/OVMF"] {
            fs::create_dir_all(system.path(folder)).unwrap();
        }
        // The script is to see nothing of the system that the test runs on.
        for name in ["bash", "sh", "env", "tee", "rm", "chmod"] {
            symlink(find_program(name).unwrap(), system.path("bin").join(name)).unwrap();
        }
        system.program("id", "#!/bin/sh\necho 1000\n");
        system.program("sudo", SUDO);
        system.program("apt-get", APT);
        system.program("systemctl", "#!/bin/sh\necho \"$*\" >>\"$VMDECK_SETUP_ROOT/systemctl\"\n");
        fs::write(system.path("etc/os-release"), "NAME=Debian\nVERSION_CODENAME=bookworm\n").unwrap();
        for name in has {
            system.program(name, "#!/bin/sh\n");
        }
        system
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        fs::write(self.path("bin").join(name), text).unwrap();
        fs::set_permissions(self.path("bin").join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// How the script ends, and what it says of it.
    #[expect(clippy::disallowed_methods, reason = "the script is what is tested")]
    fn set_up(&self, given: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut script = Command::new(self.path("bin/bash"));
        script.arg(SCRIPT).env_clear().env("PATH", self.path("bin")).env("VMDECK_SETUP_ROOT", self.0.path());
        script.env("INSTALLS", PROGRAMS.join(" ")).env("OLD_LISTS", "0").envs(given.iter().copied());
        let output = script.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn policy(&self) -> PathBuf {
        self.path("usr/sbin/policy-rc.d")
    }
}

const ASKED: &str = "noninteractive 101 install -y --no-install-recommends";
const OTHERS: &str = "ovmf python3 python3-pyftpdlib python3-openssl libvirt-daemon libvirt-daemon-driver-qemu \
    openssh-client openssh-server etcd-server";

#[test]
fn where_nothing_is_missing_nothing_is_called() {
    let system = System::new(&PROGRAMS);
    fs::write(system.path("usr/share/OVMF/OVMF_CODE.fd"), "").unwrap();
    assert_eq!(system.set_up(&[]), (Some(0), String::new()));
    for called in ["sudo", "asked", "systemctl"] {
        assert_eq!(system.lines(called), [""; 0], "{called}");
    }
    // The firmware alone is a reason, too.
    fs::remove_file(system.path("usr/share/OVMF/OVMF_CODE.fd")).unwrap();
    assert_eq!(system.set_up(&[]), (Some(0), String::new()));
    assert_eq!(system.lines("asked").len(), 2);
}

#[test]
fn what_is_missing_is_installed_and_no_server_starts_because_of_it() {
    let system = System::new(&["qemu-img"]);
    assert_eq!(system.set_up(&[]), (Some(0), String::new()));
    let install = format!("{ASKED} qemu-system-x86 qemu-utils {OTHERS}");
    assert_eq!(system.lines("asked"), [" 101 update".to_owned(), install]);
    assert!(!system.policy().exists(), "services start again as before");
    assert_eq!(system.lines("systemctl"), ["disable ssh.service sshd.service"], "nor at the next start");
    assert_eq!(system.lines("sudo").first().unwrap(), &format!("tee {}", system.policy().display()));
}

#[test]
fn beside_newer_tools_the_whole_family_is_taken_from_the_release() {
    let system = System::new(&["sshd", "qemu-img"]);
    let (code, said) = system.set_up(&[("NEWER", "newer"), ("OLD_LISTS", "100")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("tests/setup: the package lists are old; going on with them\n"), "{said}");
    let first = format!("{ASKED} qemu-system-x86 qemu-utils {OTHERS}");
    let family = ["x86", "common", "data"].map(|part| format!("qemu-system-{part}/bookworm")).join(" ");
    let second = format!("{ASKED} --allow-downgrades {family} qemu-utils/bookworm {OTHERS}");
    assert_eq!(system.lines("asked"), [" 101 update".to_owned(), first, second]);
    assert!(!system.policy().exists());
    assert_eq!(system.lines("systemctl"), [""; 0], "a server that was there before is left as it is");
}

#[test]
fn a_policy_that_was_there_stays_and_ours_goes_after_a_failure_too() {
    let own = "#!/bin/sh\nexit 7\n";
    for is_own in [true, false] {
        let system = System::new(&[]);
        if is_own {
            fs::write(system.policy(), own).unwrap();
            fs::set_permissions(system.policy(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (code, said) = system.set_up(&[("BREAKS", "yes"), ("NEWER", "newer")]);
        assert_eq!(code, Some(100), "{said}");
        let held = system.lines("asked").first().map(|line| line.starts_with(" 7 "));
        assert_eq!((held, fs::read_to_string(system.policy()).ok()), (Some(is_own), is_own.then(|| own.to_owned())));
    }
}

#[test]
fn what_was_installed_is_looked_for_again() {
    let system = System::new(&[]);
    let (code, said) = system.set_up(&[("INSTALLS", "python3 ssh")]);
    assert!(code == Some(1) && said.contains("should be there now and are not"), "{said}");
    assert!(!system.policy().exists());
}
