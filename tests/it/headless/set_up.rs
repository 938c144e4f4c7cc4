//! `vmdeck setup` to its end, as a process of its own, with a package manager that has the troubles of a real one.
use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};
use vmdeck::transport::find_program;

/// Keeps the release's QEMU out, because newer tools from backports are there, until it may take those back.
const APT: &str = r#"#!/bin/sh
echo "$*" >>"$FAKES/asked"
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

fn set_up(fakes: &Path, words: &[&str], answer: &str) -> (Option<i32>, String, String) {
    #[expect(clippy::disallowed_methods, reason = "the program under test is started here")]
    let mut program = Command::new(env!("CARGO_BIN_EXE_vmdeck"));
    program.arg("setup").args(words).env("VMDECK_HOME", fakes.join("home")).env("PATH", fakes).env("FAKES", fakes);
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may be gone before it was answered.
    let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_downgrade_is_asked_for_even_with_yes_and_leads_to_a_host_that_runs_machines() {
    let folder = tempfile::tempdir().unwrap();
    let fakes = folder.path();
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
    let installed = || fakes.join("qemu-system-x86_64").exists();
    let asked = || fs::read_to_string(fakes.join("asked")).unwrap_or_default();

    let (code, out, err) = set_up(fakes, &["--yes"], "");
    assert_eq!((code, err.as_str()), (Some(4), "vmdeck: an answer is needed: run it in a terminal\n"), "{out}");
    assert!(out.contains("QEMU: missing: not installed"), "{out}");
    assert!(
        out.contains("Careful: older versions replace newer ones: qemu-system-common, qemu-utils\n"),
        "{out} {}",
        asked()
    );
    let (code, out, _) = set_up(fakes, &["--yes"], "n\n");
    assert_eq!(code, Some(1), "{out}");
    assert!(!installed() && !asked().lines().any(|line| line.starts_with("install -y")), "{}", asked());

    let (code, out, err) = set_up(fakes, &["--yes"], "y\n");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(installed() && out.contains("QEMU: ok: 7.2.22 at "), "{out}");
    let done: Vec<_> = asked().lines().filter(|line| line.starts_with("install -y")).map(str::to_owned).collect();
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(done[0].contains("--allow-downgrades qemu-system-x86/"), "{done:?}");
    let (code, out, _) = set_up(fakes, &[], "");
    assert_eq!(
        (code, out.contains("QEMU: ok"), out.ends_with("Machines can run here.\n")),
        (Some(0), true, true),
        "{out}"
    );

    // What machines do not need may be refused, and may fail: they run.
    let (code, out, _) = set_up(fakes, &[], "n\n");
    assert_eq!(code, Some(0), "{out}");
    fs::write(fakes.join("apt-get"), "#!/bin/sh\necho 'E: no network' >&2\nexit 100\n").unwrap();
    let (code, out, err) = set_up(fakes, &["--yes"], "");
    assert_eq!((code, err.contains("no network")), (Some(0), out.contains("UEFI firmware: not there")), "{out} {err}");
}
