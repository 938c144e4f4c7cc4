use super::Settings;
use crate::backend::lochness_records::{self as records, HEARTBEAT, NODES};
use crate::domain::{Capabilities, Events, Limits, OPS, Op, OpSet, Result, Vm};
use std::{borrow::Cow, time::Duration};

/// What becomes a job.
const JOBS: &[Op] = &[Op::Start, Op::ShutDown, Op::PowerOff, Op::Reboot, Op::Delete];
/// The agent that deletes a guest ends it first.
const DELETES: &str = "lochness does not tell whether it runs: one that runs is stopped, its guest is not asked.";

/// Why an operation is missing.
fn why(op: Op, has_guests: bool) -> &'static str {
    match op {
        _ if (op == Op::Show || JOBS.contains(&op)) && !has_guests => {
            "chypervisord knows the ids of guests alone: write guests_url = \"http://host:18000\""
        }
        _ => records::why(op),
    }
}

/// What this connection can do. `guests`: what cguestd said to a first question; None: it is not configured.
pub(super) fn of(settings: &Settings, guests: Option<&Result<Vec<Vm>>>) -> Capabilities {
    let has_guests = guests.is_some();
    let mut ops = OpSet::of(NODES);
    if has_guests {
        ops = JOBS.iter().fold(ops.with(Op::Show), |ops, op| ops.with(*op));
    }
    let missing = OPS.iter().filter(|row| !ops.contains(row.op));
    let missing = missing.map(|row| (row.op, Cow::from(why(row.op, has_guests)))).collect();
    let told = match guests {
        None => "ids alone: no guests_url is configured".to_owned(),
        Some(Ok(all)) => format!("{} by cguestd", all.len()),
        Some(Err(error)) => format!("cguestd: {}", error.message),
    };
    let jobs = if settings.follow_jobs { "followed to their end" } else { "queued, and not looked at" };
    let mut details = vec![("Guests".to_owned(), told)];
    details.extend(has_guests.then(|| ("Jobs".to_owned(), jobs.to_owned())));
    let patience = JOBS.iter().map(|op| (*op, Duration::from_secs(60)));
    Capabilities {
        ops,
        events: Events::Poll,
        limits: Limits { patience: patience.collect(), ..Limits::default() },
        missing,
        cautions: vec![(Op::UpdateNode, HEARTBEAT.into()), (Op::Delete, DELETES.into())],
        keeps_disks: Some(false),
        version: "chypervisord".to_owned(),
        details,
        ..Capabilities::default()
    }
}
