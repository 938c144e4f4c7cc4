use super::{
    Velocity, catalogue,
    power::in_error,
    states::{Seen, not_loaded},
    wire,
};
use crate::domain::{Error, Expect, PowerState, Reply, Result, Verdict, VmId};

impl Velocity {
    /// The verdict; an error where it could not be seen.
    pub(super) async fn judge(&self, expect: &Expect) -> Result<Verdict> {
        match expect {
            Expect::Nothing => Ok(Verdict::Met(None)),
            Expect::Power { vm, state } => self.power_of(vm, *state).await,
            Expect::Present(vm) => self.is_there(vm).await,
            Expect::Gone(vm) => match self.read_catalogue(None).await?.entries.contains_key(vm) {
                true => Ok(Verdict::NotMet("it is still there".to_owned())),
                false => Ok(Verdict::Met(None)),
            },
            _ => Ok(Verdict::NotMet("Velocity has nothing of the kind".to_owned())),
        }
    }

    async fn power_of(&self, vm: &VmId, wanted: PowerState) -> Result<Verdict> {
        let vmid = self.entry(vm).await?.machine.vmid;
        let (seen, _) = self.session()?.read_state(vmid).await?;
        Ok(match &seen {
            Seen::NotLoaded => Verdict::Failed(not_loaded(vm)),
            Seen::Hidden => Verdict::Unknown(Error::refused(format_args!("this user may not see the state of {vm}"))),
            Seen::Untold(error) => Verdict::Unknown(error.clone()),
            Seen::Is(now) if now == "ERROR" => Verdict::Failed(in_error(vm)),
            Seen::Is(_) if seen.power() == (wanted, None) => Verdict::Met(None),
            Seen::Is(now) => Verdict::NotMet(format!("it is {}", wire::word(now))),
        })
    }

    /// Whether a machine is in the list. One that was just made may not be loaded, which is to be told.
    async fn is_there(&self, vm: &VmId) -> Result<Verdict> {
        let catalogue = self.read_catalogue(None).await?;
        let named = || catalogue.entries.values().find(|entry| entry.machine.name == vm.as_str());
        let Some(entry) = catalogue.entries.get(vm).or_else(named) else {
            return Ok(Verdict::NotMet(catalogue::missing(vm).message));
        };
        let (seen, _) = self.session()?.read_state(entry.machine.vmid).await?;
        let remark = "Velocity loads it when it is started the next time; until then it cannot be used";
        let remark = (seen == Seen::NotLoaded).then(|| Reply::Remark(remark.to_owned()));
        Ok(Verdict::Met(remark))
    }
}
