use crate::domain::Stamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// The time of day. The application gets it with its messages and never asks.
#[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(0).after(since)
}
