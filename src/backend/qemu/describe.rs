//! A machine as the rest of the program knows it, out of its record and its process.
use super::{Firmware, Local, Monitor, Record, image_header, place::Holder, proc};
use crate::domain::{Error, ErrorKind, Label, PowerState, Result, Vm, VmId};
use rustix::process::Pid;
use serde_json::Value;
use std::{path::Path, time::Duration};
use tokio::time::timeout;

/// How long a machine may take to tell its state before it is shown without: one that is stuck must not hold up the list.
const STATE: Duration = Duration::from_secs(2);

impl Local {
    /// Reads one machine. A file that cannot be read is a remark, not an error: the machine stays in sight.
    pub async fn describe(&self, vm: &VmId) -> Result<Vm> {
        if !self.store.holds(vm) {
            return Err(Error::not_found(format_args!("there is no machine called {vm}")));
        }
        let place = self.place(vm)?;
        let mut found = Vm::named(vm.as_str());
        let mut problem = None;
        let record = self.store.read(vm).map_err(|error| {
            found.remark = Some(Vm::UNREADABLE.to_owned());
            problem = Some(error.message);
        });
        if let Ok(record) = &record {
            tell_record(&mut found, record, &place.folder);
        }
        let mut process = Process::default();
        let (power, remark) = match self.monitor(vm).await {
            Ok(None) => (Some(PowerState::Off), None),
            Ok(Some(monitor)) => {
                found.started = monitor.holder.pid().and_then(proc::started);
                process = Process {
                    id: monitor.holder.pid().map(told).unwrap_or_default(),
                    version: monitor.qmp.version.clone(),
                    vnc: format!("unix:{}", place.vnc().display()),
                };
                match timeout(STATE, state(&monitor)).await.unwrap_or_else(|_| Err(silent(vm))) {
                    Ok((power, remark)) => {
                        let looping = power == PowerState::Running && self.resets.is_looping(vm);
                        (Some(power), if looping { Some("boot loop".to_owned()) } else { remark })
                    }
                    Err(_) if place.alive().is_none() => (Some(PowerState::Off), None),
                    Err(_) => (None, Some("no answer".to_owned())),
                }
            }
            // It is on; whether it runs, only its monitor tells.
            Err(error) => {
                let holder = place.alive().and_then(Holder::pid);
                found.started = holder.and_then(proc::started);
                process.id = holder.map(told).unwrap_or_default();
                if error.kind == ErrorKind::Busy {
                    (None, Some("watched by others".to_owned()))
                } else {
                    problem = Some(error.message);
                    (None, Some("no answer".to_owned()))
                }
            }
        };
        // What is set since then it gets at its next start.
        if power != Some(PowerState::Off)
            && let Some(started) = self.started_with(vm)
        {
            (found.cpus, found.memory) = (Some(started.cpus), Some(started.memory.0));
        }
        found.details = details(record.ok(), process, &place.folder, problem);
        found.power = power;
        found.remark = found.remark.or(remark);
        Ok(found)
    }
}

fn told(process: Pid) -> String {
    process.as_raw_nonzero().to_string()
}

fn silent(vm: &VmId) -> Error {
    Error::new(ErrorKind::Timeout, format_args!("{vm} does not answer"))
}

fn tell_record(vm: &mut Vm, record: &Record, folder: &Path) {
    vm.cpus = Some(record.cpus);
    vm.memory = Some(record.memory.0);
    let sizes = record.disks.iter().map(|disk| image_header::virtual_size(&folder.join(&disk.file), &disk.format));
    vm.disk = sizes.map(|size| size.map(|s| s.0)).sum();
}

/// What only a running machine has.
#[derive(Default)]
struct Process {
    id: String,
    version: String,
    vnc: String,
}

/// The same lines for every machine, empty where it has nothing to tell; those that may take several lines on the
/// screen come last.
fn details(record: Option<Record>, process: Process, folder: &Path, problem: Option<String>) -> Vec<(Label, String)> {
    // Thousands of machines have as many of them: no more room than they fill.
    let mut lines = Vec::with_capacity(8 + usize::from(problem.is_some()));
    let mut tell = |label: &'static str, value: String| lines.push((label.into(), value));
    if let Some(record) = &record {
        tell("Firmware", if record.firmware == Firmware::Uefi { "UEFI" } else { "BIOS" }.to_owned());
        tell("Network", record.network.clone());
        tell("MAC", if record.network == "none" { String::new() } else { record.mac.clone() });
    }
    tell("Process", process.id);
    tell("QEMU", process.version);
    if let Some(record) = record {
        tell("Description", record.description);
    }
    tell("Folder", folder.display().to_string());
    tell("VNC", process.vnc);
    if let Some(problem) = problem {
        tell(Vm::PROBLEM, problem);
    }
    lines
}

/// What QEMU says that the machine is doing, and the reason where it stands still.
async fn state(monitor: &Monitor) -> Result<(PowerState, Option<String>)> {
    use PowerState as P;
    let status = monitor.ask("query-status").await?;
    let said = status.get("status").and_then(Value::as_str).unwrap_or_default();
    let told = |word: &str| Some(word.to_owned());
    Ok(match said {
        "running" => (P::Running, None),
        "paused" | "prelaunch" => (P::Paused, None),
        "suspended" => (P::Paused, told("asleep")),
        "shutdown" => (P::Stopping, None),
        "io-error" => (P::Blocked, Some(io_error(monitor).await)),
        "guest-panicked" => (P::Blocked, told("guest panicked")),
        "internal-error" => (P::Blocked, told("QEMU failed inside")),
        "watchdog" => (P::Blocked, told("watchdog")),
        "inmigrate" | "postmigrate" | "finish-migrate" | "save-vm" | "restore-vm" => (P::Paused, told("being moved")),
        _ => (P::Unknown, Some(crate::domain::clean_line(said).into_owned())),
    })
}

/// Why the machine stands at an I/O error. Resumed, it tries again what failed.
async fn io_error(monitor: &Monitor) -> String {
    let drives = monitor.ask("query-block").await.unwrap_or_default();
    let is_full = |drive: &Value| drive.get("io-status").and_then(Value::as_str) == Some("nospace");
    let full = drives.as_array().is_some_and(|drives| drives.iter().any(is_full));
    if full { "disk full" } else { "I/O error" }.to_owned()
}
