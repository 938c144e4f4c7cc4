use super::{Sysadm, wire};
use crate::{
    backend::{Call, Setup},
    domain::{Error, Progress, Result, SetupItem, SetupReport, Verdict, clean_line},
};
use serde_json::json;

/// A word that may stand in the configuration of the server.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c)) && !word.starts_with('-')
}

fn item(name: &str, present: bool, detail: String) -> SetupItem {
    SetupItem { name: name.to_owned(), present, required: true, detail }
}

/// The one that can be meant, or why none can.
fn only(what: &str, found: &[String]) -> Result<String, String> {
    match found {
        [one] if is_plain(one) => Ok(one.clone()),
        [] => Err(format!("the server shows no {what}")),
        all => Err(format!("which {what}? {}", clean_line(&all.join(", ")))),
    }
}

impl Sysadm {
    async fn is_set_up(&self) -> Result<bool> {
        let answer = self.iohyve("issetup", &[]).await?;
        wire::yes(answer.get("setup")).ok_or_else(|| wire::odd("issetup"))
    }

    /// The network devices that are in use.
    async fn nics(&self) -> Result<Vec<String>> {
        let (link, _) = self.session()?;
        let answer = link.call("sysadm", "network", json!({"action": "list-devices"})).await?;
        let devices = answer.get("list-devices").unwrap_or(&answer);
        let devices = devices.as_object().ok_or_else(|| wire::odd("list-devices"))?;
        let is_used = |device: &serde_json::Value| {
            wire::yes(device.get("is_active")) == Some(true) && wire::yes(device.get("is_wireless")) != Some(true)
        };
        let own = |name: &str| ["lo", "tap", "bridge"].iter().any(|kind| name.starts_with(kind));
        Ok(devices
            .iter()
            .filter(|(name, device)| is_used(device) && !own(name))
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// The pool and the network device to set up with, each an error in words where that is not clear.
    async fn plan(&self) -> Result<(Result<String, String>, Result<String, String>)> {
        let (pools, nics) = tokio::try_join!(self.pools(), self.nics())?;
        let pools: Vec<_> = pools.into_iter().map(|(name, _)| name).collect();
        Ok((only("pool", &pools), only("network device", &nics)))
    }

    /// Whether machines can be made: the server's own word is only that a line was written.
    pub(super) async fn is_ready(&self) -> Result<Verdict> {
        match self.is_set_up().await? {
            true => Ok(Verdict::Met(None)),
            false => Ok(Verdict::NotMet("the server says that it is not set up".to_owned())),
        }
    }
}

impl Setup for Sysadm {
    async fn check_setup(&self) -> Result<SetupReport> {
        let (is_set_up, rows) = tokio::try_join!(self.is_set_up(), self.rows())?;
        if is_set_up || !rows.is_empty() {
            let detail = match (is_set_up, rows.len()) {
                (true, _) => "set up".to_owned(),
                (false, machines) => format!("set up by hand: it has {machines} machines"),
            };
            return Ok(SetupReport { items: vec![item("iohyve", true, detail)], ..SetupReport::default() });
        }
        let (pool, nic) = self.plan().await?;
        let command = match (&pool, &nic) {
            (Ok(pool), Ok(nic)) => Some(format!("iohyve setup pool={pool} kmod=1 net={nic}")),
            _ => None,
        };
        let unclear = "which pool and device to use is not clear: run `iohyve setup pool=POOL kmod=1 net=DEVICE` there";
        let obstacle = command.is_none().then(|| unclear.to_owned());
        let told = |name: &str, found: Result<String, String>| {
            let present = found.is_ok();
            item(name, present, found.unwrap_or_else(|why| why))
        };
        let items =
            vec![item("iohyve", false, "not set up".to_owned()), told("ZFS pool", pool), told("Network device", nic)];
        Ok(SetupReport { items, command, obstacle, ..SetupReport::default() })
    }

    async fn set_up(&self, call: Call) -> Result<()> {
        let (pool, nic) = self.plan().await?;
        let (pool, nic) = (pool.map_err(Error::conflict)?, nic.map_err(Error::conflict)?);
        call.progress(Progress::note(format!("iohyve on {pool} and {nic}")));
        self.iohyve("setup", &[("pool", &pool), ("nic", &nic)]).await.map(drop)
    }
}
