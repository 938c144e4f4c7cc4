use crate::{
    app::{
        App, Effect,
        dialog::{Body, Confirm, Dialog, Note, Purpose},
    },
    domain::{Op, PowerState, Request},
    input::Action,
};

impl App {
    /// Actions on the selected machine that need nothing typed.
    pub(super) fn power(&mut self, action: Action) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let (id, vm, power) = (host.id().clone(), machine.vm.id.clone(), machine.vm.power());
        let request = match action {
            Action::Start => Request::Start(vm),
            Action::Pause if matches!(power, PowerState::Paused | PowerState::Blocked) => Request::Resume(vm),
            Action::Pause => Request::Pause(vm),
            Action::ShutDown => Request::ShutDown(vm),
            Action::PowerOff => Request::PowerOff(vm),
            Action::Reset => Request::Reset(vm),
            Action::Reboot => Request::Reboot(vm),
            Action::Save => Request::Save(vm),
            Action::Console => return vec![Effect::Console { host: id, vm }],
            Action::CopyAddress => return self.copy_address(),
            _ => return Vec::new(),
        };
        let (title, yes) = match request.op() {
            Op::ShutDown => ("Shut down", "shut down"),
            Op::PowerOff => ("Power off", "power off"),
            Op::Reset => ("Reset", "reset"),
            Op::Reboot => ("Restart", "restart"),
            _ => return self.call(id, request),
        };
        let question = format!("{title} {} on {id}?", machine.vm.name);
        let mut confirm = Confirm::new(question, yes).note(Note::plain(loss(request.op(), power)));
        confirm.notes.extend(self.caution(&id, request.op()));
        let title = format!("{title} a machine");
        self.dialog = Some(Dialog::new(title, id, Purpose::Call(request), Body::Confirm(confirm)));
        self.changed = true;
        Vec::new()
    }

    fn copy_address(&mut self) -> Vec<Effect> {
        let Some(address) = self.address().map(str::to_owned) else { return Vec::new() };
        self.say(&format!("copied {address}"));
        vec![Effect::Copy(address)]
    }
}

/// What a yes costs.
fn loss(op: Op, power: PowerState) -> &'static str {
    match (op, power) {
        (Op::Reboot, _) => "The guest is asked to restart; it may take its time, or not listen.",
        (Op::ShutDown, _) => "The guest is asked to shut down; it may take its time, or not listen.",
        (Op::PowerOff, PowerState::Paused | PowerState::Blocked) => {
            "The machine is paused: what it holds in memory is lost."
        }
        // It would be refused where the host does not hold it.
        (Op::PowerOff, PowerState::Off) => "No guest runs: what the host's memory still holds of it is let go.",
        (Op::PowerOff, _) => "The guest is not asked: what it has not written to disk is lost.",
        _ => "The guest is not asked: it starts anew, and what it has not written to disk is lost.",
    }
}
