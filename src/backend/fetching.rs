//! Fetches into a folder of this computer, for the backends that have one: each a process of its own, shown by every
//! vmdeck that looks.
use super::{Call, EventSink, asking::Asking};
use crate::{
    domain::{
        Error, ErrorKind, Fetches, HostEvent, Image, Inventory, Job, OpenFetch, Progress, Prospect, QuestionKind,
        Reply, Request, Result, Secret, Stamp, TaskState, clean_line,
    },
    fetch::{self, Journal, Order, Wish},
    transport::{Stopwatch, at},
};
use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;

/// How long the history of a fetch may take to tell of an end that is seen.
const LAST_NOTE: Duration = Duration::from_secs(5);

/// Where images come to be.
pub(super) trait Library: Sync {
    /// Those that are whole now.
    fn whole(&self) -> impl Future<Output = Result<Vec<Image>>> + Send;

    /// Those that have come and are not there yet, where that takes more than a new name; and how each stands.
    fn on_the_way(&self) -> Vec<(String, Option<TaskState>)> {
        Vec::new()
    }
}

/// How images are fetched, and which of the fetches are followed.
#[derive(Debug)]
pub(super) struct Fetching {
    options: fetch::Options,
    at_once: usize,
    worker: PathBuf,
    followed: Followed,
    /// Where a person is asked; None: there is no connection yet.
    events: Mutex<Option<EventSink>>,
    asking: Asking,
    /// Held by the one whose question is open: others wait with theirs.
    turn: tokio::sync::Mutex<()>,
}

/// The fetches that calls of this program follow, and how many calls do: they need no second row.
#[derive(Debug, Default)]
struct Followed(Mutex<HashMap<String, usize>>);

impl Followed {
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn holds(&self, name: &str) -> bool {
        self.change(|followed| followed.contains_key(name))
    }

    /// Follows `name` until the answer is dropped.
    fn begin(&self, name: &str) -> impl Drop + use<'_> {
        self.change(|followed| *followed.entry(name.to_owned()).or_default() += 1);
        Following { all: self, name: name.to_owned() }
    }
}

struct Following<'a> {
    all: &'a Followed,
    name: String,
}

impl Drop for Following<'_> {
    fn drop(&mut self) {
        self.all.change(|followed| match followed.get_mut(&self.name) {
            Some(calls) if *calls > 1 => *calls -= 1,
            _ => drop(followed.remove(&self.name)),
        });
    }
}

