use super::Settings;
use crate::backend::lochness_records::{self as records, HEARTBEAT, NODES};
use crate::domain::{Capabilities, Events, Limits, OPS, Op, OpSet, Result, Vm};
use std::{borrow::Cow, time::Duration};

const GUESTS: &[Op] = &[Op::Show, Op::Start, Op::ShutDown, Op::PowerOff];

/// Why an operation is missing.
fn why(op: Op, has_guests: bool) -> &'static str {
    match op {
        _ if GUESTS.contains(&op) && !has_guests => {
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
        ops = GUESTS.iter().fold(ops, |ops, op| ops.with(*op));
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
    let patience = [Op::Start, Op::ShutDown, Op::PowerOff].map(|op| (op, Duration::from_secs(60)));
    Capabilities {
        ops,
        events: Events::Poll,
        limits: Limits { patience: patience.to_vec(), ..Limits::default() },
        missing,
        cautions: vec![(Op::UpdateNode, HEARTBEAT.into())],
        version: "chypervisord".to_owned(),
        details,
        ..Capabilities::default()
    }
}
