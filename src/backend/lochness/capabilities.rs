use crate::{
    backend::lochness_records::{self as records, HEARTBEAT, NODES},
    domain::{Capabilities, Events, OPS, Op, OpSet},
};
use std::borrow::Cow;

/// Why an operation is missing.
fn why(op: Op) -> &'static str {
    match op {
        Op::Start | Op::ShutDown | Op::PowerOff | Op::Reboot | Op::Delete => {
            "by jobs, whose queue is not in the store: a chypervisord host with guests_url can"
        }
        _ => records::why(op),
    }
}

/// What this connection can do.
pub(super) fn of(version: String) -> Capabilities {
    let ops = OpSet::of(NODES).with(Op::Show);
    let missing = OPS.iter().filter(|row| !ops.contains(row.op));
    Capabilities {
        ops,
        events: Events::Push,
        missing: missing.map(|row| (row.op, Cow::from(why(row.op)))).collect(),
        cautions: vec![(Op::UpdateNode, HEARTBEAT.into())],
        version,
        ..Capabilities::default()
    }
}
