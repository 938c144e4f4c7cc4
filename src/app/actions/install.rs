//! Images in the CD drive: a machine installed from one, one put in, one taken out.
use crate::{
    app::{
        App, Effect,
        dialog::{Body, Choose, Confirm, Dialog, Note, Purpose},
    },
    domain::{ByteSize, Choice, DiskKind, HostId, Image, Op, Request, VmId, clean_line},
};

/// An empty disk of any format takes less than this of the storage.
const EMPTY: ByteSize = ByteSize(4 << 20);

impl App {
    pub(super) fn install(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let title = format!("Install {} on {} from", machine.vm.name, host.id());
        let purpose = Purpose::Install(machine.vm.id.clone());
        let dialog = Dialog::new(title, host.id().clone(), purpose, Body::Reading("reading the images"));
        self.choose_image(dialog)
    }

    pub(super) fn insert_image(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let title = format!("Into the CD drive of {} on {}", machine.vm.name, host.id());
        let purpose = Purpose::Insert(machine.vm.id.clone());
        let dialog = Dialog::new(title, host.id().clone(), purpose, Body::Reading("reading the images"));
        self.choose_image(dialog)
    }

    pub(super) fn eject_image(&mut self) -> Vec<Effect> {
        let Some((host, machine)) = self.selected() else { return Vec::new() };
        let (host, vm) = (host.id().clone(), machine.vm.id.clone());
        self.call(host, Request::EjectImage { vm })
    }

    fn choose_image(&mut self, mut dialog: Dialog) -> Vec<Effect> {
        match self.hosts.get(&dialog.host).and_then(|h| h.images.as_deref()) {
            Some(images) => {
                dialog.body = choice(images, &dialog.purpose, &dialog.host);
                self.open(dialog)
            }
            None => self.open_and_ask(dialog, Request::ListImages),
        }
    }

    /// Starts it from `image`. Where a disk holds something already, asks before.
    pub(super) fn install_from(&mut self, host: HostId, vm: VmId, image: String) -> Vec<Effect> {
        let Some(machine) = self.hosts.get(&host).and_then(|h| h.machine(&vm)) else { return Vec::new() };
        let used: Vec<String> = machine
            .disks
            .iter()
            .flatten()
            .filter(|d| d.kind == DiskKind::Disk && !d.read_only && d.real_size.is_none_or(|size| size > EMPTY))
            .map(|d| match d.real_size {
                Some(size) => format!("{} holds {size}", d.id),
                None => format!("{} may hold something", d.id),
            })
            .collect();
        let name = machine.vm.name.clone();
        let question = format!("Install {name} on {host} from {}?", clean_line(&image));
        let request = Request::Install { vm, image };
        if used.is_empty() {
            return self.call(host, request);
        }
        let mut confirm = Confirm::new(question, "install")
            .note(Note::warning(format!("{}: the installer may overwrite it.", used.join(", "))));
        confirm.notes.extend(self.caution(&host, Op::Install));
        let dialog = Dialog::new("Install", host, Purpose::Call(request), Body::Confirm(confirm));
        self.open(dialog)
    }
}

/// The images to choose from.
pub(super) fn choices(images: &[Image]) -> Vec<Choice> {
    let label = |image: &Image| match &image.partial {
        Some(partial) => partial.to_string(),
        None => image.size.map(|s| s.to_string()).unwrap_or_default(),
    };
    let mut images: Vec<_> = images.iter().filter(|i| i.partial != Some(crate::domain::Partial::Wrong)).collect();
    images.sort_by_key(|i| i.name.to_lowercase());
    images.into_iter().map(|i| Choice::new(&i.name, &label(i))).collect()
}

pub(super) fn choice(images: &[Image], purpose: &Purpose, host: &HostId) -> Body {
    let yes = if matches!(purpose, Purpose::Insert(_)) { "insert" } else { "install" };
    let mut choose = Choose::new(choices(images), yes);
    choose.empty = format!("There are no images on {host} yet: f fetches one.");
    Body::Choose(choose)
}
