//! The description of a machine as it is at its next start: shown without its secrets, looked through, defined.
use super::{Libvirt, client::Client, disks::is_active, wire::Domain};
use crate::{
    backend::domain_xml::{Description, check_begun, check_edited, differences, masked, unmasked},
    domain::{Error, Reply, Result, Verdict, VmId},
};

/// What is told before a description is sent.
pub(super) const CAUTION: &str =
    "A password of a screen and a cookie of a disk are shown as *****: left so, they stay.";

/// Defining a machine that is forgotten when it ends would keep it.
async fn is_kept(client: &Client, vm: &VmId, domain: &Domain) -> Result<()> {
    match client.is_kept(domain).await? {
        true => Ok(()),
        false => Err(Error::conflict(format_args!("{vm} is forgotten when it ends: it has no next start"))),
    }
}

impl Libvirt {
    pub(super) async fn described(&self, vm: &VmId) -> Result<String> {
        let (client, domain) = self.domain(vm).await?;
        masked(&client.xml_text(&domain).await?)
    }

    pub(super) async fn check_anew(&self, vm: &VmId, before: Option<&str>, text: &str) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        is_kept(&client, vm, &domain).await?;
        let own = client.xml_text(&domain).await?;
        check_edited(&unmasked(text, &own)?, vm.as_str(), &Description::parse(&own)?.uuid)?;
        before.map_or(Ok(()), |before| check_begun(vm.as_str(), before, &masked(&own)?))
    }

    pub(super) async fn define_anew(&self, vm: &VmId, text: &str) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        let xml = unmasked(text, &client.xml_text(&domain).await?)?;
        client.define(&xml).await.map(drop)
    }

    /// Whether a machine is as `text` describes it, and since when. What was changed in `before` need not be anything that
    /// is compared: where it is all that there still is, nothing was taken.
    pub(super) async fn look_defined(&self, vm: &VmId, before: Option<&str>, text: &str) -> Result<Verdict> {
        let (client, domain) = self.domain(vm).await?;
        let own = client.xml_text(&domain).await?;
        if before.is_some_and(|before| masked(&own).is_ok_and(|now| now == before)) && unmasked(text, &own)? != own {
            return Ok(Verdict::NotMet("its description is as it was".to_owned()));
        }
        let (wanted, next) = (Description::parse(text)?, client.xml(&domain, true).await?);
        if let Some(other) = differences(&wanted, &next) {
            return Ok(Verdict::NotMet(other));
        }
        let is_later = is_active(&domain) && differences(&next, &client.xml(&domain, false).await?).is_some();
        Ok(Verdict::Met(is_later.then(|| Reply::Remark("at the next start".to_owned()))))
    }
}
