use super::Demo;
use crate::{
    backend::{Call, Setup},
    domain::{HostEvent, Op, Progress, Result, SetupItem, SetupReport, Values},
};
use std::time::Duration;

impl Setup for Demo {
    async fn check_setup(&self) -> Result<SetupReport> {
        let present = self.world(Op::CheckSetup)?.is_set_up;
        let item = |name: &str, detail: &str| SetupItem {
            name: name.to_owned(),
            present,
            required: true,
            detail: detail.to_owned(),
        };
        Ok(SetupReport {
            items: vec![item("Machines", if present { "in memory" } else { "not made yet" })],
            command: (!present).then(|| "nothing to type: set it up here".to_owned()),
            ..SetupReport::default()
        })
    }

    async fn set_up(&self, _: &Values, call: Call) -> Result<()> {
        drop(self.world(Op::SetUp)?);
        call.progress(Progress::note("making machines out of nothing"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.shared.world().is_set_up = true;
        self.shared.tell(HostEvent::Capabilities(Box::new(self.capabilities()))).await;
        Ok(())
    }
}
