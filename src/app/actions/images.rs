//! Images of the library: fetched, renamed, removed.
use crate::{
    app::{
        App, Effect, ImageRow, Overlay, Sight,
        dialog::{Body, Confirm, Dialog, Form, Note, Purpose, Typed},
    },
    domain::{
        FieldKind, FieldSpec, HostId, Image, Op, Partial, Progress, Request, Task, TaskId, TaskState, clean_line,
    },
    input::Action,
};

impl App {
    /// Asks for the address of an image; the host is known.
    pub(super) fn fetch_to(&mut self, host: &HostId) -> Vec<Effect> {
        let Some(state) = self.hosts.get(host) else { return Vec::new() };
        let mut fields = vec![
            FieldSpec::new("url", "Address", FieldKind::Url)
                .help("https://, http://, ftp://, ftps://, ftpes://, file://, or a path"),
            FieldSpec::new("name", "Name", FieldKind::ImageName)
                .optional()
                .help("what to call it here, if not as there"),
        ];
        // A host that fetches by itself has no way to do either.
        if state.refusal(Op::ProbeImage).is_none() {
            fields.push(
                FieldSpec::new("sum", "Checksum", FieldKind::Checksum)
                    .optional()
                    .help("SHA-256 or SHA-512 of what comes; found beside it without that"),
            );
            fields.push(
                FieldSpec::new("unpack", "Unpack", FieldKind::Flag)
                    .default("no")
                    .help("what ends in .xz, .gz, .zst or .bz2"),
            );
        }
        let images = state.images.iter().flatten().map(|i| i.name.clone()).collect();
        let purpose = Purpose::Fetch { images, sight: Sight::None };
        let dialog = Dialog::new(
            format!("Fetch an image to {host}"),
            host.clone(),
            purpose,
            Body::Form(Form::new(fields, "fetch")),
        )
        .with_free(state.storage_left());
        self.open(dialog)
    }

    /// To the host of the selected machine.
    pub(super) fn fetch(&mut self) -> Vec<Effect> {
        let host = self.target_host().map(|h| h.id().clone());
        host.map(|host| self.fetch_to(&host)).unwrap_or_default()
    }

    /// The image of the selected row, with its host.
    fn chosen_image(&self) -> Option<(HostId, Image)> {
        let rows = self.image_rows();
        match self.image_selected(&rows)?.1 {
            ImageRow::Image(host, image) => Some((host.id().clone(), image.clone())),
            ImageRow::Fetch(_) => None,
        }
    }

    pub(super) fn image_fetch(&mut self) -> Vec<Effect> {
        let host = self.image_host().map(|h| h.id().clone());
        host.map(|host| self.fetch_to(&host)).unwrap_or_default()
    }

    /// Stops the fetch of the selected row; one that came to nothing is put away, and what it left is offered for removal.
    pub(super) fn image_cancel(&mut self) -> Vec<Effect> {
        let Some(task) = self.chosen_fetch() else { return Vec::new() };
        let (host, id) = (task.host.clone(), task.id);
        if let Some(effects) = self.stop_fetch(id) {
            return effects;
        }
        let Some(task) = self.tasks.get(id) else { return Vec::new() };
        if task.is_running() {
            return vec![Effect::Cancel { host, task: id }];
        }
        let left = self.leftover(task).cloned();
        self.put_away_with_outcome(id);
        left.map(|image| self.remove_image(host, image)).unwrap_or_default()
    }

    /// Shows a fetch no longer, and its sentence in the strip neither.
    fn put_away_with_outcome(&mut self, id: TaskId) {
        self.put_away(id);
        if self.tasks.told().is_some_and(|told| told.id == id) {
            self.tasks.dismiss();
        }
    }

    /// Stops a fetch that its host knows by name, after asking where something came of it; None: it is none.
    pub(super) fn stop_fetch(&mut self, id: TaskId) -> Option<Vec<Effect>> {
        let task = self.tasks.get(id)?;
        let waits = task.is_running() || task.waits_at_host();
        // It is the host's own: whoever began it, it is the host that is asked.
        let job = task.job.as_ref().filter(|_| waits && task.request.as_ref().is_some_and(Request::is_fetch))?;
        let request = Request::CancelFetch { image: job.as_str().to_owned() };
        let host = task.host.clone();
        let Some(came) = came(task) else { return Some(self.call(host, request)) };
        let name = clean_line(task.title.strip_prefix("fetch ").unwrap_or(&task.title)).into_owned();
        let key = |action| self.settings.keymap.first(action);
        let instead = match task.is_running() {
            true => format!("{} lets it rest instead, to be gone on with later.", key(Action::ImagePause)),
            false => format!("{} goes on with it instead.", key(Action::ImageAgain)),
        };
        let question = format!("Stop fetching {name} on {host}, and throw away what came?");
        let confirm = Confirm::new(question, "stop").note(Note::plain(came)).note(Note::aside(instead));
        Some(self.open(Dialog::new("Stop a fetch", host, Purpose::Call(request), Body::Confirm(confirm))))
    }

    /// Lets the fetch of the selected row rest.
    pub(super) fn image_pause(&mut self) -> Vec<Effect> {
        let Some(task) = self.chosen_fetch() else { return Vec::new() };
        let name = task.job.as_ref().map(|job| job.as_str().to_owned());
        let image = name.or_else(|| task.request.as_ref().map(Request::target)).unwrap_or_default();
        self.call(task.host.clone(), Request::PauseFetch { image })
    }

