use super::{Libvirt, disks::is_active, wire::procedure as p};
use crate::{
    backend::{Call, Console, Power},
    domain::{ErrorKind, Result, VmId},
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

    /// Libvirt may see the end of the process that it kills before its own call does, which then finds nothing to kill.
    async fn power_off(&self, vm: &VmId) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        match client.act(p::DESTROY, &domain).await {
            Err(error) if error.kind == ErrorKind::Conflict && is_active(&domain) => {
                let is_off = client.lookup(vm).await.is_ok_and(|now| !is_active(&now));
                if is_off { Ok(()) } else { Err(error) }
            }
            done => done,
        }
    }

    async fn reset(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::RESET).await
    }

    async fn reboot(&self, vm: &VmId) -> Result<Option<String>> {
        self.act(vm, p::REBOOT).await.map(|()| None)
    }

    async fn save(&self, vm: &VmId, _call: Call) -> Result<()> {
        self.act(vm, p::MANAGED_SAVE).await
    }

    async fn open_console(&self, vm: &VmId) -> Result<Console> {
        self.serial_line(vm).await
    }

    async fn pause(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::SUSPEND).await
    }

    async fn resume(&self, vm: &VmId) -> Result<()> {
        self.act(vm, p::RESUME).await
    }
}
