//! What there is after a change, whatever the command said of it.
use super::{IN_LOADER, Iohyve, Loader, missing, sizes, values};
use crate::{
    backend::{Properties, Snapshots},
    domain::{ByteSize, DiskId, Error, ErrorKind, Expect, PowerState, Reply, Result, Verdict, VmId, clean_line},
};

fn verdict(is_so: bool, instead: &str) -> Verdict {
    if is_so { Verdict::Met(None) } else { Verdict::NotMet(instead.to_owned()) }
}

impl Iohyve {
    /// The verdict; an error where it could not be seen.
    pub(super) async fn judge(&self, expect: &Expect) -> Result<Verdict> {
        let is_there = async |vm: &VmId| Ok::<_, Error>(self.rows().await?.iter().any(|row| row.name == vm.as_str()));
        let has_image = async |name: &String| Ok::<_, Error>(self.isos().await?.contains(name));
        let has_row = |vm: &VmId, error: Error| match error.kind {
            ErrorKind::NotFound => Ok(Verdict::Failed(missing(vm))),
            _ => Err(error),
        };
        if let Some(vm) = expect.vm().filter(|_| !matches!(expect, Expect::Present(_) | Expect::Gone(_))) {
            return self.judge_machine(vm, expect).await.or_else(|error| has_row(vm, error));
        }
        Ok(match expect {
            Expect::Present(vm) => verdict(is_there(vm).await?, "it is not there"),
            Expect::Gone(vm) => verdict(!is_there(vm).await?, "it is still there"),
            Expect::ImagePresent(name) => verdict(has_image(name).await?, "it is not there"),
            Expect::ImageGone(name) => verdict(!has_image(name).await?, "it is still there"),
            Expect::Ready => self.is_ready().await?,
            _ => Verdict::Met(None),
        })
    }

    /// The same for what is about a machine, which must be there.
    async fn judge_machine(&self, vm: &VmId, expect: &Expect) -> Result<Verdict> {
        Ok(match expect {
            Expect::Power { state, .. } => {
                let row = self.row(vm).await?.0;
                if *state == PowerState::Running && !row.is_running && row.loader == Loader::Grub {
                    // How long that takes is up to whoever answers it.
                    return Ok(Verdict::Met(Some(Reply::Remark(IN_LOADER.to_owned()))));
                }
                if *state == PowerState::Off && self.leaving.holds(vm, &row) {
                    return Ok(Verdict::NotMet("it is still in the host's memory".to_owned()));
                }
                let found = match self.seen.vm(&row).power() {
                    PowerState::Stopping if *state == PowerState::Running => PowerState::Off,
                    found => found,
                };
                Verdict::power(*state, found)
            }
            Expect::NewDisk { .. } => {
                let (disks, _) = self.volumes(vm).await?;
                let new = disks.keys().map(|n| DiskId::from(format!("disk{n}"))).find(|id| expect.is_new_disk(id));
                let met = |id| Verdict::Met(Some(Reply::DiskAdded(id)));
                new.map_or_else(|| Verdict::NotMet("there is no new disk".to_owned()), met)
            }
            Expect::DiskSize { disk, plan, .. } => {
                let (disks, _) = self.volumes(vm).await?;
                match disks.iter().find(|(n, _)| format!("disk{n}") == disk.as_str()).map(|(_, size)| size) {
                    Some(size) if sizes::fits(size, plan.to) => Verdict::Met(None),
                    Some(size) => Verdict::NotMet(match size.parse::<ByteSize>() {
                        Ok(size) => format!("it has {size}"),
                        Err(_) => format!("its size is shown as {}", clean_line(size)),
                    }),
                    None => Verdict::Failed(Error::not_found(format_args!("{disk} of {vm} is gone"))),
                }
            }
            Expect::DiskGone { disk, .. } => {
                let (disks, _) = self.volumes(vm).await?;
                verdict(!disks.keys().any(|n| format!("disk{n}") == disk.as_str()), "it is still there")
            }
            Expect::Snapshot { snapshot, state, .. } => Verdict::snapshot(snapshot, *state, &self.snapshots(vm).await?),
            Expect::PropertyIs { name, value, .. } => {
                let all = self.properties(vm).await?;
                match all.iter().find(|p| p.spec.name == name).map(|p| p.value.as_str()) {
                    Some(found) if values::is_same(found, value) => Verdict::Met(None),
                    Some(found) => Verdict::NotMet(format!("it is {}", clean_line(found))),
                    None => Verdict::NotMet("it is not set".to_owned()),
                }
            }
            _ => Verdict::Met(None),
        })
    }
}