    /// Asks again for what came to nothing, or goes on with what was interrupted.
    pub(super) fn image_again(&mut self) -> Vec<Effect> {
        let Some((id, host, request)) = self.chosen_fetch().map(|t| (t.id, t.host.clone(), t.request.clone())) else {
            return Vec::new();
        };
        // What it left stands in the way.
        if let Some(left) = self.chosen_fetch().and_then(|task| self.leftover(task)).cloned() {
            return self.remove_image(host, left);
        }
        let effects = request.map(|request| self.call(host, request)).unwrap_or_default();
        if !effects.is_empty() {
            self.put_away_with_outcome(id);
        }
        effects
    }

    pub(super) fn image_story(&mut self) -> Vec<Effect> {
        self.overlay = self.image_selected(&self.image_rows()).map(|(_, row)| match row {
            ImageRow::Fetch(task) => Overlay::Story { task: task.id, scroll: 0 },
            ImageRow::Image(host, image) => {
                Overlay::Image { host: host.id().clone(), name: image.name.clone(), scroll: 0 }
            }
        });
        Vec::new()
    }

    /// Asks for the fetches that have ended: the answer opens their page.
    pub(super) fn image_history(&mut self) -> Vec<Effect> {
        let host = self.image_host().map(|h| h.id().clone());
        host.map(|host| self.call(host, Request::ListFetches)).unwrap_or_default()
    }

    pub(super) fn image_rename(&mut self) -> Vec<Effect> {
        let Some((host, image)) = self.chosen_image() else { return Vec::new() };
        let state = self.hosts.get(&host);
        let images = state.map(|state| state.image_names(&image.name)).unwrap_or_default();
        let field = FieldSpec::new("name", "New name", FieldKind::ImageName).default(&*image.name);
        let purpose = Purpose::Rename { image: image.name.clone(), images };
        let title = format!("Rename {} on {host}", clean_line(&image.name));
        let dialog = Dialog::new(title, host, purpose, Body::Form(Form::new(vec![field], "rename")));
        self.open(dialog)
    }

    /// The image of the selected row, or what its fetch has left.
    pub(super) fn image_remove(&mut self) -> Vec<Effect> {
        let left = self.chosen_fetch().and_then(|task| Some((task.host.clone(), self.leftover(task)?.clone())));
        let Some((host, image)) = left.or_else(|| self.chosen_image()) else { return Vec::new() };
        self.remove_image(host, image)
    }

    /// Asks before what is left of a fetch goes, and for the name of a file that is whole.
    fn remove_image(&mut self, host: HostId, image: Image) -> Vec<Effect> {
        let name = clean_line(&image.name).into_owned();
        let size = image.size.map_or_else(String::new, |s| format!("{s} are freed. "));
        let question = match &image.partial {
            Some(Partial::Left(_)) => format!("Remove what is left of {name} on {host}?"),
            _ => format!("Remove {name} from {host}?"),
        };
        let lost = Note::plain(format!("{size}There is no way back but fetching it again."));
        let mut notes = match &image.partial {
            Some(Partial::Left(why)) => {
                let why = clean_line(why);
                vec![Note::warning(format!("Its fetch came to nothing: {why}. It is in the way of another."))]
            }
            Some(Partial::Wrong) => {
                let useless = "What came is not what its checksum says: it is of no use as an image.";
                vec![Note::plain(format!("{size}{useless}"))]
            }
            Some(Partial::Coming) => vec![lost, Note::warning("It is being fetched.")],
            None => vec![lost],
        };
        notes.extend(self.caution(&host, Op::RemoveImage));
        let request = Request::RemoveImage { image: image.name };
        let body = match image.partial {
            None | Some(Partial::Wrong) => {
                Body::Typed(Typed { notes, ..Typed::new(question, request.target(), "remove") })
            }
            Some(Partial::Left(_) | Partial::Coming) => {
                Body::Confirm(Confirm { notes, ..Confirm::new(question, "remove") })
            }
        };
        self.open(Dialog::new("Remove an image", host, Purpose::Call(request), body))
    }

    pub(super) fn image_install(&mut self) -> Vec<Effect> {
        let Some((host, image)) = self.chosen_image() else { return Vec::new() };
        self.create_on(host, Some(image.name))
    }

    pub(super) fn image_copy(&mut self) -> Vec<Effect> {
        match self.chosen_image() {
            Some((_, Image { path: Some(path), .. })) => {
                self.say(&format!("copied {path}"));
                vec![Effect::Copy(path)]
            }
            Some((host, _)) => {
                self.say(&format!("{host} does not tell where it keeps its images"));
                Vec::new()
            }
            None => Vec::new(),
        }
    }
}

/// What a fetch would lose, in words; None: nothing came.
fn came(task: &Task) -> Option<String> {
    match &task.state {
        TaskState::Unknown(error) | TaskState::Failed(error) => Some(error.message.clone()),
        _ => {
            let progress = task.progress().filter(|p| p.done.is_some_and(|done| done.0 > 0))?;
            Some(format!("{} so far", Progress { rate: None, ..progress.clone() }.figures()))
        }
    }
}
