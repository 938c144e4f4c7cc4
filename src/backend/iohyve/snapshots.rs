//! Snapshots of ZFS, of a machine's settings and its disks. Memory is in none of them.
use super::{CHANGE, Iohyve, Row, command::words, differs, names, read};
use crate::{
    backend::Snapshots,
    domain::{Error, Result, Snapshot, SnapshotState, VmId, clean_line},
    transport::Output,
};

impl Iohyve {
    /// The snapshots of all machines, as iohyve names them: `web@first`.
    async fn all_snapshots(&self) -> Result<Vec<(String, String)>> {
        let output = self.shell.run(&["snaplist"], super::READ).await?;
        let text = String::from_utf8_lossy(&output.stdout);
        // Where there are none it prints nothing and fails; an iohyve that does not know the word tells of its usage.
        let is_list = text.trim().is_empty() && output.stderr.trim_ascii().is_empty() || text.contains('@');
        if is_list { Ok(read::snapshots(&text)) } else { Err(Error::refused(words(&output))) }
    }

    /// The machine, and its name with that of a snapshot, as iohyve takes them; where only this machine is meant by it.
    ///
    /// Without the `@` it would be the machine itself that is removed.
    async fn at(&self, vm: &VmId, name: &str) -> Result<(Row, String)> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        names::check_snapshot(name)?;
        Ok((row, format!("{vm}@{name}")))
    }

    /// The snapshots of a machine that is known to be there.
    pub(super) async fn snapshots_of(&self, vm: &VmId) -> Result<Vec<Snapshot>> {
        let all = self.all_snapshots().await?;
        let own = all.into_iter().filter(|(of, _)| of == vm.as_str());
        let mut own: Vec<_> = own.map(|(_, name)| Snapshot { name, ..Snapshot::default() }).collect();
        for at in 1..own.len() {
            let before = own.get(at - 1).map(|snapshot| snapshot.name.clone());
            own.iter_mut().skip(at).take(1).for_each(|snapshot| snapshot.parent.clone_from(&before));
        }
        // ZFS keeps them in one line: what there is now has come from the newest.
        own.iter_mut().next_back().into_iter().for_each(|newest| newest.is_current = true);
        Ok(own)
    }

    /// What was said counts for nothing where it is not so.
    async fn became(&self, vm: &VmId, name: &str, state: SnapshotState, output: &Output) -> Result<()> {
        let all = self.snapshots(vm).await?;
        state.is_so(name, &all).map_err(|instead| differs(output, format_args!("{vm}@{name}: {instead}")))
    }
}

impl Snapshots for Iohyve {
    async fn snapshots(&self, vm: &VmId) -> Result<Vec<Snapshot>> {
        tokio::try_join!(self.row(vm), self.snapshots_of(vm)).map(|(_, own)| own)
    }

    async fn take_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        if name.contains("disk") {
            let why = format_args!("name: with `disk` in it `{}` vanishes from iohyve's list", clean_line(name));
            return Err(Error::invalid(why));
        }
        let (_, snapshot) = self.at(vm, name).await?;
        let output = self.shell.run(&["snap", &snapshot], CHANGE).await?;
        self.became(vm, name, SnapshotState::There, &output).await
    }

    async fn revert_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        let (row, snapshot) = self.at(vm, name).await?;
        Self::check_off(vm, &row)?;
        let all = self.snapshots_of(vm).await?;
        let newer: Vec<_> = all.iter().skip_while(|snapshot| snapshot.name != name).skip(1).collect();
        if !newer.is_empty() {
            let newer: Vec<_> = newer.iter().map(|snapshot| clean_line(&snapshot.name)).collect();
            return Err(Error::conflict(format_args!(
                "iohyve would remove what is newer than {name}: {}; remove that first",
                newer.join(", ")
            )));
        }
        let output = self.shell.run(&["roll", &snapshot], CHANGE).await?;
        // That it is at its newest snapshot was so before: what iohyve and ZFS wrote has to tell.
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let said = String::from_utf8_lossy(&said);
        if ["cannot ", "Please stop", "Not a valid"].iter().any(|refusal| said.contains(refusal)) {
            return Err(Error::refused(words(&output)));
        }
        self.became(vm, name, SnapshotState::Current, &output).await
    }

    async fn remove_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        let (_, snapshot) = self.at(vm, name).await?;
        let output = self.shell.run(&["rmsnap", "-f", &snapshot], CHANGE).await?;
        self.became(vm, name, SnapshotState::Gone, &output).await
    }
}
