//! Fetches into a folder of this computer, for the backends that have one: each a process of its own, shown by every
//! vmdeck that looks.
use super::{Call, EventSink};
use crate::{
    domain::{
        Error, ErrorKind, HostEvent, Image, Inventory, Job, Progress, Prospect, Reply, Request, Result, TaskState,
    },
    fetch::{self, Journal, Order, Wish},
    transport::at,
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// Where images come to be.
pub(super) trait Library: Sync {
    /// Those that are whole now.
    fn whole(&self) -> impl Future<Output = Vec<Image>> + Send;
}

/// How images are fetched, and which of the fetches are followed.
#[derive(Debug)]
pub(super) struct Fetching {
    options: fetch::Options,
    at_once: usize,
    worker: PathBuf,
    /// The fetches that calls of this program follow: they need no second row.
    followed: Mutex<HashSet<String>>,
}

impl Fetching {
    pub(super) fn new(options: fetch::Options, at_once: usize, worker: PathBuf) -> Self {
        Self { options, at_once, worker, followed: Mutex::default() }
    }

    fn followed<T>(&self, change: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        change(&mut self.followed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks what an address holds.
    pub(super) async fn probe(&self, folder: &Path, url: &str) -> Result<Prospect> {
        fetch::probe(&Order::new(url, None)?.address, folder, &self.options).await
    }

    /// Has a process fetch it, or joins one that does already, or goes on with what was interrupted; and follows it to
    /// its end. `check` may refuse the name, which is returned.
    pub(super) async fn fetch(
        &self,
        folder: &Path,
        url: &str,
        name: Option<&str>,
        check: fn(&str) -> Result<()>,
        call: Call,
    ) -> Result<String> {
        let order = Order::new(url, name)?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        call.progress(Progress::note(format!("asking {}", order.address.place())));
        let name = if let Some(name) = order.find(folder) {
            name
        } else {
            let look = tokio::select! {
                look = fetch::look(&order, folder, &self.options) => look?,
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            };
            check(&look.name)?;
            fetch::ask(&order, &look, folder)?;
            look.name
        };
        self.followed(|followed| followed.insert(name.clone()));
        let login = order.address.login();
        fetch::start_with(&self.worker, folder, &name, self.at_once, &self.options, login)?;
        fetch::follow(folder, &name, &call.cancel, |progress| call.progress(progress)).await?;
        Ok(name)
    }

    /// Tells of the fetches of others once a second while there are some, until it is aborted.
    pub(super) async fn watch(&self, folder: &Path, library: &impl Library, events: &EventSink) {
        let mut told: HashMap<String, TaskState> = HashMap::new();
        loop {
            let names = Journal::names(folder);
            let mut lives = false;
            for name in &names {
                let is_live = fetch::is_live(folder, name);
                lives |= is_live;
                let is_ours = self.followed(|followed| followed.contains(name));
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
            self.followed(|followed| followed.retain(|name| names.contains(name)));
            let gone: Vec<String> = told.keys().filter(|name| !names.contains(name)).cloned().collect();
            for name in gone {
                told.remove(&name);
                let images = library.whole().await;
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
}

/// Passes a wish on to a fetch, whoever began it.
pub(super) fn wish(folder: &Path, name: &str, wish: Wish) -> Result<()> {
    fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
    fetch::ask_to(folder, name, wish)
}

async fn tell(events: &EventSink, name: &str, state: TaskState, request: Option<Request>) {
    let (title, image) = (format!("fetch {name}"), Some(name.to_owned()));
    let job = Job { id: name.into(), vm: None, title, image, state, request };
    let _ = events.send(HostEvent::Job(Box::new(job))).await;
}
