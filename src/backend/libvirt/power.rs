use super::{Libvirt, wire::procedure as p};
use crate::{
    backend::Power,
    domain::{Result, VmId},
};

impl Libvirt {
    async fn act(&self, vm: &VmId, procedure: u32) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        client.act(procedure, &domain).await
    }
}

impl Power for Libvirt {
    /// A machine that was saved goes on where it was.
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::START).await
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::SHUT_DOWN).await
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::DESTROY).await
    }

    async fn reset(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::RESET).await
    }

    async fn pause(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::SUSPEND).await
    }

    async fn resume(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::RESUME).await
    }
}
