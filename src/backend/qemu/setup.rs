//! What this host has and lacks, and how it gets it.
use super::{
    Local, Qemu,
    installed::{NoKvm, kvm, uefi},
    packages::{Need, Packager, Plan, Runner, carry_out, packager, plan},
};
use crate::{
    backend::{Call, Setup},
    domain::{Error, ErrorKind, Progress, Result, SetupItem, SetupReport, Values, Verdict},
    transport::{Output, Program, find_program},
};
use std::{fs, sync::PoisonError};
use tokio_util::sync::CancellationToken;

/// The system that this program runs on.
struct System;

impl Runner for System {
    fn has(&self, program: &str) -> bool {
        find_program(program).is_some()
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn release(&self) -> String {
        fs::read_to_string("/etc/os-release").unwrap_or_default()
    }

    async fn output(&self, program: &Program) -> Result<Output> {
        program.output().await
    }

    async fn lines(
        &self,
        program: &Program,
        cancel: &CancellationToken,
        each: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Output> {
        program.lines(cancel, each).await
    }
}

fn item(name: &str, required: bool, found: std::result::Result<String, &str>) -> SetupItem {
    let present = found.is_ok();
    let detail = found.unwrap_or_else(str::to_owned);
    SetupItem { name: name.to_owned(), present, required, detail }
}

/// Whether the processor may help. Without it machines run all the same, some ten times slower.
fn kvm_item() -> SetupItem {
    let found = kvm().map(|()| "can be used".to_owned()).map_err(|why| match why {
        NoKvm::Forbidden => "not for this user: machines run slowly; `sudo usermod -aG kvm $USER`, then sign in again",
        NoKvm::Absent => "not there: machines run slowly; switch on virtualization in the computer's firmware",
        NoKvm::Bare => "of no use, as the processor has neither vmx nor svm: machines run slowly",
        NoKvm::Broken => "cannot be opened: machines run slowly",
    });
    item("/dev/kvm", false, found)
}

fn no_packager() -> Error {
    Error::refused("no package manager that is known here: install qemu-system-x86_64 and qemu-img by hand")
}

impl Local {
    async fn items(&self) -> (Vec<SetupItem>, Vec<Need>) {
        let mut missing = Vec::new();
        // A package would not bring one that was asked for by its path.
        let is_named = self.settings.program.is_some();
        let qemu = match self.settings.qemu() {
            Some(path) => match self.probe().await {
                Ok(probe) => Ok(format!("{} at {}", probe.version, path.display())),
                Err(_) => Err("is there but does not run"),
            },
            None if is_named => Err("the `program` of the configuration is not there: no machine can run"),
            None => Err("not installed: no machine can run"),
        };
        let tool = find_program("qemu-img").map(|path| path.display().to_string());
        let tool = tool.ok_or("not installed: no disk can be made, and none grown while its machine is off");
        let firmware = uefi().map(|(code, _)| code.display().to_string());
        let firmware = firmware.ok_or("not installed: only machines with a BIOS can run");
        for (need, present) in
            [(Need::Qemu, qemu.is_ok() || is_named), (Need::Tools, tool.is_ok()), (Need::Firmware, firmware.is_ok())]
        {
            if !present {
                missing.push(need);
            }
        }
        let mut items =
            vec![item("QEMU", true, qemu), item("qemu-img", true, tool), item("UEFI firmware", false, firmware)];
        if cfg!(target_os = "linux") {
            items.push(kvm_item());
        }
        (items, missing)
    }

    async fn planned(&self, packager: &Packager, missing: &[Need]) -> Result<Plan> {
        // Only a command without a screen leaves the terminal to sudo.
        plan(&System, packager, missing, self.settings.headless).await
    }

    async fn check(&self) -> SetupReport {
        let (items, missing) = self.items().await;
        let mut report = SetupReport { items, ..SetupReport::default() };
        if !missing.is_empty() {
            let planned = match packager(&System) {
                Some(packager) => self.planned(packager, &missing).await,
                None => Err(no_packager()),
            };
            match planned {
                Ok(plan) => {
                    report.command = Some(plan.shown());
                    report.caution = plan.caution;
                }
                Err(why) => report.obstacle = Some(why.message),
            }
        }
        self.caution_told.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&report.caution);
        report
    }

    async fn install_missing(&self, call: Call) -> Result<()> {
        let (_, missing) = self.items().await;
        if missing.is_empty() {
            return Ok(());
        }
        let packager = packager(&System).ok_or_else(no_packager)?;
        let first = self.planned(packager, &missing).await?;
        let mut told = |line: &str| call.progress(Progress::note(line));
        let (refresh, install) = first.commands.split_at(first.commands.len().saturating_sub(1));
        let mut install = install.to_vec();
        let mut caution = first.caution;
        if !refresh.is_empty() {
            // With new lists the answer may be another one. What nobody has agreed to is not done.
            carry_out(&System, refresh, &call.cancel, &mut told).await?;
            let second = self.planned(packager, &missing).await?;
            install = second.commands.last().cloned().into_iter().collect();
            caution = second.caution;
        }
        let agreed = self.caution_told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(caution) = caution.filter(|caution| agreed.as_ref() != Some(caution)) {
            return Err(Error::new(ErrorKind::NeedsAnswer, format_args!("{caution}: check again, and agree to it")));
        }
        carry_out(&System, &install, &call.cancel, &mut told).await
    }
}

impl Setup for Qemu {
    async fn check_setup(&self) -> Result<SetupReport> {
        Ok(self.local.check().await)
    }

    async fn set_up(&self, _: &Values, call: Call) -> Result<()> {
        let done = self.local.install_missing(call).await;
        self.local.changed.notify_one();
        done
    }
}

pub(super) async fn look(local: &Local) -> Verdict {
    let (items, _) = local.items().await;
    let missing: Vec<_> =
        items.iter().filter(|item| item.required && !item.present).map(|item| item.name.as_str()).collect();
    if missing.is_empty() { Verdict::Met(None) } else { Verdict::NotMet(format!("{} is missing", missing.join(", "))) }
}
