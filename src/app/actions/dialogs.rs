//! Dialogs: opened, fed with what the host says, and turned into requests once answered.
use super::{create, delete, install, nodes, properties};
use crate::{
    app::{
        App, Effect,
        dialog::{Answer, Body, Dialog, Note, Outcome, Purpose},
    },
    domain::{
        Disk, DiskId, HostId, Op, Reply, Request, Result, Secret, TaskId, Values, VmId, Wishes, checksum, wished,
    },
    input::{Action, Key},
};

/// What stands in the field of a form that asks for a name alone.
fn named(mut values: Values) -> String {
    values.remove("name").unwrap_or_default()
}

impl App {
    pub(in crate::app) fn open(&mut self, dialog: Dialog) -> Vec<Effect> {
        self.dialog = Some(dialog);
        Vec::new()
    }

    /// Asks the host for what the dialog lacks, and opens it at once.
    pub(super) fn open_and_ask(&mut self, mut dialog: Dialog, request: Request) -> Vec<Effect> {
        let effects = self.call(dialog.host.clone(), request);
        if let [Effect::Call { task, .. }] = effects.as_slice() {
            dialog.awaits = Some(*task);
            self.dialog = Some(dialog);
        }
        effects
    }

    /// What the host wants a person to be warned of before `op`.
    pub(super) fn caution(&self, host: &HostId, op: Op) -> Option<Note> {
        let capabilities = self.hosts.get(host)?.capabilities()?;
        capabilities.caution(op).map(Note::warning)
    }

    /// A key, while a dialog is open: all of them are its own.
    pub(in crate::app) fn dialog_key(&mut self, key: Key, action: Option<Action>) -> Vec<Effect> {
        let Some(mut dialog) = self.dialog.take() else { return Vec::new() };
        match dialog.update(key, action) {
            Outcome::Continue => {
                self.dialog = Some(dialog);
                Vec::new()
            }
            Outcome::Done(answer) => self.answered(&dialog, answer),
            Outcome::Cancelled => match dialog.purpose {
                Purpose::Answer(question, _) => {
                    self.note_answer(&dialog.host, false);
                    vec![Effect::Answer { host: dialog.host, question, answer: None }]
                }
                Purpose::Define(_) => {
                    self.draft = None;
                    Vec::new()
                }
                _ => Vec::new(),
            },
        }
    }

