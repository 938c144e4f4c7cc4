//! What is in the CD drive, of a running machine and of one that is off.
use super::{Local, disks::DRIVE};
use crate::domain::{Result, VmId};
use serde_json::json;
use std::path::PathBuf;

impl Local {
    /// Puts `image` into the drive; None: takes out what is in it. A guest that has locked its tray is not asked.
    pub(super) async fn set_medium(&self, vm: &VmId, image: Option<PathBuf>) -> Result<()> {
        let lock = self.store.lock(vm).await?;
        let path = image.map(|path| path.to_string_lossy().into_owned());
        if let Some(monitor) = self.monitor(vm).await? {
            match &path {
                Some(path) => {
                    let medium = json!({ "id": DRIVE, "filename": path, "format": "raw", "force": true });
                    monitor.execute("blockdev-change-medium", medium).await?;
                }
                None => drop(monitor.execute("eject", json!({ "id": DRIVE, "force": true })).await?),
            }
        }
        self.store.change_locked(vm, &lock, |record| {
            record.cdrom = path.unwrap_or_default();
            Ok(())
        })
    }
}
