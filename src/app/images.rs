//! The images screen: what every host has in its library, and what is being fetched to it.
use super::{App, HostState, details::stepped};
use crate::{
    domain::{ByteSize, HostId, Image, Partial, PastFetch, Reply, Request, Task, TaskId, TaskState, image_in_use},
    input::Action,
};
use std::collections::BTreeSet;

/// A row's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Fetch(TaskId),
    Image(HostId, String),
}

/// A row of the images screen.
#[derive(Clone, Copy, Debug)]
pub enum ImageRow<'a> {
    /// On its way, or come to nothing.
    Fetch(&'a Task),
    Image(&'a HostState, &'a Image),
}

impl ImageRow<'_> {
    pub fn entry(&self) -> Entry {
        match self {
            Self::Fetch(task) => Entry::Fetch(task.id),
            Self::Image(host, image) => Entry::Image(host.id().clone(), image.name.clone()),
        }
    }

    pub const fn host(&self) -> &HostId {
        match self {
            Self::Fetch(task) => &task.host,
            Self::Image(host, _) => host.id(),
        }
    }
}

/// Which images are shown, and which is selected.
#[derive(Debug, Default)]
pub struct Library {
    /// The one host whose images are shown; None: all.
    pub host: Option<HostId>,
    selected: Option<Entry>,
    /// Where the selected row was last, for when it goes.
    at: usize,
    /// The fetches that came to nothing and were put away, or begun again.
    away: BTreeSet<TaskId>,
    /// The fetches that have ended, as they were last asked for.
    pub(super) past: Vec<PastFetch>,
}

/// Whether the fetch of `task` brings, or was to bring, an entry called `name`.
fn brings(task: &Task, name: &str) -> bool {
    let is_named = task.image.as_deref() == Some(name);
    is_named || matches!(&task.request, Some(Request::FetchImage { url, .. }) if url.rsplit('/').next() == Some(name))
}

impl App {
    /// The hosts whose images are shown.
    pub fn image_hosts(&self) -> impl Iterator<Item = &HostState> {
        self.hosts.iter().filter(|h| self.library.host.as_ref().is_none_or(|only| only == h.id()))
    }

