//! What happens without our doing: events of running machines, machines that others make, start and delete.
use super::{Event, Local};
use crate::{
    backend::{EventSink, unpanicked},
    domain::{HostEvent, Result, Stamp, VmId},
    transport::now,
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    future::Future,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinSet,
    time::{sleep, timeout},
};

/// How often the folders are looked at: once in two seconds, and less often the more there are.
fn pause(machines: usize) -> Duration {
    Duration::from_millis(2_000 + 8 * u64::try_from(machines).unwrap_or(0))
}

/// What two calls of `stat` tell of a machine: a process that begins or ends changes the folder, an editor the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Glance {
    folder: Option<SystemTime>,
    record: Option<SystemTime>,
}

/// Two changes that lie closer together may have the same time on a file system.
const COARSE: Duration = Duration::from_millis(100);

/// How many rounds look at the folders alone, before one looks at the files too: only an editor that writes in place
/// changes a file and not its folder.
const SHORT_ROUNDS: u32 = 3;

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

impl Glance {
    /// What was looked at never.
    const UNSEEN: Self = Self { folder: None, record: None };

    /// Whether something has changed since `time`, by the coarse clock of a file system.
    fn is_since(self, time: Stamp) -> bool {
        let stamp = |changed: SystemTime| Stamp(0).after(changed.duration_since(UNIX_EPOCH).unwrap_or_default());
        [self.folder, self.record].into_iter().flatten().any(|changed| stamp(changed).after(COARSE) >= time)
    }

    /// `before`: what a short round takes the file to be.
    fn new(folder: &Path, before: Option<Self>) -> Self {
        let now = modified(folder);
        let kept = before.filter(|before| before.folder == now);
        Self { folder: now, record: kept.map_or_else(|| modified(&folder.join("machine.toml")), |kept| kept.record) }
    }
}

/// The machines there are, read again when their folder has changed.
#[derive(Default)]
struct Names {
    of: Option<SystemTime>,
    names: Arc<[VmId]>,
}

impl Names {
    fn read(&mut self, local: &Local) -> Arc<[VmId]> {
        let now = modified(&local.settings.machines);
        // A folder may change twice within one tick of the file system's clock: a young one is not trusted.
        let is_old = now.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > COARSE);
        // A folder that cannot be read is not an empty one.
        if (!is_old || self.of != now)
            && let Ok(names) = local.store.names()
        {
            self.names = names.into_iter().map(VmId::from).collect();
            self.of = now.filter(|_| is_old);
        }
        self.names.clone()
    }
}

/// Tells of machines, and of none twice the same.
struct Teller {
    local: Arc<Local>,
    events: EventSink,
    /// What each was told to be, as a hash: the record itself stands on the screen already.
    told: Mutex<HashMap<VmId, u64>>,
}

