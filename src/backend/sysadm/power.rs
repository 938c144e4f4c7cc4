use super::{Sysadm, names};
use crate::{
    backend::Power,
    domain::{Op, Result, VmId},
};

impl Power for Sysadm {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.check(Op::Start)?;
        names::check(vm.as_str())?;
        // A missing machine is started "successfully", so it is looked for before.
        self.row(vm).await?;
        self.iohyve("start", &[("name", vm.as_str())]).await.map(drop)
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.check(Op::ShutDown)?;
        names::check(vm.as_str())?;
        self.row(vm).await?;
        self.iohyve("stop", &[("name", vm.as_str())]).await.map(drop)
    }
}
