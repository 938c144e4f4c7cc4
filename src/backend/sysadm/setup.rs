use super::{Sysadm, locked, wire};
use crate::{
    backend::{Call, Setup},
    domain::{
        Choice, Error, ErrorKind, FieldKind, FieldSpec, HostEvent, Op, Progress, Result, SetupItem, SetupReport,
        Values, Verdict, clean,
    },
};
use serde_json::{Value, json};

/// What iohyve is asked to do; the answers of the form stand in for the names.
const COMMAND: &str = "iohyve setup pool={pool} kmod=1 net={nic}";
/// The kinds of network device that machines cannot be reached through.
const INNER: [&str; 9] = ["lo", "tap", "bridge", "epair", "pflog", "pfsync", "enc", "ipfw", "usbus"];

/// A word that may stand in the configuration of the server.
pub(super) fn check_word(field: &str, values: &Values) -> Result<String> {
    let word = values.get(field).map(String::as_str).unwrap_or_default();
    let is_plain = word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    match is_plain {
        true => Ok(word.to_owned()),
        false => Err(Error::invalid(format_args!(
            "{field}: `{}`: a word of letters, digits, `.`, `_`, `-` and `:`",
            clean(word, 40)
        ))),
    }
}

/// A choice of what the server tells; a word to be typed where it tells nothing.
fn field(name: &'static str, label: &'static str, found: Option<Vec<Choice>>, help: &'static str) -> FieldSpec {
    match found.filter(|found| !found.is_empty()) {
        Some(choices) => FieldSpec::new(name, label, FieldKind::Choice(choices)).help(help),
        None => FieldSpec::new(name, label, FieldKind::Text).help("the server does not tell what there is: type it"),
    }
}

/// What a server tells; None: this user may not ask, or this version does not answer.
pub(super) fn granted<T>(told: Result<T>) -> Result<Option<T>> {
    match told {
        Ok(told) => Ok(Some(told)),
        Err(error) if error.leaves_unknown() && error.kind != ErrorKind::Protocol => Err(error),
        Err(error) => {
            tracing::info!("the server does not tell: {error}");
            Ok(None)
        }
    }
}

/// The network devices, those that are in use by wire first.
fn devices(answer: &Value) -> Result<Vec<Choice>> {
    let devices = answer.get("list-devices").unwrap_or(answer);
    let devices = devices.as_object().ok_or_else(|| wire::odd("list-devices"))?;
    let mut found: Vec<(bool, Choice)> = Vec::new();
    for (name, device) in devices.iter().filter(|(name, _)| !INNER.iter().any(|kind| name.starts_with(kind))) {
        let is = |key| wire::yes(device.get(key)) == Some(true);
        let address = wire::text_of(device.get("ipv4")).unwrap_or_default();
        let label = match (is("is_active"), is("is_wireless")) {
            (_, true) => "wireless: it carries no machines".to_owned(),
            (false, _) => "not in use".to_owned(),
            (true, _) => clean(&address, 40).into_owned(),
        };
        found.push((!is("is_active") || is("is_wireless"), Choice::new(name, &label)));
    }
    found.sort_by_key(|(is_poor, _)| *is_poor);
    Ok(found.into_iter().map(|(_, choice)| choice).collect())
}

impl Sysadm {
    /// The pools of the server, with what is free in each.
    pub(super) async fn pools(&self) -> Result<Vec<Choice>> {
        let answer = self.call("sysadm", "zfs", json!({"action": "list_pools"})).await?;
        let pools = wire::below("list_pools", &answer)?;
        let pools = pools.as_object().ok_or_else(|| wire::odd("list_pools"))?;
        let free = |pool: &Value| match wire::text_of(pool.get("free")) {
            Some(free) if !free.is_empty() => format!("{} free", clean(&free, 20)),
            _ => String::new(),
        };
        Ok(pools.iter().map(|(name, pool)| Choice::new(name, &free(pool))).collect())
    }

    /// The field that asks for a pool.
    pub(super) async fn pool_field(&self, help: &'static str) -> Result<FieldSpec> {
        let pools = granted(self.pools().await)?;
        let only = match pools.as_deref() {
            Some([only]) => only.value.clone(),
            _ => String::new(),
        };
        Ok(field("pool", "Pool", pools, help).default(only))
    }

    async fn nics(&self) -> Result<Vec<Choice>> {
        devices(&self.call("sysadm", "network", json!({"action": "list-devices"})).await?)
    }

