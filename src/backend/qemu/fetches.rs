//! Fetches of this computer: each a process of its own, shown by every vmdeck that looks.
use super::Local;
use crate::{
    backend::{Call, EventSink},
    domain::{
        Error, ErrorKind, HostEvent, Image, Inventory, Job, Progress, Reply, Request, Result, TaskState, clean_line,
    },
    fetch::{self, Journal, Order, Wish},
    transport::at,
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// The fetches that calls of this program follow: they need no second row.
#[derive(Debug, Default)]
pub(super) struct Followed(Mutex<HashSet<String>>);

impl Followed {
    fn change<T>(&self, change: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Local {
    /// Has a process fetch it, or joins one that does already, or goes on with what was interrupted; and follows it.
    pub(super) async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let folder = &self.settings.images;
        let order = Order::new(url, name)?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        call.progress(Progress::note(format!("asking {}", order.address.place())));
        let name = if let Some(name) = order.find(folder) {
            name
        } else {
            let look = tokio::select! {
                look = fetch::look(&order, folder, &self.settings.fetch) => look?,
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            };
            fetch::ask(&order, &look, folder)?;
            look.name
        };
        self.followed.change(|followed| followed.insert(name.clone()));
        let settings = &self.settings;
        let login = order.address.login();
        fetch::start_with(&settings.worker, folder, &name, settings.fetch_at_once, &settings.fetch, login)?;
        fetch::follow(folder, &name, &call.cancel, |progress| call.progress(progress)).await?;
        let listed = self.list_images()?.into_iter().find(|image| image.name == name);
        listed.ok_or_else(|| Error::not_found(format_args!("{} is gone again", clean_line(&name))))
    }

    /// Passes a wish on.
    pub(super) fn wish(&self, name: &str, wish: Wish) -> Result<()> {
        fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
        fetch::ask_to(&self.settings.images, name, wish)
    }
}

/// Tells of the fetches of others once a second while there are some, until it is aborted.
pub(super) async fn watch(local: &Local, events: &EventSink) {
    let folder = &local.settings.images;
    let mut told: HashMap<String, TaskState> = HashMap::new();
    loop {
        let names = Journal::names(folder);
        let mut lives = false;
        for name in &names {
            let is_live = fetch::is_live(folder, name);
            lives |= is_live;
            let is_ours = local.followed.change(|followed| followed.contains(name));
            let Ok(Some(journal)) = Journal::read(folder, name) else { continue };
            if is_ours {
                continue;
            }
            let state = if is_live {
                TaskState::Running(journal.progress())
            } else {
                TaskState::Unknown(Error::refused(journal.halt()))
            };
            if told.insert(name.clone(), state.clone()).as_ref() != Some(&state) {
                let request = Request::FetchImage { url: journal.address(), name: Some(name.clone()) };
                tell(events, name, state, Some(request)).await;
            }
        }
        local.followed.change(|followed| followed.retain(|name| names.contains(name)));
        let gone: Vec<String> = told.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in gone {
            told.remove(&name);
            let images = local.list_images().unwrap_or_default();
            let state = match images.iter().find(|image| image.name == name) {
                Some(image) => TaskState::Succeeded(Some(Reply::Fetched(image.clone()))),
                None => TaskState::Cancelled,
            };
            let inventory = Inventory { images: Some(images), ..Inventory::default() };
            let _ = events.send(HostEvent::Inventory(inventory)).await;
            tell(events, &name, state, None).await;
        }
        sleep(Duration::from_secs(if lives { 1 } else { 2 })).await;
    }
}

async fn tell(events: &EventSink, name: &str, state: TaskState, request: Option<Request>) {
    let job =
        Job { id: name.into(), vm: None, title: format!("fetch {name}"), image: Some(name.to_owned()), state, request };
    let _ = events.send(HostEvent::Job(Box::new(job))).await;
}
