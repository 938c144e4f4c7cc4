//! Which machines to look at again. Events of libvirt are hints alone: a start is told as two, the wrong way round, and
//! much is told by none.
use super::{
    wire::{Domain, Pool},
    xdr::Reader,
};
use crate::{
    backend::EventSink,
    domain::{HostEvent, VmId},
};
use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

/// An event that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// Its number in `virDomainEventID`.
    pub(super) id: u32,
    /// The number of its message: `REMOTE_PROC_DOMAIN_EVENT_CALLBACK_...` of libvirt's `remote_protocol.x`.
    message: u32,
    /// A reason stands before the machine.
    has_reason: bool,
}

/// A message begins with the number of the registration, then the machine.
const fn event(id: u32, message: u32) -> Event {
    Event { id, message, has_reason: false }
}

const fn with_reason(id: u32, message: u32) -> Event {
    Event { id, message, has_reason: true }
}

/// Lifecycle, reboot, watchdog, I/O error with its reason, disk and tray changed, woken up, put to sleep, memory changed,
/// put to sleep on the disk, device removed and added, title or description changed.
pub(super) const EVENTS: [Event; 13] = [
    event(0, 318),
    event(1, 319),
    event(3, 321),
    event(6, 324),
    event(9, 327),
    event(10, 328),
    with_reason(11, 329),
    with_reason(12, 330),
    event(13, 331),
    with_reason(14, 332),
    event(15, 333),
    event(19, 354),
    event(23, 379),
];

/// Of storage pools: made, started, stopped, removed; looked through anew. The number of each event in
/// `virStoragePoolEventID`, and that of its message.
pub(super) const POOL_EVENTS: [(u32, u32); 2] = [(0, 370), (1, 373)];
/// Between two hints at pools. Each has the whole list read, and who fills a pool has it looked through after every file.
const POOLS_EVERY: Duration = Duration::from_secs(1);

/// Whether a message is about a pool.
fn is_of_pool(message: u32, body: &[u8]) -> bool {
    let mut reader = Reader::new(body);
    POOL_EVENTS.iter().any(|(_, of_pool)| *of_pool == message)
        && reader.u32().is_ok()
        && Pool::read(&mut reader).is_ok()
}

/// The machine that a message is about; None: it was not asked for, or cannot be read.
fn machine(message: u32, body: &[u8]) -> Option<VmId> {
    let event = EVENTS.iter().find(|event| event.message == message)?;
    let mut reader = Reader::new(body);
    reader.u32().ok()?;
    if event.has_reason {
        reader.u32().ok()?;
    }
    Domain::read(&mut reader).ok().map(|domain| VmId::from(domain.name))
}

/// Machines that something happened to, each once however much happened; and whether anything did to a pool.
#[derive(Debug, Default)]
pub(super) struct Hints {
    waiting: Mutex<BTreeSet<VmId>>,
    wake: Notify,
    pools: Notify,
}

impl Hints {
    /// Notes what an event is about. Others than those that were asked for, and broken ones, say nothing.
    pub(super) fn heard(&self, message: u32, body: &[u8]) {
        if let Some(vm) = machine(message, body) {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(vm);
            self.wake.notify_one();
        } else if is_of_pool(message, body) {
            self.pools.notify_one();
        }
    }

    /// Passes the hints on, as fast as they are taken, until it is aborted.
    pub(super) async fn tell(&self, events: &EventSink) {
        tokio::join!(self.tell_machines(events), self.tell_pools(events));
    }

    /// What a pool has is part of the list.
    async fn tell_pools(&self, events: &EventSink) {
        loop {
            self.pools.notified().await;
            if events.send(HostEvent::Hint(None)).await.is_err() {
                return;
            }
            sleep(POOLS_EVERY).await;
        }
    }

    async fn tell_machines(&self, events: &EventSink) {
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

#[cfg(test)]
mod tests {
    use super::{super::xdr::Writer, *};

    #[test]
    fn every_event_is_read_as_libvirt_sends_it() {
        let web = Domain { name: "web".to_owned(), uuid: [1; 16], id: 3 };
        let plain = || web.write(Writer::default().i32(7));
        let reasoned = || web.write(Writer::default().i32(7).i32(0));
        // As `remote_protocol.x` has them: the event, its message, what that holds.
        let sent = [
            ("LIFECYCLE", 0, 318, plain().i32(5).i32(1)),
            ("REBOOT", 1, 319, plain()),
            ("WATCHDOG", 3, 321, plain().i32(1)),
            ("IO_ERROR_REASON", 6, 324, plain().text("/d.qcow2").text("virtio-disk0").i32(1).text("enospc")),
            ("DISK_CHANGE", 9, 327, plain().maybe(Some("/a.iso")).maybe(None).text("sata0-0-0").i32(0)),
            ("TRAY_CHANGE", 10, 328, plain().text("sata0-0-0").i32(0)),
            ("PMWAKEUP", 11, 329, reasoned()),
            ("PMSUSPEND", 12, 330, reasoned()),
            ("BALLOON_CHANGE", 13, 331, plain().u64(65536)),
            ("PMSUSPEND_DISK", 14, 332, reasoned()),
            ("DEVICE_REMOVED", 15, 333, plain().text("virtio-disk1")),
            ("DEVICE_ADDED", 19, 354, plain().text("virtio-disk1")),
            ("METADATA_CHANGE", 23, 379, plain().i32(1).maybe(None)),
        ];
        assert_eq!(sent.len(), EVENTS.len());
        for (name, id, message, body) in sent {
            assert!(EVENTS.iter().any(|event| (event.id, event.message) == (id, message)), "{name}");
            assert_eq!(machine(message, &body.done()), Some(VmId::from("web")), "{name}");
        }
        // What was not asked for, and what breaks off.
        for (message, body) in [(323, plain().done()), (322, plain().done()), (324, vec![0; 6]), (330, plain().done())]
        {
            assert_eq!(machine(message, &body), None, "{message}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_to_pools_is_one_hint_a_second_at_most() {
        let hints = Hints::default();
        let (events, mut heard) = tokio::sync::mpsc::channel(64);
        let pool = || Writer::default().i32(2).text("default").fixed(&[5; 16]);
        let (refreshed, stopped) = (pool().done(), pool().i32(3).i32(0).done());
        let telling = async {
            tokio::select! {
                () = hints.tell(&events) => {}
                () = sleep(Duration::from_millis(2500)) => {}
            }
        };
        let storm = async {
            for _ in 0..100 {
                hints.heard(373, &refreshed);
                hints.heard(370, &stopped);
                // Broken ones say nothing, nor do those of networks.
                hints.heard(373, &refreshed[..8]);
                hints.heard(366, &refreshed);
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::join!(telling, storm);
        let mut told = 0;
        while let Ok(event) = heard.try_recv() {
            assert_eq!(event, HostEvent::Hint(None));
            told += 1;
        }
        assert_eq!(told, 2, "the first at once, the rest together");
    }
}
