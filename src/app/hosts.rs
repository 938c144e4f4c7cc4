//! The hosts: their links, and what they have, merged from polls and pushes.
use super::{
    link_log::LinkLog,
    machine::Machine,
    shown::{settle, settle_latency, settle_node},
};
use crate::domain::{
    ByteSize, Capabilities, Error, Figures, Host, HostEvent, HostId, Image, Inventory, Link, Node, NodeId, NodeReport,
    Op, Question, Stamp, Vm, VmId, clean_line,
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// A host and what is known of it.
#[derive(Clone, Debug)]
pub struct HostState {
    pub host: Host,
    pub link: Link,
    /// What it asked last, while it serves.
    asks: Option<Question>,
    /// What is known is as old as this: the link is down, or a poll failed, and why.
    pub stale: Option<(Stamp, Error)>,
    /// How long it takes to answer, as it is shown.
    pub latency: Option<Duration>,
    /// What happened to its connection.
    pub link_log: LinkLog,
    nodes: Vec<Node>,
    /// When they were last told of.
    nodes_at: Stamp,
    /// Where each stands among them.
    node_at: HashMap<NodeId, usize>,
    /// Whether the host keeps nodes as others keep machines.
    keeps_nodes: bool,
    /// Whether it is not to be asked for machines that a person only passes by: known while it is away, too.
    pub(super) is_wary: bool,
    /// What was read of single nodes.
    reports: HashMap<NodeId, NodeReport>,
    /// None: not listed yet.
    pub images: Option<Vec<Image>>,
    /// When it was last heard of.
    pub heard: Option<Stamp>,
    /// Whether its machines were ever listed: before that none are known, which is not "there are none".
    pub listed: bool,
    /// In boxes: half the places of a table are empty.
    machines: HashMap<VmId, Box<Machine>>,
    running: usize,
}

/// What an event changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Anything that is shown.
    pub(super) visible: bool,
    /// The set of machines, or what they are sorted and filtered by.
    pub(super) rows: bool,
    /// The set of nodes, or what they are sorted and filtered by.
    pub(super) nodes: bool,
}

impl Changes {
    const ROWS: Self = Self { visible: true, rows: true, nodes: true };

    const fn visible(visible: bool) -> Self {
        Self { visible, rows: false, nodes: false }
    }

    const fn rows(changed: bool) -> Self {
        Self { visible: changed, rows: changed, nodes: false }
    }
}

impl HostState {
    fn new(host: Host) -> Self {
        Self {
            host,
            link: Link::Connecting,
            asks: None,
            stale: None,
            latency: None,
            link_log: LinkLog::default(),
            nodes: Vec::new(),
            nodes_at: Stamp::default(),
            node_at: HashMap::new(),
            keeps_nodes: false,
            is_wary: false,
            reports: HashMap::new(),
            images: None,
            heard: None,
            listed: false,
            machines: HashMap::new(),
            running: 0,
        }
    }

    pub const fn id(&self) -> &HostId {
        &self.host.id
    }

