use super::{Iohyve, command::words, datasets::pool_of, differs, names, pools::field};
use crate::{
    backend::{Call, Setup},
    domain::{
        Choice, Error, FieldSpec, HostEvent, Progress, Result, SetupItem, SetupReport, Values, Verdict, clean_line,
    },
};
use std::{sync::PoisonError, time::Duration};

const SET_UP: Duration = Duration::from_secs(120);
const COMMAND: &str =
    "iohyve setup pool={pool} kmod=1 net={nic} && sysrc iohyve_enable=YES iohyve_flags=\"kmod=1 net={nic}\"";

fn unbridged(nic: &str) -> String {
    format!("no bridge has {nic}: machines will not reach the network")
}

impl Iohyve {
    /// What another program prints; None: it fails.
    async fn asked(&self, command: &[&str]) -> Option<String> {
        let output = self.shell.other(command).await.ok().filter(crate::transport::Output::is_success)?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    pub(super) async fn told(&self, command: &[&str]) -> String {
        self.asked(command).await.unwrap_or_default()
    }

    /// Where iohyve has its place among the file systems; None: they cannot be read.
    pub(super) async fn homes(&self) -> Option<Vec<String>> {
        let words = ["zfs", "list", "-H", "-o", "name", "-t", "filesystem", "-d", "1"];
        let sets = Box::pin(self.asked(&words)).await?;
        Some(sets.lines().filter(|name| pool_of(name, "/iohyve").is_some()).map(str::to_owned).collect())
    }

    pub(super) async fn is_ready(&self) -> Result<Verdict> {
        Ok(match self.homes().await.unwrap_or_default().is_empty() {
            true => Verdict::NotMet("no pool has a place for iohyve".to_owned()),
            false => Verdict::Met(None),
        })
    }

    /// Whether a bridge of the host has the network device.
    async fn is_bridged(&self, nic: &str) -> bool {
        let members = self.told(&["ifconfig", "-a"]).await;
        members.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("member:") && words.next() == Some(nic)
        })
    }

    /// Has the host set itself up the same way when it starts, which iohyve leaves to `rc.conf`.
    async fn keep_set_up(&self, flags: &str) -> Result<()> {
        let keep = format!("iohyve_flags={flags}");
        let output = self.shell.other(&["sysrc", "iohyve_enable=YES", &keep]).await?;
        if output.is_success() && self.kept().await == (flags.to_owned(), None) {
            return Ok(());
        }
        let help = format!("write iohyve_enable=\"YES\" and iohyve_flags=\"{flags}\" there");
        Err(differs(&output, format_args!("it is set up until the host restarts, and not in rc.conf: {help}")))
    }

    /// What `rc.conf` has iohyve set up with when the host starts, and why that is not done.
    async fn kept(&self) -> (String, Option<String>) {
        let (enable, flags) =
            tokio::join!(self.told(&["sysrc", "-n", "iohyve_enable"]), self.told(&["sysrc", "-n", "iohyve_flags"]));
        let (enable, flags) = (enable.trim(), flags.trim());
        // As FreeBSD reads it (`checkyesno` of rc.subr).
        let is_enabled = ["yes", "true", "on", "1"].contains(&enable.to_ascii_lowercase().as_str());
        let lacks = match (enable, flags) {
            ("", _) => Some("no iohyve_enable".to_owned()),
            (no, _) if !is_enabled => Some(format!("iohyve_enable=\"{}\"", clean_line(no))),
            (_, "") => Some("no iohyve_flags".to_owned()),
            _ => None,
        };
        let lacks = lacks.map(|what| format!("rc.conf has {what}: it is not set up again when the host restarts"));
        (flags.to_owned(), lacks)
    }

    /// Whether the host is set up again when it starts, and its network: machines can be made without.
    async fn rest(&self) -> [SetupItem; 2] {
        let item = |name: &str, detail: std::result::Result<String, String>| SetupItem {
            name: name.to_owned(),
            present: detail.is_ok(),
            required: false,
            detail: detail.unwrap_or_else(|lacks| lacks),
        };
        let (flags, lacks) = self.kept().await;
        let nic = flags.split_whitespace().find_map(|word| word.strip_prefix("net="));
        let network = match nic {
            Some(nic) if self.is_bridged(nic).await => Ok(format!("a bridge has {nic}")),
            Some(nic) => Err(unbridged(nic)),
            None => Err("rc.conf names none for machines".to_owned()),
        };
        let start = lacks.map_or_else(|| Ok(format!("rc.conf has iohyve_flags=\"{flags}\"")), Err);
        [item("start", start), item("network", network)]
    }

    /// Tells that machines can be made.
    async fn tell_set_up(&self) {
        let news = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.as_mut().map(|(events, capabilities)| {
                capabilities.is_set_up = Some(true);
                (events.clone(), capabilities.clone())
            })
        };
        if let Some((events, capabilities)) = news {
            let _ = events.send(HostEvent::Capabilities(Box::new(capabilities))).await;
        }
    }
}

impl Setup for Iohyve {
    async fn check_setup(&self) -> Result<SetupReport> {
        let homes = self.homes().await.unwrap_or_default();
        let present = !homes.is_empty();
        let detail = if present { format!("at {}", homes.join(", ")) } else { "no pool has a place for it".to_owned() };
        let mut items = vec![SetupItem { name: "iohyve".to_owned(), present, required: true, detail }];
        if present {
            items.extend(self.rest().await);
        }
        let (command, fields) = match items.iter().all(|item| item.present) {
            true => (None, Vec::new()),
            false => (Some(COMMAND.to_owned()), self.set_up_form().await?),
        };
        Ok(SetupReport { items, command, fields, ..SetupReport::default() })
    }

    async fn set_up_form(&self) -> Result<Vec<FieldSpec>> {
        let (pools, nics) = tokio::join!(self.pools(), self.told(&["ifconfig", "-l", "ether"]));
        let inner = ["tap", "bridge", "epair", "lo"];
        let nics = nics.split_whitespace().filter(|name| !inner.iter().any(|kind| name.starts_with(kind)));
        Ok(vec![
            field("pool", "Pool", pools).help("where machines and images go"),
            field("nic", "Network", nics.map(|name| Choice::new(name, "")).collect())
                .help("what machines reach the network by"),
        ])
    }

    async fn set_up(&self, values: &Values, call: Call) -> Result<()> {
        let word = |field: &str| {
            let word = values.get(field).map(String::as_str).unwrap_or_default();
            names::check(word).map_err(|_| Error::invalid(format_args!("{field}: `{word}` is no name")))?;
            Ok::<_, Error>(word.to_owned())
        };
        let (pool, nic) = (word("pool")?, word("nic")?);
        call.progress(Progress::note(format!("iohyve on {pool} and {nic}")));
        let (pool, net) = (format!("pool={pool}"), format!("net={nic}"));
        let output = self.shell.run(&["setup", &pool, "kmod=1", &net], SET_UP).await?;
        if !output.is_success() {
            return Err(Error::refused(words(&output)));
        }
        self.tell_set_up().await;
        let kept = self.keep_set_up(&format!("kmod=1 {net}")).await;
        if self.is_bridged(&nic).await { kept } else { Err(differs(&output, format_args!("{}", unbridged(&nic)))) }
    }
}
