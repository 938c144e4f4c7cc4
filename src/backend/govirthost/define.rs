//! The description of a machine as it will be at its next start: read, looked through, defined.
use super::{Govirthost, Pending, Session, locked, wire};
use crate::{
    backend::domain_xml::{Description, check_begun, check_edited, check_unmasked, lasting},
    domain::{PowerState, Result, VmId},
    transport::http::Method,
};
use serde_json::json;

impl Session {
    /// What the next start of a machine in this run has, where it was defined since the run began.
    pub(super) fn next(&self, vm: &VmId, run: i64) -> Option<Description> {
        let pending = locked(&self.pending).get(vm).filter(|pending| pending.run == run).cloned()?;
        Description::parse(&pending.xml).ok()
    }

    /// The description that a change begins with: what was defined during this run is not to be lost by the next change,
    /// and what only this run has is not to be kept.
    pub(super) async fn lasting(&self, vm: &VmId, row: &wire::Row) -> Result<String> {
        let waiting = locked(&self.pending).get(vm).filter(|pending| pending.run == row.run).cloned();
        if let Some(waiting) = waiting {
            return Ok(waiting.xml);
        }
        let xml = self.xml(vm).await?;
        if wire::power(&row.state).0 == PowerState::Off { Ok(xml) } else { lasting(&xml) }
    }

    /// Defines `xml` in the place of the description of a machine that is there: same name, same identity.
    pub(super) async fn define(&self, vm: &VmId, row: &wire::Row, xml: &str) -> Result<()> {
        check_edited(xml, vm.as_str(), &row.uuid)?;
        check_unmasked(xml)?;
        let body = json!({"domain": vm.as_str(), "action": "define", "xml": wire::encoded(xml)});
        self.client.change(Method::POST, &body, self.build).await?;
        locked(&self.known).remove(vm);
        if wire::power(&row.state).0 != PowerState::Off {
            locked(&self.pending).insert(vm.clone(), Pending { run: row.run, xml: xml.to_owned() });
        }
        Ok(())
    }
}

impl Govirthost {
    pub(super) async fn lasting(&self, vm: &VmId) -> Result<String> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        session.lasting(vm, &row).await
    }

    pub(super) async fn check(&self, vm: &VmId, before: Option<&str>, text: &str) -> Result<()> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        check_edited(text, vm.as_str(), &row.uuid)?;
        check_unmasked(text)?;
        match before {
            Some(before) => check_begun(vm.as_str(), before, &session.lasting(vm, &row).await?),
            None => Ok(()),
        }
    }

    pub(super) async fn define_anew(&self, vm: &VmId, text: &str) -> Result<()> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        session.define(vm, &row, text).await
    }
}
