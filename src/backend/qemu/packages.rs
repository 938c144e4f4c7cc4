//! Installing with the system's own package manager: which it is, what it calls the packages, what it would do.
use crate::{
    domain::{Error, ErrorKind, Result, clean_line},
    transport::{Output, Program},
};
use std::fmt::Write;
use tokio_util::sync::CancellationToken;

/// What may be missing on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Qemu,
    Tools,
    Firmware,
}

/// A package manager: its program, what it is told, and its names for what we need, in the order of [`Need`].
#[derive(Debug)]
pub(super) struct Packager {
    pub program: &'static str,
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    names: [&'static str; 3],
    needs_root: bool,
}

/// In the order in which they are looked for. `env` keeps Debian's questions away through sudo as well.
pub(super) const PACKAGERS: &[Packager] = &[
    Packager {
        program: "apt-get",
        refresh: &["update"],
        install: &["install", "-y", "--no-install-recommends"],
        names: ["qemu-system-x86", "qemu-utils", "ovmf"],
        needs_root: true,
    },
    Packager {
        program: "dnf",
        refresh: &[],
        install: &["install", "-y"],
        names: ["qemu-system-x86-core", "qemu-img", "edk2-ovmf"],
        needs_root: true,
    },
    Packager {
        program: "pacman",
        refresh: &[],
        // Without new lists: a system of which one part alone is new breaks.
        install: &["-S", "--noconfirm", "--needed"],
        names: ["qemu-system-x86", "qemu-img", "edk2-ovmf"],
        needs_root: true,
    },
    Packager {
        program: "zypper",
        refresh: &[],
        install: &["--non-interactive", "install"],
        names: ["qemu-x86", "qemu-tools", "qemu-ovmf-x86_64"],
        needs_root: true,
    },
    Packager {
        program: "apk",
        refresh: &["update"],
        install: &["add"],
        names: ["qemu-system-x86_64", "qemu-img", "ovmf"],
        needs_root: true,
    },
    Packager { program: "brew", refresh: &[], install: &["install"], names: ["qemu"; 3], needs_root: false },
    Packager {
        program: "pkg",
        refresh: &[],
        install: &["install", "-y"],
        names: ["qemu-nox11", "qemu-nox11", "edk2-qemu-x64"],
        needs_root: true,
    },
];

/// The packages of one source that go together: a newer one of them keeps the older others out.
const FAMILY: [&str; 4] = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "qemu-utils"];

/// What runs programs: the system, or a test.
pub(super) trait Runner: Sync {
    fn has(&self, program: &str) -> bool;
    fn is_root(&self) -> bool;
    /// What a file of the system says; nothing where it is not there.
    fn read(&self, path: &'static str) -> String;
    /// The number of the group whose members may use `/dev/kvm`; None: nobody's, or root's alone.
    fn device_group(&self) -> Option<u32>;
    fn output(&self, program: &Program) -> impl Future<Output = Result<Output>> + Send;
    fn lines(
        &self,
        program: &Program,
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(&str) + Send),
    ) -> impl Future<Output = Result<Output>> + Send;
}

/// What would be run, and what to think about before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Fetches the lists of packages, where that goes by itself.
    pub refresh: Option<Program>,
    pub install: Option<Program>,
    /// Lets the user use the processor's help.
    pub join: Option<Program>,
    /// Why the user cannot be let in from here.
    pub unjoined: Option<String>,
    pub caution: Option<String>,
}

impl Plan {
    pub(super) fn commands(&self) -> Vec<Program> {
        [&self.refresh, &self.install, &self.join].into_iter().flatten().cloned().collect()
    }

    /// Runs it all. Packages that are installed are not undone by a user who cannot be let in: that is told, and the
    /// outcome only where nothing else was to be done.
    pub(super) async fn carry_out(
        &self,
        runner: &impl Runner,
        whole: &str,
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(&str) + Send),
    ) -> Result<()> {
        let packages = Self { join: None, ..self.clone() }.commands();
        carry_out(runner, &packages, whole, cancel, each).await?;
        let Some(join) = &self.join else { return Ok(()) };
        match carry_out(runner, std::slice::from_ref(join), &join.shown(), cancel, each).await {
            Err(error) if !packages.is_empty() && error.kind != ErrorKind::Cancelled => {
                each(&error.message);
                Ok(())
            }
            done => done,
        }
    }

    /// As a person would type it; None: there is nothing to be done.
    pub(super) fn shown(&self) -> Option<String> {
        let lines: Vec<_> = self.commands().iter().map(Program::shown).collect();
        (!lines.is_empty()).then(|| lines.join(" && "))
    }
}

/// The package manager of this system.
pub(super) fn packager(runner: &impl Runner) -> Option<&'static Packager> {
    PACKAGERS.iter().find(|packager| runner.has(packager.program))
}

