//! What an actor reads unasked: lists, single machines after a hint, figures and details of what is on the screen.
//! Readings are numbered, so that one that began before a push or a change does not undo it.
use super::guarded::{guarded, instant};
use crate::{
    backend::AnyBackend,
    domain::{
        Capabilities, Disk, ErrorKind, Expect, Figures, Focus, HostEvent, Inventory, Node, NodeReport, Op, PowerState,
        Property, Result, Vm, VmId,
    },
    transport::Latency,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// What a reading brought.
pub(super) enum Read {
    List { quick: bool, took: Duration, inventory: Result<Inventory> },
    Vm(VmId, Result<Vm>),
    Figures(Vec<VmId>, Result<Vec<(VmId, Figures)>>),
    Details(VmId, Option<Result<Vec<Disk>>>, Option<Result<Vec<Property>>>),
    Node(Result<NodeReport>),
    OwnNode(Result<Option<Node>>),
}

/// What became known of a machine while readings were under way.
enum Touch {
    Is(Box<Vm>),
    Gone,
    Power(PowerState),
    /// Changed, and not yet read again: an older reading does not know its state.
    Changed,
}

/// Whether a list is being read, and whether it must be read once more because something changed meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listing {
    Idle,
    Once,
    Again,
}

/// The readings of one host.
pub(super) struct Reads {
    backend: Arc<dyn AnyBackend>,
    within: Duration,
    latency: Arc<Latency>,
    work: JoinSet<(u64, Read)>,
    number: u64,
    touched: HashMap<VmId, (u64, Touch)>,
    /// The number of the last change of the images.
    images_touched: u64,
    listing: Listing,
    /// When the machines are to be read in full of which only the names are known.
    pub(super) full_at: Option<Instant>,
    /// How long the last list took.
    pub(super) list_took: Duration,
    finding: HashSet<VmId>,
    find_again: HashSet<VmId>,
    measuring: bool,
    /// How often in a row a machine has not told what its processors do, once it has.
    missed: HashMap<VmId, u8>,
    measuring_node: bool,
    detailing: bool,
    detail_again: Option<Focus>,
}

/// So long after the names of its machines a host reads the rest: a screen that shares the processor draws them first.
const NAMES: Duration = Duration::from_millis(4);

/// So many times in a row a machine tells no figures before it is looked at.
const SILENT: u8 = 2;

/// At most this many machines are read one by one after hints; beyond it the list is cheaper.
const SINGLES: usize = 16;

impl Reads {
    pub(super) fn new(backend: Arc<dyn AnyBackend>, within: Duration, latency: Arc<Latency>) -> Self {
        Self {
            backend,
            within,
            latency,
            work: JoinSet::new(),
            number: 0,
            touched: HashMap::new(),
            images_touched: 0,
            listing: Listing::Idle,
            full_at: None,
            list_took: Duration::ZERO,
            finding: HashSet::new(),
            find_again: HashSet::new(),
            measuring: false,
            missed: HashMap::new(),
            measuring_node: false,
            detailing: false,
            detail_again: None,
        }
    }