    fn answered(&mut self, dialog: &Dialog, answer: Answer) -> Vec<Effect> {
        let host = dialog.host.clone();
        let request = match (dialog.purpose.clone(), answer) {
            (Purpose::Call(Request::CheckSetup), Answer::Yes(_)) => return self.set_up(host),
            (Purpose::Call(request), Answer::Yes(_)) => request,
            (Purpose::Grow(vm), Answer::Size(disk, size)) => Request::ResizeDisk { vm, disk, size },
            (Purpose::AddDisk(vm), Answer::Values(values)) => Request::AddDisk { vm, values },
            (Purpose::RemoveDisk(vm, disk), Answer::Yes(true)) => return self.chosen_deletion(host, &vm, &disk),
            (Purpose::RemoveDisk(vm, disk), Answer::Yes(false)) => Request::RemoveDisk { vm, disk, delete: false },
            (Purpose::Create { .. }, Answer::Values(values)) => return self.create(host, values),
            (Purpose::Delete(vm), Answer::Yes(chosen)) => {
                let keeps = self.hosts.get(&host).and_then(|h| h.capabilities()?.keeps_disks);
                Request::Delete { vm, keep_disks: keeps.unwrap_or(chosen) }
            }
            (Purpose::Define(_), Answer::Yes(is_sent)) => return self.define(is_sent),
            (Purpose::ChooseTarget(vm), Answer::Chosen(to)) => return self.migrate_to(&host, vm, &to),
            (Purpose::Migrate { vm, to, .. }, Answer::Values(values)) => {
                return self.send_migration(host, vm, to, values);
            }
            (Purpose::Install(vm), Answer::Chosen(image)) => return self.install_from(host, vm, image),
            (Purpose::Insert(vm), Answer::Chosen(image)) => Request::InsertImage { vm, image },
            (Purpose::Fetch { .. }, Answer::Values(mut values)) => {
                let sum = values.get("sum").and_then(|sum| checksum(sum).ok());
                let unpack = values.get("unpack").is_some_and(|unpack| unpack == "yes");
                let url = values.remove("url").unwrap_or_default();
                Request::FetchImage {
                    url: wished(&url, Wishes { sum: sum.as_deref(), unpack }),
                    name: values.remove("name").filter(|name| !name.is_empty()),
                }
            }
            (Purpose::Rename { image, .. }, Answer::Values(values)) => {
                let name = named(values);
                if name == image {
                    return Vec::new();
                }
                Request::RenameImage { image, name }
            }
            (Purpose::Snapshots(vm), Answer::Chosen(snapshot)) => return self.chosen_snapshot(host, vm, snapshot),
            (Purpose::Snapshot { vm, snapshot }, Answer::Chosen(what)) => {
                return self.snapshot_action(host, vm, snapshot, &what);
            }
            (Purpose::TakeSnapshot(vm), Answer::Values(values)) => Request::TakeSnapshot { vm, name: named(values) },
            (Purpose::Clone { vm, .. }, Answer::Values(values)) => {
                return self.made(host, named(values), |name| Request::Clone { vm, name });
            }
            (Purpose::RenameMachine { vm, .. }, Answer::Values(values)) => match named(values) {
                name if name == vm.as_str() => return Vec::new(),
                name => return self.made(host, name, |name| Request::Rename { vm, name }),
            },
            (Purpose::SetProperty { vm, value: before, .. }, Answer::Values(values)) => {
                match values.into_iter().next().filter(|(_, value)| *value != before) {
                    Some((name, value)) => Request::SetProperty { vm, name, value },
                    None => return Vec::new(),
                }
            }
            (Purpose::ChooseProperty(vm), Answer::Chosen(name)) => return self.chosen_property(host, vm, &name),
            (Purpose::ChooseDisk(vm), Answer::Chosen(id)) => return self.chosen_removal(dialog, &vm, &id),
            (Purpose::AddNode, Answer::Values(values)) => Request::AddNode { values },
            (Purpose::EditNode { before, .. }, Answer::Values(values)) if before == values => return Vec::new(),
            (Purpose::EditNode { node, before, .. }, Answer::Values(values)) => {
                Request::UpdateNode { node, before, values }
            }
            (Purpose::ChooseConfig(node), Answer::Chosen(key)) => return self.chosen_key(host, node, &key),
            (Purpose::SetConfig { node, key, before }, Answer::Values(mut values)) => Request::SetConfig {
                node,
                key: key.or_else(|| values.remove("key")).unwrap_or_default(),
                before: Some(before),
                value: values.remove("value").unwrap_or_default(),
            },
            (Purpose::ChooseSubnet(node), Answer::Chosen(subnet)) => return self.chosen_subnet(host, node, &subnet),
            (Purpose::SetSubnet { node, subnet, before }, Answer::Values(mut values)) => Request::SetSubnet {
                node,
                subnet: subnet.or_else(|| values.remove("subnet")).unwrap_or_default(),
                before: Some(before),
                bridge: values.remove("bridge").unwrap_or_default(),
            },
            (Purpose::ChooseDetach(node), Answer::Chosen(subnet)) => return self.chosen_detach(host, node, subnet),
            (Purpose::SetUp { .. }, Answer::Yes(_)) => Request::SetUp { values: Values::new() },
            (Purpose::SetUp { .. }, Answer::Values(values)) => Request::SetUp { values },
            (Purpose::Answer(question, _), Answer::Line(secret)) => {
                self.note_answer(&host, true);
                return vec![Effect::Answer { host, question, answer: Some(secret) }];
            }
            (Purpose::Answer(question, _), Answer::Yes(_)) => {
                self.note_answer(&host, true);
                return vec![Effect::Answer { host, question, answer: Some(Secret::new("yes".to_owned())) }];
            }
            // A dialog answers in one way only: see `Dialog::new` of each purpose.
            _ => return Vec::new(),
        };
        self.call(host, request)
    }

    /// Takes down that a host has its answer, or gets none.
    fn note_answer(&mut self, host: &HostId, is_answered: bool) {
        let now = self.now;
        if let Some(host) = self.hosts.get_mut(host) {
            host.link_log.answered(now, is_answered);
        }
    }

    fn create(&mut self, host: HostId, values: Values) -> Vec<Effect> {
        let made = values.get("name").cloned().unwrap_or_default();
        self.made(host, made, |_| Request::Create { values })
    }

    /// Sends what leads to a machine called `name`, and selects that once it is there.
    fn made(&mut self, host: HostId, name: String, request: impl FnOnce(String) -> Request) -> Vec<Effect> {
        let made = name.clone();
        let effects = self.call(host.clone(), request(name));
        if !effects.is_empty() {
            self.select_when_there(host, made.into());
        }
        effects
    }

    fn chosen_property(&mut self, host: HostId, vm: VmId, name: &str) -> Vec<Effect> {
        let known = self.hosts.get(&host).and_then(|h| h.machine(&vm)).and_then(|m| m.properties.as_ref());
        let property = known.and_then(|all| all.iter().find(|p| p.spec.name == name)).cloned();
        property.map(|property| self.edit_property(host, vm, &property)).unwrap_or_default()
    }

    fn chosen_removal(&mut self, before: &Dialog, vm: &VmId, id: &str) -> Vec<Effect> {
        let disk = self.known_disk(&before.host, vm, id);
        disk.map(|disk| self.removal(before, disk)).map(|dialog| self.open(dialog)).unwrap_or_default()
    }

    fn chosen_deletion(&mut self, host: HostId, vm: &VmId, id: &DiskId) -> Vec<Effect> {
        // One that is not known by now is gone: there is nothing to be deleted.
        let Some(disk) = self.known_disk(&host, vm, id.as_str()).cloned() else { return Vec::new() };
        let dialog = self.disk_deletion(host, vm, &disk);
        self.open(dialog)
    }

