//! Guests by cguestd: their records, and actions that become jobs.
use super::{Chypervisord, client::Client, locked};
use crate::{
    backend::{Machines, Power},
    domain::{Error, ErrorKind, Reply, Result, Verdict, Vm, VmId, clean},
};
use serde_json::Value;
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks at a job.
const PAUSE: Duration = Duration::from_millis(500);

impl Chypervisord {
    fn cguestd(&self) -> Result<&Client> {
        let why = "write guests_url = \"http://host:18000\": a cguestd knows the guests";
        self.guests.as_ref().ok_or_else(|| Error::new(ErrorKind::Unsupported, why))
    }

    /// Asks for an action; returns what became of its job.
    async fn act(&self, vm: &VmId, action: &str) -> Result<String> {
        let client = self.cguestd()?;
        locked(&self.taken).remove(vm);
        let job = client.act(vm, action).await?;
        let became = self.became(client, &job).await?;
        let told = format!("{became}; lochness does not tell whether the guest runs");
        locked(&self.taken).insert(vm.clone(), told.clone());
        Ok(told)
    }

    /// What became of a job, where it may be looked at.
    async fn became(&self, client: &Client, job: &str) -> Result<String> {
        let shown = clean(job, 40);
        if !self.settings.follow_jobs {
            return Ok(format!("queued as job {shown}"));
        }
        follow(client, job).await?;
        Ok(format!("job {shown} is done"))
    }

    /// Whether a guest has gone. One whose job may not be looked at goes when its turn comes.
    pub(super) async fn has_gone(&self, vm: &VmId) -> Verdict {
        let queued = locked(&self.taken).get(vm).cloned();
        match (self.find(vm).await, queued) {
            (Err(error), _) if error.kind == ErrorKind::NotFound => Verdict::Met(None),
            (Ok(_), Some(told)) if !self.settings.follow_jobs => Verdict::Met(Some(Reply::Taken(told))),
            (Ok(_), _) => Verdict::NotMet("it is still there".to_owned()),
            (Err(error), _) => Verdict::Unknown(error),
        }
    }

    /// What is known of an action: no more than what became of its job.
    pub(super) fn taken(&self, vm: &VmId) -> Verdict {
        match locked(&self.taken).get(vm) {
            Some(told) => Verdict::Met(Some(Reply::Taken(told.clone()))),
            None => Verdict::Unknown(Error::new(ErrorKind::Unsupported, "lochness does not tell whether a guest runs")),
        }
    }
}

/// Waits for the end of a job. Some servers lose a job when it is looked at: the configuration says where not.
async fn follow(client: &Client, job: &str) -> Result<()> {
    // The server's own word for a job becomes part of a path only where it is one word.
    if !job.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) || job.is_empty() {
        return Err(Error::new(ErrorKind::Protocol, "the server said yes, but its job has no name"));
    }
    loop {
        let told = client.get(&format!("/jobs/{job}")).await.map_err(|error| {
            let why = format_args!("job {job} could not be followed: {}", error.message);
            Error::new(if error.leaves_unknown() { error.kind } else { ErrorKind::Unreachable }, why)
        })?;
        let word = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
        match word("status") {
            "done" => return Ok(()),
            "error" => return Err(Error::refused(format_args!("job {job} failed: {}", word("error")))),
            _ => sleep(PAUSE).await,
        }
    }
}

impl Power for Chypervisord {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.act(vm, "start").await.map(drop)
    }

    async fn shut_down(&self, vm: &VmId) -> Result<()> {
        self.act(vm, "shutdown").await.map(drop)
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        self.act(vm, "poweroff").await.map(drop)
    }

    // `restart` comes to the same with the agent that does it.
    async fn reboot(&self, vm: &VmId) -> Result<Option<String>> {
        self.act(vm, "reboot").await.map(Some)
    }
}

impl Machines for Chypervisord {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        self.cguestd()?.guest(vm).await
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        let client = self.cguestd()?;
        if keep_disks {
            let why = "lochness deletes a guest with its disks: they cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        locked(&self.taken).remove(vm);
        let job = client.delete(vm).await?;
        let told = self.became(client, &job).await?;
        locked(&self.taken).insert(vm.clone(), told);
        Ok(None)
    }
}
