//! A running machine moved to another of the configured hosts, and followed there.
use crate::{
    app::{
        App, Effect, HostState,
        dialog::{Body, COPIED, Choose, Dialog, Form, Note, Purpose},
    },
    domain::{Choice, FieldKind, FieldSpec, HostId, Moves, Op, Request, TaskId, Values, VmId},
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
        let takers = moves(host).to;
        // One that is configured twice is one host all the same.
        let is_other = |other: &HostState| {
            other.id() != host.id() && (other.host.address != host.host.address || host.host.address.is_empty())
        };
        self.hosts.iter().filter(|other| is_other(other) && takers.contains(&other.host.backend)).collect()
    }

    pub(super) fn migrate(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let choice = |other: &&HostState| {
            let link = if other.capabilities().is_some() { "" } else { " · not connected" };
            Choice::new(other.id().as_str(), &format!("{}{link}", other.host.address))
        };
        let mut choose = Choose::new(self.targets(host).iter().map(choice).collect(), "choose");
        choose.empty = format!("No other {} host is configured.", moves(host).to.join(" or "));
        let title = format!("Move {} from {} to another host", machine.vm.name, host.id());
        let (host, vm) = (host.id().clone(), machine.vm.id.clone());
        self.open(Dialog::new(title, host, Purpose::ChooseTarget(vm), Body::Choose(choose)))
    }

    /// Asks how the one host reaches the other: the address that is configured is how this computer does.
    pub(super) fn migrate_to(&mut self, from: &HostId, vm: VmId, to: &str) -> Vec<Effect> {
        let (Some(source), Some(to)) = (self.hosts.get(from), self.hosts.get(&to.into())) else { return Vec::new() };
        let refusal = match to.machine(&vm) {
            _ if to.capabilities().is_none() => {
                Some("is not connected: nobody would see the machine arrive".to_owned())
            }
            Some(known) if known.vm.power().is_alive() => Some(format!("runs a machine called {vm} already")),
            _ => None,
        };
        if let Some(why) = refusal {
            let why = format!("{} {why}", to.id());
            self.say(&why);
            return Vec::new();
        }
        let moves = moves(source);
        let mut fields = vec![match moves.by_uri {
            true => FieldSpec::new("to", "URI", FieldKind::LibvirtUri)
                .default(to.host.uri().unwrap_or_default())
                .help("by which the one libvirt reaches the other: qemu+ssh://user@host/system"),
            false => FieldSpec::new("to", "Address", FieldKind::Text)
                .default(to.host.computer().unwrap_or_default())
                .help("by which the one host reaches the other"),
        }];
        if moves.copies_disks {
            let ways = [Choice::new("shared", "both hosts see them"), Choice::new(COPIED, "only this host sees them")];
            fields.push(FieldSpec::new("disks", "Disks", FieldKind::Choice(ways.to_vec())).default("shared"));
        }
        let mut told = vec![Note::plain(format!("{vm} goes on running while it moves from {from} to {}.", to.id()))];
        told.extend(self.caution(from, Op::Migrate));
        let title = format!("Move {vm} from {from} to {}", to.id());
        let purpose = Purpose::Migrate { vm, to: to.id().clone(), told };
        let form = Body::Form(Form::new(fields, "move"));
        self.open(Dialog::new(title, from.clone(), purpose, form))
    }

    pub(super) fn send_migration(&mut self, from: HostId, vm: VmId, to: HostId, mut values: Values) -> Vec<Effect> {
        let copy_disks = values.get("disks").is_some_and(|disks| disks == COPIED);
        let address = values.remove("to").unwrap_or_default();
        let effects = self.call(from, Request::Migrate { vm: vm.clone(), to: address, copy_disks });
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

/// Where machines of `host` may go.
fn moves(host: &HostState) -> Moves {
    host.capabilities().map(|known| known.moves).unwrap_or_default()
}
