//! The real program without a terminal: what it prints, where to, and its exit code.
use crate::support::{program::vmdeck, qemu::World};
use clap::Parser as _;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use vmdeck::{backend::Backend as _, cli::Cli};

/// A folder of its own for the program, with a configuration.
struct Home(tempfile::TempDir);

#[expect(clippy::disallowed_methods, reason = "the program under test is started here")]
fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vmdeck"))
}

impl Home {
    fn new(config: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("config.toml"), config).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, words: &str) -> Command {
        let mut command = program();
        command.args(words.split_whitespace()).env("VMDECK_HOME", self.path()).env_remove("VMDECK_LOG");
        command.stdin(Stdio::null());
        command
    }

    /// The exit code, and what was written to stdout and stderr.
    fn run(&self, words: &str) -> (Option<i32>, String, String) {
        told(&self.command(words).output().unwrap())
    }
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const NO_LOCAL: &str = "[[host]]\nname = \"local\"\nenabled = false\n";
const TROUBLED: &str = "[[host]]\nname = \"gone\"\nbackend = \"lochness\"\nkv = \"http://127.0.0.1:1\"\n\
    [[host]]\nname = \"silent\"\nbackend = \"demo\"\nfault = \"silent\"\n\
    [[host]]\nname = \"toys\"\nbackend = \"demo\"\n";
const BARE: &str = "[[host]]\nname = \"local\"\nbackend = \"demo\"\nfault = \"bare\"\n";

#[test]
#[expect(clippy::disallowed_methods, reason = "how long the program takes is what is tested")]
fn a_host_that_is_down_and_one_that_is_silent_have_their_row_in_time() {
    let home = Home::new(&format!("{NO_LOCAL}{TROUBLED}"));
    for words in ["", "hosts"] {
        let begun = Instant::now();
        let (code, out, err) = home.run(words);
        // Three seconds for the silent one; the rest is for a computer that runs other tests.
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        let row = |host: &str| out.lines().find(|line| line.starts_with(host)).unwrap_or_else(|| panic!("{out}"));
        assert!(row("gone ").contains("down: 127.0.0.1:1: nothing listens there"), "{out}");
        assert!(row("silent ").contains("no answer yet"), "{out}");
        assert!(row("toys ").contains(if words.is_empty() { "running" } else { "up" }), "{out}");
        assert!(!out.contains("local"), "{out}");
    }
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let home = Home::new("");
    for words in ["man", "completions zsh", "keys", "config", "--help", "--demo", "--demo call alpha list --json"] {
        let mut child = home.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let (code, _, err) = told(&child.wait_with_output().unwrap());
        assert_eq!((code, err.as_str()), (Some(0), ""), "{words}");
    }
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_file_and_line() {
    let home = Home::new("[ui]\ncolour = \"never\"\n");
    let file = home.path().join("config.toml");
    let wanted = format!("vmdeck: {}:2: nothing is called `colour` in [ui]: did you mean `color`?\n", file.display());
    assert_eq!(home.run("hosts"), (Some(2), String::new(), wanted));
    let (code, _, err) = home.run("--config /nowhere/c.toml hosts");
    assert_eq!(
        (code, err.as_str()),
        (Some(2), "vmdeck: /nowhere/c.toml: it cannot be read: No such file or directory (os error 2)\n")
    );
    let other = home.path().join("other.toml");
    fs::write(&other, NO_LOCAL.to_owned() + TROUBLED).unwrap();
    let (code, out, _) = home.run(&format!("--config {} hosts", other.display()));
    assert_eq!(code, Some(0));
    assert!(out.contains("toys"), "the file that was named counts, not the user's own: {out}");
}

#[test]
fn folders_that_cannot_be_used_are_told_and_a_log_is_not_needed() {
    let home = Home::new(BARE);
    let told = told(&home.command("hosts").env("VMDECK_HOME", "here").output().unwrap());
    assert_eq!(told, (Some(2), String::new(), "vmdeck: VMDECK_HOME is `here`: write the whole path\n".to_owned()));
    fs::write(home.path().join("state"), "in the way").unwrap();
    let (code, out, err) = home.run("hosts");
    assert_eq!(code, Some(0));
    assert!(out.contains("up, not set up"), "{out}");
    assert!(err.starts_with(&format!("vmdeck: no log in {}/state: ", home.path().display())), "{err}");
}

#[test]
fn the_log_is_a_file_and_tells_what_the_variable_asks_for() {
    let home = Home::new(BARE);
    let (code, _, err) = told(&home.command("hosts").env("VMDECK_LOG", "vmdeck=loud").output().unwrap());
    assert_eq!(code, Some(0));
    assert!(err.starts_with("vmdeck: VMDECK_LOG: "), "{err}");
    assert!(err.contains("write error, warn, info, debug or trace"), "{err}");
    assert_eq!(home.run("hosts").2, "");
    let names: Vec<_> = fs::read_dir(home.path().join("state")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("vmdeck.")) && !names.is_empty(), "{names:?}");
}