    /// What the connection can do; None: there is none.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        match &self.link {
            Link::Up(capabilities) => Some(capabilities),
            _ => None,
        }
    }

    /// The question that it, or one of its calls, waits with.
    pub const fn question(&self) -> Option<&Question> {
        match &self.link {
            Link::Asks(question) => Some(question),
            _ => self.asks.as_ref(),
        }
    }

    /// Whether a time to the next try is shown.
    pub const fn waits(&self) -> bool {
        matches!(self.link, Link::Down { retry_at: Some(_), .. })
    }

    pub fn machine(&self, vm: &VmId) -> Option<&Machine> {
        self.machines.get(vm).map(AsRef::as_ref)
    }

    /// The physical machines behind it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(*self.node_at.get(id)?)
    }

    /// Whether it keeps nodes with records of their own, as others keep machines.
    pub const fn keeps_nodes(&self) -> bool {
        self.keeps_nodes
    }

    /// What the storage of its one physical machine still holds.
    pub fn storage_free(&self) -> Option<ByteSize> {
        match self.nodes.as_slice() {
            [node] => node.storage_free(),
            _ => None,
        }
    }

    /// Of when the figures of its machine are, where they are not those of now: it is away, or does not answer.
    pub fn figures_of(&self) -> Option<Stamp> {
        self.stale.is_some().then_some(self.nodes_at)
    }

    /// [`Self::storage_free`], where that is as of now.
    pub fn storage_left(&self) -> Option<ByteSize> {
        self.storage_free().filter(|_| self.figures_of().is_none())
    }

    /// What was last read of one node and what hangs on it.
    pub fn report(&self, node: &NodeId) -> Option<&NodeReport> {
        self.reports.get(node)
    }

    /// In no order.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values().map(AsRef::as_ref)
    }

    /// How many machines run, and how many there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.running, self.machines.len())
    }

    /// `part`: the one of the time of graphs that `now` is in.
    fn apply(&mut self, event: HostEvent, now: Stamp, part: u64) -> Changes {
        if !matches!(event, HostEvent::Link(_) | HostEvent::Stale { .. } | HostEvent::Disconnected(_)) {
            self.heard = Some(now);
        }
        self.log_link(&event, now);
        let changes = match event {
            HostEvent::Link(link) => self.take_link(link),
            HostEvent::Inventory(inventory) => self.take_inventory(inventory, now),
            HostEvent::Vm(vm) => Changes::rows(self.take_vm(*vm)),
            HostEvent::Gone(vm) => Changes::rows(self.machines.remove(&vm).is_some()),
            HostEvent::Power(vm, power) => self.machines.get_mut(&vm).map_or_else(Changes::default, |machine| {
                let changed = machine.vm.power != Some(power) || machine.old_power;
                machine.vm.power = Some(power);
                machine.old_power = false;
                if std::mem::take(&mut machine.says_why_unknown) {
                    machine.vm.remark = None;
                }
                if !power.is_alive() {
                    machine.forget_figures();
                    machine.vm.started = None;
                }
                Changes::rows(changed)
            }),
            HostEvent::Figures(all) => self.take_figures(all, part),
            HostEvent::Disks(vm, disks) => Changes::visible(self.machines.get_mut(&vm).is_some_and(|machine| {
                let changed = machine.disks.as_ref() != Some(&disks);
                machine.disks = Some(disks);
                machine.take_unread(Op::ListDisks, None) || changed
            })),
            HostEvent::Properties(vm, properties) => {
                Changes::visible(self.machines.get_mut(&vm).is_some_and(|machine| {
                    let changed = machine.properties.as_ref() != Some(&properties);
                    machine.properties = Some(properties);
                    machine.take_unread(Op::ListProperties, None) || changed
                }))
            }
            HostEvent::Node(report) => self.take_report(*report),
            HostEvent::OwnNode(node) => self.take_nodes(vec![*node], now),
            HostEvent::Latency(time) => {
                let shown = Some(settle_latency(self.latency, time));
                Changes::visible(std::mem::replace(&mut self.latency, shown) != shown)
            }
            HostEvent::Unread(vm, op, error) => {
                Changes::visible(self.machines.get_mut(&vm).is_some_and(|machine| machine.take_unread(op, Some(error))))
            }
            HostEvent::Capabilities(capabilities) => match &mut self.link {
                Link::Up(old) if *old != capabilities => {
                    *old = capabilities;
                    Changes::visible(true)
                }
                _ => Changes::default(),
            },
            HostEvent::Stale { since, error } => {
                let is_news = self.stale.is_none();
                if is_news {
                    self.stale = Some((since, error));
                }
                Changes::rows(is_news)
            }
            HostEvent::Asks(question) => {
                self.asks = Some(question);
                Changes::visible(true)
            }
            HostEvent::Disconnected(error) => self.take_link(Link::Down { error, retry_at: None }),
            HostEvent::Hint(_) | HostEvent::Job(_) => Changes::default(),
        };
        if changes.rows {
            self.running = self.machines.values().filter(|m| m.vm.power().is_alive()).count();
        }
        changes
    }

    fn take_link(&mut self, link: Link) -> Changes {
        if self.link == link {
            return Changes::default();
        }
        if let (Link::Down { error, .. }, None) = (&link, &self.stale) {
            self.stale = self.heard.map(|heard| (heard, error.clone()));
        }
        if matches!(link, Link::Down { .. }) {
            self.latency = None;
        }
        if let Link::Up(capabilities) = &link {
            self.keeps_nodes = capabilities.check(Op::ShowNode).is_ok();
            self.is_wary = capabilities.looks_leave_traces;
        }
        (self.link, self.asks) = (link, None);
        Changes::ROWS
    }

    fn take_inventory(&mut self, inventory: Inventory, now: Stamp) -> Changes {
        let mut changes = Changes::rows(self.stale.take().is_some());
        if let Some(nodes) = inventory.nodes {
            let of_nodes = self.take_nodes(nodes, now);
            changes.visible |= of_nodes.visible;
            changes.nodes |= of_nodes.nodes;
        }
        if let Some(images) = inventory.images {
            changes.visible |= self.images.as_ref() != Some(&images);
            self.images = Some(images);
        }
        if let Some(vms) = inventory.vms {
            let before = self.machines.len();
            let ids: HashSet<&VmId> = vms.iter().map(|vm| &vm.id).collect();
            self.machines.retain(|id, _| ids.contains(id));
            let mut is_news = before != self.machines.len() || !self.listed;
            drop(ids);
            self.listed = true;
            for vm in vms {
                is_news |= self.take_vm(vm);
            }
            changes.visible |= is_news;
            changes.rows |= is_news;
        }
        changes
    }

    fn take_nodes(&mut self, mut nodes: Vec<Node>, now: Stamp) -> Changes {
        self.nodes_at = now;
        if let ([old], [new]) = (self.nodes.as_slice(), nodes.as_mut_slice()) {
            settle_node(old, new);
        }
        let is_news = self.nodes != nodes;
        self.nodes = nodes;
        if is_news {
            self.node_at = self.nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
            self.reports.retain(|id, _| self.node_at.contains_key(id));
        }
        Changes { visible: is_news, nodes: is_news, ..Changes::default() }
    }

    /// Takes what was read of one node, whose record may be newer than the list.
    fn take_report(&mut self, report: NodeReport) -> Changes {
        let known = self.node_at.get(&report.node.id).and_then(|at| self.nodes.get_mut(*at));
        let is_newer = known.is_some_and(|node| {
            let is_newer = *node != report.node;
            if is_newer {
                *node = report.node.clone();
            }
            is_newer
        });
        let is_news = self.reports.get(&report.node.id) != Some(&report);
        self.reports.insert(report.node.id.clone(), report);
        Changes { visible: is_news || is_newer, nodes: is_newer, ..Changes::default() }
    }

    /// Takes a machine's record; a state that it does not tell stays as it was, marked as old.
    fn take_vm(&mut self, mut vm: Vm) -> bool {
        vm.name = clean_line(&vm.name).into_owned();
        let machine = self.machines.entry(vm.id.clone()).or_default();
        let old_power = vm.power.is_none() && machine.vm.power.is_some();
        let says_why_unknown = old_power && vm.remark.is_some();
        if old_power {
            vm.power = machine.vm.power;
            // A remark on what is unknown now is none on what was known.
            vm.remark = vm.remark.or_else(|| machine.vm.remark.take().filter(|_| !machine.says_why_unknown));
        }
        let changed =
            machine.vm != vm || (machine.old_power, machine.says_why_unknown) != (old_power, says_why_unknown);
        (machine.old_power, machine.says_why_unknown) = (old_power, says_why_unknown);
        if !vm.power().is_alive() {
            machine.forget_figures();
        }
        machine.vm = vm;
        changed
    }

    fn take_figures(&mut self, all: Vec<(VmId, Figures)>, part: u64) -> Changes {
        let (mut changed, mut has_size) = (false, false);
        for (vm, mut figures) in all {
            if let Some(machine) = self.machines.get_mut(&vm) {
                if let Some(disk) = figures.disk.take() {
                    has_size |= machine.vm.disk.replace(disk) != Some(disk);
                    if figures == Figures::default() {
                        continue;
                    }
                }
                machine.usage.get_or_insert_default().take(part, &figures);
                let shown = Some(Box::new(settle(machine.figures.as_deref().copied(), figures)));
                changed |= machine.figures != shown;
                machine.figures = shown;
            }
        }
        if has_size { Changes::rows(true) } else { Changes::visible(changed) }
    }
}

/// All configured hosts, in the order of the configuration.
#[derive(Debug, Default)]
pub struct Hosts(Vec<HostState>);

impl Hosts {
    pub(super) fn new(hosts: Vec<Host>) -> Self {
        Self(hosts.into_iter().map(HostState::new).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &HostState> {
        self.0.iter()
    }

    pub fn get(&self, id: &HostId) -> Option<&HostState> {
        self.0.iter().find(|h| h.host.id == *id)
    }

    pub fn at(&self, row: usize) -> Option<&HostState> {
        self.0.get(row)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get_mut(&mut self, id: &HostId) -> Option<&mut HostState> {
        self.0.iter_mut().find(|h| h.host.id == *id)
    }

    pub(super) fn apply(&mut self, id: &HostId, event: HostEvent, now: Stamp, part: u64) -> Changes {
        self.get_mut(id).map_or_else(Changes::default, |host| host.apply(event, now, part))
    }
}
