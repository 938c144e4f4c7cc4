use super::{Iohyve, command::words, names};
use crate::{
    backend::{Call, Setup},
    domain::{Choice, Error, FieldKind, FieldSpec, Progress, Result, SetupItem, SetupReport, Values, Verdict},
};
use std::time::Duration;

const SET_UP: Duration = Duration::from_secs(120);

/// A choice of what there is, or a word to be typed.
fn field(name: &'static str, label: &'static str, found: Vec<Choice>) -> FieldSpec {
    match found.as_slice() {
        [] => FieldSpec::new(name, label, FieldKind::Text),
        [only] => FieldSpec::new(name, label, FieldKind::Choice(found.clone())).default(only.value.clone()),
        _ => FieldSpec::new(name, label, FieldKind::Choice(found)),
    }
}

impl Iohyve {
    /// The words that another program prints; none where it fails.
    async fn told(&self, command: &[&str]) -> String {
        let output = self.shell.other(command).await.ok().filter(crate::transport::Output::is_success);
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    /// Where iohyve has its place among the file systems.
    async fn homes(&self) -> Vec<String> {
        let sets = self.told(&["zfs", "list", "-H", "-o", "name", "-t", "filesystem"]).await;
        sets.lines().filter(|name| name.ends_with("/iohyve")).map(str::to_owned).collect()
    }

    pub(super) async fn is_ready(&self) -> Result<Verdict> {
        Ok(match self.homes().await.is_empty() {
            true => Verdict::NotMet("no pool has a place for iohyve".to_owned()),
            false => Verdict::Met(None),
        })
    }
}

impl Setup for Iohyve {
    async fn check_setup(&self) -> Result<SetupReport> {
        let homes = self.homes().await;
        let present = !homes.is_empty();
        let detail = if present { format!("at {}", homes.join(", ")) } else { "no pool has a place for it".to_owned() };
        let item = SetupItem { name: "iohyve".to_owned(), present, required: true, detail };
        let (command, fields) = match present {
            true => (None, Vec::new()),
            false => (Some("iohyve setup pool={pool} kmod=1 net={nic}".to_owned()), self.set_up_form().await?),
        };
        Ok(SetupReport { items: vec![item], command, fields, ..SetupReport::default() })
    }

    async fn set_up_form(&self) -> Result<Vec<FieldSpec>> {
        let (pools, nics) = tokio::join!(
            self.told(&["zpool", "list", "-H", "-o", "name,free"]),
            self.told(&["ifconfig", "-l", "ether"])
        );
        let pool = |line: &str| {
            let mut words = line.split_whitespace();
            Some(Choice::new(words.next()?, &format!("{} free", words.next()?)))
        };
        let inner = ["tap", "bridge", "epair", "lo"];
        let nics = nics.split_whitespace().filter(|name| !inner.iter().any(|kind| name.starts_with(kind)));
        Ok(vec![
            field("pool", "Pool", pools.lines().filter_map(pool).collect()).help("where machines and images go"),
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
        let (pool, nic) = (format!("pool={pool}"), format!("net={nic}"));
        let output = self.shell.run(&["setup", &pool, "kmod=1", &nic], SET_UP).await?;
        if output.is_success() { Ok(()) } else { Err(Error::refused(words(&output))) }
    }
}
