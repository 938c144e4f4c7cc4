//! A machine deleted, once its name was typed.
use crate::{
    app::{
        App, Effect, Machine,
        dialog::{Body, Dialog, Note, Purpose, Toggle, Typed},
    },
    domain::{ByteSize, DiskKind, Op, Request, Snapshot, Vm, clean_line},
};

/// What is said of a machine's files where its disks go, and where they are kept: see [`Typed::by_toggle`].
pub(super) fn of_files(machine: &Machine, keeps: Option<bool>) -> [Vec<Note>; 2] {
    match keeps {
        Some(true) => [kept(machine), Vec::new()],
        _ => [gone(machine), kept(machine)],
    }
}

fn gone(machine: &Machine) -> Vec<Note> {
    let disks = || machine.disks.iter().flatten().filter(|disk| disk.kind == DiskKind::Disk);
    let stays = disks().any(|disk| disk.stays);
    let size = machine.vm.disk.filter(|_| !stays).map(|bytes| format!(", {}", ByteSize(bytes))).unwrap_or_default();
    let sentence = match disks().filter(|disk| !disk.stays).count() {
        0 if machine.disks.is_some() => "Its settings go: there is no way back.".to_owned(),
        1 => format!("Its disk{size}, and its settings go with it: there is no way back."),
        _ => format!("Its disks{size}, and its settings go with it: there is no way back."),
    };
    let files = disks().filter_map(|disk| {
        let verb = if disk.stays { " stays" } else { "" };
        let pool = disk.pool.as_ref().map(|pool| format!(" in pool {pool}")).unwrap_or_default();
        let size = disk.real_size.or(disk.virtual_size).map(|size| format!(", {size}")).unwrap_or_default();
        Some(format!("{}{verb}: {}{pool}{size}", disk.id, disk.medium.as_ref()?))
    });
    let files = files.map(|file| Note::aside(clean_line(&file)));
    std::iter::once(Note::plain(sentence)).chain(files).chain(variables(machine)).collect()
}

fn kept(machine: &Machine) -> Vec<Note> {
    let sentence = Note::plain("Its settings go: there is no way back. The files of its disks stay.");
    std::iter::once(sentence).chain(variables(machine)).collect()
}

/// The file of its UEFI variables, which goes in any case.
fn variables(machine: &Machine) -> impl Iterator<Item = Note> {
    let variables = machine.vm.details.iter().filter(|(label, _)| label == Vm::VARIABLES);
    variables.map(|(label, path)| Note::aside(clean_line(&format!("{label}: {path}"))))
}

impl App {
    /// Opens the dialog at once; what goes with the machine is read meanwhile.
    pub(super) fn delete(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = &machine.vm;
        let question = format!("Delete {} on {}?", vm.name, host.id());
        let mut typed = Typed::new(question, &vm.name, "delete");
        let keeps = host.capabilities().and_then(|c| c.keeps_disks);
        typed.by_toggle = of_files(machine, keeps);
        typed.notes.extend(self.caution(host.id(), Op::Delete));
        if keeps.is_none() {
            typed.toggle = Some(Toggle::new("Its disks", "delete them for ever", "keep their files"));
        }
        let (id, vm) = (host.id().clone(), vm.id.clone());
        let can = |op| host.capabilities().is_some_and(|c| c.check(op).is_ok()) && machine.vm.allows(op).is_ok();
        let is_fresh = machine.disks.is_some() && self.shows_details();
        let asks_disks = can(Op::ListDisks) && keeps != Some(true) && !is_fresh && !self.is_wary(&id);
        let has_snapshots = can(Op::ListSnapshots);
        let dialog = Dialog::new("Delete a machine", id.clone(), Purpose::Delete(vm.clone()), Body::Typed(typed));
        let mut effects = self.open(dialog);
        if asks_disks {
            // They come to the machine's record, which the dialog follows.
            effects.extend(self.call(id.clone(), Request::ListDisks(vm.clone())));
        }
        if has_snapshots {
            let asked = self.call(id, Request::ListSnapshots(vm));
            if let (Some(dialog), [Effect::Call { task, .. }]) = (&mut self.dialog, asked.as_slice()) {
                dialog.awaits = Some(*task);
            }
            effects.extend(asked);
        }
        effects
    }

    /// Adds the snapshots that go with a machine to the question about it; None: they cannot be told.
    pub(super) fn tell_what_goes(&mut self, snapshots: Option<&[Snapshot]>) {
        let Some(Dialog { body: Body::Typed(typed), .. }) = &mut self.dialog else { return };
        match snapshots {
            None => typed.notes.push(Note::warning("Whether it has snapshots could not be read.")),
            Some([]) => {}
            Some(all) => {
                let names: Vec<_> = all.iter().map(|snapshot| clean_line(&snapshot.name)).collect();
                let those = if all.len() == 1 { "Snapshot" } else { "Snapshots" };
                typed.notes.push(Note::aside(format!("{those}: {}", names.join(", "))));
            }
        }
    }
}