#[test]
fn the_log_of_a_week_is_kept_and_no_more() {
    let home = Home::new(BARE);
    let state = home.path().join("state");
    fs::create_dir(&state).unwrap();
    for day in 1..=9 {
        fs::write(state.join(format!("vmdeck.2026-01-0{day}.log")), "old\n").unwrap();
    }
    assert_eq!(home.run("hosts").2, "");
    let mut names: Vec<_> = fs::read_dir(&state).unwrap().map(|f| f.unwrap().file_name()).collect();
    names.sort();
    // Today's among them, which is the newest.
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(!names.contains(&"vmdeck.2026-01-02.log".into()), "the oldest go: {names:?}");
}

#[test]
fn the_unit_calls_this_program_in_words_that_it_knows_and_leaves_its_machines_alone() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vmdeck-autostart.service");
    let text = fs::read_to_string(file).unwrap();
    let mut section = String::new();
    let mut settings = std::collections::BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        assert!(settings.insert(format!("{section}.{key}"), value).is_none(), "{line} stands there twice");
    }
    let words: Vec<_> = settings["Service.ExecStart"].split(' ').collect();
    assert!(Path::new(words[0]).is_absolute() && words[0].ends_with("/vmdeck"), "{words:?}");
    let read = Cli::try_parse_from(&words).unwrap();
    assert!(matches!(read.command, Some(vmdeck::cli::Command::Autostart)), "{read:?}");
    // The end of the command is not that of the machines that it started.
    assert_eq!([settings["Service.Type"], settings["Service.RemainAfterExit"]], ["oneshot", "yes"]);
    assert_eq!(settings["Service.KillMode"], "process");
    assert_eq!(settings["Install.WantedBy"], "multi-user.target");
}

#[test]
fn set_up_asks_first_and_ends_with_what_is_there_afterwards() {
    let home = Home::new(BARE);
    assert_eq!(home.run("doctor"), (Some(1), "Machines: missing: not made yet\n".to_owned(), String::new()));
    assert_eq!(home.run("call local start vm=web2").0, Some(3));
    let (code, out, err) = home.run("setup");
    assert_eq!((code, err.as_str()), (Some(4), "vmdeck: an answer is needed: run it in a terminal\n"), "{out}");
    let answered = |answer: &str| {
        let mut child = home.command("setup").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        told(&child.wait_with_output().unwrap())
    };
    let (code, out, _) = answered("n\n");
    assert_eq!(code, Some(1));
    assert!(out.ends_with("Run it? [y/N] "), "{out}");
    // What was found missing, agreed to, installed and found there is all on one host: QEMU's remembers what was agreed to.
    for (code, out, _) in [answered("y\n"), home.run("setup --yes")] {
        assert_eq!((code, out.matches("Machines: missing").count()), (Some(0), 1), "{out}");
        assert!(out.ends_with("Machines can run here.\n"), "{out}");
    }
    let ready = Home::new("[[host]]\nname = \"local\"\nbackend = \"demo\"\n");
    for words in ["doctor", "setup", "setup --yes"] {
        let wanted = "Machines: ok: in memory\nMachines can run here.\n".to_owned();
        assert_eq!(ready.run(words), (Some(0), wanted, String::new()), "{words}");
    }
}

