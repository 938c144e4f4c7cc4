//! What this host has and lacks, and how it gets it.
use super::{
    Local, Qemu,
    device_group::{Entry, entry, join},
    installed::{NoKvm, kvm, uefi},
    packages::{Need, Plan, Runner, by_root, carry_out, packager, plan},
};
use crate::{
    backend::{Call, Setup},
    domain::{Error, ErrorKind, Progress, Result, SetupItem, SetupReport, Values, Verdict},
    transport::{Output, Program, find_program},
};
use std::{fs, os::unix::fs::MetadataExt, sync::PoisonError};
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

    fn read(&self, path: &'static str) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    fn device_group(&self) -> Option<u32> {
        let meta = fs::metadata("/dev/kvm").ok()?;
        (meta.mode() & 0o060 == 0o060 && meta.gid() != 0).then(|| meta.gid())
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

/// Whether the processor may help. Without it machines run all the same, some ten times slower. `entry`: what lets this
/// user in, who is kept out.
fn kvm_item(entry: Option<&Entry>) -> SetupItem {
    let found = kvm().map(|()| "can be used".to_owned()).map_err(|why| match (why, entry) {
        (NoKvm::Forbidden, Some(Entry::Join { group, user })) => {
            format!("not for {user}, who is not in the group {group}: machines run slowly")
        }
        (NoKvm::Forbidden, Some(Entry::SignIn(group))) => {
            format!("not yet for this user, who has joined the group {group}: sign out and in again")
        }
        (NoKvm::Forbidden, None) => "not for this user: machines run slowly".to_owned(),
        (NoKvm::Absent, _) => {
            "not there: machines run slowly; switch on virtualization in the computer's firmware".to_owned()
        }
        (NoKvm::Bare, _) => "of no use, as the processor has neither vmx nor svm: machines run slowly".to_owned(),
        (NoKvm::Broken, _) => "cannot be opened: machines run slowly".to_owned(),
    });
    match found {
        Ok(found) => item("/dev/kvm", false, Ok(found)),
        Err(why) => item("/dev/kvm", false, Err(&why)),
    }
}

/// What is missing and can be had.
#[derive(Debug, Default)]
struct Missing {
    packages: Vec<Need>,
    /// The group to join, and who.
    join: Option<(String, String)>,
}

impl Missing {
    const fn is_nothing(&self) -> bool {
        self.packages.is_empty() && self.join.is_none()
    }
}

fn no_packager() -> Error {
    Error::refused("no package manager that is known here: install qemu-system-x86_64 and qemu-img by hand")
}

impl Local {
    async fn items(&self) -> (Vec<SetupItem>, Missing) {
        let mut missing = Missing::default();
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
        let tool = self.settings.qemu_img().map(|path| path.display().to_string());
        let is_tool_named = self.settings.qemu_img.is_some();
        let tool = tool.ok_or(match is_tool_named {
            true => "the `qemu_img` of the configuration is not there: no disk can be made",
            false => "not installed: no disk can be made, and none grown while its machine is off",
        });
        let firmware = uefi().map(|(code, _)| code.display().to_string());
        let firmware = firmware.ok_or("not installed: only machines with a BIOS can run");
        for (need, present) in [
            (Need::Qemu, qemu.is_ok() || is_named),
            (Need::Tools, tool.is_ok() || is_tool_named),
            (Need::Firmware, firmware.is_ok()),
        ] {
            if !present {
                missing.packages.push(need);
            }
        }
        let mut items =
            vec![item("QEMU", true, qemu), item("qemu-img", true, tool), item("UEFI firmware", false, firmware)];
        if cfg!(target_os = "linux") {
            let entry = if kvm() == Err(NoKvm::Forbidden) { entry(&System).await } else { None };
            items.push(kvm_item(entry.as_ref()));
            if let Some(Entry::Join { group, user }) = entry {
                missing.join = Some((group, user));
            }
        }
        (items, missing)
    }

    async fn planned(&self, missing: &Missing) -> Result<Plan> {
        // Only a command without a screen leaves the terminal to sudo.
        let ask = self.settings.headless;
        let mut planned = match missing.packages.as_slice() {
            [] => Plan::default(),
            packages => plan(&System, packager(&System).ok_or_else(no_packager)?, packages, ask).await?,
        };
        if let Some((group, user)) = &missing.join {
            match join(&System, group, user).and_then(|line| by_root(&System, true, line, ask)) {
                Ok(join) => planned.join = Some(join),
                Err(why) => planned.unjoined = Some(why.message),
            }
        }
        Ok(planned)
    }

    async fn check(&self) -> SetupReport {
        let (items, missing) = self.items().await;
        let mut report = SetupReport { items, ..SetupReport::default() };
        if !missing.is_nothing() {
            match self.planned(&missing).await {
                Ok(plan) => {
                    report.command = plan.shown();
                    report.caution = plan.caution;
                    report.obstacle = plan.unjoined;
                }
                Err(why) => report.obstacle = Some(why.message),
            }
        }
        self.caution_told.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&report.caution);
        report
    }

    /// Whether a person has agreed to it, or does now: on a screen there is one to ask, a command asks by itself.
    async fn agreed(&self, caution: &str, call: &Call) -> Result<()> {
        let told = self.caution_told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if told.as_deref() == Some(caution) {
            return Ok(());
        }
        let unasked = || Error::new(ErrorKind::NeedsAnswer, format_args!("{caution}: check again, and agree to it"));
        if self.settings.headless {
            return Err(unasked());
        }
        call.progress(Progress::note("waiting for an answer"));
        let question = self.fetching.confirm(format!("Careful: {caution}. Install it so?"));
        let answer = tokio::select! {
            answer = question => answer,
            () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        };
        match answer.ok_or_else(unasked)?? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Cancelled, "nothing was installed")),
        }
    }

    async fn install_missing(&self, call: Call) -> Result<()> {
        let (_, missing) = self.items().await;
        if missing.is_nothing() {
            return Ok(());
        }
        let mut plan = self.planned(&missing).await?;
        let whole = plan.shown().unwrap_or_default();
        let mut told = |line: &str| call.progress(Progress::note(line));
        if let Some(refresh) = plan.refresh.take() {
            match carry_out(&System, &[refresh], &whole, &call.cancel, &mut told).await {
                Err(error) if matches!(error.kind, ErrorKind::Cancelled | ErrorKind::NeedsAnswer) => return Err(error),
                // Old lists may still do.
                Err(error) => told(&error.message),
                Ok(()) => {}
            }
            // With new lists the answer may be another one. What nobody has agreed to is not done.
            plan = Plan { refresh: None, ..self.planned(&missing).await? };
        }
        if let Some(caution) = plan.caution.take() {
            self.agreed(&caution, &call).await?;
        }
        if let Some(why) = &plan.unjoined {
            told(why);
        }
        plan.carry_out(&System, &whole, &call.cancel, &mut told).await
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