impl Teller {
    async fn tell(&self, vm: &VmId) {
        let Ok(found) = self.local.describe(vm).await else { return };
        let is_new = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&found);
            told.insert(vm.clone(), hash) != Some(hash)
        };
        if is_new {
            let _ = self.events.send(HostEvent::Vm(Box::new(found))).await;
        }
    }

    /// Follows one machine until its process is gone.
    async fn follow(&self, vm: &VmId) {
        let Ok(Some(monitor)) = self.local.monitor(vm).await else {
            // Others hold the monitors, or it has just ended: the lock is all there is to see.
            self.tell(vm).await;
            sleep(pause(0)).await;
            return;
        };
        let mut news = monitor.qmp.events();
        let place = self.local.place(vm);
        drop(monitor);
        self.tell(vm).await;
        loop {
            match news.recv().await {
                Ok(event) => {
                    let news = Self::take(&self.local, vm, event, &mut news);
                    if news.let_go {
                        // What cannot be ended now is listed as waiting, and ended by whoever lists it.
                        let _ = self.local.settle_removals(vm).await;
                    }
                    if news.state {
                        self.tell(vm).await;
                    }
                    let _ = self.events.try_send(HostEvent::Hint(Some(vm.clone())));
                }
                Err(RecvError::Lagged(_)) => self.tell(vm).await,
                Err(RecvError::Closed) => break,
            }
        }
        if let Ok(place) = place {
            // The socket closes a moment before the process is gone.
            let gone = async {
                while place.alive().is_some() {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            let _ = timeout(Duration::from_secs(2), gone).await;
        }
        self.tell(vm).await;
    }

    /// Takes an event and all that wait behind it.
    fn take(local: &Local, vm: &VmId, first: Event, news: &mut Receiver<Event>) -> News {
        let mut told = News::default();
        let mut next = Some(first);
        while let Some(event) = next {
            told.let_go |= event.name == "DEVICE_DELETED";
            told.state |= match event.name.as_str() {
                "RESET" => {
                    let own = event.details.get("guest").and_then(serde_json::Value::as_bool) == Some(true);
                    own && local.resets.note(vm, now())
                }
                "STOP" | "RESUME" | "SHUTDOWN" | "BLOCK_IO_ERROR" | "GUEST_PANICKED" | "SUSPEND" | "WAKEUP"
                | "WATCHDOG" => true,
                _ => false,
            };
            next = news.try_recv().ok();
        }
        told
    }
}

/// What events make worth a look.
#[derive(Clone, Copy, Debug, Default)]
struct News {
    /// The machine's state may be another.
    state: bool,
    /// The guest has let go of a device.
    let_go: bool,
}

/// The machines that were there when the connection was made. The inventory tells of them; the watch tells of those
/// that are gone, changed or made since.
pub(super) struct Known {
    at: Stamp,
    names: Vec<String>,
}

impl Known {
    pub(super) fn read(local: &Local) -> Result<Self> {
        Ok(Self { at: now(), names: local.store.names()? })
    }
}

/// Watches until it is aborted; a bug that ends it is told as the end of the connection, which is made anew.
pub(super) async fn watch(local: Arc<Local>, events: EventSink, known: Known) {
    told(&events, watch_all(local, events.clone(), known)).await;
}

async fn told(events: &EventSink, watch: impl Future<Output = ()> + Send) {
    // On the heap: it holds all that is known of the machines.
    let watch = Box::pin(async {
        watch.await;
        Ok(())
    });
    if let Err(error) = unpanicked(watch).await {
        tracing::error!("{error}");
        let _ = events.send(HostEvent::Disconnected(error)).await;
    }
}

/// How long the watch waits for somebody to read the machines in full.
const UNLISTED: Duration = Duration::from_millis(50);

async fn watch_all(local: Arc<Local>, events: EventSink, known: Known) {
    // The names of the machines come first, and are drawn before anything is asked of each.
    let _ = timeout(UNLISTED, local.listed.notified()).await;
    let fetches = local.fetching.watch(&local.settings.images, &*local, &events);
    tokio::join!(fetches, watch_machines(local.clone(), events.clone(), known));
}

impl Local {
    /// Changes which machines the watch knows to be alive.
    fn followed<T>(&self, change: impl FnOnce(&mut HashSet<VmId>) -> T) -> T {
        change(self.alive.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
    }

    pub(super) fn is_watched(&self) -> bool {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether the watch knows the machine to be alive, or nothing is watched.
    pub(super) fn may_live(&self, vm: &VmId) -> bool {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.as_ref().is_none_or(|alive| alive.contains(vm))
    }
}

async fn watch_machines(local: Arc<Local>, events: EventSink, known: Known) {
    let teller = Arc::new(Teller { local: local.clone(), events, told: Mutex::default() });
    let connected = known.at;
    let mut seen: HashMap<VmId, Glance> = known.names.into_iter().map(|name| (name.into(), Glance::UNSEEN)).collect();
    let mut followers: JoinSet<VmId> = JoinSet::new();
    let mut asked = None;
    let mut first = true;
    local.followed(HashSet::clear);
    let mut names_there = Names::default();
    let mut short_rounds: u32 = 0;
    let mut sweeping = JoinSet::new();
    loop {
        // Asking QEMU for its version takes longer than a first screen may wait; and it may be installed meanwhile.
        if short_rounds == 0 || !matches!(asked, Some((Some(_), Some(_)))) {
            let found = (local.settings.qemu(), local.settings.qemu_img());
            let before = asked.replace(found.clone());
            if before.as_ref() != Some(&found) {
                let is_known = found.0.is_some() && local.probe().await.is_ok();
                if is_known || before.is_some() {
                    let _ = teller.events.send(HostEvent::Capabilities(Box::new(local.capabilities()))).await;
                }
            }
        }
        let names = names_there.read(&local);
        // In alphabetical order: no set is needed to find one.
        let gone: Vec<VmId> = seen.keys().filter(|vm| names.binary_search(vm).is_err()).cloned().collect();
        for vm in gone {
            seen.remove(&vm);
            teller.told.lock().unwrap_or_else(PoisonError::into_inner).remove(&vm);
            local.forget(&vm);
            let _ = teller.events.send(HostEvent::Gone(vm)).await;
        }
        for vm in &*names {
            let before = seen.get(vm).copied();
            let now = Glance::new(&local.settings.machines.join(vm.as_str()), before.filter(|_| short_rounds > 0));
            let changed = before != Some(now);
            let is_listed = before == Some(Glance::UNSEEN) && !now.is_since(connected);
            if changed {
                seen.insert(vm.clone(), now);
            }
            // A process leaves its mark in the folder, so an unchanged one need not be asked for.
            if changed
                && !local.followed(|alive| alive.contains(vm))
                && local.place(vm).is_ok_and(|place| place.alive().is_some())
            {
                local.followed(|alive| alive.insert(vm.clone()));
                let (teller, vm) = (teller.clone(), vm.clone());
                followers.spawn(async move {
                    let follow = async {
                        teller.follow(&vm).await;
                        Ok(())
                    };
                    if let Err(error) = unpanicked(follow).await {
                        tracing::error!(%vm, "{error}");
                        sleep(pause(0)).await;
                    }
                    vm
                });
            } else if changed && !is_listed {
                teller.tell(vm).await;
            }
        }
        if first {
            // After the first screen, and beside it.
            let local = local.clone();
            sweeping.spawn_blocking(move || local.sweep());
        }
        first = false;
        tokio::select! {
            () = sleep(pause(names.len())) => short_rounds = short_rounds.checked_sub(1).unwrap_or(SHORT_ROUNDS),
            () = local.changed.notified() => short_rounds = 0,
            Some(ended) = followers.join_next() => {
                match ended {
                    // Looked at again: it may live under another monitor, or have been started anew.
                    Ok(vm) => { local.followed(|alive| alive.remove(&vm)); seen.remove(&vm); }
                    Err(_) => local.followed(HashSet::clear),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorKind;

    #[tokio::test]
    async fn a_bug_in_the_watch_is_told_and_ends_the_connection() {
        let (events, mut told_of) = tokio::sync::mpsc::channel(4);
        told(&events, async { panic!("no such machine") }).await;
        let Some(HostEvent::Disconnected(error)) = told_of.recv().await else { panic!("it is told") };
        assert_eq!(error.kind, ErrorKind::Panicked);
        assert!(error.message.ends_with("no such machine"), "{error}");
        told(&events, async {}).await;
        assert!(told_of.try_recv().is_err(), "an end is none");
    }
}
