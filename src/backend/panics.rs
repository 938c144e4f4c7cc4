//! A bug ends the work that it is in, and nothing else.
use crate::domain::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use std::{any::Any, future::Future, panic::AssertUnwindSafe};

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::new(
        ErrorKind::Panicked,
        format_args!("a bug in vmdeck ended this: {}", said.unwrap_or("the log may say more")),
    )
}

/// Turns a panic into an error of its own, so that it ends this work and nothing else.
pub async fn unpanicked<T>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(panicked(&*panic)),
    }
}
