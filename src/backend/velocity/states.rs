//! The states of the machines, which a server tells one by one: what is on the screen comes first, what was read longest
//! ago comes next, and nothing is asked for twice at the same time.
use super::{
    Session, Velocity,
    catalogue::{Catalogue, Entry},
    client::{AT_ONCE, Said},
    locked, wire,
};
use crate::{
    domain::{Error, ErrorKind, GROUP, HostEvent, PowerState, Result, Vm, VmId},
    transport::{Stopwatch, http::Method},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::{collections::HashMap, sync::Mutex, time::Duration};
use tokio::sync::RwLock;

/// A state on the screen is read again when it is this old.
const STALE: Duration = Duration::from_secs(5);
/// One that was read within this time is not read again for a list.
const FRESH: Duration = Duration::from_millis(800);
/// How long a list waits for states: the rest is told with what was known before, and comes first the next time.
const WALK: Duration = Duration::from_secs(6);

/// What a server tells of the state of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Is(String),
    /// The machine is in the list, and the server knows nothing else of it.
    NotLoaded,
    /// This user may not see it.
    Hidden,
    /// The server fails at this machine; the others have their states all the same.
    Untold(Error),
}

impl Seen {
    pub(super) fn power(&self) -> (PowerState, Option<String>) {
        match self {
            Self::Is(state) => wire::power(state),
            Self::NotLoaded => (PowerState::Unknown, Some("not loaded".to_owned())),
            Self::Hidden => (PowerState::Unknown, Some("not shown".to_owned())),
            Self::Untold(_) => (PowerState::Unknown, Some("not told".to_owned())),
        }
    }

    fn is_passing(&self) -> bool {
        matches!(self, Self::Is(state) if wire::is_passing(state))
    }
}

/// Why a machine cannot be used that is in the list all the same.
pub(super) fn not_loaded(vm: &VmId) -> Error {
    Error::conflict(format_args!(
        "{vm} is in the list, but the server has not loaded it: Velocity loads machines only when it is started, and \
         none that wants more CPUs or memory than its Mac gives. Restart Velocity there"
    ))
}

/// Whether an error is about one machine: not about the link or the sign-in, without which there is none at all.
const fn is_of_one(error: &Error) -> bool {
    use ErrorKind as K;
    matches!(error.kind, K::Refused | K::Protocol | K::Conflict | K::NotFound | K::Unsupported)
}

/// All states that were read, by the number of the machine.
#[derive(Debug, Default)]
pub(super) struct States {
    known: Mutex<HashMap<i64, (Seen, Stopwatch)>>,
    /// Held alone while the states on the screen are read: those of lists wait meanwhile.
    gate: RwLock<()>,
}

impl States {
    pub(super) fn get(&self, vmid: i64) -> Option<Seen> {
        locked(&self.known).get(&vmid).map(|(seen, _)| seen.clone())
    }

    /// Keeps it; returns whether it is news.
    pub(super) fn keep(&self, vmid: i64, seen: &Seen) -> bool {
        let before = locked(&self.known).insert(vmid, (seen.clone(), Stopwatch::start()));
        before.is_none_or(|(before, _)| before != *seen)
    }

    /// How long ago it was read; None: never.
    fn age(&self, vmid: i64) -> Option<Duration> {
        locked(&self.known).get(&vmid).map(|(_, since)| since.elapsed())
    }

    fn is_passing(&self, vmid: i64) -> bool {
        locked(&self.known).get(&vmid).is_some_and(|(seen, _)| seen.is_passing())
    }
}

impl Session {
    async fn ask_state(&self, vmid: i64) -> Result<Seen> {
        match self.client.ask(Method::POST, "/v/vm/state", json!({"vmid": vmid})).await? {
            Said::Yes(answer) => wire::state(&answer).map(Seen::Is),
            // A machine that is not loaded is "not found" here, and "not permitted" elsewhere (12200).
            Said::No(refusal) if refusal.code.is_some() && refusal.status == 404 => Ok(Seen::NotLoaded),
            Said::No(refusal) if refusal.code == Some(12200) => Ok(Seen::NotLoaded),
            Said::No(refusal) if refusal.is_forbidden() => Ok(Seen::Hidden),
            Said::No(refusal) => Err(refusal.error("/v/vm/state")),
        }
    }

