//! Why an action cannot be taken: the same words in a notice, on the help page and for the footer's grey.
use super::{App, HostState, Machine, Screen};
use crate::{
    domain::{ErrorKind, HostId, Link, Op, PowerState, Request, Task, TaskState, VmId},
    input::{Action, BINDINGS, Scope},
};

impl HostState {
    /// Why this host cannot do `op` now, if so.
    pub fn refusal(&self, op: Op) -> Option<String> {
        let id = self.id();
        match &self.link {
            Link::Up(capabilities) => capabilities.check(op).err().map(|why| format!("{id}: {why}")),
            Link::Connecting => Some(format!("{id} is not connected: connecting")),
            Link::Asks(question) => {
                Some(format!("{id} waits for an answer: {}", crate::domain::clean_line(&question.text)))
            }
            Link::Down { error, .. } => Some(format!("{id} is not connected: {error}")),
        }
    }
}

impl App {
    /// Why `action` cannot be taken here and now, if so.
    pub fn refusal(&self, action: Action) -> Option<String> {
        let binding = action.binding();
        if binding.scope == Scope::Machines {
            return self.machine_refusal(action);
        }
        if binding.scope == Scope::Nodes || action == Action::Nodes {
            return self.node_refusal(action);
        }
        if let Some(why) = self.image_refusal(action) {
            return Some(why);
        }
        match action {
            Action::TaskCancel => self.cancel_refusal(self.tasks.selected()),
            Action::TaskStory if self.tasks.selected().is_none() => Some("there are no tasks".to_owned()),
            _ => {
                let op = binding.requires?;
                match self.target_host() {
                    Some(host) => host.refusal(op),
                    None => Some("no host is configured".to_owned()),
                }
            }
        }
    }

    fn machine_refusal(&self, action: Action) -> Option<String> {
        let of_host = matches!(action, Action::NewMachine | Action::Fetch | Action::SetUpHere);
        let of_list = matches!(action, Action::Filter | Action::Sort | Action::SortReverse);
        if of_list {
            return None;
        }
        if of_host {
            let Some(host) = self.target_host() else { return Some("no host is configured".to_owned()) };
            return action.binding().requires.and_then(|op| host.refusal(op));
        }
        let Some((host, machine)) = self.selected() else { return Some("no machine is selected".to_owned()) };
        if action == Action::CopyAddress {
            return self.address().is_none().then(|| format!("{}: it tells no address of a screen", machine.vm.name));
        }
        let op = Self::op_of(action, machine)?;
        self.vm_refusal(host, machine, op)
    }

    /// The operation that an action would ask for: pausing a paused machine is resuming it.
    pub(super) fn op_of(action: Action, machine: &Machine) -> Option<Op> {
        match (action, machine.vm.power()) {
            (Action::Pause, PowerState::Paused | PowerState::Blocked) => Some(Op::Resume),
            _ => action.binding().requires,
        }
    }

    fn vm_refusal(&self, host: &HostState, machine: &Machine, op: Op) -> Option<String> {
        let power = machine.vm.power();
        if let Some(why) = host.refusal(op) {
            return Some(why + &self.instead(host, machine, op));
        }
        if let Some(task) = self.tasks.of(host.id(), &machine.vm.id).filter(|t| t.op == op && op.is_change()) {
            return Some(format!("{}: this is under way already", task.title));
        }
        let why = machine.vm.allows(op).err()?;
        let is_resumed = op.instead(power).contains(&Op::Resume);
        let never = host.capabilities().and_then(|can| can.check(Op::Resume).err()).filter(|_| is_resumed);
        let never = never.map(|why| format!("; {why}")).unwrap_or_default();
        let asleep = machine.vm.remark.as_deref().filter(|_| is_resumed && power == PowerState::Paused);
        let why = asleep.map_or_else(|| why.to_owned(), |word| why.replacen("paused", word, 1));
        Some(format!("{}: {why}{never}{}", machine.vm.name, self.instead(host, machine, op)))
    }

    /// The keys of what can be done in place of `op`: ` · X power off`.
    fn instead(&self, host: &HostState, machine: &Machine, op: Op) -> String {
        let can = |op: &&Op| host.refusal(**op).is_none() && machine.vm.allows(**op).is_ok();
        let key = |op: &Op| {
            let wanted = if *op == Op::Resume { Op::Pause } else { *op };
            let binding = BINDINGS.iter().find(|b| b.scope == Scope::Machines && b.requires == Some(wanted))?;
            let words = match op {
                Op::Resume => "resume".to_owned(),
                _ if binding.label.is_empty() => binding.name.replace('-', " "),
                _ => binding.label.to_owned(),
            };
            Some(format!(" · {} {words}", self.settings.keymap.first(binding.action)))
        };
        op.instead(machine.vm.power()).iter().filter(can).filter_map(key).collect()
    }