    fn known_disk(&self, host: &HostId, vm: &VmId, id: &str) -> Option<&Disk> {
        let known = self.hosts.get(host)?.machine(vm)?.disks.as_ref()?;
        known.iter().find(|disk| disk.id.as_str() == id)
    }

    /// Takes the end of a task that the open dialog waits for. A failure is told by the task.
    pub(in crate::app) fn dialog_reply(&mut self, task: TaskId, result: Result<Reply>) -> Vec<Effect> {
        let Some(dialog) = self.dialog.as_mut().filter(|d| d.awaits == Some(task)) else { return Vec::new() };
        dialog.awaits = None;
        let host = dialog.host.clone();
        if let Purpose::CheckDescription(_) = dialog.purpose {
            return self.description_checked(result.map(drop));
        }
        match (dialog.purpose.clone(), result.ok()) {
            (Purpose::ReadDescription(vm), Some(Reply::Description(told))) => {
                self.dialog = None;
                return self.description_read(host, vm, told);
            }
            // The records of the machine have them by now.
            (Purpose::Grow(_), Some(Reply::Disks(_))) => self.dialog_follows(),
            // What was known before may still be right: the host compares once more.
            (Purpose::Grow(_), None) if matches!(&dialog.body, Body::Grow(grow) if grow.disks.is_some()) => {}
            (Purpose::Snapshots(_), Some(Reply::Snapshots(all))) => {
                let body = self.snapshot_choice(&host, &all);
                if let Some(dialog) = &mut self.dialog {
                    dialog.body = body;
                }
            }
            (Purpose::Delete(_), reply) => {
                let snapshots =
                    reply.and_then(|reply| if let Reply::Snapshots(all) = reply { Some(all) } else { None });
                self.tell_what_goes(snapshots.as_deref());
            }
            (Purpose::ChooseDisk(_), Some(Reply::Disks(disks))) => self.offer_disks(&disks),
            (Purpose::ChooseProperty(_), Some(Reply::Properties(all))) => dialog.body = properties::choice(&all),
            (Purpose::EditNode { node, caution, .. }, Some(Reply::Form(fields))) => {
                let before = fields.iter().map(|field| (field.name.to_owned(), field.default.clone())).collect();
                dialog.body = create::form(fields, None, "change");
                dialog.purpose = Purpose::EditNode { node, before, caution };
                dialog.tell();
            }
            (
                purpose @ (Purpose::ChooseConfig(_) | Purpose::ChooseSubnet(_) | Purpose::ChooseDetach(_)),
                Some(Reply::Node(report)),
            ) => {
                dialog.body = nodes::choice(&purpose, &report);
            }
            (Purpose::AddDisk(_) | Purpose::AddNode, Some(Reply::Form(fields))) => {
                dialog.body = create::form(fields, None, "add");
                self.dialog_follows();
            }
            (Purpose::Create { image, .. }, Some(Reply::Form(fields))) => {
                dialog.body = create::form(fields, image.as_deref(), "create");
                self.dialog_follows();
            }
            (purpose @ (Purpose::Install(_) | Purpose::Insert(_)), Some(Reply::Images(images))) => {
                dialog.body = install::choice(&images, &purpose, &host);
            }
            (Purpose::SetUp { .. }, Some(Reply::Setup(report))) => self.offer_set_up(&host, report),
            _ => self.dialog = None,
        }
        Vec::new()
    }

    /// Takes in what a host said while a dialog about one of its machines is open.
    pub(in crate::app) fn dialog_follows(&mut self) {
        let Some(dialog) = &mut self.dialog else { return };
        let Some(host) = self.hosts.get(&dialog.host) else { return };
        dialog.free = host.storage_left();
        match &mut dialog.purpose {
            Purpose::Create { machines, .. } | Purpose::Clone { machines, .. } => *machines = host.machine_names(None),
            Purpose::RenameMachine { vm, machines } => {
                let own = host.machine(vm).map(|machine| machine.vm.name.as_str());
                *machines = host.machine_names(own);
            }
            Purpose::Rename { image, images } => *images = host.image_names(image),
            Purpose::Install(_) | Purpose::Insert(_) => {
                if let (Body::Choose(choose), Some(images)) = (&mut dialog.body, &host.images) {
                    choose.follow(install::choices(images));
                }
            }
            _ => {}
        }
        dialog.tell();
        let (Purpose::Grow(vm) | Purpose::Delete(vm)) = &dialog.purpose else { return };
        let Some(machine) = host.machine(vm) else { return };
        match &mut dialog.body {
            Body::Grow(grow) => {
                grow.power = machine.vm.power();
                grow.free = host.storage_free();
                if let Some(disks) = &machine.disks {
                    grow.read(disks);
                }
            }
            Body::Typed(typed) => {
                typed.by_toggle = delete::of_files(machine, host.capabilities().and_then(|can| can.keeps_disks));
            }
            _ => {}
        }
    }
}