    /// Asks for the state of a machine now; returns whether it is news. Errors are those of the link and the sign-in.
    pub(super) async fn read_state(&self, vmid: i64) -> Result<(Seen, bool)> {
        let seen = match self.ask_state(vmid).await {
            Err(error) if is_of_one(&error) => Seen::Untold(error),
            asked => asked?,
        };
        let is_news = self.states.keep(vmid, &seen);
        Ok((seen, is_news))
    }

    /// A machine with its state as it was read last.
    pub(super) fn vm(&self, entry: &Entry) -> Vm {
        let machine = &entry.machine;
        let seen = self.states.get(machine.vmid);
        let (power, remark) = seen.as_ref().map(Seen::power).map_or((None, None), |(power, own)| (Some(power), own));
        let group = self.catalogue().groups.name(entry.gid);
        let mut details = vec![(GROUP.into(), group), ("Number".into(), machine.vmid.to_string())];
        if let Some(Seen::Untold(why)) = seen {
            details.push(("State".into(), why.message));
        }
        let (cpus, memory) = (machine.cpus, machine.memory);
        Vm { id: entry.id.clone(), name: machine.name.clone(), power, remark, cpus, memory, details, ..Vm::default() }
    }

    /// Keeps the states that the list itself told.
    pub(super) fn keep_listed(&self, catalogue: &Catalogue) {
        for machine in catalogue.entries.values().map(|entry| &entry.machine) {
            if let Some(state) = &machine.state {
                self.states.keep(machine.vmid, &Seen::Is(state.clone()));
            }
        }
    }

    /// Reads the states that the list did not tell, those first that were read longest ago, for as long as a list may
    /// take.
    pub(super) async fn walk(&self, catalogue: &Catalogue) -> Result<()> {
        let machines = catalogue.entries.values().map(|entry| &entry.machine);
        let untold = machines.filter(|machine| machine.state.is_none()).map(|machine| machine.vmid);
        let mut wanted: Vec<_> = untold.map(|vmid| (self.states.age(vmid), vmid)).collect();
        // Those that were never read come first.
        wanted.sort_by_key(|(age, _)| std::cmp::Reverse(age.unwrap_or(Duration::MAX)));
        let begun = Stopwatch::start();
        let read = |vmid| async move {
            if begun.elapsed() > WALK {
                return Ok(());
            }
            let _gate = self.states.gate.read().await;
            if self.states.age(vmid).is_some_and(|age| age < FRESH) {
                return Ok(());
            }
            self.read_state(vmid).await.map(drop)
        };
        stream::iter(wanted.into_iter().map(|(_, vmid)| read(vmid))).buffer_unordered(AT_ONCE).try_collect().await
    }
}

impl Velocity {
    /// Reads the states that are on the screen where they are old, and those that pass by themselves; tells what is new.
    pub(super) async fn watch(&self, vms: &[VmId]) -> Result<()> {
        let session = self.session()?;
        let catalogue = session.catalogue();
        let seen = |entry: &&Entry| {
            let vmid = entry.machine.vmid;
            let is_seen = vms.contains(&entry.id) && session.states.age(vmid).is_none_or(|age| age >= STALE);
            is_seen || session.states.is_passing(vmid)
        };
        let wanted: Vec<Entry> = catalogue.entries.values().filter(seen).cloned().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let _gate = session.states.gate.write().await;
        let read = |entry: Entry| {
            let session = &session;
            async move {
                let (_, is_news) = session.read_state(entry.machine.vmid).await?;
                Ok::<_, Error>(is_news.then_some(entry))
            }
        };
        let mut news = stream::iter(wanted.into_iter().map(read)).buffer_unordered(AT_ONCE);
        while let Some(entry) = news.next().await {
            if let Some(entry) = entry? {
                // Nobody listens where there is no screen.
                let _ = session.events.send(HostEvent::Vm(Box::new(session.vm(&entry)))).await;
            }
        }
        Ok(())
    }
}