    /// Why this request cannot be sent now, if so: looked at again after every confirmation.
    pub fn request_refusal(&self, host: &HostId, request: &Request) -> Option<String> {
        let Some(host) = self.hosts.get(host) else { return Some(format!("no host is called {host}")) };
        match request.vm() {
            None => host.refusal(request.op()),
            Some(vm) => self.known_vm_refusal(host, vm, request.op()),
        }
    }

    fn known_vm_refusal(&self, host: &HostState, vm: &VmId, op: Op) -> Option<String> {
        match host.machine(vm) {
            Some(machine) => self.vm_refusal(host, machine, op),
            None => Some(host.refusal(op).unwrap_or_else(|| format!("{} has no machine {vm} any more", host.id()))),
        }
    }

    /// Where the selected machine's screen can be seen, as its host tells it.
    pub fn address(&self) -> Option<&str> {
        let (_, machine) = self.selected()?;
        let told = || machine.vm.details.iter().filter(|(_, value)| !value.is_empty());
        let named = |label: &str| told().find(|(l, _)| l.eq_ignore_ascii_case(label));
        ["vnc", "spice", "console"].iter().find_map(|label| named(label)).map(|(_, value)| value.as_str())
    }

    /// Why a task cannot be cancelled, if so.
    pub(super) fn cancel_refusal(&self, task: Option<&Task>) -> Option<String> {
        use crate::domain::Cancel;
        let Some(task) = task else { return Some("there are no tasks".to_owned()) };
        // A fetch that rests is thrown away.
        let rests = task.waits_at_host() && task.request.as_ref().is_some_and(Request::is_fetch);
        if !task.is_running() && !rests {
            return Some(format!("{}: it has ended", task.title));
        }
        let host = self.hosts.get(&task.host)?;
        match host.capabilities().map(|c| c.cancel) {
            None => host.refusal(task.op),
            Some(Cancel::No) => Some(format!("{} cannot stop work once begun", host.id())),
            Some(Cancel::Ask | Cancel::Sure) => None,
        }
    }

    /// The footer's word for an action: that of what it would do now.
    pub fn label(&self, action: Action) -> &'static str {
        let is_over = |task: &Task| !task.is_running() && !task.waits_at_host();
        let is_of_fetch = matches!(action, Action::ImageCancel | Action::ImageAgain | Action::ImagePause);
        let is_of_image =
            matches!(action, Action::ImageRename | Action::ImageRemove | Action::ImageInstall | Action::ImageCopy);
        // The keys of the other kind give way.
        match (action, (is_of_fetch || is_of_image).then(|| self.chosen_fetch()).flatten()) {
            (_, None) if is_of_fetch || (is_of_image && self.image_rows().is_empty()) => return "",
            (Action::ImageHost, _) if self.hosts.len() < 2 => return "",
            (Action::ImageRemove, Some(task)) if self.leftover(task).is_some() => {}
            (_, Some(_)) if is_of_image => return "",
            (Action::ImageCancel, Some(task)) if is_over(task) => return "put away",
            // One that rests or was interrupted is gone on with, where it stands.
            (Action::ImageAgain, Some(task)) if task.is_running() => return "",
            (Action::ImageAgain, Some(Task { state: TaskState::Unknown(error), job, .. }))
                if job.is_some() || error.kind == ErrorKind::Interrupted =>
            {
                return "resume";
            }
            (Action::ImagePause, Some(task)) if !task.is_running() => return "",
            _ => {}
        }
        let op = self.selected().and_then(|(_, machine)| Self::op_of(action, machine));
        if op == Some(Op::Resume) { "resume" } else { action.binding().label }
    }

    /// Where a task stands, in one sentence.
    pub fn outcome(&self, task: &Task) -> String {
        let told = super::tasks::outcome(task);
        let is_deaf = matches!(&task.state, TaskState::Failed(error) | TaskState::Unknown(error)
            if matches!(error.kind, ErrorKind::Timeout | ErrorKind::Differs));
        if task.op == Op::ShutDown && is_deaf {
            let key = self.settings.keymap.first(Action::PowerOff);
            return format!("{told}; {key} powers it off without asking its guest");
        }
        told
    }

    /// Whether a screen has rows to act on.
    pub(super) const fn on(&self, screen: Screen) -> bool {
        self.screen as u8 == screen as u8
    }
}