    /// Forgets what is under way: the connection it ran on is gone.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.backend.clone(), self.within, self.latency.clone());
    }

    fn spawn(&mut self, read: impl Future<Output = Read> + Send + 'static) {
        self.number += 1;
        let begun = self.number;
        let latency = self.latency.clone();
        self.work.spawn(async move { (begun, latency.measure(read).await) });
    }

    /// Reads the list, or once more when a reading is under way that may be too old.
    pub(super) fn list(&mut self, quick: bool) {
        self.full_at = None;
        if self.listing != Listing::Idle {
            self.listing = Listing::Again;
            return;
        }
        self.listing = Listing::Once;
        let (backend, within) = (self.backend.clone(), self.within);
        self.spawn(async move {
            let begun = instant();
            let inventory = guarded(Some(within), backend.inventory(quick)).await;
            Read::List { quick, took: begun.elapsed(), inventory }
        });
    }

    /// Reads one machine again; asked for again meanwhile, once more.
    pub(super) fn vm(&mut self, vm: VmId, capabilities: &Capabilities) {
        if !capabilities.ops.contains(Op::Show) || self.finding.len() >= SINGLES {
            return self.list(false);
        }
        if !self.finding.insert(vm.clone()) {
            self.find_again.insert(vm);
            return;
        }
        let (backend, within) = (self.backend.clone(), self.within);
        self.spawn(async move {
            let found = guarded(Some(within), backend.find(&vm)).await;
            Read::Vm(vm, found)
        });
    }

    /// Asks what `vms` use now, unless the last answer is still out.
    pub(super) fn figures(&mut self, vms: Vec<VmId>) {
        if std::mem::replace(&mut self.measuring, true) {
            return;
        }
        let (backend, within) = (self.backend.clone(), self.within);
        self.spawn(async move {
            let figures = guarded(Some(within), backend.figures(&vms)).await;
            Read::Figures(vms, figures)
        });
    }

    /// Asks how the host's own machine is now, unless the last answer is still out.
    pub(super) fn own_node(&mut self) {
        if std::mem::replace(&mut self.measuring_node, true) {
            return;
        }
        let (backend, within) = (self.backend.clone(), self.within);
        self.spawn(async move { Read::OwnNode(guarded(Some(within), backend.own_node()).await) });
    }

    /// Reads what is shown in full: disks and settings of a machine, or all that hangs on a node.
    pub(super) fn details(&mut self, focus: Focus, capabilities: &Capabilities) {
        if self.detailing {
            self.detail_again = Some(focus);
            return;
        }
        let (backend, within) = (self.backend.clone(), self.within);
        let vm = match focus {
            Focus::Vm(vm) => vm,
            Focus::Node(_) if !capabilities.ops.contains(Op::ShowNode) => return,
            Focus::Node(node) => {
                self.detailing = true;
                return self.spawn(async move { Read::Node(guarded(Some(within), backend.node(&node)).await) });
            }
        };
        self.detailing = true;
        let (disks, properties) =
            (capabilities.ops.contains(Op::ListDisks), capabilities.ops.contains(Op::ListProperties));
        self.spawn(async move {
            let found = if disks { Some(guarded(Some(within), backend.disks(&vm)).await) } else { None };
            let set = if properties { Some(guarded(Some(within), backend.properties(&vm)).await) } else { None };
            Read::Details(vm, found, set)
        });
    }

    /// Takes note of what the host pushed: readings that began before do not undo it.
    pub(super) fn pushed(&mut self, event: &HostEvent) {
        if self.work.is_empty() {
            return;
        }
        let (vm, touch) = match event {
            HostEvent::Vm(vm) => (vm.id.clone(), Touch::Is(vm.clone())),
            HostEvent::Gone(vm) => (vm.clone(), Touch::Gone),
            HostEvent::Power(vm, power) => (vm.clone(), Touch::Power(*power)),
            _ => return,
        };
        self.touch(vm, touch);
    }

    fn touch(&mut self, vm: VmId, touch: Touch) {
        self.number += 1;
        let number = self.number;
        let known = self.touched.remove(&vm).map(|(_, known)| known);
        let touch = match (known, touch) {
            (Some(Touch::Is(mut vm)), Touch::Power(power)) => {
                vm.power = Some(power);
                Touch::Is(vm)
            }
            (_, touch) => touch,
        };
        self.touched.insert(vm, (number, touch));
    }

    /// Reads again what a change was about; `is_met` tells that it is as `expect` says.
    pub(super) fn changed(&mut self, expect: &Expect, capabilities: &Capabilities, shown: Option<&Focus>) {
        self.number += 1;
        match expect {
            Expect::Gone(vm) => self.touch(vm.clone(), Touch::Changed),
            Expect::ImageGone(_) | Expect::ImagePresent(_) => self.images_touched = self.number,
            _ => {
                if let Some(vm) = expect.vm() {
                    self.touch(vm.clone(), Touch::Changed);
                    self.vm(vm.clone(), capabilities);
                }
                if let Some(shown) = shown {
                    self.details(shown.clone(), capabilities);
                }
            }
        }
        self.list(false);
    }

    /// Waits for the next reading, for ever when none is under way. Safe to drop: it then comes again.
    pub(super) async fn next(&mut self) -> (u64, Read) {
        match self.work.join_next().await {
            Some(Ok(read)) => read,
            // Readings are guarded against panics one by one; the next poll comes in any case.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// What a reading means for the application: older readings are mended with what was learnt since.
    pub(super) fn settle(&mut self, begun: u64, read: Read, capabilities: &Capabilities) -> Result<Vec<HostEvent>> {
        let told = match read {
            Read::List { quick, took, inventory } => {
                // Time that passed in waiting for one machine does not tell what a list costs; and that one is looked for.
                let is_whole = |list: &Inventory| list.vms.iter().flatten().all(|vm| vm.power.is_some());
                self.list_took = if inventory.as_ref().is_ok_and(is_whole) { took } else { Duration::ZERO };
                let again = std::mem::replace(&mut self.listing, Listing::Idle) == Listing::Again;
                if again {
                    self.list(false);
                } else if quick {
                    self.full_at = Some(instant() + NAMES);
                }
                inventory.map(|inventory| vec![HostEvent::Inventory(self.mended(begun, inventory))])
            }
            Read::Vm(vm, found) => {
                self.finding.remove(&vm);
                if self.find_again.remove(&vm) {
                    self.vm(vm.clone(), capabilities);
                }
                Ok(self.found(begun, vm, found))
            }
            Read::Figures(vms, figures) => {
                self.measuring = false;
                let unknown = |_| vms.into_iter().map(|vm| (vm, Figures::default())).collect();
                let changed = figures.as_ref().map(|told| self.fell_silent_or_spoke(told)).unwrap_or_default();
                if changed.len() <= SINGLES {
                    for vm in changed {
                        self.vm(vm, capabilities);
                    }
                } else if self.listing == Listing::Idle {
                    self.list(false);
                }
                Ok(vec![HostEvent::Figures(figures.unwrap_or_else(unknown))])
            }
            Read::OwnNode(node) => {
                self.measuring_node = false;
                // The list tells of what is wrong with the host.
                let told = node.map_err(|error| tracing::debug!("the host's figures could not be read: {error}"));
                Ok(told.ok().flatten().map(|node| HostEvent::OwnNode(Box::new(node))).into_iter().collect())
            }
            Read::Node(report) => {
                self.details_read(capabilities);
                let told = report.map_err(|error| tracing::debug!("a node could not be read: {error}"));
                Ok(told.ok().map(|report| HostEvent::Node(Box::new(report))).into_iter().collect())
            }
            Read::Details(vm, disks, properties) => {
                self.details_read(capabilities);
                let unread = |op, error| HostEvent::Unread(vm.clone(), op, error);
                let disks = disks.map(|read| match read {
                    Ok(disks) => HostEvent::Disks(vm.clone(), disks),
                    Err(error) => unread(Op::ListDisks, error),
                });
                let set = properties.map(|read| match read {
                    Ok(set) => HostEvent::Properties(vm.clone(), set),
                    Err(error) => unread(Op::ListProperties, error),
                });
                Ok(disks.into_iter().chain(set).collect())
            }
        };
        if self.work.is_empty() {
            self.touched.clear();
        }
        told
    }

    /// The machines that tell their figures no more, or again: their state may be another, and nobody says so. One answer
    /// that is missing is none too many.
    fn fell_silent_or_spoke(&mut self, told: &[(VmId, Figures)]) -> Vec<VmId> {
        let mut changed = Vec::new();
        for (vm, figures) in told {
            let before = self.missed.get(vm).copied();
            let now = match before {
                _ if figures.cpu.is_some() => 0,
                Some(missed) => (missed + 1).min(SILENT),
                None => continue,
            };
            if before != Some(now) {
                self.missed.insert(vm.clone(), now);
            }
            if now == SILENT && before != Some(SILENT) || now == 0 && before == Some(SILENT) {
                changed.push(vm.clone());
            }
        }
        changed
    }

    fn details_read(&mut self, capabilities: &Capabilities) {
        self.detailing = false;
        if let Some(again) = self.detail_again.take() {
            self.details(again, capabilities);
        }
    }

    /// What was read of one machine. It counts from when the reading began: what is under way since is newer, and a
    /// reading that something newer was known to is not passed off as new.
    fn found(&mut self, begun: u64, vm: VmId, found: Result<Vm>) -> Vec<HostEvent> {
        let is_newest = self.touched.get(&vm).is_none_or(|(number, _)| *number <= begun);
        let (event, touch) = match found {
            Ok(found) => match self.mended_vm(begun, found) {
                Some(found) => (HostEvent::Vm(Box::new(found.clone())), Touch::Is(Box::new(found))),
                None => return Vec::new(),
            },
            Err(error) if error.kind == ErrorKind::NotFound && is_newest => (HostEvent::Gone(vm.clone()), Touch::Gone),
            Err(error) if error.kind == ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::debug!("{vm} could not be read again: {error}");
                self.list(false);
                return Vec::new();
            }
        };
        if is_newest && !self.work.is_empty() {
            self.touched.insert(vm, (begun, touch));
        }
        vec![event]
    }

    /// `vm` as read, with what is known to be newer; None when it is gone since.
    fn mended_vm(&self, begun: u64, mut vm: Vm) -> Option<Vm> {
        match self.touched.get(&vm.id) {
            Some((number, touch)) if *number > begun => match touch {
                Touch::Is(newer) => return Some((**newer).clone()),
                Touch::Gone => return None,
                Touch::Power(power) => vm.power = Some(*power),
                Touch::Changed => vm.power = None,
            },
            _ => {}
        }
        Some(vm)
    }

    fn mended(&self, begun: u64, mut inventory: Inventory) -> Inventory {
        if self.images_touched > begun {
            inventory.images = None;
        }
        if let Some(vms) = inventory.vms.take() {
            let mut vms: Vec<Vm> = vms.into_iter().filter_map(|vm| self.mended_vm(begun, vm)).collect();
            for (number, touch) in self.touched.values() {
                if let Touch::Is(newer) = touch
                    && *number > begun
                    && !vms.iter().any(|vm| vm.id == newer.id)
                {
                    vms.push((**newer).clone());
                }
            }
            inventory.vms = Some(vms);
        }
        inventory
    }
}
