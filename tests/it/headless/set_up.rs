//! `vmdeck setup` to its end, as a process of its own, with a package manager that has the troubles of a real one.
use crate::support::apt::Computer;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

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
    let computer = Computer::new(true);
    let fakes = computer.folder();

    let (code, out, err) = set_up(fakes, &["--yes"], "");
    assert_eq!((code, err.as_str()), (Some(4), "vmdeck: an answer is needed: run it in a terminal\n"), "{out}");
    assert!(out.contains("QEMU: missing: not installed"), "{out}");
    assert!(
        out.contains("Careful: older versions replace newer ones: qemu-system-common, qemu-utils\n"),
        "{out} {}",
        computer.asked()
    );
    let (code, out, _) = set_up(fakes, &["--yes"], "n\n");
    assert_eq!(code, Some(1), "{out}");
    assert!(!computer.is_installed() && computer.installs().is_empty(), "{}", computer.asked());

    let (code, out, err) = set_up(fakes, &["--yes"], "y\n");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(computer.is_installed() && out.contains("QEMU: ok: 7.2.22 at "), "{out}");
    let done = computer.installs();
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

#[test]
fn a_downgrade_that_only_new_lists_show_is_asked_for_in_the_same_run() {
    let computer = Computer::new(false);
    let fakes = computer.folder();
    let careful = "Careful: older versions replace newer ones: qemu-system-common, qemu-utils\n";
    for (answer, end) in [("", Some(4)), ("n\n", Some(1)), ("y\n", Some(0))] {
        let _ = fs::remove_file(fakes.join("lists"));
        assert!(!computer.is_installed() && computer.installs().is_empty(), "{}", computer.asked());
        let (code, out, err) = set_up(fakes, &["--yes"], answer);
        assert_eq!((code, out.matches(careful).count()), (end, 1), "{answer:?}: {out} {err}");
        let unanswered = if end == Some(4) { "vmdeck: an answer is needed: run it in a terminal\n" } else { "" };
        assert_eq!(err, unanswered);
    }
    let done = computer.installs();
    assert!(computer.is_installed() && done.len() == 1 && done[0].contains("--allow-downgrades"), "{done:?}");
}
