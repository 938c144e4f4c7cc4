//! The physical machines of hosts that keep many: which are shown, in which order, and which one is selected.
use super::{App, HostState, Hosts, Listing, listing::natural};
use crate::domain::{Amount, HostId, Link, Node, NodeId};
use std::cmp::Ordering;

/// A node's identity among all hosts.
pub type NodeRow = (HostId, NodeId);

/// What the nodes are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeColumn {
    #[default]
    Name,
    Host,
    Address,
    Cpus,
    Memory,
    Storage,
}

impl NodeColumn {
    /// All, from left to right.
    pub const ALL: [Self; 6] = [Self::Name, Self::Host, Self::Address, Self::Cpus, Self::Memory, Self::Storage];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Host => "HOST",
            Self::Address => "ADDRESS",
            Self::Cpus => "CPUS",
            Self::Memory => "MEM",
            Self::Storage => "STORAGE",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Name => Self::Host,
            Self::Host => Self::Address,
            Self::Address => Self::Cpus,
            Self::Cpus => Self::Memory,
            Self::Memory => Self::Storage,
            Self::Storage => Self::Name,
        }
    }
}

impl Listing<NodeRow, NodeColumn> {
    /// Sorts and filters anew.
    pub(super) fn rebuild(&mut self, hosts: &Hosts) {
        let needle = self.filter.text().to_lowercase();
        let mut found: Vec<(usize, &HostState, &Node)> = Vec::new();
        let mut total = 0;
        for (i, host) in hosts.iter().enumerate().filter(|(_, host)| host.keeps_nodes()) {
            total += host.nodes().len();
            found.extend(host.nodes().iter().filter(|node| matches(&needle, host, node)).map(|node| (i, host, node)));
        }
        let (sort, reverse) = (self.sort, self.reverse);
        found.sort_by(|(i, _, a), (j, _, b)| {
            let order = compare(sort, (*i, a), (*j, b));
            let order = if reverse { order.reverse() } else { order };
            order.then_with(|| by_name(a, b)).then_with(|| i.cmp(j)).then_with(|| a.id.cmp(&b.id))
        });
        self.take(found.into_iter().map(|(_, host, node)| (host.id().clone(), node.id.clone())).collect(), total);
    }

    pub(super) fn sort_by_next(&mut self, one_host: bool) {
        self.sort = self.sort.next();
        if self.sort == NodeColumn::Host && one_host {
            self.sort = self.sort.next();
        }
        // The fullest are looked for, names are read from the top.
        self.reverse = matches!(self.sort, NodeColumn::Cpus | NodeColumn::Memory | NodeColumn::Storage);
    }
}

fn matches(needle: &str, host: &HostState, node: &Node) -> bool {
    needle.split_whitespace().all(|word| {
        node.name.to_lowercase().contains(word)
            || node.id.as_str().to_lowercase().contains(word)
            || host.id().as_str().to_lowercase().contains(word)
            || node.address.as_ref().is_some_and(|address| address.contains(word))
            || node.details.iter().any(|(_, value)| value.to_lowercase().contains(word))
    })
}

/// Identities are ordered letter by letter, names as people do.
fn by_name(a: &Node, b: &Node) -> Ordering {
    let is_id = |node: &Node| node.name == node.id.as_str();
    if is_id(a) && is_id(b) { a.id.cmp(&b.id) } else { natural(&a.name, &b.name) }
}

/// By how full they are: what is not known comes before what is empty.
fn compare(sort: NodeColumn, (i, a): (usize, &Node), (j, b): (usize, &Node)) -> Ordering {
    let share = |amount: Option<Amount>| amount.and_then(Amount::share).unwrap_or(-1.0);
    match sort {
        NodeColumn::Name => Ordering::Equal,
        NodeColumn::Host => i.cmp(&j),
        NodeColumn::Address => {
            let number =
                |node: &Node| node.address.as_ref().and_then(|address| address.parse::<std::net::IpAddr>().ok());
            number(a).cmp(&number(b)).then_with(|| a.address.cmp(&b.address))
        }
        NodeColumn::Cpus => a.cpus_share().unwrap_or(-1.0).total_cmp(&b.cpus_share().unwrap_or(-1.0)),
        NodeColumn::Memory => share(a.memory).total_cmp(&share(b.memory)),
        NodeColumn::Storage => share(a.storage).total_cmp(&share(b.storage)),
    }
}

impl App {
    /// The node of the selected row, with its host.
    pub fn selected_node(&self) -> Option<(&HostState, &Node)> {
        let (host, node) = self.nodes.selected()?;
        let host = self.hosts.get(host)?;
        Some((host, host.node(node)?))
    }

    /// The hosts that do not tell yet what they keep.
    pub fn still_connecting(&self) -> impl Iterator<Item = &HostState> {
        self.hosts.iter().filter(|host| matches!(host.link, Link::Connecting))
    }

    /// Whether any host keeps nodes, so that there is something to show.
    pub fn keeps_nodes(&self) -> bool {
        self.hosts.iter().any(HostState::keeps_nodes)
    }
}
