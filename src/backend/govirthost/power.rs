use super::{Govirthost, check};
use crate::{
    backend::Power,
    domain::{Op, Result, VmId},
    transport::http::Method,
};
use serde_json::json;

impl Govirthost {
    /// Sends an action for a machine, once it was seen in a state in which it should succeed.
    async fn act(&self, vm: &VmId, op: Op, action: &str) -> Result<()> {
        let session = self.session()?;
        check(&session.row(vm).await?, op)?;
        let body = json!({"domain": vm.as_str(), "action": action});
        session.client.change(Method::POST, &body, session.build).await
    }
}

impl Power for Govirthost {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.act(vm, Op::Start, "start").await
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.act(vm, Op::ShutDown, "shutdown").await
    }

    /// What libvirt calls "destroy".
    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.act(vm, Op::PowerOff, "destroy").await
    }

    async fn reset(&self, vm: &VmId) -> Result<()> {
        self.act(vm, Op::Reset, "reset").await
    }
}
