//! Reading back what a change should have brought about.
use super::{Libvirt, describe, images};
use crate::backend::{Disks, Snapshots};
use crate::domain::{Disk, Error, ErrorKind, Expect, PowerState, Reply, Result, Verdict, VmId};

impl Libvirt {
    pub(super) async fn judge(&self, expect: &Expect) -> Result<Verdict> {
        Ok(match expect {
            Expect::Power { vm, state } => self.look_power(vm, *state).await?,
            Expect::Present(vm) => match self.domain(vm).await {
                Ok(_) => Verdict::Met(None),
                Err(error) if error.kind == ErrorKind::NotFound => Verdict::NotMet("it is not there".to_owned()),
                Err(error) => Verdict::Unknown(error),
            },
            Expect::Gone(vm) => match self.domain(vm).await {
                Ok(_) => Verdict::NotMet("it is still there".to_owned()),
                Err(error) if error.kind == ErrorKind::NotFound => Verdict::Met(None),
                Err(error) => Verdict::Unknown(error),
            },
            Expect::PropertyIs { vm, name, value } => self.look_setting(vm, name, value).await?,
            Expect::NewDisk { vm, .. } => {
                let disks = self.list_disks(vm).await?;
                let found = disks.iter().find(|disk| expect.is_new_disk(&disk.id));
                let pending = |disk: &Disk| disk.pending.as_ref().map(|why| format!("{}: {why}", disk.id));
                match found.map(|disk| (disk, pending(disk))) {
                    Some((_, Some(why))) => Verdict::NotMet(why),
                    Some((disk, None)) => Verdict::Met(Some(Reply::DiskAdded(disk.id.clone()))),
                    None => Verdict::NotMet("it has no new disk".to_owned()),
                }
            }
            Expect::DiskSize { vm, disk, plan } => match self.disk(vm, disk).await? {
                Some(found) => Verdict::size(*plan, found.virtual_size),
                None => Verdict::Failed(Error::not_found(format_args!("{vm} has no disk called {disk} any more"))),
            },
            Expect::DiskGone { vm, disk } => match self.one_disk(vm, disk).await? {
                Some(found) => Verdict::NotMet(found.pending.unwrap_or_else(|| "it is still there".to_owned())),
                None => Verdict::Met(None),
            },
            Expect::Medium { vm, image } => images::medium(self, vm, image.as_deref()).await?,
            Expect::ImagePresent(_) | Expect::ImageGone(_) => images::look(&*self.client()?, expect).await?,
            Expect::Snapshot { vm, snapshot, state } => Verdict::snapshot(snapshot, *state, &self.snapshots(vm).await?),
            Expect::Left(vm) => self.look_left(vm).await?,
            Expect::Defined { vm, before, text } => self.look_defined(vm, before.as_deref(), text).await?,
            Expect::Node(expect) => expect.unseen(),
            Expect::Ready | Expect::Nothing => Verdict::Met(None),
        })
    }

    async fn look_power(&self, vm: &VmId, wanted: PowerState) -> Result<Verdict> {
        let (client, domain) = match self.domain(vm).await {
            // One that is not kept goes when it ends.
            Err(error) if error.kind == ErrorKind::NotFound && wanted == PowerState::Off => {
                return Ok(Verdict::Met(None));
            }
            found => found?,
        };
        let (state, reason) = client.state(&domain).await?;
        let number = |n: i32| u64::try_from(n).unwrap_or(0);
        let (power, why) = describe::power(number(state), number(reason));
        Ok(match why {
            _ if power == wanted => Verdict::Met(None),
            _ if power == PowerState::Off => Verdict::Failed(Error::refused(format_args!("{vm} has ended"))),
            Some(why) => Verdict::NotMet(format!("it is {} ({why})", power.name())),
            None => Verdict::power(wanted, power),
        })
    }
}
