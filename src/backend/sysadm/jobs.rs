//! The server's jobs: what its events say is kept by job, so that neither their order nor their number matters.
//!
//! Events of a job may come before the answer that names it, its end may come twice or never, and others begin jobs too.
use super::wire::{JobEvent, last_line};
use crate::{
    backend::EventSink,
    domain::{Error, ErrorKind, HostEvent, Job, JobId, Partial, Progress, TaskState, clean},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

/// How many jobs are remembered: beyond that the oldest that have ended are forgotten.
const MOST: usize = 256;
/// The longest name of a job, and of what it brings, in bytes: a longer one is no name.
const NAME: usize = 256;
/// The longest log that is kept of a command of our own, in bytes.
const LOG: usize = 64 << 10;
/// How the names of commands begin that this program runs, here or elsewhere: they are questions, and no work.
pub(super) const OWN: &str = "vmdeck-";
/// Between two reports on the jobs of others: a flood of events becomes the newest of them.
const PAUSE: Duration = Duration::from_millis(200);

/// Where a job stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    Running(Progress),
    Ended(End),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// What its command returned; None: the server did not tell.
    pub(super) code: Option<i64>,
    /// Nobody saw it end.
    pub(super) is_unseen: bool,
    pub(super) log: String,
}

impl End {
    /// The last words of the job, or what stands for them.
    pub(super) fn words(&self) -> String {
        last_line(&self.log).unwrap_or_else(|| match self.code {
            Some(-1) => "the server could not start the command".to_owned(),
            Some(code) => format!("the command ended with code {code}"),
            None => "the server did not tell how it ended".to_owned(),
        })
    }
}

#[derive(Debug)]
struct Entry {
    state: watch::Sender<State>,
    title: String,
    /// The entry of the library that it brings.
    image: Option<String>,
    /// A call of ours waits for it: it is no job of others.
    is_ours: bool,
    /// It has changed since it was told.
    is_new: bool,
    is_told: bool,
    born: u64,
}

#[derive(Debug, Default)]
struct All {
    jobs: HashMap<String, Entry>,
    born: u64,
    /// Calls that have begun a job whose name is not known yet: what is new may be theirs.
    claims: usize,
    /// What downloads that came to nothing have left in the library, and why they did.
    left: HashMap<String, String>,
}

/// The jobs of a server, over all connections to it.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    all: Mutex<All>,
    changed: Notify,
    begun: Notify,
}

/// The right to a job that a call is about to begin.
#[derive(Debug)]
pub(super) struct Claim(Arc<Jobs>);

impl Drop for Claim {
    fn drop(&mut self) {
        let mut all = self.0.all();
        all.claims = all.claims.saturating_sub(1);
        drop(all);
        self.0.changed.notify_one();
    }
}

impl Claim {
    /// The job is called `id`: follows it.
    pub(super) fn take(self, id: &str) -> watch::Receiver<State> {
        let mut all = self.0.all();
        let entry = all.entry(id);
        entry.is_ours = true;
        self.0.begun.notify_one();
        entry.state.subscribe()
    }
}

impl All {
    fn entry(&mut self, id: &str) -> &mut Entry {
        if !self.jobs.contains_key(id) && self.jobs.len() >= MOST {
            let ended = self.jobs.iter().filter(|(_, e)| matches!(*e.state.borrow(), State::Ended(_)));
            let oldest = ended.min_by_key(|(_, e)| e.born).or_else(|| self.jobs.iter().min_by_key(|(_, e)| e.born));
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                self.jobs.remove(&oldest);
            }
        }
        self.born += 1;
        let born = self.born;
        self.jobs.entry(id.to_owned()).or_insert_with(|| Entry {
            state: watch::Sender::new(State::Running(Progress::default())),
            title: "a job of the server".to_owned(),
            image: None,
            is_ours: false,
            is_new: true,
            is_told: false,
            born,
        })
    }
}

impl All {
    /// A download has ended: what it leaves is whole, or is not.
    fn fetched(&mut self, image: String, end: &End) {
        match end.code {
            Some(0) => drop(self.left.remove(&image)),
            Some(_) if self.left.len() < MOST => drop(self.left.insert(image, end.words())),
            _ => {}
        }
    }
}

impl Jobs {
    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be had before the request that begins a job, and kept until its name is known.
    pub(super) fn claim(self: &Arc<Self>) -> Claim {
        self.all().claims += 1;
        Claim(self.clone())
    }

    /// Takes in an event. The first end is final.
    pub(super) fn heard(&self, event: JobEvent) {
        if event.id.len() > NAME {
            return;
        }
        let mut all = self.all();
        let entry = all.entry(&event.id);
        if let Some(command) = &event.command {
            entry.is(command);
        }
        let is_ended = matches!(*entry.state.borrow(), State::Ended(_));
        if is_ended {
            return;
        }
        entry.is_new = true;
        let mut ended = None;
        entry.state.send_modify(|state| {
            if event.is_finished {
                let mut log = event.log;
                let cut = log.char_indices().map(|(at, _)| at).find(|at| log.len() - at <= LOG).unwrap_or(log.len());
                log.drain(..cut);
                let end = End { code: event.code, is_unseen: false, log };
                ended = Some(end.clone());
                *state = State::Ended(end);
            } else if let State::Running(progress) = state {
                progress.merge(event.progress);
            }
        });
        let image = entry.image.clone();
        if let (Some(end), Some(image)) = (ended, image) {
            all.fetched(image, &end);
        }
        drop(all);
        self.changed.notify_one();
    }

