//! A machine deleted, once its name was typed.
use crate::{
    app::{
        App, Effect, Machine,
        dialog::{Body, Dialog, Note, Purpose, Toggle, Typed},
    },
    domain::{ByteSize, Disk, DiskKind, Op, Request, Snapshot, Vm, clean_line},
};

/// The files that go with a machine, as far as they are known: its disks, and what keeps its UEFI variables.
fn files(machine: &Machine) -> Vec<Note> {
    let disks = machine.disks.iter().flatten().filter(|disk| disk.kind == DiskKind::Disk && !disk.read_only);
    let disks = disks.filter_map(|disk| {
        let pool = disk.pool.as_ref().map(|pool| format!(" in pool {pool}")).unwrap_or_default();
        let size = disk.real_size.or(disk.virtual_size).map(|size| format!(", {size}")).unwrap_or_default();
        Some(format!("{}: {}{pool}{size}", disk.id, disk.medium.as_ref()?))
    });
    let variables = machine.vm.details.iter().filter(|(label, _)| label == Vm::VARIABLES);
    let variables = variables.map(|(label, path)| format!("{label}: {path}"));
    disks.chain(variables).map(|file| Note::aside(clean_line(&file))).collect()
}

impl App {
    pub(super) fn delete(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = &machine.vm;
        let question = format!("Delete {} on {}?", vm.name, host.id());
        let mut typed = Typed::new(question, &vm.name, "delete");
        let size = vm.disk.map(|bytes| format!(", {}", ByteSize(bytes))).unwrap_or_default();
        let keeps = host.capabilities().and_then(|c| c.keeps_disks);
        let count = |all: &Vec<Disk>| all.iter().filter(|disk| disk.kind == DiskKind::Disk).count();
        let disks = match machine.disks.as_ref().map(count) {
            _ if keeps == Some(true) => {
                "Its settings go: there is no way back. The files of its disks stay.".to_owned()
            }
            Some(1) => format!("Its disk{size}, and its settings go with it: there is no way back."),
            _ => format!("Its disks{size}, and its settings go with it: there is no way back."),
        };
        typed.notes.push(Note::plain(disks));
        typed.notes.extend(self.caution(host.id(), Op::Delete));
        if keeps.is_none() {
            typed.toggle = Some(Toggle::new("Its disks", "delete them for ever", "keep their files"));
        }
        typed.notes.extend(files(machine));
        let (id, vm) = (host.id().clone(), vm.id.clone());
        let has_snapshots = host.capabilities().is_some_and(|c| c.check(Op::ListSnapshots).is_ok());
        let dialog = Dialog::new("Delete a machine", id.clone(), Purpose::Delete(vm.clone()), Body::Typed(typed));
        let mut effects = self.open(dialog);
        if has_snapshots && self.dialog.is_some() {
            effects.extend(self.call(id, Request::ListSnapshots(vm)));
            if let (Some(dialog), Some(Effect::Call { task, .. })) = (&mut self.dialog, effects.last()) {
                dialog.awaits = Some(*task);
            }
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
