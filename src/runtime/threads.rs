//! Threads of their own for the work of hosts, each with a runtime: what stops one, a folder on a network that hangs,
//! stops neither the screen nor the others.
use std::{io, thread};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// They end when this is dropped.
#[derive(Debug)]
pub(super) struct Threads {
    handles: Vec<Handle>,
    next: usize,
    _end: DropGuard,
}

impl Threads {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let end = CancellationToken::new();
        let start = |_| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (handle, end) = (runtime.handle().clone(), end.clone());
            thread::Builder::new().name("hosts".to_owned()).spawn(move || {
                runtime.block_on(end.cancelled());
                runtime.shutdown_background();
            })?;
            Ok(handle)
        };
        let handles = (0..count.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok(Self { handles, next: 0, _end: end.drop_guard() })
    }

    /// Where the next host is served: each in its turn.
    pub(super) fn next(&mut self) -> Option<&Handle> {
        self.next += 1;
        self.handles.get(self.next % self.handles.len())
    }
}
