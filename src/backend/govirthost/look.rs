use super::{Govirthost, missing, wire};
use crate::backend::domain_xml::{Description, differences};
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
            Expect::Left(vm) => {
                let is_off = row(vm).is_none_or(|row| wire::power(&row.state).0 == PowerState::Off);
                verdict(is_off, "it still runs here")
            }
            Expect::Defined { vm, text, .. } => match row(vm) {
                None => Verdict::Failed(missing(vm)),
                Some(row) => self.described(vm, row, text).await?,
            },
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
            let next = session.next(vm, row.run);
            let next = next.and_then(|next| if is_cpus { next.cpus.map(u64::from) } else { next.memory.map(|m| m.0) });
            return Ok(at_next_start(next.is_some() && next == wanted));
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

    /// Whether a machine is as `text` describes it.
    async fn described(&self, vm: &VmId, row: &wire::Row, text: &str) -> Result<Verdict> {
        let session = self.session()?;
        let wanted = Description::parse(text)?;
        if wire::power(&row.state).0 != PowerState::Off {
            return Ok(at_next_start(session.next(vm, row.run).is_some_and(|next| next == wanted)));
        }
        let (found, _) = session.describe(vm, row.run).await?;
        Ok(differences(&wanted, &found).map_or(Verdict::Met(None), Verdict::NotMet))
    }
}

/// What is known of a running machine: that the server took what it gets next.
fn at_next_start(is_taken: bool) -> Verdict {
    match is_taken {
        true => Verdict::Met(Some(Reply::Remark(
            "at the next start; until then the server shows what the machine has now".to_owned(),
        ))),
        false => Verdict::Unknown(Error::new(
            ErrorKind::Timeout,
            "what a running machine gets at its next start, the server does not show",
        )),
    }
}
