//! `vmdeck setup`, `doctor` and `autostart`: a few requests one after the other, with a person between them.
use super::{
    headless::{Session, Streams, answer, exit_code},
    interrupt::listen,
};
use crate::{
    config::{Config, Paths},
    domain::{Error, ErrorKind, Op, PowerState, Reply, Request, Result, SetupReport, Values, clean_line},
};
use std::io::{BufRead as _, BufReader, Read as _};
use tokio_util::sync::CancellationToken;

/// Which host.
pub struct Errand<'a> {
    pub config: &'a Config,
    pub paths: &'a Paths,
    /// The host's name.
    pub host: &'a str,
}

impl<'a> Errand<'a> {
    /// Does `work` with the host, and ends what it began there.
    async fn with(
        &self,
        streams: &mut Streams<'_>,
        work: impl AsyncFnOnce(&mut Session<'a>, &mut Streams<'_>) -> Result<u8>,
    ) -> u8 {
        let done = match Session::open(self.config, self.paths, self.host) {
            Ok(mut session) => {
                let done = work(&mut session, streams).await;
                session.close().await;
                done
            }
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| fail(&error, streams))
    }

    /// Says what the host has and lacks: 0 when machines can run, 1 when not.
    pub async fn doctor(&self, streams: &mut Streams<'_>) -> u8 {
        self.with(streams, look).await
    }

    /// Installs what the host lacks, after asking; `yes` answers all but what has a caution. 0 when machines can run then:
    /// what they do not need may be refused or fail.
    pub async fn set_up(&self, yes: bool, streams: &mut Streams<'_>) -> u8 {
        self.with(streams, async |session, streams| set_up(session, yes, streams).await).await
    }

    /// Starts every machine that is off and whose property `autostart` is `yes`. The worst outcome is returned.
    pub async fn autostart(&self, streams: &mut Streams<'_>) -> u8 {
        self.with(streams, autostart).await
    }
}

async fn check(session: &mut Session<'_>, streams: &mut Streams<'_>) -> Result<SetupReport> {
    match session.ask(Request::CheckSetup, &CancellationToken::new(), streams).await? {
        Reply::Setup(report) => Ok(report),
        _ => Err(Error::unsupported(Op::CheckSetup, "this host does not tell what it lacks")),
    }
}

async fn look(session: &mut Session<'_>, streams: &mut Streams<'_>) -> Result<u8> {
    let report = check(session, streams).await?;
    tell(&report, streams);
    Ok(u8::from(!report.is_ready()))
}

/// All with one session: the host installs what was agreed to, and nothing else.
async fn set_up(session: &mut Session<'_>, yes: bool, streams: &mut Streams<'_>) -> Result<u8> {
    let mut report = check(session, streams).await?;
    tell(&report, streams);
    loop {
        let Some(command) = &report.command else {
            return Ok(u8::from(!report.is_ready()));
        };
        if !yes || report.caution.is_some() {
            match confirm(command, streams).await? {
                Some(true) => {}
                Some(false) => return Ok(u8::from(!report.is_ready())),
                // What machines need is there: nothing has to be answered.
                None if report.is_ready() => {
                    let _ = writeln!(streams.out, "\nNobody answered: nothing was installed. Machines can run here.");
                    return Ok(0);
                }
                None => return Err(Error::new(ErrorKind::NeedsAnswer, "an answer is needed: run it in a terminal")),
            }
        }
        let done = install(session, streams).await;
        // The lists of packages are new now, and may have brought what nobody was asked before.
        if matches!(&done, Err(error) if error.kind == ErrorKind::NeedsAnswer) {
            let now = check(session, streams).await?;
            if let Some(caution) = now.caution.as_ref().filter(|caution| report.caution.as_ref() != Some(caution)) {
                let _ = writeln!(streams.out, "Careful: {}", clean_line(caution));
                report = now;
                continue;
            }
        }
        match done {
            // What is lacking still was not needed: machines run as before.
            Err(error) if report.is_ready() && error.kind != ErrorKind::Cancelled => drop(fail(&error, streams)),
            done => done?,
        }
        return look(session, streams).await;
    }
}