    /// The rows: what is being fetched, or came to nothing, in order of birth; then the images by name.
    pub fn image_rows(&self) -> Vec<ImageRow<'_>> {
        let shown = |host: &HostId| self.library.host.as_ref().is_none_or(|only| only == host);
        let is_open = |t: &Task| match t.state {
            TaskState::Succeeded(_) | TaskState::Cancelled => false,
            TaskState::Failed(_) | TaskState::Unknown(_) => !self.library.away.contains(&t.id),
            _ => true,
        };
        // What was gone on with since has another row.
        let is_last = |t: &&Task| {
            let is_same = |other: &Task| other.id > t.id && other.host == t.host && other.job == t.job;
            t.job.is_none() || !self.tasks.iter().any(is_same)
        };
        let is_fetch = |t: &&Task| t.image.is_some() && !t.title.is_empty();
        let fetches = self.tasks.iter().filter(is_fetch).filter(|t| shown(&t.host) && is_open(t)).filter(is_last);
        let fetches: Vec<&Task> = fetches.collect();
        // The row of the fetch tells more.
        let is_told = |host: &HostState, image: &Image| {
            image.partial == Some(Partial::Coming)
                && fetches.iter().any(|task| task.host == *host.id() && brings(task, &image.name))
        };
        let all = self.image_hosts().flat_map(|host| host.images.iter().flatten().map(move |image| (host, image)));
        let mut images: Vec<_> = all.filter(|(host, image)| !is_told(host, image)).collect();
        images.sort_by_key(|(_, image)| image.name.to_lowercase());
        let images = images.into_iter().map(|(host, image)| ImageRow::Image(host, image));
        fetches.into_iter().map(ImageRow::Fetch).chain(images).collect()
    }

    /// The selected row and its place: the one chosen, or whatever took its place.
    pub fn image_selected<'a>(&self, rows: &[ImageRow<'a>]) -> Option<(usize, ImageRow<'a>)> {
        let chosen = self.library.selected.as_ref().map(|entry| self.now_called(entry));
        let at = rows.iter().position(|row| Some(row.entry()) == chosen);
        let at = at.unwrap_or(self.library.at.min(rows.len().checked_sub(1)?));
        rows.get(at).map(|row| (at, *row))
    }

    /// What a row has become: a fetch that is done is the image that it brought.
    fn now_called(&self, entry: &Entry) -> Entry {
        let task = if let Entry::Fetch(id) = entry { self.tasks.get(*id) } else { None };
        match task.map(|task| (&task.host, &task.state)) {
            Some((host, TaskState::Succeeded(Some(Reply::Fetched(image))))) => {
                Entry::Image(host.clone(), image.name.clone())
            }
            _ => entry.clone(),
        }
    }

    /// The fetches that have ended on the host that was asked last, the newest first.
    pub fn past_fetches(&self) -> &[PastFetch] {
        &self.library.past
    }

    /// The fetch of the selected row.
    pub(super) fn chosen_fetch(&self) -> Option<&Task> {
        match self.image_selected(&self.image_rows())?.1 {
            ImageRow::Fetch(task) => Some(task),
            ImageRow::Image(..) => None,
        }
    }

    /// What a fetch that came to nothing has left in the library.
    pub(super) fn leftover(&self, task: &Task) -> Option<&Image> {
        let images = self.hosts.get(&task.host).filter(|_| !task.is_running())?.images.as_deref()?;
        images.iter().find(|image| matches!(image.partial, Some(Partial::Left(_))) && brings(task, &image.name))
    }

    /// Shows a fetch that came to nothing no longer; its story is kept.
    pub(super) fn put_away(&mut self, task: TaskId) {
        self.library.away.insert(task);
        self.changed = true;
    }

    /// Why an action on the selected row cannot be taken, if so.
    pub(super) fn image_refusal(&self, action: Action) -> Option<String> {
        let fetch = self.chosen_fetch();
        let is_image = fetch.is_none() && !self.image_rows().is_empty();
        match (action, fetch) {
            (Action::ImageCancel | Action::ImageAgain | Action::ImagePause, None) => {
                Some("no fetch is selected".to_owned())
            }
            (Action::ImageStory, None) if !is_image => Some("no image is selected".to_owned()),
            (Action::ImageCancel, Some(task)) if task.is_running() => self.cancel_refusal(Some(task)),
            (Action::ImageAgain, Some(task)) if task.is_running() => Some(format!("{}: it is under way", task.title)),
            (Action::ImagePause, Some(task)) if !task.is_running() => {
                Some(format!("{}: it is not under way", task.title))
            }
            (Action::ImageAgain, Some(Task { request: None, .. })) => {
                Some("it was begun elsewhere: its address is not known here".to_owned())
            }
            (Action::ImageRemove, Some(task)) if self.leftover(task).is_some() => None,
            (Action::ImageRename | Action::ImageRemove | Action::ImageInstall | Action::ImageCopy, _) if !is_image => {
                Some("no image is selected".to_owned())
            }
            (Action::ImageRename | Action::ImageInstall, _) if self.is_wrong() => {
                Some("it is not what its checksum says, and of no use as an image".to_owned())
            }
            (Action::ImageRename | Action::ImageRemove, _) => match self.image_selected(&self.image_rows())?.1 {
                ImageRow::Image(_, image) if !image.used_by.is_empty() => {
                    Some(image_in_use(&image.name, &image.used_by))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether what is selected is kept apart, and no image.
    fn is_wrong(&self) -> bool {
        let row = self.image_selected(&self.image_rows()).map(|(_, row)| row);
        matches!(row, Some(ImageRow::Image(_, Image { partial: Some(Partial::Wrong), .. })))
    }

    pub(super) fn image_step(&mut self, by: isize) {
        let rows = self.image_rows();
        let from = self.image_selected(&rows).map(|(_, row)| row.entry());
        let selected = stepped(rows.iter().map(ImageRow::entry), from.as_ref(), by);
        let at = rows.iter().position(|row| Some(row.entry()) == selected).unwrap_or(0);
        drop(rows);
        self.library.selected = selected;
        self.library.at = at;
    }

    /// Shows the images of the next host; after the last, those of all.
    pub(super) fn image_next_host(&mut self) {
        let mut hosts = self.hosts.iter().map(HostState::id);
        self.library.host = match &self.library.host {
            None if self.hosts.len() > 1 => hosts.next().cloned(),
            None => None,
            Some(now) => hosts.skip_while(|h| *h != now).nth(1).cloned(),
        };
    }

    /// The host that a new image goes to: that of the selected row, the one shown, or the target of actions.
    pub(super) fn image_host(&self) -> Option<&HostState> {
        let rows = self.image_rows();
        let selected = self.image_selected(&rows).map(|(_, row)| row.host().clone());
        let id = self.library.host.clone().or(selected);
        id.and_then(|id| self.hosts.get(&id)).or_else(|| self.hosts.at(0))
    }

    /// How many images there are, and what they take together if that is known.
    pub fn image_sum(&self) -> (usize, Option<ByteSize>) {
        let images = || self.image_hosts().flat_map(|h| h.images.iter().flatten());
        let size = images().map(|i| i.size.map(|s| s.0)).sum::<Option<u64>>().map(ByteSize);
        (images().count(), size)
    }

    /// The host of the images, where one is shown: what its storage still holds is told.
    pub fn image_room(&self) -> Option<&HostState> {
        let mut hosts = self.image_hosts();
        hosts.next().filter(|_| hosts.next().is_none())
    }
}
