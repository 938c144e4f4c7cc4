//! A backend's answer with an end: in time, late, or in a panic.
pub(super) use crate::backend::unpanicked;
use crate::domain::{Error, ErrorKind, Result, span};
use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};

/// The clock of waiting, which tests can stop.
#[expect(clippy::disallowed_methods, reason = "the runtime is where the clock is read")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

/// [`unpanicked`], with an end after `patience`.
pub(super) async fn guarded<T>(patience: Option<Duration>, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let work = unpanicked(work);
    let Some(patience) = patience else { return work.await };
    timeout(patience, work).await.unwrap_or_else(|_| Err(no_answer(patience)))
}

/// The error of a wait that was in vain.
pub(super) fn no_answer(patience: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format_args!("no answer within {}", span(patience)))
}

/// Sleeps until then; for ever without a time.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// The refusal of what was not sent for want of a connection.
pub(super) fn unsent(error: &Error) -> Error {
    let kind = match error.kind {
        ErrorKind::Unsupported | ErrorKind::Unauthorized | ErrorKind::NeedsAnswer | ErrorKind::Invalid => error.kind,
        _ => ErrorKind::Unreachable,
    };
    Error::new(kind, format_args!("not connected: {}", error.message))
}
