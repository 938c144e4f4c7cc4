use super::{Govirthost, locked, missing, wire};
use crate::domain::{ByteSize, Error, ErrorKind, Expect, PowerState, Reply, Result, Verdict, VmId, clean_line};

impl Govirthost {
    /// The verdict; an error where it could not be seen.
    pub(super) async fn judge(&self, expect: &Expect) -> Result<Verdict> {
        let session = self.session()?;
        let rows = session.rows().await?;
        let row = |vm: &VmId| rows.iter().find(|row| row.name == vm.as_str());
        let verdict = |is_so: bool, instead: &str| match is_so {
            true => Verdict::Met(None),
            false => Verdict::NotMet(instead.to_owned()),
        };
        Ok(match expect {
            Expect::Nothing => Verdict::Met(None),
            Expect::Power { vm, state } => match row(vm) {
                None => Verdict::Failed(missing(vm)),
                Some(row) => Verdict::power(*state, wire::power(&row.state).0),
            },
            Expect::Present(vm) => verdict(row(vm).is_some(), "it is not there"),
            Expect::Gone(vm) => verdict(row(vm).is_none(), "it is still there"),
            Expect::PropertyIs { vm, name, value } => match row(vm) {
                None => Verdict::Failed(missing(vm)),
                Some(row) => self.setting(vm, row, name, value).await?,
            },
            _ => Verdict::NotMet("govirthost has nothing of the kind".to_owned()),
        })
    }

    /// Whether CPUs or memory are as they were defined. Of a running machine the server shows what it has now, so there
    /// only the server's yes is known.
    async fn setting(&self, vm: &VmId, row: &wire::Row, name: &str, value: &str) -> Result<Verdict> {
        let session = self.session()?;
        let is_cpus = name == "cpus";
        let wanted = match is_cpus {
            true => value.parse().ok(),
            false => value.parse::<ByteSize>().ok().map(|size| size.0 / 1024 * 1024),
        };
        if wire::power(&row.state).0 != PowerState::Off {
            let pending = locked(&session.pending).get(vm).cloned().unwrap_or_default();
            let next = if is_cpus { pending.cpus.map(u64::from) } else { pending.memory };
            return Ok(match next.is_some() && next == wanted {
                true => Verdict::Met(Some(Reply::Remark(
                    "at the next start; until then the server shows what the machine has now".to_owned(),
                ))),
                false => Verdict::Unknown(Error::new(
                    ErrorKind::Timeout,
                    "what a running machine gets at its next start, the server does not show",
                )),
            });
        }
        let (found, _) = session.describe(vm, row.run).await?;
        let now = if is_cpus { found.cpus.map(u64::from) } else { found.memory.map(|size| size.0) };
        Ok(match now {
            Some(now) if Some(now) == wanted => Verdict::Met(None),
            Some(now) if is_cpus => Verdict::NotMet(format!("it is {now}")),
            Some(now) => Verdict::NotMet(format!("it is {}", ByteSize(now))),
            None => Verdict::NotMet(format!("{} is not set", clean_line(name))),
        })
    }
}