    /// Whether iohyve has its place in `pool`; None: the server does not tell.
    async fn has_place(&self, pool: &str) -> Result<Option<bool>> {
        let answer = self.call("sysadm", "zfs", json!({"action": "datasets", "zpool": pool})).await;
        let sets = granted(answer.and_then(|answer| wire::below("datasets", &answer)))?;
        let sets = sets.as_ref().and_then(Value::as_object).filter(|sets| !sets.is_empty());
        Ok(sets.map(|sets| sets.contains_key(&format!("{pool}/iohyve"))))
    }

    /// Whether any pool that the server tells of has a place for iohyve; None: that cannot be told.
    async fn has_any_place(&self) -> Result<Option<bool>> {
        let Some(pools) = granted(self.pools().await)? else { return Ok(None) };
        let mut found = (!pools.is_empty()).then_some(false);
        for pool in pools {
            match self.has_place(&pool.value).await? {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                None => found = None,
            }
        }
        Ok(found)
    }

    /// The server's own word, which is only that a line stands in its configuration.
    pub(super) async fn says_set_up(&self) -> Result<bool> {
        let answer = self.iohyve("issetup", &[]).await?;
        wire::yes(answer.get("setup")).ok_or_else(|| wire::odd("issetup"))
    }

    /// Whether machines can be made, as far as the server tells.
    pub(super) async fn is_ready(&self) -> Result<Verdict> {
        if !self.says_set_up().await? {
            return Ok(Verdict::NotMet("the server says that it is not set up".to_owned()));
        }
        if self.has_any_place().await? == Some(false) {
            return Ok(Verdict::NotMet("no pool has a place for iohyve".to_owned()));
        }
        self.tell_set_up().await;
        Ok(Verdict::Met(None))
    }

    /// Whether it was last known as not set up.
    pub(super) fn is_bare(&self) -> bool {
        locked(&self.told).as_ref().is_some_and(|(_, told)| told.is_set_up == Some(false))
    }

    /// Tells that machines can be made, where it was told otherwise before.
    pub(super) async fn tell_set_up(&self) {
        let news = {
            let mut told = locked(&self.told);
            let told = told.as_mut().filter(|(_, capabilities)| capabilities.is_set_up == Some(false));
            told.map(|(events, capabilities)| {
                capabilities.is_set_up = Some(true);
                (events.clone(), capabilities.clone())
            })
        };
        if let Some((events, capabilities)) = news {
            let _ = events.send(HostEvent::Capabilities(Box::new(capabilities))).await;
        }
    }
}

fn item(name: &str, present: bool, detail: &str) -> SetupItem {
    SetupItem { name: name.to_owned(), present, required: true, detail: detail.to_owned() }
}

impl Setup for Sysadm {
    async fn check_setup(&self) -> Result<SetupReport> {
        let (says_so, rows) = tokio::try_join!(self.says_set_up(), self.rows())?;
        let is_empty = says_so && rows.is_empty() && self.has_any_place().await? == Some(false);
        let (present, detail) = match (says_so, rows.len()) {
            (true, _) if is_empty => {
                (false, "the server says that it is set up, but no pool has a place for it".to_owned())
            }
            (true, _) => (true, "set up".to_owned()),
            (false, 0) => (false, "not set up".to_owned()),
            (false, machines) => (true, format!("set up by hand: it has machines ({machines})")),
        };
        let mut report = SetupReport { items: vec![item("iohyve", present, &detail)], ..SetupReport::default() };
        if present {
            self.tell_set_up().await;
        } else {
            report.command = Some(COMMAND.to_owned());
            report.fields = self.set_up_form().await?;
        }
        Ok(report)
    }

    async fn set_up_form(&self) -> Result<Vec<FieldSpec>> {
        let (pool, nics) = tokio::try_join!(self.pool_field("where machines and images are kept"), async {
            granted(self.nics().await)
        })?;
        Ok(vec![pool, field("nic", "Network device", nics, "what the machines reach the network through")])
    }

    async fn set_up(&self, values: &Values, call: Call) -> Result<()> {
        self.check(Op::SetUp)?;
        let (pool, nic) = (check_word("pool", values)?, check_word("nic", values)?);
        call.progress(Progress::note(format!("iohyve on {pool} and {nic}")));
        self.iohyve("setup", &[("pool", &pool), ("nic", &nic)]).await?;
        // The server says yes to a pool that there is not.
        match self.has_place(&pool).await? {
            Some(false) => Err(Error::new(
                ErrorKind::Differs,
                format_args!("the server said yes, but {pool} has no place for iohyve: is it the name of a pool?"),
            )),
            Some(true) | None => Ok(()),
        }
    }
}
