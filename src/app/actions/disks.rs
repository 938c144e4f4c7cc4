//! Disks: grown, added, removed.
use crate::{
    app::{
        App, Effect, Tab,
        dialog::{Body, Confirm, Dialog, Grow, Note, Purpose, Toggle},
    },
    domain::{Disk, DiskKind, Op, PowerState, Request},
};

impl App {
    /// Opens the dialog at once; disks that are not known, or that nobody watched, are read meanwhile.
    pub(super) fn grow_disk(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = machine.vm.id.clone();
        let chosen = self.chosen_disk().map(|d| d.id.clone());
        let disks = machine.disks.as_deref();
        let grow = Grow::new(disks, host.storage_free(), machine.vm.power()).on(chosen.as_ref());
        let title = format!("Grow a disk of {} on {}", machine.vm.name, host.id());
        let is_fresh = machine.disks.is_some() && self.shows_details();
        let dialog = Dialog::new(title, host.id().clone(), Purpose::Grow(vm.clone()), Body::Grow(grow));
        match is_fresh {
            true => self.open(dialog),
            false => self.open_and_ask(dialog, Request::ListDisks(vm)),
        }
    }

    pub(super) fn add_disk(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = machine.vm.id.clone();
        let title = format!("Add a disk to {} on {}", machine.vm.name, host.id());
        let body = Body::Reading("asking the host what a disk may be");
        let dialog = Dialog::new(title, host.id().clone(), Purpose::AddDisk(vm.clone()), body);
        self.open_and_ask(dialog, Request::Form { op: Op::AddDisk, vm: Some(vm) })
    }

    pub(super) fn remove_disk(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = machine.vm.id.clone();
        let title = format!("Remove a disk of {} on {}", machine.vm.name, host.id());
        let purpose = Purpose::ChooseDisk(vm.clone());
        let dialog = Dialog::new(title, host.id().clone(), purpose, Body::Reading("reading disks"));
        if let (Some(disk), true) = (self.chosen_disk().cloned(), self.details_open && self.tab == Tab::Disks) {
            let dialog = self.removal(&dialog, &disk);
            return self.open(dialog);
        }
        match machine.disks.clone() {
            Some(disks) => {
                self.open(dialog);
                self.offer_disks(&disks);
                Vec::new()
            }
            None => self.open_and_ask(dialog, Request::ListDisks(vm)),
        }
    }

    /// The disks that may be removed, to choose from; the only one is chosen already.
    pub(super) fn offer_disks(&mut self, disks: &[Disk]) {
        let Some(mut dialog) = self.dialog.take() else { return };
        let disks: Vec<&Disk> = disks.iter().filter(|d| d.kind == DiskKind::Disk && d.pending.is_none()).collect();
        self.dialog = match disks.as_slice() {
            [] => {
                self.say("it has no disk that could be removed");
                None
            }
            [one] => Some(self.removal(&dialog, one)),
            _ => {
                dialog.body = Body::Choose(crate::app::dialog::Choose::new(
                    disks.iter().map(|d| crate::domain::Choice::new(d.id.as_str(), &words(d))).collect(),
                    "remove",
                ));
                Some(dialog)
            }
        };
    }

    /// Asks before a disk is removed; names its file. `before`: the dialog that led here.
    pub(super) fn removal(&self, before: &Dialog, disk: &Disk) -> Dialog {
        let vm = match &before.purpose {
            Purpose::ChooseDisk(vm) => vm.clone(),
            _ => crate::domain::VmId::default(),
        };
        let machine = self.hosts.get(&before.host).and_then(|h| h.machine(&vm));
        let name = machine.map_or_else(|| vm.to_string(), |m| m.vm.name.clone());
        let question = format!("Remove {} from {name} on {}?", disk.id, before.host);
        let mut confirm = Confirm::new(question, "remove").note(Note::plain(words(disk)));
        if let Some(file) = &disk.medium {
            confirm = confirm.note(Note::aside(crate::domain::clean_line(file)));
        }
        if machine.is_some_and(|m| m.vm.power() != PowerState::Off) {
            confirm = confirm.note(Note::warning("The machine runs: what the guest has not written there is lost."));
        }
        confirm.notes.extend(self.caution(&before.host, Op::RemoveDisk));
        let confirm = confirm.toggle(Toggle::new("Its file", "keep it", "delete it for ever"));
        let purpose = Purpose::RemoveDisk(vm, disk.id.clone());
        Dialog::new("Remove a disk", before.host.clone(), purpose, Body::Confirm(confirm))
    }

    /// The disk that is selected in the details.
    fn chosen_disk(&self) -> Option<&Disk> {
        let (_, machine) = self.selected()?;
        self.details.selected_disk(machine.disks.as_deref()?)
    }
}

/// `20 GiB  qcow2, virtio`.
fn words(disk: &Disk) -> String {
    let size = disk.virtual_size.map(|s| s.to_string());
    let kind: Vec<_> = [&disk.format, &disk.bus].into_iter().flatten().map(String::as_str).collect();
    let kind = Some(kind.join(", ")).filter(|k| !k.is_empty());
    crate::domain::clean_line(&[size, kind].into_iter().flatten().collect::<Vec<_>>().join("  ")).into_owned()
}
