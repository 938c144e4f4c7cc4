//! Which machines to look at again. Events of libvirt are hints alone: a start is told as two, the wrong way round, and
//! much is told by none.
use super::{wire::Domain, xdr::Reader};
use crate::{
    backend::EventSink,
    domain::{HostEvent, VmId},
};
use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;

/// The events that are asked for, by libvirt's numbers: lifecycle, reboot, watchdog, I/O error with its reason, disk and
/// tray changed, woken up, put to sleep, memory changed, device removed and added, title or description changed.
pub(super) const EVENTS: [u32; 13] = [0, 1, 3, 6, 9, 10, 11, 12, 13, 14, 15, 19, 23];
/// Their messages: each begins with the number of the registration and the machine.
const MESSAGES: [u32; 13] = [318, 319, 321, 323, 326, 327, 328, 329, 330, 331, 333, 354, 379];

/// Machines that something happened to, each once however much happened.
#[derive(Debug, Default)]
pub(super) struct Hints {
    waiting: Mutex<BTreeSet<VmId>>,
    wake: Notify,
}

impl Hints {
    /// Notes what an event is about. Others than those that were asked for, and broken ones, say nothing.
    pub(super) fn heard(&self, message: u32, body: &[u8]) {
        let mut reader = Reader::new(body);
        if !MESSAGES.contains(&message) || reader.u32().is_err() {
            return;
        }
        if let Ok(domain) = Domain::read(&mut reader) {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(VmId::from(domain.name));
            self.wake.notify_one();
        }
    }

    /// Passes the hints on, as fast as they are taken, until it is aborted.
    pub(super) async fn tell(&self, events: &EventSink) {
        loop {
            self.wake.notified().await;
            let vms = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            for vm in vms {
                if events.send(HostEvent::Hint(Some(vm))).await.is_err() {
                    return;
                }
            }
        }
    }
}