    /// What is known of an entry of the library besides its name.
    pub(super) fn partial(&self, name: &str) -> Option<Partial> {
        let all = self.all();
        let is_coming = |e: &Entry| e.image.as_deref() == Some(name) && matches!(*e.state.borrow(), State::Running(_));
        match all.jobs.values().any(is_coming) {
            true => Some(Partial::Coming),
            false => all.left.get(name).map(|why| Partial::Left(why.clone())),
        }
    }

    /// Takes in the names of the library: what is gone has left nothing.
    pub(super) fn lists(&self, names: &[String]) {
        self.all().left.retain(|name, _| names.contains(name));
    }

    /// An entry has another name now.
    pub(super) fn renamed(&self, from: &str, to: &str) {
        let mut all = self.all();
        if let Some(why) = all.left.remove(from) {
            all.left.insert(to.to_owned(), why);
        }
    }

    /// The jobs of which no end is known.
    pub(super) fn running(&self) -> Vec<String> {
        let all = self.all();
        let running = all.jobs.iter().filter(|(_, entry)| matches!(*entry.state.borrow(), State::Running(_)));
        running.map(|(id, _)| id.clone()).collect()
    }

    /// Waits until a call of ours has begun a job.
    pub(super) async fn begun(&self) {
        self.begun.notified().await;
    }

    /// Takes in the server's list of jobs, and which are `gone` from it: those have ended while nobody listened.
    pub(super) fn listed(&self, listed: &[(String, Option<String>)], gone: &[String]) {
        let mut all = self.all();
        for entry in all.jobs.iter_mut().filter(|(id, _)| gone.contains(id)).map(|(_, e)| e) {
            entry.state.send_if_modified(|state| {
                let is_running = matches!(state, State::Running(_));
                if is_running {
                    *state = State::Ended(End { code: None, is_unseen: true, log: String::new() });
                    entry.is_new = true;
                }
                is_running
            });
        }
        for (id, command) in listed.iter().filter(|(id, _)| id.len() <= NAME) {
            let entry = all.entry(id);
            if let Some(command) = command {
                entry.is(command);
            }
        }
        drop(all);
        self.changed.notify_one();
    }

    /// What is new about jobs that are not ours.
    fn news(&self) -> Vec<Job> {
        let mut all = self.all();
        if all.claims > 0 {
            return Vec::new();
        }
        let is_news = |id: &str, entry: &Entry| entry.is_new && !entry.is_ours && !id.starts_with(OWN);
        let new = all.jobs.iter_mut().filter(|(id, entry)| is_news(id, entry));
        new.flat_map(|(id, entry)| {
            entry.is_new = false;
            let job = |state| Job {
                id: JobId::from(id.as_str()),
                vm: None,
                request: None,
                title: entry.title.clone(),
                image: entry.image.clone(),
                state,
                begun: None,
            };
            let now = told(entry.state.borrow().clone());
            // One that was over at once has begun all the same.
            let begun = (!entry.is_told && now.is_ended()).then(|| job(TaskState::Running(Progress::default())));
            let news: Vec<Job> = begun.into_iter().chain([job(now)]).collect();
            entry.is_told = true;
            news
        })
        .collect()
    }

    /// Reports the jobs of others for as long as it runs. Nothing is lost by a pause: the newest state is told.
    pub(super) async fn tell(&self, events: &EventSink) {
        loop {
            self.changed.notified().await;
            for job in self.news() {
                if events.send(HostEvent::Job(Box::new(job))).await.is_err() {
                    return;
                }
            }
            sleep(PAUSE).await;
        }
    }
}

fn told(state: State) -> TaskState {
    match state {
        State::Running(progress) => TaskState::Running(progress),
        State::Ended(End { code: Some(0), .. }) => TaskState::Succeeded(None),
        State::Ended(end @ End { code: Some(_), .. }) => TaskState::Failed(Error::refused(end.words())),
        State::Ended(end) => {
            let why = if end.is_unseen { "it ended while nobody listened".to_owned() } else { end.words() };
            TaskState::Unknown(Error::new(ErrorKind::Timeout, why))
        }
    }
}

impl Entry {
    /// Its command is known: `iohyve fetch http://host/x.iso` brings `x.iso`.
    fn is(&mut self, command: &str) {
        let url = command.strip_prefix("iohyve fetch ").or_else(|| command.strip_prefix("iohyve fetchiso "));
        let name = url.and_then(|url| url.trim().rsplit('/').next()).filter(|name| name.len() <= NAME);
        self.image = name.map(str::to_owned);
        let short = self.image.as_ref().map_or_else(|| command.to_owned(), |image| format!("fetch {image}"));
        self.title = clean(&short, 80).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_much_a_server_tells_little_is_kept() {
        let jobs = Jobs::default();
        let event = |id: String| JobEvent { id, log: "x".repeat(1 << 20), ..JobEvent::default() };
        for number in 0..1_000 {
            jobs.heard(JobEvent { is_finished: number % 2 == 0, ..event(number.to_string()) });
        }
        jobs.heard(event("x".repeat(1 << 20)));
        let all = jobs.all();
        let kept = |entry: &Entry| match &*entry.state.borrow() {
            State::Ended(end) => end.log.len(),
            State::Running(progress) => progress.note.as_ref().map_or(0, String::len),
        };
        assert!(all.jobs.len() <= MOST && all.jobs.values().map(kept).max().unwrap() <= LOG);
        assert!(all.jobs.keys().all(|id| id.len() <= NAME));
    }
}
