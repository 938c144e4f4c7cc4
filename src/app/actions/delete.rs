//! A machine deleted, once its name was typed.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Dialog, Note, Purpose, Toggle, Typed},
    },
    domain::{ByteSize, Op},
};

impl App {
    pub(super) fn delete(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let vm = &machine.vm;
        let question = format!("Delete {} on {}?", vm.name, host.id());
        let mut typed = Typed::new(question, &vm.name, "delete");
        let size = vm.disk.map(|bytes| format!(", {}", ByteSize(bytes))).unwrap_or_default();
        let keeps = host.capabilities().and_then(|c| c.keeps_disks);
        let disks = match machine.disks.as_ref().map(Vec::len) {
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
        let purpose = Purpose::Delete(vm.id.clone());
        let dialog = Dialog::new("Delete a machine", host.id().clone(), purpose, Body::Typed(typed));
        self.open(dialog)
    }
}
