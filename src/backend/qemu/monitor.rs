//! The way into a running machine: one of its four monitors, claimed, and known to be the right machine's.
use super::{
    Local, Place, Qmp,
    place::{Holder, MONITORS},
};
use crate::domain::{ByteSize, Error, ErrorKind, Result, VmId};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    fs::File,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How long the first monitor may take to greet: it needs a millisecond unless somebody else is on it.
const GREETING: Duration = Duration::from_secs(1);
/// How long the next one may take: QEMU has had its time, unless it was somebody else on the first.
const NEXT_GREETING: Duration = Duration::from_millis(500);
/// How long an answer may take: a monitor stands still while a large disk is changed.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a command waits for another one to be done with the last monitor, in steps of 20 ms.
const TURNS: u32 = 200;

/// A claimed monitor of a running machine. Dropping it lets others have it.
#[derive(Debug)]
pub struct Monitor {
    pub qmp: Qmp,
    pub holder: Holder,
    /// What QEMU said last of the sizes of its images, by their names.
    sizes: Mutex<HashMap<String, ByteSize>>,
    _claim: File,
}

/// The monitor of one machine, made once for all who need it.
pub(super) type Cell = Arc<Shared>;

/// What those who need the monitor of one machine share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How often nobody came to the door.
    failures: AtomicU64,
    held: tokio::sync::Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    monitor: Option<Arc<Monitor>>,
    /// Why there was none the last time, of which process.
    error: Option<(Holder, Error)>,
}

impl Monitor {
    /// Sends a command and waits for its answer, at most 20 s.
    pub async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        let slow = || Error::new(ErrorKind::Timeout, format_args!("the machine's monitor does not answer {command}"));
        timeout(ANSWER, self.qmp.execute(command, arguments)).await.map_err(|_| slow())?
    }

    /// [`Monitor::execute`] for a command without arguments.
    pub async fn ask(&self, command: &str) -> Result<Value> {
        self.execute(command, json!({})).await
    }

    /// The size that QEMU said last that an image has.
    pub(super) fn known_size(&self, node: &str) -> Option<ByteSize> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).get(node).copied()
    }

    /// What is known of an image's size is true no more.
    pub(super) fn forget_size(&self, node: &str) {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
    }

    /// Remembers a size that QEMU has told.
    pub(super) fn note_size(&self, node: &str, size: ByteSize) {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).insert(node.to_owned(), size);
    }

    /// Claims a free monitor and makes sure that the machine behind it is `vm`.
    async fn attach(place: &Place, holder: Holder, vm: &VmId, uuid: Option<&str>, headless: bool) -> Result<Self> {
        let slots = if headless { MONITORS - 1..MONITORS } else { 0..MONITORS - 1 };
        let mut turns = if headless { TURNS } else { 1 };
        let monitor = loop {
            match Self::claim(place, holder, slots.clone()).await? {
                Claim::Got(monitor) => break monitor,
                Claim::Silent => {
                    let why = format_args!("{vm} runs, and none of its monitors answers");
                    return Err(Error::new(ErrorKind::Timeout, why));
                }
                Claim::Taken => turns -= 1,
            }
            if turns == 0 {
                return Err(Error::new(ErrorKind::Busy, format_args!("other programs hold all monitors of {vm}")));
            }
            sleep(Duration::from_millis(20)).await;
        };
        let (name, found) = tokio::try_join!(monitor.ask("query-name"), monitor.ask("query-uuid"))?;
        let is_it = name.get("name").and_then(Value::as_str) == Some(vm.as_str())
            && uuid.is_none_or(|uuid| found.get("UUID").and_then(Value::as_str) == Some(uuid));
        if is_it { Ok(monitor) } else { Err(Error::conflict(format_args!("the process of {vm} runs another machine"))) }
    }

    async fn claim(place: &Place, holder: Holder, slots: std::ops::Range<usize>) -> Result<Claim> {
        let mut found = Claim::Taken;
        for slot in slots {
            let claim = File::options().create(true).append(true).open(place.claim(slot))?;
            if claim.try_lock().is_err() {
                continue;
            }
            let patience = if matches!(found, Claim::Silent) { NEXT_GREETING } else { GREETING };
            match Qmp::connect(&place.monitor(slot), patience).await {
                Ok(qmp) => return Ok(Claim::Got(Self { qmp, holder, sizes: Mutex::default(), _claim: claim })),
                // Somebody speaks there without having claimed it: the next one may be free.
                Err(error) if error.kind == ErrorKind::Busy => found = Claim::Silent,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// What came of looking for a monitor.
enum Claim {
    Got(Monitor),
    /// Others of our kind are on all of them.
    Taken,
    /// One that nobody has claimed does not say a word: QEMU is stopped or stuck.
    Silent,
}

impl Local {
    fn cell(&self, vm: &VmId) -> Cell {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner).entry(vm.clone()).or_default().clone()
    }

    /// The monitor of a machine, kept for the next who asks; None: it is off. [`ErrorKind::Busy`]: it is on, and
    /// others hold all its monitors.
    pub async fn monitor(&self, vm: &VmId) -> Result<Option<Arc<Monitor>>> {
        let place = self.place(vm)?;
        let Some(holder) = place.alive() else { return Ok(None) };
        let cell = self.cell(vm);
        let failures = cell.failures.load(Ordering::Relaxed);
        let mut held = cell.held.lock().await;
        if let Some(monitor) = &held.monitor {
            if monitor.holder == holder && !monitor.qmp.is_closed() {
                return Ok(Some(monitor.clone()));
            }
            held.monitor = None;
        }
        // Others knocked meanwhile, in vain: one who stands still is not waited for by each in turn.
        if cell.failures.load(Ordering::Relaxed) != failures
            && let Some((of, error)) = &held.error
            && *of == holder
        {
            return Err(error.clone());
        }
        let uuid = self.store.read(vm).ok().map(|record| record.uuid.to_ascii_lowercase());
        match Monitor::attach(&place, holder, vm, uuid.as_deref(), self.settings.headless).await {
            Ok(monitor) => {
                let monitor = Arc::new(monitor);
                held.monitor = Some(monitor.clone());
                Ok(Some(monitor))
            }
            // It ended while we knocked.
            Err(_) if place.alive().is_none() => Ok(None),
            Err(error) => {
                cell.failures.fetch_add(1, Ordering::Relaxed);
                held.error = Some((holder, error.clone()));
                Err(error)
            }
        }
    }

    /// The monitor of a machine, if there is one at hand that still answers.
    pub(super) fn held(&self, vm: &VmId) -> Option<Arc<Monitor>> {
        let cell = self.cell(vm);
        let held = cell.held.try_lock().ok()?;
        held.monitor.as_ref().filter(|monitor| !monitor.qmp.is_closed()).cloned()
    }

    /// The monitor of a machine that must be running.
    pub async fn running(&self, vm: &VmId) -> Result<Arc<Monitor>> {
        if !self.store.holds(vm) {
            return Err(Error::not_found(format_args!("there is no machine called {vm}")));
        }
        self.monitor(vm).await?.ok_or_else(|| Error::conflict(format_args!("{vm} is off")))
    }

    /// Lets go of a machine's monitor.
    pub fn forget(&self, vm: &VmId) {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner).remove(vm);
    }
}
