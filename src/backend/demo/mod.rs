//! Machines in memory: to try the program, to take its pictures, and the reference for what a backend must do.
//!
//! Nothing is left to chance: what machines use is computed from their names and the time, and the time is tokio's, so
//! that tests can stop it.
mod console;
mod disks;
mod figures;
mod images;
mod look;
mod machines;
mod power;
mod properties;
mod scene;
mod setup;
mod snapshots;
mod world;

pub use scene::Scene;

use super::{Backend, EventSink, Nodes};
use crate::{
    domain::{
        Cancel, Capabilities, Error, Events, Expect, Figures, HostEvent, Inventory, Node, OPS, Op, OpSet, Result,
        Stamp, Verdict, VmId,
    },
    transport::{Stopwatch, now},
};
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::task::JoinSet;
use world::World;

/// A host that is nowhere.
#[derive(Debug)]
pub struct Demo {
    shared: Arc<Shared>,
    /// What goes on by itself: guests that shut down, a download. Ends with this.
    tasks: Mutex<JoinSet<()>>,
}

/// What calls and tasks share.
#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    events: Mutex<Option<EventSink>>,
    ops: OpSet,
    clock: Stopwatch,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The world as it is by now.
    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = lock(&self.world);
        world.now = self.clock.elapsed();
        world.settle();
        world
    }

    async fn tell(&self, event: HostEvent) {
        let sink = lock(&self.events).clone();
        if let Some(sink) = sink {
            // Nobody listens any more: then nobody needs to know.
            let _ = sink.send(event).await;
        }
    }

    async fn tell_vm(&self, id: &VmId) {
        let vm = self.world().machines.get(id).map(|m| Box::new(m.vm.clone()));
        self.tell(vm.map_or_else(|| HostEvent::Gone(id.clone()), HostEvent::Vm)).await;
    }
}

/// Downloads in memory end with the program: there is no process to ask. The one machine behind it is not there either.
const NEVER: OpSet = OpSet::of(&[
    Op::PauseFetch,
    Op::CancelFetch,
    Op::ResumeFetch,
    Op::Migrate,
    Op::ShowDescription,
    Op::Define,
    Op::ShowNode,
    Op::AddNode,
    Op::UpdateNode,
    Op::RemoveNode,
    Op::SetConfig,
    Op::SetSubnet,
    Op::RemoveSubnet,
]);

impl Demo {
    /// A host with the machines of `scene`.
    pub fn new(scene: Scene) -> Self {
        Self::limited(scene, OpSet::of(&[]), now())
    }

    /// The same without the operations in `missing`, on a day of the caller's choice.
    pub fn limited(scene: Scene, missing: OpSet, today: Stamp) -> Self {
        let ops =
            OPS.iter().fold(OpSet::default(), |ops, row| match missing.contains(row.op) || NEVER.contains(row.op) {
                true => ops,
                false => ops.with(row.op),
            });
        let shared =
            Shared { world: Mutex::new(scene.world(today)), events: Mutex::new(None), ops, clock: Stopwatch::start() };
        Self { shared: Arc::new(shared), tasks: Mutex::new(JoinSet::new()) }
    }

    /// The same with a bug: starting a machine breaks.
    #[must_use]
    pub fn faulty(self) -> Self {
        lock(&self.shared.world).is_faulty = true;
        self
    }

    /// The same, but it never answers.
    #[must_use]
    pub fn silent(self) -> Self {
        lock(&self.shared.world).is_silent = true;
        self
    }

    /// The same before it is set up: no machine can be made or started.
    #[must_use]
    pub fn bare(self) -> Self {
        lock(&self.shared.world).is_set_up = false;
        self
    }

    /// The world, if this host offers `op`.
    fn world(&self, op: Op) -> Result<MutexGuard<'_, World>> {
        let world = self.shared.world();
        match self.missing(op, world.is_set_up) {
            Some(why) => Err(Error::unsupported(op, why)),
            None => Ok(world),
        }
    }

    /// Why this host does not offer `op`; None: it does.
    fn missing(&self, op: Op, is_set_up: bool) -> Option<&'static str> {
        let waits = !is_set_up && matches!(op, Op::Create | Op::Start | Op::Install);
        if self.shared.ops.contains(op) { waits.then_some("set up this host first") } else { Some(MISSING) }
    }

    fn capabilities(&self) -> Capabilities {
        let is_set_up = self.shared.world().is_set_up;
        let missing = OPS.iter().filter_map(|row| Some((row.op, self.missing(row.op, is_set_up)?.into())));
        let missing: Vec<_> = missing.collect();
        Capabilities {
            ops: missing.iter().fold(self.shared.ops, |ops, (op, _)| ops.without(*op)),
            events: Events::Push,
            cancel: Cancel::Sure,
            missing,
            version: "demo".to_owned(),
            is_set_up: Some(is_set_up),
            ..Capabilities::default()
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Tells of the machine now and once more `later`, when what was begun has happened.
    fn tell(&self, vm: &VmId, later: Option<Duration>) {
        let (shared, vm) = (Arc::clone(&self.shared), vm.clone());
        self.spawn(async move {
            shared.tell_vm(&vm).await;
            if let Some(later) = later {
                tokio::time::sleep(later).await;
                shared.tell_vm(&vm).await;
            }
        });
    }
}

const MISSING: &str = "this demo does without";

impl Backend for Demo {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        lock(&self.tasks).abort_all();
        *lock(&self.shared.events) = Some(events);
        let (is_silent, has_job) = {
            let world = self.shared.world();
            (world.is_silent, world.job.is_some())
        };
        if is_silent {
            std::future::pending::<()>().await;
        }
        if has_job {
            self.spawn(images::job(Arc::clone(&self.shared)));
        }
        Ok(self.capabilities())
    }

    async fn inventory(&self, _quick: bool) -> Result<Inventory> {
        let world = self.world(Op::List)?;
        Ok(Inventory {
            nodes: Some(vec![world.node()]),
            vms: Some(world.machines.values().map(|m| m.vm.clone()).collect()),
            images: Some(world.images()),
        })
    }

    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        let world = self.shared.world();
        let known = vms.iter().filter_map(|id| world.machines.get(id));
        Ok(known.filter_map(|m| Some((m.vm.id.clone(), figures::of(m, world.now)?))).collect())
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        look::look(&self.shared.world(), expect)
    }
}

/// It is one machine, which nobody adds or removes.
impl Nodes for Demo {
    async fn own_node(&self) -> Result<Option<Node>> {
        Ok(Some(self.shared.world().node()))
    }
}
