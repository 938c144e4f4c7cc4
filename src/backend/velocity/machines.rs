use super::{Velocity, catalogue::Catalogue};
use crate::{
    backend::{Call, Machines},
    domain::{FieldSpec, Result, Values, Vm, VmId},
};

impl Catalogue {
    /// The groups, for the page of the host.
    pub(super) fn described(&self) -> Vec<(String, String)> {
        let count = |gid| self.entries.values().filter(|entry| entry.gid == gid).count();
        let line = |gid| {
            let count = count(gid);
            format!("{}: {count} machine{}", self.groups.name(gid), if count == 1 { "" } else { "s" })
        };
        self.groups.iter().map(|group| ("Group".to_owned(), line(group.gid))).collect()
    }
}

impl Machines for Velocity {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        let entry = self.listed(vm).await?;
        let session = self.session()?;
        session.read_state(entry.machine.vmid).await?;
        Ok(session.vm(&entry))
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        self.form().await
    }

    async fn create(&self, values: &Values, _: Call) -> Result<()> {
        self.make(values).await
    }
}
