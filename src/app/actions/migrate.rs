//! A running machine moved to another of the configured hosts, and followed there.
use crate::{
    app::{
        App, Effect, HostState,
        dialog::{Body, Choose, Dialog, Form, Note, Purpose},
    },
    domain::{Choice, FieldKind, FieldSpec, HostId, Op, Request, TaskId, VmId},
};

/// A machine on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct Move {
    task: TaskId,
    to: HostId,
    vm: VmId,
}

impl App {
    /// The hosts that could take a machine of `host`.
    fn targets(&self, host: &HostState) -> Vec<&HostState> {
        let takers = host.capabilities().map(|c| c.moves_to).unwrap_or_default();
        self.hosts.iter().filter(|other| other.id() != host.id() && takers.contains(&other.host.backend)).collect()
    }

    pub(super) fn migrate(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let choice = |other: &&HostState| {
            let link = if other.capabilities().is_some() { "" } else { " · not connected" };
            Choice::new(other.id().as_str(), &format!("{}{link}", other.host.address))
        };
        let mut choose = Choose::new(self.targets(host).iter().map(choice).collect(), "choose");
        let takers = host.capabilities().map(|c| c.moves_to.join(" or ")).unwrap_or_default();
        choose.empty = format!("No other {takers} host is configured.");
        let title = format!("Move {} from {} to another host", machine.vm.name, host.id());
        let (host, vm) = (host.id().clone(), machine.vm.id.clone());
        self.open(Dialog::new(title, host, Purpose::ChooseTarget(vm), Body::Choose(choose)))
    }

    /// Asks how the one host reaches the other: the address that is configured is how this computer does.
    pub(super) fn migrate_to(&mut self, from: &HostId, vm: VmId, to: &str) -> Vec<Effect> {
        let Some(to) = self.hosts.get(&to.into()) else { return Vec::new() };
        let known = to.machine(&vm);
        if known.is_some_and(|machine| machine.vm.power().is_alive()) {
            let why = format!("{} runs a machine called {vm} already", to.id());
            self.say(&why);
            return Vec::new();
        }
        let computer = to.host.computer().filter(|name| !is_loopback(name)).unwrap_or_default();
        let address = FieldSpec::new("to", "Address", FieldKind::Text)
            .default(computer)
            .help("by which the one host reaches the other");
        let mut told = vec![Note::plain(format!("{vm} goes on running while it moves from {from} to {}.", to.id()))];
        told.extend(self.caution(from, Op::Migrate));
        let title = format!("Move {vm} from {from} to {}", to.id());
        let purpose = Purpose::Migrate { vm, to: to.id().clone(), told };
        let form = Body::Form(Form::new(vec![address], "move"));
        self.open(Dialog::new(title, from.clone(), purpose, form))
    }

    pub(super) fn send_migration(&mut self, from: HostId, vm: VmId, to: HostId, address: String) -> Vec<Effect> {
        let effects = self.call(from, Request::Migrate { vm: vm.clone(), to: address });
        if let [Effect::Call { task, .. }] = effects.as_slice() {
            self.moves.push(Move { task: *task, to, vm });
        }
        effects
    }

    /// Looks at the other host once a machine has left, or may have, and selects it where it is found.
    pub(in crate::app) fn follow_move(&mut self, task: TaskId, has_left: bool) -> Option<Effect> {
        let at = self.moves.iter().position(|moved| moved.task == task)?;
        let Move { to, vm, .. } = self.moves.swap_remove(at);
        if has_left {
            self.select_when_there(to.clone(), vm);
        }
        Some(Effect::Refresh(to))
    }
}

/// Whether every computer calls itself so.
fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
