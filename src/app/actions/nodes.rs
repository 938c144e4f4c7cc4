//! Nodes, their configuration and their subnets: each editor begins with what the host says is there now.
use crate::{
    app::{
        App, Effect, HostState, Screen,
        dialog::{Body, Choose, Confirm, Dialog, Form, Note, Purpose, Typed},
    },
    domain::{
        Choice, Error, ErrorKind, HostId, Node, NodeId, NodeReport, Op, Reply, Request, Result, Task, Values, VmId,
        clean_line, config_fields, subnet_fields,
    },
    input::Action,
};

/// Stands in a list for what is not in it yet: no key and no subnet is called so.
const ANOTHER: &str = "";

impl App {
    /// The host that a new node would go to: that of the selected one, else the first that keeps nodes.
    pub(in crate::app) fn node_host(&self) -> Option<&HostState> {
        self.selected_node().map(|(host, _)| host).or_else(|| self.hosts.iter().find(|host| host.keeps_nodes()))
    }

    /// Why an action on nodes cannot be taken, if so.
    pub(in crate::app) fn node_refusal(&self, action: Action) -> Option<String> {
        // What a host keeps is known once it is connected: until then there is a screen that says so.
        if action == Action::Nodes && self.still_connecting().next().is_some() {
            return None;
        }
        if !self.keeps_nodes() {
            return Some("no host here keeps hypervisors".to_owned());
        }
        let op = action.binding().requires;
        match action {
            Action::Nodes | Action::NodeFilter | Action::NodeSort | Action::NodeSortReverse => None,
            Action::NodeAdd => op.and_then(|op| self.node_host()?.refusal(op)),
            _ => match self.selected_node() {
                None => Some("no node is selected".to_owned()),
                Some((host, _)) => op.and_then(|op| host.refusal(op)),
            },
        }
    }

    /// The selected node: its host, its identity, and how a title names it.
    fn node_named(&self) -> Option<(HostId, NodeId, String)> {
        let (host, node) = self.selected_node()?;
        Some((host.id().clone(), node.id.clone(), format!("{} on {}", shown(node), host.id())))
    }

    pub(super) fn node_add(&mut self) -> Vec<Effect> {
        let Some(host) = self.node_host().map(|host| host.id().clone()) else { return Vec::new() };
        let dialog =
            Dialog::new(format!("New node of {host}"), host, Purpose::AddNode, Body::Reading("asking for its fields"));
        self.open_and_ask(dialog, Request::NodeForm(None))
    }

    pub(super) fn node_edit(&mut self) -> Vec<Effect> {
        let Some((host, node, name)) = self.node_named() else { return Vec::new() };
        let caution = self.heartbeat_caution(&host, &node);
        let purpose = Purpose::EditNode { node: node.clone(), before: Values::new(), caution };
        let dialog = Dialog::new(format!("Change {name}"), host, purpose, Body::Reading("reading its record"));
        self.open_and_ask(dialog, Request::NodeForm(Some(node)))
    }

    pub(super) fn node_config(&mut self) -> Vec<Effect> {
        self.node_choice("Configuration of", Purpose::ChooseConfig)
    }

    pub(super) fn node_subnet(&mut self) -> Vec<Effect> {
        self.node_choice("Subnets of", Purpose::ChooseSubnet)
    }

    pub(super) fn node_detach(&mut self) -> Vec<Effect> {
        self.node_choice("Take a subnet off", Purpose::ChooseDetach)
    }

    fn node_choice(&mut self, what: &str, purpose: fn(NodeId) -> Purpose) -> Vec<Effect> {
        let Some((host, node, name)) = self.node_named() else { return Vec::new() };
        let body = Body::Reading("reading what is there");
        let dialog = Dialog::new(format!("{what} {name}"), host, purpose(node.clone()), body);
        self.open_and_ask(dialog, Request::ShowNode(node))
    }

    /// The form of one key, or of a new one.
    pub(super) fn chosen_key(&mut self, host: HostId, node: NodeId, key: &str) -> Vec<Effect> {
        let [name, value] = config_fields();
        let now = self.report_of(&host, &node).and_then(|report| report.config.get(key)).cloned();
        let before = now.clone().unwrap_or_default();
        let (title, fields, key) = match now {
            Some(now) => (clean_line(key).into_owned(), vec![value.default(now)], Some(key.to_owned())),
            None => ("Another key".to_owned(), vec![name, value], None),
        };
        let title = format!("{title} of {} on {host}", node.short());
        let purpose = Purpose::SetConfig { node, key, before };
        self.open(Dialog::new(title, host, purpose, Body::Form(Form::new(fields, "set"))))
    }

    /// The form of one subnet's bridge, or of another subnet.
    pub(super) fn chosen_subnet(&mut self, host: HostId, node: NodeId, subnet: &str) -> Vec<Effect> {
        let [id, bridge] = subnet_fields();
        let now = self.report_of(&host, &node).and_then(|report| report.subnets.get(subnet)).cloned();
        let before = now.clone().unwrap_or_default();
        let (title, fields, subnet) = match now {
            Some(now) => (
                format!("Bridge to {}", NodeId::from(clean_line(subnet).as_ref()).short()),
                vec![bridge.default(now)],
                Some(subnet.to_owned()),
            ),
            None => ("Another subnet".to_owned(), vec![id, bridge], None),
        };
        let title = format!("{title} of {} on {host}", node.short());
        let purpose = Purpose::SetSubnet { node, subnet, before };
        self.open(Dialog::new(title, host, purpose, Body::Form(Form::new(fields, "attach"))))
    }