#[test]
fn ctrl_c_at_a_question_ends_the_program() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt as _;
    let home = Home::new(BARE);
    let mut child = home.command("setup").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut said, mut bytes) = (String::new(), [0; 1000]);
    while !said.ends_with("[y/N] ") {
        let count = child.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
        assert!(count > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_qemu_that_is_not_there_is_no_other_and_makes_no_machine() {
    let home = Home::new("[[host]]\nname = \"local\"\nprogram = \"/nowhere/qemu\"\n");
    let (code, out, err) = home.run("call local create vm=web");
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(err.contains("QEMU is missing"), "{err}");
    assert!(!home.path().join("machines").exists());
    let (code, out, _) = home.run("hosts");
    assert_eq!(code, Some(0));
    assert!(out.contains("up, not set up"), "{out}");
    let (code, out, _) = home.run("doctor");
    assert_eq!(code, Some(1));
    assert!(out.contains("QEMU: missing: the `program` of the configuration is not there"), "{out}");
}

/// It is a package of its own: a host may have the one and not the other.
#[test]
fn a_missing_qemu_img_is_told_by_its_name() {
    let home = Home::new("[[host]]\nname = \"local\"\nqemu_img = \"/nowhere/qemu-img\"\n");
    let (code, out, err) = home.run("call local create vm=web");
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("qemu-img is missing: set up this host"), "{err}");
    let (_, out, _) = home.run("hosts");
    assert!(out.contains("up, not set up"), "{out}");
    let (code, out, _) = home.run("doctor");
    assert_eq!(code, Some(1));
    let lines = ["QEMU: ok: ", "qemu-img: missing: the `qemu_img` of the configuration is not there"];
    assert!(lines.iter().all(|line| out.contains(line)), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_want_it_are_started_with_the_computer() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let home = world.path("");
    fs::write(world.path("config.toml"), "[[host]]\nname = \"local\"\naccel = \"tcg\"\n").unwrap();
    for vm in ["wanted", "other"] {
        world.make(vm, true).await;
    }
    let set = vmdeck(&home, "call local set-property vm=wanted name=autostart value=yes").await;
    assert_eq!(set.code, 0, "{set:?}");
    for out in ["wanted started\n", ""] {
        let started = vmdeck(&home, "autostart").await;
        assert_eq!((started.code, started.out.as_str(), started.err.as_str()), (0, out, ""));
    }
    assert!(world.place("wanted").alive().is_some(), "it outlives the command");
    assert!(world.place("other").alive().is_none());
    let mode = fs::metadata(&world.place("wanted").run).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the sockets are the user's alone");
    let node = world.qemu.inventory(false).await.unwrap().nodes.unwrap().remove(0);
    assert!(node.cpus.is_some() && node.load.is_some() && node.memory.is_some() && node.storage.is_some(), "{node:?}");
    let detail = |label: &str| node.details.iter().find(|(l, _)| l == label).map(|(_, value)| value.as_str());
    assert_eq!(detail("Accelerator"), Some("tcg (set for this host)"));
    assert!(detail("QEMU").is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())), "{node:?}");
}

#[test]
fn ctrl_c_ends_what_is_under_way_with_a_code_of_its_own() {
    use rustix::process::{Pid, Signal, kill_process};
    let home = Home::new("");
    let words = "--demo call alpha fetch-image url=https://x/a-stream --json";
    let mut child = home.command(words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("progress"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let last = lines.map(Result::unwrap).last().unwrap();
    assert!(last.contains("\"kind\":\"cancelled\""), "{last}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn the_words_of_operations_are_told_where_they_are_asked_for() {
    let home = Home::new(NO_LOCAL);
    let (code, out, err) = home.run("call --help");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("\n  resize-disk vm=MACHINE disk=DISK size=20G|+10G\n          Grow a disk\n"), "{out}");
    let (code, out, _) = home.run("call local resize-disk --help");
    let first = "Grow a disk\n\nUsage: vmdeck call HOST resize-disk vm=MACHINE disk=DISK size=20G|+10G\n";
    assert!(code == Some(0) && out.starts_with(first), "{out}");
    let (code, out, err) = home.run("call local lst");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("vmdeck: no operation is called `lst`: did you mean `list`?"), "{err}");
}