/// How to install what is missing. `ask_for_password`: sudo may ask on the terminal.
pub(super) async fn plan(
    runner: &impl Runner,
    packager: &Packager,
    missing: &[Need],
    ask_for_password: bool,
) -> Result<Plan> {
    let mut names: Vec<_> = missing.iter().filter_map(|need| packager.names.get(*need as usize)).copied().collect();
    names.dedup();
    let mut words: Vec<String> = packager.install.iter().map(|word| (*word).to_owned()).collect();
    let mut caution = None;
    if packager.program == "apt-get" {
        let (extra, found) = apt(runner, &names).await?;
        words.extend(extra);
        caution = found;
    } else {
        words.extend(names.iter().map(|name| (*name).to_owned()));
    }
    let root = |words: &[String]| as_root(runner, packager, words, ask_for_password);
    let refresh: Vec<_> = packager.refresh.iter().map(|word| (*word).to_owned()).collect();
    let refresh = (!refresh.is_empty()).then(|| root(&refresh)).transpose()?;
    Ok(Plan { refresh, install: Some(root(&words)?), caution, ..Plan::default() })
}

/// A command of the package manager as root.
fn as_root(runner: &impl Runner, packager: &Packager, words: &[String], ask: bool) -> Result<Program> {
    let quiet: &[&str] = if packager.program == "apt-get" { &["env", "DEBIAN_FRONTEND=noninteractive"] } else { &[] };
    let line = quiet.iter().chain([&packager.program]).map(|word| (*word).to_owned()).chain(words.iter().cloned());
    by_root(runner, packager.needs_root, line, ask)
}

/// The command as root, and without a limit of time: packages come over the network.
pub(super) fn by_root(
    runner: &impl Runner,
    needs_root: bool,
    line: impl IntoIterator<Item = String>,
    ask: bool,
) -> Result<Program> {
    let mut line = line.into_iter();
    let mut before = Vec::new();
    if needs_root && !runner.is_root() {
        if !runner.has("sudo") {
            let program = line.find(|word| word != "env" && !word.contains('=')).unwrap_or_default();
            return Err(Error::refused(format_args!("{program} needs root, and there is no sudo: run as root")));
        }
        before.push("sudo".to_owned());
        if !ask {
            before.push("-n".to_owned());
        }
    }
    let mut line = before.into_iter().chain(line);
    let program = Program::new(line.next().unwrap_or_default()).args(line);
    Ok(program.patience(None).in_terminal(ask))
}

/// What to ask of apt, found by letting it play through. Tools newer than the release (from backports) keep the release's
/// QEMU out: then all of the family is taken from the release, which is a downgrade that a person must agree to.
async fn apt(runner: &impl Runner, names: &[&str]) -> Result<(Vec<String>, Option<String>)> {
    let played = async |words: &[String]| {
        let simulate = Program::new("apt-get").args(["install", "-s", "--no-install-recommends"]).args(words);
        runner.output(&simulate).await
    };
    let plain: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let said = played(&plain).await?;
    if said.is_success() {
        return Ok((plain, changes(&said)));
    }
    let Some(codename) = codename(&runner.read("/etc/os-release")) else { return Ok((plain, None)) };
    let mut words = vec!["--allow-downgrades".to_owned()];
    words.extend(FAMILY.iter().map(|name| format!("{name}/{codename}")));
    words.extend(names.iter().filter(|name| !FAMILY.contains(name)).map(|name| (*name).to_owned()));
    let said = played(&words).await?;
    // Neither way: the lists may be old or missing, and are fetched before the real attempt.
    if said.is_success() { Ok((words, changes(&said))) } else { Ok((plain, None)) }
}

/// What apt says that it would take back or away.
fn changes(said: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut told = String::new();
    for (marker, what) in [("DOWNGRADED:", "older versions replace newer ones"), ("REMOVED:", "packages are removed")] {
        let after = text.lines().skip_while(|line| !line.ends_with(marker)).skip(1);
        let names: Vec<_> = after.take_while(|l| l.starts_with("  ")).flat_map(str::split_whitespace).collect();
        if !names.is_empty() {
            let gap = if told.is_empty() { "" } else { "; " };
            let _ = write!(told, "{gap}{what}: {}", names.join(", "));
        }
    }
    (!told.is_empty()).then(|| clean_line(&told).into_owned())
}

/// `bookworm`; None where it is not told or no plain word.
fn codename(release: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?.trim().trim_matches('"');
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    is_plain.then(|| value.to_owned())
}

/// Runs commands one after the other, as long as they succeed; each line that they write goes to `each`. `whole`: what a
/// person types where sudo wants a password and cannot ask.
pub(super) async fn carry_out(
    runner: &impl Runner,
    commands: &[Program],
    whole: &str,
    cancel: &CancellationToken,
    each: &mut (dyn FnMut(&str) + Send),
) -> Result<()> {
    for command in commands {
        each(&command.shown());
        let output = runner.lines(command, cancel, each).await?;
        if output.is_success() {
            continue;
        }
        let error = command.failure(&output);
        if command.name() == "sudo" && error.message.contains("password is required") {
            let line = whole.replace("sudo -n ", "sudo ");
            let why = format!("a password is needed: run this in a terminal: {line}");
            return Err(Error::new(ErrorKind::NeedsAnswer, why));
        }
        return Err(error);
    }
    Ok(())
}

#[cfg(test)]
#[path = "packages_tests.rs"]
mod tests;
