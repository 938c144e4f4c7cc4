//! Routes each message to the part that owns it.
use super::{App, Column, Effect, Machine, Message, Overlay, Screen, TextField};
use crate::{
    domain::{HostEvent, HostId, Reply, Request, TaskId, VmId},
    input::{Action, Key},
};
use std::time::Duration;

/// A task that takes longer is not waited for at the screen.
const LONG: Duration = Duration::from_secs(10);

impl App {
    /// Takes one message; returns what the world should do about it.
    pub fn update(&mut self, message: Message) -> Vec<Effect> {
        let mut effects = match message {
            Message::Key(key) => self.key(key),
            Message::Paste(text) => self.paste(&text),
            Message::Resized(columns, rows) => {
                self.size = (columns, rows);
                self.changed = true;
                Vec::new()
            }
            Message::Host(host, event) => {
                let before = self.tasks.told().map(|task| task.id);
                self.learn(&host, event);
                // Work that was begun elsewhere has ended.
                let told = self.tasks.told().map(|task| task.id).filter(|id| Some(*id) != before);
                told.map(|id| self.bell(id)).unwrap_or_default()
            }
            Message::TaskProgress(id, progress) => {
                self.changed |= self.tasks.progress(id, progress);
                Vec::new()
            }
            Message::TaskState(id, state) => {
                self.changed |= self.tasks.state(id, state, self.now);
                self.bell(id)
            }
            Message::TaskEnded(id, result) => self.task_ended(id, result),
            Message::Edited(text) => self.edited(text),
            Message::Refused(why) => {
                self.say(&why);
                Vec::new()
            }
            Message::Visible(visible) => {
                self.visible = visible;
                Vec::new()
            }
            Message::Tick => {
                self.tasks.fade(self.now);
                self.tasks.sample();
                self.changed |= self.is_moving();
                Vec::new()
            }
        };
        if self.graphed.as_ref() != self.listing.selected() {
            self.graphed = None;
        }
        self.follow_questions();
        self.look_ahead(&mut effects);
        self.watch(&mut effects);
        effects
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        let action = self.settings.keymap.action(self.scopes(), key);
        if action == Some(Action::Quit) {
            return self.act(Action::Quit);
        }
        if self.dialog.is_some() {
            self.changed = true;
            return self.dialog_key(key, action);
        }
        if let Some(action) = action {
            return self.act(action);
        }
        if self.filter_typed().is_some_and(|filter| filter.key(key)) {
            self.refilter();
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(dialog) = &mut self.dialog {
            dialog.paste(text);
            self.changed = true;
        } else if self.filter_typed().is_some_and(|filter| filter.paste(text)) {
            self.refilter();
        }
        Vec::new()
    }

    fn filter_typed(&mut self) -> Option<&mut TextField> {
        match self.screen {
            Screen::Nodes => self.nodes.typing.then_some(&mut self.nodes.filter),
            _ => self.listing.typing.then_some(&mut self.listing.filter),
        }
    }

    /// Orders the rows of the screen anew.
    pub(super) fn refilter(&mut self) {
        match self.screen {
            Screen::Nodes => self.nodes.rebuild(&self.hosts),
            _ => self.listing.rebuild(&self.hosts),
        }
        self.changed = true;
    }

    pub(super) fn learn(&mut self, host: &HostId, event: HostEvent) {
        if let HostEvent::Job(job) = event {
            self.changed |= self.tasks.job(host, *job, self.now);
            return;
        }
        let figures = matches!(event, HostEvent::Figures(_));
        // What moves beside the machines is worth a frame where it stands.
        let is_seen = !matches!(event, HostEvent::OwnNode(_) | HostEvent::Latency(_)) || self.shows_node(host);
        let keeps_order = self.keeps_order(host, &event);
        let changes = self.hosts.apply(host, event, self.now, self.part);
        let moves = figures && changes.visible && matches!(self.listing.sort, Column::Cpu | Column::Memory);
        if (changes.rows && !keeps_order) || moves {
            self.listing.rebuild(&self.hosts);
        }
        if figures {
            self.graph(host);
        }
        if changes.nodes {
            self.nodes.rebuild(&self.hosts);
        }
        self.changed |= changes.visible && is_seen;
        if changes.visible {
            self.dialog_follows();
        }
    }

    /// Graphs of the selected machine move on, once in each part of their time.
    fn graph(&mut self, host: &HostId) {
        let selected = self.listing.selected().filter(|(of, _)| of == host);
        if let Some(row) = selected.filter(|_| self.graphed_in != self.part) {
            (self.graphed, self.graphed_in) = (Some(row.clone()), self.part);
            let has_bars =
                |(_, machine): (_, &Machine)| machine.usage.as_ref().is_some_and(|u| u.cpu.values().len() > 0);
            self.changed |= self.shows_details() && self.selected().is_some_and(has_bars);
        }
    }

    /// Whether the rows stay as they are: a flood of states must not sort ten thousand machines each time.
    fn keeps_order(&self, host: &HostId, event: &HostEvent) -> bool {
        let by_name = matches!(self.listing.sort, Column::Name | Column::Host) && self.listing.filter.is_empty();
        by_name
            && match event {
                HostEvent::Power(..) => true,
                HostEvent::Vm(vm) => {
                    let known = self.hosts.get(host).and_then(|h| h.machine(&vm.id));
                    known.is_some_and(|machine| machine.vm.name == vm.name)
                }
                _ => false,
            }
    }

    fn task_ended(&mut self, id: TaskId, result: crate::domain::Result<Reply>) -> Vec<Effect> {
        if self.looked_ahead(id, &result) {
            return Vec::new();
        }
        let Some(task) = self.tasks.get(id).cloned() else { return Vec::new() };
        self.changed = true;
        self.tasks.end(id, result.clone(), self.now);
        if let Ok(reply) = result.clone() {
            self.take_reply(&task.host, task.vm.as_ref(), reply);
        }
        self.node_clash(&task, &result);
        if let Some(Request::Define { .. }) = &task.request {
            self.defined(&task.host, task.vm.as_ref(), result.is_ok());
        }
        let mut effects: Vec<Effect> = self.follow_move(id, result.is_ok()).into_iter().collect();
        effects.extend(self.dialog_reply(id, result));
        effects.extend(self.bell(id));
        effects
    }

    /// Rings, and tells, where the person wants it and may have looked away: a task that took long has ended just now.
    fn bell(&self, id: TaskId) -> Vec<Effect> {
        let task = self.tasks.get(id).filter(|t| t.op.is_change() && t.ended == Some(self.now));
        let Some(task) = task.filter(|t| self.now.since(t.begun) >= LONG) else { return Vec::new() };
        let bell = self.settings.bell.then_some(Effect::Bell);
        let notice = self.settings.notice.then(|| Effect::Notice(self.signed(&self.outcome(task))));
        bell.into_iter().chain(notice).collect()
    }

    /// What a reply tells beyond its task: fresh records go where the same news from the host would.
    fn take_reply(&mut self, host: &HostId, vm: Option<&VmId>, reply: Reply) {
        use crate::domain::Inventory;
        match (reply, vm) {
            (Reply::Vm(vm), _) => self.learn(host, HostEvent::Vm(vm)),
            (Reply::Vms(vms), _) => {
                self.learn(host, HostEvent::Inventory(Inventory { vms: Some(vms), ..Inventory::default() }));
            }
            (Reply::Images(images), _) => {
                self.learn(host, HostEvent::Inventory(Inventory { images: Some(images), ..Inventory::default() }));
            }
            (Reply::Fetches(fetches), _) => {
                self.library.past = fetches.past;
                self.overlay = Some(Overlay::Past { host: host.clone(), scroll: 0 });
            }
            (Reply::Disks(disks), Some(vm)) => self.learn(host, HostEvent::Disks(vm.clone(), disks)),
            (Reply::Node(report), _) => self.learn(host, HostEvent::Node(report)),
            (Reply::Properties(all), Some(vm)) => self.learn(host, HostEvent::Properties(vm.clone(), all)),
            _ => {}
        }
    }

    /// Begins a task for `request`, or says why not.
    pub(super) fn call(&mut self, host: HostId, request: Request) -> Vec<Effect> {
        if let Some(why) = self.request_refusal(&host, &request) {
            self.say(&why);
            return Vec::new();
        }
        self.ask(host, request).1
    }

    /// Begins a task for `request`, which is allowed.
    pub(super) fn ask(&mut self, host: HostId, request: Request) -> (TaskId, Vec<Effect>) {
        self.changed = true;
        let task = self.tasks.begin(&host, &request, self.now);
        (task, vec![Effect::Call { host, task, request }])
    }

    /// Selects a machine as soon as its host lists it.
    pub fn select_when_there(&mut self, host: HostId, vm: VmId) {
        self.listing.select_when_there((host, vm));
    }

    pub(super) fn say(&mut self, text: &str) {
        self.notices.say(text);
        self.changed = true;
    }
}
