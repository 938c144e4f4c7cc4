//! The server's list of its jobs and the log of their ends, for what no event told.
use super::{
    allowed::{Facts, Tells},
    jobs::Jobs,
    link::Link,
    wire::{self, JobEvent},
};
use crate::domain::Result;
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

/// Between two lists while jobs of ours or of others are known to run, and while none is.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Reads the list: jobs that are no longer in it have ended, and the log may tell how.
pub(super) async fn read(link: &Link, facts: &Facts, jobs: &Jobs) -> Result<()> {
    // What begins from here on may not be in the answer yet.
    let known = jobs.running();
    let listed = match link.call("rpc", "dispatcher", json!({"action": "list"})).await {
        Ok(args) => wire::listed_jobs(&args),
        Err(error) if error.leaves_unknown() => return Err(error),
        Err(error) => {
            tracing::info!("the server does not list its jobs: {error}");
            return Ok(());
        }
    };
    let gone: Vec<_> = known.into_iter().filter(|id| !listed.iter().any(|(known, _)| known == id)).collect();
    if !gone.is_empty() && facts.jobs == Tells::Ends {
        for end in ends(link).await.into_iter().filter(|end| gone.contains(&end.id)) {
            jobs.heard(end);
        }
    }
    jobs.listed(&listed, &gone);
    Ok(())
}

/// The ends of the last hour that the server's log holds.
async fn ends(link: &Link) -> Vec<JobEvent> {
    let hour = json!({"action": "read_logs", "logs": ["dispatcher"], "time_format": "relative_second",
        "start_time": "-3600"});
    match link.call("rpc", "logs", hour).await {
        Ok(logs) => wire::logged_ends(&logs),
        Err(error) => {
            tracing::info!("the server does not tell its log: {error}");
            Vec::new()
        }
    }
}

/// Reads the list again and again, for as long as it runs.
pub(super) async fn poll(link: &Link, facts: &Facts, jobs: &Jobs) {
    loop {
        if jobs.running().is_empty() {
            tokio::select! { () = sleep(PAUSES.1) => {}, () = jobs.begun() => sleep(PAUSES.0).await }
        } else {
            sleep(PAUSES.0).await;
        }
        if let Err(error) = read(link, facts, jobs).await {
            tracing::info!("the list of jobs: {error}");
        }
    }
}
