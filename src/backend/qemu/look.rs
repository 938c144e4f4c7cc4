//! Reading back what a change should have brought about.
use super::{Local, disks, images, setup};
use crate::domain::{Error, ErrorKind, Expect, PowerState, Verdict, VmId};

impl Local {
    pub(super) async fn look(&self, expect: &Expect) -> Verdict {
        match expect {
            Expect::Power { vm, state } => self.look_power(vm, *state).await,
            Expect::Present(vm) => match self.store.read(vm) {
                Ok(_) => Verdict::Met(None),
                Err(error) if error.kind == ErrorKind::NotFound => Verdict::NotMet("it is not there".to_owned()),
                Err(error) => Verdict::Failed(error),
            },
            Expect::Gone(vm) if self.store.holds(vm) => Verdict::NotMet("it is still there".to_owned()),
            Expect::Gone(_) | Expect::Nothing => Verdict::Met(None),
            Expect::PropertyIs { vm, name, value } => match self.look_setting(vm, name, value) {
                Ok(verdict) => verdict,
                Err(error) if error.kind == ErrorKind::NotFound => Verdict::Failed(error),
                Err(error) => Verdict::Unknown(error),
            },
            Expect::NewDisk { .. } | Expect::DiskSize { .. } | Expect::DiskGone { .. } | Expect::Medium { .. } => {
                disks::look(self, expect).await
            }
            Expect::ImagePresent(_) | Expect::ImageGone(_) => images::look(self, expect),
            Expect::Left(_) | Expect::Defined { .. } | Expect::Snapshot { .. } => {
                Verdict::NotMet("it was not asked for".to_owned())
            }
            Expect::Node(expect) => expect.unseen(),
            Expect::Ready => setup::look(self).await,
        }
    }

    async fn look_power(&self, vm: &VmId, wanted: PowerState) -> Verdict {
        // That it is off needs no monitor: the lock tells.
        if wanted == PowerState::Off && self.place(vm).is_ok_and(|place| place.alive().is_none()) {
            return Verdict::Met(None);
        }
        match self.describe(vm).await {
            Ok(found) => match (found.power, found.remark) {
                (Some(PowerState::Off), _) if wanted != PowerState::Off => {
                    Verdict::Failed(Error::refused(format_args!("{vm} has ended")))
                }
                (Some(power), Some(why)) if power != wanted => {
                    Verdict::NotMet(format!("it is {} ({why})", power.name()))
                }
                (Some(power), _) => Verdict::power(wanted, power),
                (None, why) => Verdict::Unknown(Error::new(ErrorKind::Timeout, why.unwrap_or_default())),
            },
            Err(error) if error.kind == ErrorKind::NotFound => Verdict::Failed(error),
            Err(error) => Verdict::Unknown(error),
        }
    }
}