    pub(super) fn chosen_detach(&mut self, host: HostId, node: NodeId, subnet: String) -> Vec<Effect> {
        let question = format!("Take subnet {} off {} on {host}?", clean_line(&subnet), node.short());
        let mut confirm = Confirm::new(question, "detach");
        confirm.notes.extend(self.caution(&host, Op::RemoveSubnet));
        let purpose = Purpose::Call(Request::RemoveSubnet { node, subnet });
        self.open(Dialog::new("Take a subnet off", host, purpose, Body::Confirm(confirm)))
    }

    pub(super) fn node_remove(&mut self) -> Vec<Effect> {
        let Some((host, node)) = self.selected_node() else { return Vec::new() };
        let guests = host.report(&node.id).and_then(|report| told_guests(host, report));
        let (host, node) = (host.id().clone(), node.clone());
        let mut typed = Typed::new(format!("Remove {} from {host}?", shown(&node)), node.id.short(), "remove");
        typed.notes.push(Note::plain("Its record, configuration and subnets go; the machine itself is not touched."));
        typed.notes.extend(guests.map(Note::warning));
        typed.notes.extend(self.caution(&host, Op::RemoveNode));
        let purpose = Purpose::Call(Request::RemoveNode(node.id));
        self.open(Dialog::new("Remove a node", host, purpose, Body::Typed(typed)))
    }

    fn report_of(&self, host: &HostId, node: &NodeId) -> Option<&NodeReport> {
        self.hosts.get(host)?.report(node)
    }

    /// What the host warns of before a record is changed; where the node is known to be dead, there is no heartbeat to end.
    fn heartbeat_caution(&self, host: &HostId, node: &NodeId) -> Option<Note> {
        let is_dead = self.hosts.get(host)?.node(node)?.is_alive == Some(false);
        self.caution(host, Op::UpdateNode).filter(|_| !is_dead)
    }

    /// Somebody else changed what we changed of a node: tells both, and asks whether ours should stand.
    pub(in crate::app) fn node_clash(&mut self, task: &Task, result: &Result<Reply>) {
        let Err(Error { kind: ErrorKind::Conflict, message, .. }) = result else { return };
        if self.dialog.is_some() || !self.on(Screen::Nodes) {
            return;
        }
        let (what, again, caution) = match &task.request {
            Some(Request::UpdateNode { node, before, values }) => {
                let is_ours = |(name, value): &(&String, &String)| before.get(*name) != Some(value);
                let ours = values.iter().filter(is_ours);
                let values = ours.map(|(name, value)| (name.clone(), value.clone())).collect();
                let again = Request::UpdateNode { node: node.clone(), before: Values::new(), values };
                (node.short().to_owned(), again, self.heartbeat_caution(&task.host, node))
            }
            Some(Request::SetConfig { node, key, value, .. }) => {
                let (node, key, value) = (node.clone(), key.clone(), value.clone());
                let what = format!("{} of {}", clean_line(&key), node.short());
                (what, Request::SetConfig { node, key, before: None, value }, None)
            }
            Some(Request::SetSubnet { node, subnet, bridge, .. }) => {
                let (node, subnet, bridge) = (node.clone(), subnet.clone(), bridge.clone());
                let what = format!("The bridge to {} of {}", clean_line(&subnet), node.short());
                (what, Request::SetSubnet { node, subnet, before: None, bridge }, None)
            }
            _ => return,
        };
        let question = format!("{what} on {} was changed by somebody else. Set it all the same?", task.host);
        let mut confirm = Confirm::new(question, "set");
        confirm.notes.push(Note::warning(clean_line(message)));
        confirm.notes.extend(caution);
        self.open(Dialog::new("Changed meanwhile", task.host.clone(), Purpose::Call(again), Body::Confirm(confirm)));
    }
}

/// What is there to choose from.
pub(super) fn choice(purpose: &Purpose, report: &NodeReport) -> Body {
    let (all, another, yes) = match purpose {
        Purpose::ChooseConfig(_) => (&report.config, "another key", "change"),
        Purpose::ChooseSubnet(_) => (&report.subnets, "attach another", "change"),
        _ => (&report.subnets, "", "detach"),
    };
    let known = all.iter().map(|(name, value)| Choice::new(name, &clean_line(value)));
    let more = (!another.is_empty()).then(|| Choice::new(ANOTHER, another));
    let mut choose = Choose::new(known.chain(more).collect(), yes);
    choose.empty.push_str("No subnet is attached.");
    Body::Choose(choose)
}

/// The guests that keep a node from being removed, by name where they have one.
fn told_guests(host: &HostState, report: &NodeReport) -> Option<String> {
    const MOST: usize = 3;
    let name = |guest: &VmId| {
        let name = host.machine(guest).map_or_else(|| guest.to_string(), |machine| machine.vm.name.clone());
        clean_line(&name).into_owned()
    };
    let mut names: Vec<_> = report.guests.iter().take(MOST).map(name).collect();
    if let Some(more) = report.guests.len().checked_sub(MOST).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    match report.guests.len() {
        0 => None,
        1 => Some(format!("It has a guest, which has to leave it first: {}", names.join(", "))),
        many => Some(format!("It has {many} guests, which have to leave it first: {}", names.join(", "))),
    }
}

/// A node in a sentence: its name, and where that is its identity, the first group of it.
fn shown(node: &Node) -> String {
    if node.name == node.id.as_str() { node.id.short().to_owned() } else { clean_line(&node.name).into_owned() }
}