impl Fetching {
    pub(super) fn new(options: fetch::Options, at_once: usize, worker: PathBuf) -> Self {
        Self {
            options,
            at_once,
            worker,
            followed: Followed::default(),
            events: Mutex::default(),
            asking: Asking::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// From now on asks by way of `events`.
    pub(super) fn ask_by(&self, events: EventSink) {
        *self.events.lock().unwrap_or_else(PoisonError::into_inner) = Some(events);
    }

    /// Takes the answer to a question.
    pub(super) fn answer(&self, question: u64, answer: Option<Secret>) {
        self.asking.answer(question, answer);
    }

    /// Asks for a yes; None: nobody can be asked.
    pub(super) async fn confirm(&self, text: String) -> Option<Result<bool>> {
        let _turn = self.turn.lock().await;
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(self.asking.confirm(&events, text).await)
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
        check: impl Fn(&str) -> Result<()> + Send,
        call: Call,
    ) -> Result<String> {
        let order = Order::new(url, name)?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        call.progress(Progress::note(format!("asking {}", order.address.place())));
        if let Some(name) = order.find(folder) {
            until_cancelled(folder, &name, &call).await?;
        }
        let name = if let Some(name) = order.find(folder) {
            check(&name)?;
            name
        } else {
            let begun = Stopwatch::start();
            let look = tokio::select! {
                look = fetch::look(&order, folder, &self.options) => look,
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            };
            let asked = async {
                let look = look?;
                check(&look.name)?;
                until_cancelled(folder, &look.name, &call).await?;
                fetch::join(&order, &look, folder).await.map(|()| look.name)
            };
            asked.await.inspect_err(|error| {
                // What cannot be asked for has no place in a history.
                if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Cancelled) {
                    fetch::note_refused(folder, &order, begun.elapsed(), error);
                }
            })?
        };
        self.bring(folder, &name, order.address.login(), call).await?;
        Ok(name)
    }

    /// Goes on with a fetch that has a journal, and follows it.
    pub(super) async fn resume(&self, folder: &Path, name: &str, call: Call) -> Result<()> {
        fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
        until_cancelled(folder, name, &call).await?;
        if Journal::read(folder, name)?.is_none() {
            return Err(Error::not_found(format_args!("{} is not being fetched", clean_line(name))));
        }
        self.bring(folder, name, None, call).await
    }

    async fn bring(&self, folder: &Path, name: &str, login: Option<&(String, Secret)>, call: Call) -> Result<()> {
        if fetch::settle(folder, name)? {
            return Ok(());
        }
        let _ours = self.followed.begin(name);
        let again = if login.is_none() { self.login_again(folder, name, &call).await? } else { None };
        let left = Journal::stamp(folder, name);
        fetch::start_with(&self.worker, folder, name, self.at_once, &self.options, login.or(again.as_ref()))?;
        let report = |progress| call.progress(Progress { job: Some(name.into()), ..progress });
        // Whoever waits for it may see nothing else of it: another vmdeck may take it away the moment it is whole.
        report(Progress::default());
        fetch::follow(folder, name, left, &call.cancel, report).await?;
        Ok(())
    }

    /// Asks for the user and the password of a fetch that was begun with both: they are kept nowhere.
    async fn login_again(&self, folder: &Path, name: &str, call: &Call) -> Result<Option<(String, Secret)>> {
        let _turn = self.turn.lock().await;
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(events), Some(place)) = (events, fetch::wants_login(folder, name)?) else { return Ok(None) };
        let name = clean_line(name);
        call.progress(Progress::note("waiting for the user and the password"));
        let text = format!("User and password for {place}, to go on with {name}, as USER:PASSWORD");
        let answer = tokio::select! {
            answer = self.asking.ask(&events, QuestionKind::Secret, text) => answer?,
            () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
        };
        let Some(answer) = answer else {
            let why = format_args!("it rests: the user and the password for {place} were not given");
            return Err(Error::new(ErrorKind::Interrupted, why));
        };
        let answer = answer.expose().trim_end_matches(['\r', '\n']);
        let (user, password) = answer.split_once(':').unwrap_or((answer, ""));
        Ok(Some((user.to_owned(), Secret::new(password.to_owned()))))
    }

    /// What is done with this image is shown by the call that does it, until the answer is dropped.
    pub(super) fn is_ours(&self, name: &str) -> impl Drop + use<'_> {
        self.followed.begin(name)
    }

    /// Tells of the fetches of others once a second while there are some, until it is aborted.
    pub(super) async fn watch(&self, folder: &Path, library: &impl Library, events: &EventSink) {
        let mut told: HashMap<String, TaskState> = HashMap::new();
        let mut asked: HashMap<String, Stamp> = HashMap::new();
        loop {
            let mut open = states(folder);
            open.extend(library.on_the_way());
            let lives = open.iter().any(|(_, state)| matches!(state, Some(TaskState::Running(_))));
            let names: HashSet<&String> = open.iter().map(|(name, _)| name).collect();
            let gone: Vec<String> = told.keys().filter(|name| !names.contains(name)).cloned().collect();
            for (name, state) in &open {
                let Some(state) = state.as_ref().filter(|_| !self.followed.holds(name)) else { continue };
                if told.insert(name.clone(), state.clone()).as_ref() != Some(state) {
                    let request = Request::ResumeFetch { image: name.clone() };
                    let begun = Journal::read(folder, name).ok().flatten().map(|journal| Stamp(journal.asked));
                    asked.extend(begun.map(|begun| (name.clone(), begun)));
                    tell(events, Job { state: state.clone(), begun, request: Some(request), ..job(name) }).await;
                }
            }
            // Where what is there cannot be seen, it is not known how one has ended.
            let images = if gone.is_empty() { None } else { library.whole().await.ok() };
            if let Some(images) = images {
                for name in gone {
                    told.remove(&name);
                    let since = asked.remove(&name).unwrap_or_default();
                    let state = match images.iter().find(|image| image.name == name) {
                        Some(image) => TaskState::Succeeded(Some(Reply::Fetched(image.clone()))),
                        None => without_image(folder, &name, since).await,
                    };
                    let inventory = Inventory { images: Some(images.clone()), ..Inventory::default() };
                    let _ = events.send(HostEvent::Inventory(inventory)).await;
                    tell(events, Job { state, ..job(&name) }).await;
                }
            }
            sleep(Duration::from_secs(if lives { 1 } else { 2 })).await;
        }
    }
}

