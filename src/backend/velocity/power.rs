use super::{
    Velocity,
    client::Said,
    states::{Seen, not_loaded},
    wire,
};
use crate::{
    backend::Power,
    domain::{Error, Op, Result, VmId},
    transport::http::Method,
};
use serde_json::json;

impl Velocity {
    /// Asks for a state, once the machine was seen in one from which it can be reached: servers refuse the others.
    async fn change(&self, vm: &VmId, op: Op, state: &str, force: bool) -> Result<()> {
        let entry = self.entry(vm).await?;
        let session = self.session()?;
        let vmid = entry.machine.vmid;
        let (seen, _) = session.read_state(vmid).await?;
        match &seen {
            Seen::NotLoaded => return Err(not_loaded(vm)),
            Seen::Hidden => return Err(Error::refused(format_args!("this user may not see the state of {vm}"))),
            Seen::Untold(error) => return Err(error.clone()),
            Seen::Is(now) if now == "ERROR" => return Err(in_error(vm)),
            Seen::Is(now) if wire::is_passing(now) => {
                let why = format_args!("{vm} is {}: wait until that is over", wire::word(now));
                return Err(Error::conflict(why));
            }
            Seen::Is(_) => {}
        }
        op.allowed(seen.power().0).map_err(|why| Error::conflict(format_args!("{vm}: {why}")))?;
        let body = json!({"vmid": vmid, "state": state, "force": force});
        match session.client.ask(Method::PUT, "/v/vm/state", body).await? {
            Said::Yes(answer) => {
                // What it is at this moment, which is seldom what it will be.
                if let Ok(now) = wire::state(&answer) {
                    session.states.keep(vmid, &Seen::Is(now));
                }
                Ok(())
            }
            Said::No(refusal) if refusal.code.is_some() && refusal.status == 404 => Err(not_loaded(vm)),
            Said::No(refusal) => Err(refusal.error("/v/vm/state")),
        }
    }
}

/// Nothing but a new start of the server ends it.
pub(super) fn in_error(vm: &VmId) -> Error {
    Error::conflict(format_args!("{vm} is in the state ERROR: that ends only when Velocity is restarted there"))
}

impl Power for Velocity {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.change(vm, Op::Start, "RUNNING", false).await
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.change(vm, Op::ShutDown, "STOPPED", false).await
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.change(vm, Op::PowerOff, "STOPPED", true).await
    }

    async fn pause(&self, vm: &VmId) -> Result<()> {
        self.change(vm, Op::Pause, "PAUSED", false).await
    }

    async fn resume(&self, vm: &VmId) -> Result<()> {
        self.change(vm, Op::Resume, "RUNNING", false).await
    }
}
