//! Disks: grown, added, removed.
use crate::{
    app::{
        App, Effect, Tab,
        dialog::{Body, Choose, Confirm, Dialog, Grow, Note, Purpose, Toggle, Typed},
    },
    domain::{Choice, Disk, DiskKind, HostId, Op, PowerState, Request, VmId, clean_line},
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
        // What is known may be old: what goes is chosen from what is there.
        self.open_and_ask(dialog, Request::ListDisks(vm))
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
                let wide = disks.iter().filter_map(|disk| disk.virtual_size).map(|size| size.to_string().len());
                let wide = wide.max().unwrap_or(0);
                let choice = |disk: &&Disk| Choice::new(disk.id.as_str(), &words(disk, wide));
                dialog.body = Body::Choose(Choose::new(disks.iter().map(choice).collect(), "remove"));
                Some(dialog)
            }
        };
    }

    /// Asks before a disk is removed; names its file. `before`: the dialog that led here.
    pub(super) fn removal(&self, before: &Dialog, disk: &Disk) -> Dialog {
        let vm = match &before.purpose {
            Purpose::ChooseDisk(vm) => vm.clone(),
            _ => VmId::default(),
        };
        let host = self.hosts.get(&before.host);
        if host.and_then(|h| h.capabilities()?.keeps_disks) == Some(false) {
            return self.disk_deletion(before.host.clone(), &vm, disk);
        }
        let machine = host.and_then(|h| h.machine(&vm));
        let name = machine.map_or_else(|| vm.to_string(), |m| m.vm.name.clone());
        let question = format!("Remove {} from {name} on {}?", disk.id, before.host);
        let mut confirm = Confirm::new(question, "remove");
        confirm.notes = self.of_removal(&before.host, &vm, disk);
        let confirm = confirm.toggle(Toggle::new("Its file", "keep it", "delete it for ever"));
        let purpose = Purpose::RemoveDisk(vm, disk.id.clone());
        Dialog::new("Remove a disk", before.host.clone(), purpose, Body::Confirm(confirm))
    }

    /// Asks for the machine's name before a disk is removed with all that is on it.
    pub(super) fn disk_deletion(&self, host: HostId, vm: &VmId, disk: &Disk) -> Dialog {
        let request = Request::RemoveDisk { vm: vm.clone(), disk: disk.id.clone(), delete: true };
        let question = format!("Delete {} of {vm} on {host} for ever?", disk.id);
        let mut typed = Typed::new(question, request.target(), "delete");
        typed.notes = self.of_removal(&host, vm, disk);
        typed.notes.push(Note::plain("What is on it goes with it: there is no way back."));
        Dialog::new("Delete a disk", host, Purpose::Call(request), Body::Typed(typed))
    }

    /// What is to be known before a disk is removed.
    fn of_removal(&self, host: &HostId, vm: &VmId, disk: &Disk) -> Vec<Note> {
        let machine = self.hosts.get(host).and_then(|h| h.machine(vm));
        let runs = machine.is_some_and(|m| m.vm.power() != PowerState::Off);
        let lost = "The machine runs: what the guest has not written there is lost.";
        let file = disk.medium.as_deref().map(|file| Note::aside(clean_line(file)));
        let all = [Some(Note::plain(words(disk, 0))), file, runs.then(|| Note::warning(lost))];
        all.into_iter().flatten().chain(self.caution(host, Op::RemoveDisk)).collect()
    }

    /// The disk that is selected in the details.
    fn chosen_disk(&self) -> Option<&Disk> {
        let (_, machine) = self.selected()?;
        self.details.selected_disk(machine.disks.as_deref()?)
    }
}

/// `20 GiB  qcow2, virtio`: the size at the right of `wide` columns.
fn words(disk: &Disk, wide: usize) -> String {
    let size = disk.virtual_size.map_or_else(String::new, |size| size.to_string());
    let size = Some(format!("{size:>wide$}")).filter(|size| !size.is_empty());
    let kind: Vec<_> = [&disk.format, &disk.bus].into_iter().flatten().map(String::as_str).collect();
    let kind = Some(kind.join(", ")).filter(|k| !k.is_empty());
    clean_line(&[size, kind].into_iter().flatten().collect::<Vec<_>>().join("  ")).into_owned()
}