/// The fetches that have a journal, and how each stands; None: that cannot be told, or it has just begun, or come whole.
fn states(folder: &Path) -> Vec<(String, Option<TaskState>)> {
    let state = |name: &str| {
        let is_live = fetch::is_live(folder, name);
        if !is_live && fetch::settle(folder, name).unwrap_or(false) {
            return None;
        }
        let journal = Journal::read(folder, name).ok()??;
        if !is_live && journal.begins() {
            return None;
        }
        Some(match is_live {
            true => TaskState::Running(journal.progress()),
            false => TaskState::Unknown(Error::new(ErrorKind::Interrupted, journal.halt())),
        })
    };
    Journal::names(folder).into_iter().map(|name| (name.clone(), state(&name))).collect()
}

/// How a fetch has ended that was asked for at `since`, and whose image is not there: its history tells. One that came
/// whole may be on its way to where images are, or have gone again.
async fn without_image(folder: &Path, name: &str, since: Stamp) -> TaskState {
    let begun = Stopwatch::start();
    loop {
        let mut past = fetch::history(folder).into_iter();
        match past.find(|past| past.name == name && past.ended >= since) {
            Some(past) if !past.is_cancelled() => {
                return past.why.map_or(TaskState::Succeeded(None), |why| TaskState::Failed(Error::refused(why)));
            }
            Some(_) => return TaskState::Cancelled,
            // Its process writes it down a moment after its last word.
            None if begun.elapsed() < LAST_NOTE => sleep(Duration::from_millis(50)).await,
            None => return TaskState::Failed(Error::refused("it has ended, and nothing tells how")),
        }
    }
}

/// What is fetched into a folder, and what was.
pub(super) fn fetches(folder: &Path) -> Fetches {
    let open = Journal::names(folder).into_iter().filter_map(|name| {
        let is_live = fetch::is_live(folder, &name);
        let journal = Journal::read(folder, &name).ok()??;
        let halt = (!is_live).then(|| journal.halt());
        Some(OpenFetch { source: journal.source(), progress: journal.progress(), halt, name })
    });
    Fetches { open: open.collect(), past: fetch::history(folder) }
}

/// Lets a fetch rest, whoever began it.
pub(super) fn pause(folder: &Path, name: &str) -> Result<()> {
    fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
    fetch::ask_to(folder, name, Wish::Pause)
}

/// Ends a fetch, whoever began it; returns when nothing of it is left.
pub(super) async fn cancel(folder: &Path, name: &str) -> Result<()> {
    fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
    fetch::cancel(folder, name).await
}

/// Waits for the end of a fetch that is being cancelled: a new one of its name is not joined to it.
async fn until_cancelled(folder: &Path, name: &str, call: &Call) -> Result<()> {
    if !fetch::is_being_cancelled(folder, name) {
        return Ok(());
    }
    call.progress(Progress::note("waiting for the end of the fetch that was cancelled"));
    tokio::select! {
        ended = fetch::until_cancelled(folder, name) => ended,
        () = call.cancel.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
    }
}

/// The fetch of `name`, as one that others see.
fn job(name: &str) -> Job {
    let (id, title, image) = (name.into(), format!("fetch {name}"), Some(name.to_owned()));
    Job { id, vm: None, title, image, state: TaskState::Queued, begun: None, request: None }
}

async fn tell(events: &EventSink, job: Job) {
    let _ = events.send(HostEvent::Job(Box::new(job))).await;
}
