//! What the store holds, kept in step by its own word: the tree as it was read, and every change since.
use super::wire::{Entry, Event};
use crate::{
    backend::lochness_records::{self as records, Flavor, Hypervisor},
    domain::{Inventory, Node, NodeId, NodeReport, Vm, VmId, clean_line},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A hypervisor's record as its key holds it; `Err` says why it cannot be read.
pub fn hypervisor(text: &str) -> Result<Hypervisor, String> {
    let record: Value = serde_json::from_str(text).map_err(|why| format!("no JSON ({why})"))?;
    Hypervisor::read(&record).map_err(|_| "no hypervisor".to_owned())
}

/// A node by its folder's name. One whose record cannot be read is there all the same, and says so.
pub fn node(id: &str, record: Option<&str>, is_alive: bool) -> Node {
    let read = record.ok_or_else(|| "it has none".to_owned()).and_then(hypervisor);
    let (mut node, odd) = match read {
        Ok(record) if record.id == id => (record.node(), None),
        Ok(record) => (record.node(), Some(format!("it says that it is {}", clean_line(&record.id)))),
        Err(why) => (Node { name: clean_line(id).into_owned(), ..Node::default() }, Some(why)),
    };
    node.id = NodeId::from(id);
    node.is_alive = Some(is_alive);
    if let Some(why) = odd {
        node.details.insert(0, ("Record".to_owned(), why));
    }
    node
}

/// A guest by its folder's name; the same.
pub fn guest(id: &str, record: Option<&str>) -> Vm {
    let read = record.and_then(|text| serde_json::from_str(text).ok()).map(|value| records::guest(&value));
    match read {
        Some(Ok(mut vm)) => {
            vm.id = VmId::from(id);
            vm
        }
        _ => Vm {
            id: VmId::from(id),
            remark: Some("its record cannot be read".to_owned()),
            ..Vm::named(&clean_line(id))
        },
    }
}

/// A flavor by its record; one that cannot be read tells nothing.
pub fn flavor(record: Option<&str>) -> Flavor {
    let read = record.and_then(|text| serde_json::from_str(text).ok());
    read.map(|record| Flavor::read(&record)).unwrap_or_default()
}

/// The text of this key in a folder.
fn text<'a>(folder: &'a Entry, name: &str) -> Option<&'a str> {
    folder.get(name)?.value.as_deref()
}

/// All that hangs on one node, from its folder.
pub fn report(id: &str, folder: &Entry) -> NodeReport {
    let texts = |name: &str| folder.get(name).map(Entry::texts).unwrap_or_default().into_iter().collect();
    let mut guests: Vec<VmId> =
        folder.get("guests").map(Entry::inside).unwrap_or_default().iter().map(|g| g.name().into()).collect();
    guests.sort();
    NodeReport {
        node: node(id, text(folder, "metadata"), folder.get("heartbeat").is_some()),
        config: texts("config"),
        subnets: texts("subnets"),
        guests,
    }
}

/// The hypervisors and guests of a store at one moment.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// The number of the newest change that is in it.
    pub index: u64,
    nodes: BTreeMap<String, Node>,
    guests: BTreeMap<String, Vm>,
    flavors: BTreeMap<String, Flavor>,
}

impl Mirror {
    /// The tree as it was at `index`.
    pub fn new(tree: Option<&Entry>, index: u64) -> Self {
        let folders = |name: &str| tree.and_then(|tree| tree.get(name)).map(Entry::inside).unwrap_or_default().iter();
        let nodes = folders("hypervisors").map(|folder| {
            let id = folder.name();
            (id.to_owned(), node(id, text(folder, "metadata"), folder.get("heartbeat").is_some()))
        });
        let guests = folders("guests").map(|folder| {
            let id = folder.name();
            (id.to_owned(), guest(id, text(folder, "metadata")))
        });
        let flavors = folders("flavors").map(|folder| (folder.name().to_owned(), flavor(text(folder, "metadata"))));
        Self { index, nodes: nodes.collect(), guests: guests.collect(), flavors: flavors.collect() }
    }

    /// Takes the next change; what is in already is left out. Whether anything that is shown is another now: most beats of
    /// a heart are no news.
    pub fn apply(&mut self, event: &Event) -> bool {
        if event.entry.index <= self.index {
            return false;
        }
        self.index = event.entry.index;
        let mut parts = event.entry.key.split('/').skip(1);
        if parts.next() != Some("lochness") {
            return false;
        }
        let (kind, id, part) = (parts.next(), parts.next(), parts.next());
        let value = event.entry.value.as_deref().filter(|_| !event.is_gone);
        match (kind, id) {
            (None | Some("hypervisors" | "guests" | "flavors"), None) if event.is_gone => {
                let counts = |mirror: &Self| (mirror.counts(), mirror.flavors.len());
                let before = counts(self);
                let is = |folder: &str| kind.is_none_or(|kind| kind == folder);
                if is("hypervisors") {
                    self.nodes.clear();
                }
                if is("guests") {
                    self.guests.clear();
                }
                if is("flavors") {
                    self.flavors.clear();
                }
                before != counts(self)
            }
            (Some("hypervisors"), Some(id)) if part.is_none() && event.is_gone => self.nodes.remove(id).is_some(),
            (Some("guests"), Some(id)) if part.is_none() && event.is_gone => self.guests.remove(id).is_some(),
            (Some("flavors"), Some(id)) if part.is_none() && event.is_gone => self.flavors.remove(id).is_some(),
            (Some("flavors"), Some(id)) if part == Some("metadata") => {
                let new = flavor(value);
                self.flavors.insert(id.to_owned(), new.clone()).is_none_or(|old| old != new)
            }
            (Some("hypervisors"), Some(id)) => self.node(id, part, value, event.is_gone),
            (Some("guests"), Some(id)) => {
                let is_record = part == Some("metadata");
                let old = self.guests.get(id).filter(|_| !is_record).cloned();
                let new = old.unwrap_or_else(|| guest(id, value.filter(|_| is_record)));
                let is_news = self.guests.get(id) != Some(&new);
                self.guests.insert(id.to_owned(), new);
                is_news
            }
            _ => false,
        }
    }

    /// A change in the folder of a node.
    fn node(&mut self, id: &str, part: Option<&str>, value: Option<&str>, is_gone: bool) -> bool {
        let is_new = !self.nodes.contains_key(id);
        let known = self.nodes.entry(id.to_owned()).or_insert_with(|| node(id, None, false));
        let was = known.clone();
        match part {
            Some("metadata") => *known = node(id, value, known.is_alive == Some(true)),
            Some("heartbeat") => known.is_alive = Some(!is_gone),
            // Configuration, subnets and guests are read where they are shown.
            _ => return true,
        }
        is_new || *known != was
    }

    /// How many hypervisors there are, and how many guests.
    pub fn counts(&self) -> (usize, usize) {
        (self.nodes.len(), self.guests.len())
    }

    pub fn inventory(&self) -> Inventory {
        let with_flavor = |vm: &Vm| {
            let mut vm = vm.clone();
            if let Some(flavor) = Flavor::of(&vm).and_then(|id| self.flavors.get(id)) {
                flavor.complete(&mut vm);
            }
            vm
        };
        let (nodes, vms) = (self.nodes.values().cloned().collect(), self.guests.values().map(with_flavor).collect());
        Inventory { nodes: Some(nodes), vms: Some(vms), images: None }
    }
}
