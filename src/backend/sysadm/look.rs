//! What there is after a change, whatever the server said of it.
use super::{Sysadm, missing, sizes, values};
use crate::{
    backend::Properties,
    domain::{ByteSize, DiskId, Error, Expect, PowerState, Reply, Result, Verdict, VmId, clean_line},
};

fn verdict(is_so: bool, instead: &str) -> Verdict {
    if is_so { Verdict::Met(None) } else { Verdict::NotMet(instead.to_owned()) }
}

impl Sysadm {
    /// The verdict; an error where it could not be seen.
    pub(super) async fn judge(&self, expect: &Expect) -> Result<Verdict> {
        let is_there = async |vm: &VmId| Ok::<_, Error>(self.rows().await?.iter().any(|row| row.name == vm.as_str()));
        let has_image = async |name: &String| Ok::<_, Error>(self.isos().await?.contains(name));
        if let Some(vm) = expect.vm().filter(|_| !matches!(expect, Expect::Present(_) | Expect::Gone(_)))
            && !is_there(vm).await?
        {
            return Ok(Verdict::Failed(missing(vm)));
        }
        Ok(match expect {
            Expect::Nothing => Verdict::Met(None),
            Expect::Power { vm, state } => self.power_of(vm, *state).await?,
            Expect::Present(vm) => verdict(is_there(vm).await?, "it is not there"),
            Expect::Gone(vm) => verdict(!is_there(vm).await?, "it is still there"),
            Expect::NewDisk { vm, .. } => {
                let (disks, _) = self.volumes(vm).await?;
                let new = disks.keys().map(|n| DiskId::from(format!("disk{n}"))).find(|id| expect.is_new_disk(id));
                let met = |id| Verdict::Met(Some(Reply::DiskAdded(id)));
                new.map_or_else(|| Verdict::NotMet("there is no new disk".to_owned()), met)
            }
            Expect::DiskSize { vm, disk, plan } => {
                let (disks, _) = self.volumes(vm).await?;
                let found = disks.iter().find(|(n, _)| format!("disk{n}") == disk.as_str()).map(|(_, size)| size);
                match found {
                    Some(size) if sizes::fits(size, plan.to) => Verdict::Met(None),
                    Some(size) => Verdict::NotMet(match size.parse::<ByteSize>() {
                        Ok(size) => format!("it has {size}"),
                        Err(_) => format!("the server shows its size as {}", clean_line(size)),
                    }),
                    None => Verdict::Failed(Error::not_found(format_args!("{disk} of {vm} is gone"))),
                }
            }
            Expect::DiskGone { vm, disk } => {
                let (disks, _) = self.volumes(vm).await?;
                verdict(!disks.keys().any(|n| format!("disk{n}") == disk.as_str()), "it is still there")
            }
            Expect::PropertyIs { vm, name, value } => {
                let all = self.properties(vm).await?;
                match all.iter().find(|p| p.spec.name == name).map(|p| p.value.as_str()) {
                    Some(found) if values::is_same(found, value) => Verdict::Met(None),
                    Some(found) => Verdict::NotMet(format!("it is {}", clean_line(found))),
                    None => Verdict::NotMet("it is not set".to_owned()),
                }
            }
            Expect::ImagePresent(name) => verdict(has_image(name).await?, "it is not there"),
            Expect::ImageGone(name) => verdict(!has_image(name).await?, "it is still there"),
            Expect::Left(_) | Expect::Defined { .. } | Expect::Snapshot { .. } => {
                Verdict::NotMet("it was not asked for".to_owned())
            }
            Expect::Node(expect) => expect.unseen(),
            Expect::Ready => self.is_ready().await?,
            Expect::Medium { .. } => Verdict::NotMet("iohyve machines have no CD drive".to_owned()),
        })
    }

    async fn power_of(&self, vm: &VmId, wanted: PowerState) -> Result<Verdict> {
        let (row, _) = self.row(vm).await?;
        // One that has stopped may stay in memory for ever: it is off all the same.
        let found = match self.vm(&row).power() {
            PowerState::Stopping if wanted == PowerState::Running => PowerState::Off,
            found => found,
        };
        Ok(Verdict::power(wanted, found))
    }
}
