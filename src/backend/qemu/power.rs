//! Starting a machine's process, and what is said to its monitor.
use super::{Local, Place, Qemu, command_line::arguments, installed::missing, refusal};
use crate::{
    backend::{Console, Power},
    domain::{Error, ErrorKind, Result, VmId},
    transport::Program,
};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long QEMU may take to build the machine and go to the background.
const BUILDING: Duration = Duration::from_secs(25);
/// How long a process may take to end after it was told to.
const ENDING: Duration = Duration::from_secs(3);
/// How often a serial line in use is asked for again, in steps of 20 ms.
const LEAVING_TURNS: u32 = 5;

impl Local {
    /// Starts the process. `cdrom` is put into the CD drive first.
    pub async fn start(&self, vm: &VmId, cdrom: Option<String>) -> Result<()> {
        let place = self.place(vm)?;
        let lock = self.store.lock(vm).await?;
        if place.alive().is_some() {
            return Err(Error::conflict(format_args!("{vm} is running already")));
        }
        // What a killed one has left: written over in place, the new one would not show as a change of the folder.
        let _ = std::fs::remove_file(place.pidfile());
        let _ = std::fs::remove_file(place.growing());
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
        // Without it the machine starts all the same.
        if let Err(error) = place.shorten_serial_log() {
            tracing::warn!(%vm, "its serial log was not shortened: {error}");
        }
        let host = self.host_for(&record, &place).await?;
        let program = self.settings.qemu().ok_or_else(missing)?;
        let program =
            Program::new(program).patience(Some(BUILDING)).args(arguments(vm.as_str(), &record, &place, &host)?);
        self.resets.forget(vm);
        Self::note_start(&place, &record);
        let output = program.output().await?;
        if !output.is_success() {
            return Err(refusal::of(&record.network, &host.accel, &output).unwrap_or_else(|| program.failure(&output)));
        }
        self.changed.notify_one();
        // It counts only when the monitor answers: QEMU greets before the machine is built.
        match self.monitor(vm).await {
            Ok(Some(monitor)) => monitor.ask("query-status").await.map(drop),
            Ok(None) => {
                let why = refusal::words(&output.stderr);
                Err(Error::refused(if why.is_empty() { format!("{vm} ended as soon as it had started") } else { why }))
            }
            Err(error) if error.kind == ErrorKind::Busy => {
                let why = format_args!("{vm} is on, and whether it runs only others know: {}", error.message);
                Err(Error::new(ErrorKind::Timeout, why))
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the process: by its monitor, and where that does not answer, by a signal to the process that holds the pidfile.
    async fn end(&self, vm: &VmId) -> Result<()> {
        let place = self.place(vm)?;
        let Some(holder) = place.alive() else {
            self.store.read(vm)?;
            return Err(Error::conflict(format_args!("{vm} is off")));
        };
        let ended = async || {
            while place.alive() == Some(holder) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let quit = async {
            match self.monitor(vm).await? {
                Some(monitor) => monitor.ask("quit").await.map(drop),
                None => Ok(()),
            }
        };
        match timeout(ENDING, quit).await {
            Ok(Ok(())) if timeout(ENDING, ended()).await.is_ok() => return Ok(()),
            // It says that it is another machine: that is no process of ours to end.
            Ok(Err(error)) if error.kind == ErrorKind::Conflict => return Err(error),
            _ => {}
        }
        let Some(pid) = holder.pid() else {
            let why = format_args!("the process of {vm} does not end, and runs in another container: end it there");
            return Err(Error::new(ErrorKind::Timeout, why));
        };
        for signal in [Signal::TERM, Signal::KILL] {
            // Asked again: the number may be another process by now.
            if place.alive() != Some(holder) {
                return Ok(());
            }
            kill_process(pid, signal).map_err(|error| Error::from(std::io::Error::from(error)))?;
            if timeout(ENDING, ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(Error::new(ErrorKind::Timeout, format_args!("process {} of {vm} does not end", pid.as_raw_nonzero())))
    }

    /// Whether a program that is no vmdeck sits on the serial line, which has room for one and keeps a second waiting
    /// without a word. For another vmdeck the console itself waits, and says so.
    async fn serial_is_taken(&self, place: &Place, vm: &VmId) -> bool {
        let claim = std::fs::File::options().create(true).append(true).open(place.serial_claim());
        if claim.is_ok_and(|claim| claim.try_lock().is_err()) {
            return false;
        }
        let Ok(Some(monitor)) = self.monitor(vm).await else { return false };
        for _ in 0..LEAVING_TURNS {
            let lines = monitor.ask("query-chardev").await.unwrap_or_default();
            let word = |line: &Value, key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let all = lines.as_array().into_iter().flatten();
            let serial = all.filter(|line| word(line, "label") == "serial0").map(|line| word(line, "filename")).next();
            if serial.is_none_or(|name| name.starts_with("disconnected:")) {
                return false;
            }
            // Who has just left may still be seen.
            sleep(Duration::from_millis(20)).await;
        }
        true
    }

    async fn say(&self, vm: &VmId, command: &str) -> Result<()> {
        self.running(vm).await?.ask(command).await.map(drop)
    }
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
        if self.local.serial_is_taken(&place, vm).await {
            let why = format_args!("another program is attached to the serial console of {vm}: it must leave first");
            return Err(Error::new(ErrorKind::Busy, why));
        }
        Ok(Console::Unix { socket: place.serial(), history: Some(place.serial_log()) })
    }
}
