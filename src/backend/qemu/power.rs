//! Starting a machine's process, and what is said to its monitor.
use super::{Local, Qemu, command_line::arguments, installed::missing};
use crate::{
    backend::{Console, Power},
    domain::{Error, ErrorKind, Result, VmId, clean},
    transport::Program,
};
use rustix::process::{Signal, kill_process};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long QEMU may take to build the machine and go to the background.
const BUILDING: Duration = Duration::from_secs(25);
/// How long a process may take to end after it was told to.
const ENDING: Duration = Duration::from_secs(3);

impl Local {
    /// Starts the process. `cdrom` is put into the CD drive first.
    pub async fn start(&self, vm: &VmId, cdrom: Option<String>) -> Result<()> {
        let place = self.place(vm)?;
        let lock = self.store.lock(vm).await?;
        if place.alive().is_some() {
            return Err(Error::conflict(format_args!("{vm} is running already")));
        }
        if let Some(path) = cdrom {
            self.store.change_locked(vm, &lock, |record| {
                record.cdrom = path;
                Ok(())
            })?;
        }
        // What waited for the guest to let go is not plugged in again.
        self.finish_removals(vm, &lock, None).await?;
        let record = self.store.read(vm)?;
        place.make_run()?;
        let host = self.host_for(&record, &place).await?;
        let program = self.settings.qemu().ok_or_else(missing)?;
        let program =
            Program::new(program).patience(Some(BUILDING)).args(arguments(vm.as_str(), &record, &place, &host)?);
        self.resets.forget(vm);
        let output = program.output().await?;
        if !output.is_success() {
            let said = words(&output.stderr);
            return Err(if said.is_empty() { program.failure(&output) } else { Error::refused(said) });
        }
        self.note_start(vm, &record);
        self.changed.notify_one();
        // It counts only when the monitor answers: QEMU greets before the machine is built.
        match self.monitor(vm).await {
            Ok(Some(monitor)) => monitor.ask("query-status").await.map(drop),
            Ok(None) => {
                let why = words(&output.stderr);
                Err(Error::refused(if why.is_empty() { format!("{vm} ended as soon as it had started") } else { why }))
            }
            Err(error) if error.kind == ErrorKind::Busy => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the process: by its monitor, and where that does not answer, by a signal to the process that holds the pidfile.
    async fn end(&self, vm: &VmId) -> Result<()> {
        let place = self.place(vm)?;
        let Some(pid) = place.alive() else { return Err(Error::conflict(format_args!("{vm} is off"))) };
        let ended = async || {
            while place.alive() == Some(pid) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let quit = async { self.monitor(vm).await?.ok_or_else(|| Error::conflict("off"))?.ask("quit").await };
        if timeout(ENDING, quit).await.is_ok_and(|said| said.is_ok()) && timeout(ENDING, ended()).await.is_ok() {
            return Ok(());
        }
        for signal in [Signal::TERM, Signal::KILL] {
            // Asked again: the number may be another process by now.
            if place.alive() != Some(pid) {
                return Ok(());
            }
            kill_process(pid, signal).map_err(|error| Error::from(std::io::Error::from(error)))?;
            if timeout(ENDING, ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(Error::new(ErrorKind::Timeout, format_args!("process {} of {vm} does not end", pid.as_raw_nonzero())))
    }

    async fn say(&self, vm: &VmId, command: &str) -> Result<()> {
        self.running(vm).await?.ask(command).await.map(drop)
    }
}

/// QEMU's own words, without the program's name before each line.
fn words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.contains(": warning: "));
    let plain = lines.map(|l| l.split_once(": ").filter(|(who, _)| who.contains("qemu")).map_or(l, |(_, what)| what));
    clean(&plain.collect::<Vec<_>>().join("; "), 500).into_owned()
}

impl Power for Qemu {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.local.start(vm, None).await
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.local.say(vm, "system_powerdown").await
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.local.end(vm).await
    }

    async fn reset(&self, vm: &VmId) -> Result<()> {
        self.local.resets.forget(vm);
        self.local.say(vm, "system_reset").await
    }

    async fn pause(&self, vm: &VmId) -> Result<()> {
        self.local.say(vm, "stop").await
    }

    async fn resume(&self, vm: &VmId) -> Result<()> {
        self.local.say(vm, "cont").await
    }

    async fn open_console(&self, vm: &VmId) -> Result<Console> {
        let place = self.local.place(vm)?;
        if place.alive().is_none() {
            return Err(Error::conflict(format_args!("{vm} is off")));
        }
        Ok(Console::Unix { socket: place.serial(), history: Some(place.serial_log()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_qemus_own() {
        let said = b"qemu-system-x86_64: warning: dull\nqemu-system-x86_64: -device foo: 'foo' is not a valid device model name\n";
        assert_eq!(words(said), "-device foo: 'foo' is not a valid device model name");
    }
}