/// Installs what was agreed to. Until its end, and not before, Ctrl-C is what stops it.
async fn install(session: &mut Session<'_>, streams: &mut Streams<'_>) -> Result<()> {
    let interrupt = CancellationToken::new();
    let _listener = listen(interrupt.clone());
    session.ask(Request::SetUp { values: Values::new() }, &interrupt, streams).await.map(drop)
}

async fn autostart(session: &mut Session<'_>, streams: &mut Streams<'_>) -> Result<u8> {
    let interrupt = CancellationToken::new();
    let _listener = listen(interrupt.clone());
    let vms = match session.ask(Request::List, &interrupt, streams).await? {
        Reply::Vms(vms) => vms,
        _ => Vec::new(),
    };
    let mut worst = 0;
    for vm in vms.into_iter().filter(|vm| vm.power() == PowerState::Off) {
        if interrupt.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "interrupted: the others were not started"));
        }
        let wants = match session.ask(Request::ListProperties(vm.id.clone()), &interrupt, streams).await {
            Ok(Reply::Properties(all)) => all.iter().any(|p| p.spec.name == "autostart" && p.value == "yes"),
            Ok(_) => false,
            Err(error) => {
                worst = worst.max(fail(&error.context(&vm.id), streams));
                false
            }
        };
        if wants {
            match session.ask(Request::Start(vm.id.clone()), &interrupt, streams).await {
                Ok(_) => drop(writeln!(streams.out, "{} started", vm.id)),
                Err(error) => worst = worst.max(fail(&error.context(&vm.id), streams)),
            }
        }
    }
    Ok(worst)
}

fn fail(error: &Error, streams: &mut Streams<'_>) -> u8 {
    let _ = writeln!(streams.err, "vmdeck: {error}");
    exit_code(&Err(error.clone()))
}

fn tell(report: &SetupReport, streams: &mut Streams<'_>) {
    for item in &report.items {
        let mark = match (item.present, item.required) {
            (true, _) => "ok",
            (false, true) => "missing",
            (false, false) => "optional",
        };
        let _ = writeln!(streams.out, "{}: {mark}: {}", clean_line(&item.name), clean_line(&item.detail));
    }
    if let Some(obstacle) = &report.obstacle {
        let _ = writeln!(streams.out, "What is missing cannot be installed from here: {}", clean_line(obstacle));
    }
    if let Some(caution) = &report.caution {
        let _ = writeln!(streams.out, "Careful: {}", clean_line(caution));
    }
    if report.is_ready() && report.command.is_none() {
        let _ = writeln!(streams.out, "Machines can run here.");
    }
}

/// None: nobody answered.
async fn confirm(command: &str, streams: &mut Streams<'_>) -> Result<Option<bool>> {
    let _ = write!(streams.out, "This would be run: {}\nRun it? [y/N] ", clean_line(command));
    let _ = streams.out.flush();
    let line = if streams.is_person {
        answer(streams.out, "nothing was installed").await?
    } else {
        let mut line = String::new();
        let read = BufReader::with_capacity(1, &mut *streams.input).take(1000).read_line(&mut line);
        read.is_ok_and(|count| count > 0).then_some(line)
    };
    Ok(line.map(|line| matches!(line.trim(), "y" | "Y" | "yes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_is_told() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams =
            Streams { input: &mut "".as_bytes(), out: &mut out, err: &mut err, is_terminal: false, is_person: false };
        let item = |name: &str, required| crate::domain::SetupItem {
            name: name.to_owned(),
            present: false,
            required,
            detail: "not installed".to_owned(),
        };
        let items = vec![item("QEMU", true), item("firmware", false)];
        let report = SetupReport { items, obstacle: Some("there is no sudo".to_owned()), ..SetupReport::default() };
        tell(&report, &mut streams);
        let wanted = "QEMU: missing: not installed\nfirmware: optional: not installed\n\
            What is missing cannot be installed from here: there is no sudo\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
