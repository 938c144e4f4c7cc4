use super::{
    CHANGE, Iohyve, READ, Row,
    command::{LEFT, words},
    differs,
    machines::loading,
    names,
};
use crate::{
    backend::{Console, Power},
    domain::{Error, Result, VmId, clean_line},
};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Machines that were off before they were to be taken out of the host's memory: that they are off tells nothing of that.
#[derive(Debug, Default)]
pub(super) struct Leaving(Mutex<HashSet<VmId>>);

impl Leaving {
    fn begin(&self, vm: &VmId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(vm.clone());
    }

    fn end(&self, vm: &VmId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(vm);
    }

    /// Whether it was to be out of memory, and is not.
    pub(super) fn holds(&self, vm: &VmId, row: &Row) -> bool {
        if !row.is_loaded || row.is_running {
            self.end(vm);
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(vm)
    }
}

impl Iohyve {
    /// Refuses where more than this machine's own process would be killed: iohyve kills whatever has the name in its
    /// command line.
    async fn check_kill(&self, vm: &VmId) -> Result<()> {
        let found = self.shell.other(&["pgrep", "-fl", vm.as_str()]).await?;
        let own = format!("ioh-{vm}");
        let is_bhyve = |line: &str| line.split([' ', ':', '(', ')']).any(|word| word == own);
        // The loop that starts it again after a restart, which has to go too; what waits for its loader, also as we sent
        // it through ssh; and consoles.
        let is_script = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let is_iohyve = |word: &str| word.rsplit('/').next() == Some("iohyve");
            (0..words.len()).any(|at| match words.get(at..).unwrap_or_default() {
                [script, what @ ("start" | "install" | "console"), name, rest @ ..] => {
                    let rest = if *what == "install" { rest.get(1..).unwrap_or_default() } else { rest };
                    let is_alone = rest.first().is_none_or(|next| *next == LEFT);
                    is_iohyve(script) && *name == vm.as_str() && is_alone
                }
                _ => false,
            })
        };
        let is_own = |line: &str| is_bhyve(line) || is_script(line);
        match String::from_utf8_lossy(&found.stdout).lines().find(|line| !line.is_empty() && !is_own(line)) {
            Some(other) => Err(Error::conflict(format_args!(
                "iohyve kills whatever has `{vm}` in its command line, so also `{}`: nothing was sent",
                clean_line(other)
            ))),
            None => Ok(()),
        }
    }
}

impl Power for Iohyve {
    async fn start(&self, vm: &VmId) -> Result<()> {
        names::check(vm.as_str())?;
        let (row, others) = self.row(vm).await?;
        self.check_start(vm, &row, &others).await?;
        let output = self.shell.leave(&["start", vm.as_str()], Duration::from_secs(45)).await?;
        if output.is_success() { Ok(()) } else { Err(Error::refused(words(&output))) }
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        names::check(vm.as_str())?;
        let (row, others) = self.row(vm).await?;
        // It looks for the process by its whole name, in every version.
        names::check_pattern(vm.as_str(), &others)?;
        if row.is_loading() {
            return Err(loading(vm));
        }
        if !row.is_running {
            return Err(Error::conflict(format_args!("{vm} is off")));
        }
        self.leaving.end(vm);
        self.shell.run(&["stop", vm.as_str()], CHANGE).await.map(drop)
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        if !row.is_running && !row.is_loaded {
            return Err(Error::conflict(format_args!("{vm} is off")));
        }
        if !row.is_running && !row.is_loading() {
            // It has stopped, and is still in memory.
            self.leaving.begin(vm);
            let output = self.shell.run(&["destroy", vm.as_str()], CHANGE).await?;
            let is_loaded = self.row(vm).await?.0.is_loaded;
            self.leaving.end(vm);
            return match is_loaded {
                true => Err(differs(&output, format_args!("{vm} is still in memory"))),
                false => Ok(()),
            };
        }
        self.leaving.end(vm);
        self.check_kill(vm).await?;
        self.shell.run(&["forcekill", vm.as_str()], CHANGE.max(READ)).await.map(drop)
    }

    async fn open_console(&self, vm: &VmId) -> Result<Console> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        // A loader asks there before the machine runs.
        if !row.is_running && !row.is_loaded {
            return Err(Error::conflict(format_args!("{vm} is off")));
        }
        let program = self.shell.on_terminal(&["console", vm.as_str()])?;
        Ok(Console::Program { program, leave: "Enter, then ~. leaves" })
    }
}
