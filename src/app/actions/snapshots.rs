//! Snapshots: listed, taken, gone back to, removed; and machines renamed and cloned.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Choose, Confirm, Dialog, Form, Note, Purpose, Typed},
    },
    domain::{Choice, FieldKind, FieldSpec, HostId, Op, PowerState, Request, Snapshot, VmId, clean_line},
    input::Action,
};
use jiff::{Timestamp, tz::TimeZone};

/// Stands in the list for a snapshot that is not there yet: none is called so.
const ANOTHER: &str = "";
/// What can be done with one.
const REVERT: &str = "go back";
const REMOVE: &str = "remove";

/// The one field of a form that gives a name.
fn name_form(label: &'static str, default: String, yes: &'static str) -> Body {
    let name = FieldSpec::new("name", label, FieldKind::VmName).default(default);
    Body::Form(Form::new(vec![name.help("letters, digits, `.`, `_` and `-`")], yes))
}

/// A time as `2026-11-21 20:03`, or in another `form`.
fn told(at: crate::domain::Stamp, form: &str, zone: &TimeZone) -> String {
    let at = i64::try_from(at.0).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime(form).to_string()
}

impl App {
    pub(super) fn snapshots(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = machine.vm.id.clone();
        let title = format!("Snapshots of {} on {}", machine.vm.name, host.id());
        let body = Body::Reading("reading snapshots");
        let dialog = Dialog::new(title, host.id().clone(), Purpose::Snapshots(vm.clone()), body);
        self.open_and_ask(dialog, Request::ListSnapshots(vm))
    }

    /// The newest first, and above them one that could be taken.
    pub(super) fn snapshot_choice(&self, host: &HostId, all: &[Snapshot]) -> Body {
        let can = |op| self.hosts.get(host).is_some_and(|host| host.refusal(op).is_none());
        let choice = |snapshot: &Snapshot| {
            let taken = snapshot.taken.map(|at| told(at, "%Y-%m-%d %H:%M", &self.settings.zone));
            let state = snapshot.power.map(|power| format!("{:<8}", power.name()));
            let size = snapshot.size.map(|size| size.to_string());
            let current = snapshot.is_current.then(|| "current".to_owned());
            let note = Some(clean_line(&snapshot.description).into_owned()).filter(|note| !note.is_empty());
            let words: Vec<_> = [taken, state, size, current, note].into_iter().flatten().collect();
            Choice::new(&snapshot.name, &words.join("  "))
        };
        let new = can(Op::TakeSnapshot).then(|| Choice::new(ANOTHER, "take a snapshot now"));
        let mut choose = Choose::new(new.into_iter().chain(all.iter().rev().map(choice)).collect(), "choose");
        choose.empty.push_str("It has no snapshots.");
        Body::Choose(choose)
    }

    pub(super) fn chosen_snapshot(&mut self, host: HostId, vm: VmId, snapshot: String) -> Vec<Effect> {
        let shown = clean_line(&snapshot).into_owned();
        let (title, purpose, body) = if snapshot == ANOTHER {
            let name = told(self.now(), "%Y-%m-%d-%H%M", &self.settings.zone);
            (format!("Take a snapshot of {vm} on {host}"), Purpose::TakeSnapshot(vm), name_form("Name", name, "take"))
        } else {
            let choices = vec![
                Choice::new(REVERT, "what the machine has become since is lost"),
                Choice::new(REMOVE, "the machine stays as it is"),
            ];
            let title = format!("Snapshot {shown} of {vm} on {host}");
            (title, Purpose::Snapshot { vm, snapshot }, Body::Choose(Choose::new(choices, "choose")))
        };
        self.open(Dialog::new(title, host, purpose, body))
    }

    /// Asks before a machine goes back to a snapshot, and for the machine's name before one is removed.
    pub(super) fn snapshot_action(&mut self, host: HostId, vm: VmId, snapshot: String, what: &str) -> Vec<Effect> {
        let shown = clean_line(&snapshot).into_owned();
        let runs = self.hosts.get(&host).and_then(|host| host.machine(&vm)).map(|machine| machine.vm.power());
        let (op, question, yes, note) = if what == REMOVE {
            let note = Note::plain("The machine stays as it is, and cannot go back there any more.");
            (Op::RemoveSnapshot, format!("Remove snapshot {shown} of {vm} on {host}?"), "remove", note)
        } else {
            let note = match runs {
                Some(PowerState::Off) => "What its disks hold that came after the snapshot is lost.",
                _ => "It runs: its memory, and what its disks hold that came after the snapshot, are lost.",
            };
            (Op::RevertSnapshot, format!("Take {vm} on {host} back to {shown}?"), "go back", Note::warning(note))
        };
        let request = match op {
            Op::RemoveSnapshot => Request::RemoveSnapshot { vm, snapshot },
            _ => Request::RevertSnapshot { vm, snapshot },
        };
        if let Some(why) = self.request_refusal(&host, &request) {
            self.say(&why);
            return Vec::new();
        }
        let notes = std::iter::once(note).chain(self.caution(&host, op)).collect();
        let body = match op {
            Op::RemoveSnapshot => Body::Typed(Typed { notes, ..Typed::new(question, request.target(), yes) }),
            _ => Body::Confirm(Confirm { notes, ..Confirm::new(question, yes) }),
        };
        let title = if op == Op::RemoveSnapshot { "Remove a snapshot" } else { "Go back to a snapshot" };
        self.open(Dialog::new(title, host, Purpose::Call(request), body))
    }

    /// Asks for the new name of the selected machine, or for that of its copy.
    pub(super) fn name_machine(&mut self, action: Action) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let (id, vm, name) = (host.id().clone(), machine.vm.id.clone(), machine.vm.name.clone());
        let (title, purpose, body) = if action == Action::Clone {
            let free =
                (2..1000).map(|n| format!("{name}-{n}")).find(|name| host.machine(&name.as_str().into()).is_none());
            let body = name_form("Name of the copy", free.unwrap_or_default(), "clone");
            (format!("Clone {name} on {id}"), Purpose::Clone { vm, machines: host.machine_names(None) }, body)
        } else {
            let machines = host.machine_names(Some(&name));
            let title = format!("Rename {name} on {id}");
            (title, Purpose::RenameMachine { vm, machines }, name_form("New name", name, "rename"))
        };
        self.open(Dialog::new(title, id, purpose, body))
    }
}
