//! What was asked of the hosts, and what they do of their own accord.
use crate::domain::{
    ErrorKind, HostId, Job, Op, Progress, Reply, Request, Result, Stamp, Task, TaskId, TaskState, VmId,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// How many ended tasks are kept.
const KEPT: usize = 500;

/// How many seconds of the rate of a task are kept.
const RATES: usize = 120;

/// How long a success stands in the strip beside what still runs; anything else stands until it is put away.
const FRESH: Duration = Duration::from_secs(10);

/// All tasks of this run, by birth.
#[derive(Debug, Default)]
pub struct Tasks {
    all: BTreeMap<TaskId, Task>,
    next: u64,
    /// The one whose outcome stands in the strip.
    told: Option<TaskId>,
    /// How fast those were that tell it, second by second, the newest last.
    rates: BTreeMap<TaskId, VecDeque<f64>>,
    /// The row of the tasks screen.
    pub(super) selected: Option<TaskId>,
}

impl Tasks {
    pub fn get(&self, id: TaskId) -> Option<&Task> {
        self.all.get(&id)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Task> {
        self.all.values()
    }

    /// Those that are not over, oldest first. Reads are over in a moment and not worth a line.
    pub fn running(&self) -> impl DoubleEndedIterator<Item = &Task> {
        self.iter().filter(|t| t.is_running() && t.op.is_change() && !t.title.is_empty())
    }

    /// The rows of the tasks screen: running above, ended below, the newest first in each.
    pub fn rows(&self) -> Vec<&Task> {
        let ended = self.iter().rev().filter(|t| !t.is_running());
        self.running().rev().chain(ended).collect()
    }

    /// The row that is selected: the first, where nothing was chosen or it is gone.
    pub fn at(&self) -> usize {
        self.rows().iter().position(|t| Some(t.id) == self.selected).unwrap_or(0)
    }

    pub fn selected(&self) -> Option<&Task> {
        self.rows().get(self.at()).copied()
    }

    /// The outcome that stands in the strip until another comes or it is put away.
    pub fn told(&self) -> Option<&Task> {
        self.get(self.told?)
    }

    /// The row of the outcome that stands in the strip is the one that is looked for.
    pub(super) fn select_told(&mut self) {
        self.selected = self.told.or(self.selected);
    }

    pub(super) const fn dismiss(&mut self) -> bool {
        self.told.take().is_some()
    }

    /// Puts a success away that has stood beside running tasks for long enough.
    pub(super) fn fade(&mut self, now: Stamp) {
        let is_over = |task: &Task| {
            matches!(task.state, TaskState::Succeeded(_)) && task.ended.is_some_and(|at| now.since(at) >= FRESH)
        };
        if self.running().next().is_some() && self.told().is_some_and(is_over) {
            self.told = None;
        }
    }

    /// Notes how fast it goes: called once a second.
    pub(super) fn sample(&mut self) {
        for task in self.all.values() {
            if let Some(rate) = task.progress().and_then(|progress| progress.rate) {
                let rates = self.rates.entry(task.id).or_default();
                rates.push_back(rate);
                rates.drain(..rates.len().saturating_sub(RATES));
            }
        }
        let all = &self.all;
        self.rates.retain(|id, _| all.contains_key(id));
    }

    /// How fast a task was, second by second, the newest last.
    pub fn rates(&self, id: TaskId) -> impl ExactSizeIterator<Item = f64> {
        self.rates.get(&id).into_iter().flatten().copied().collect::<Vec<_>>().into_iter()
    }

    /// The running change of a machine.
    pub fn of(&self, host: &HostId, vm: &VmId) -> Option<&Task> {
        self.running().rev().find(|t| t.vm.as_ref() == Some(vm) && t.host == *host)
    }

    fn insert(&mut self, host: &HostId, op: Op, title: String, vm: Option<VmId>, now: Stamp) -> TaskId {
        self.next += 1;
        let id = TaskId(self.next);
        let mut task = Task {
            id,
            host: host.clone(),
            op,
            vm,
            title,
            image: None,
            request: None,
            state: TaskState::Queued,
            begun: now,
            ended: None,
            job: None,
            steps: Vec::new(),
        };
        task.note(now, "asked");
        self.all.insert(id, task);
        id
    }

    pub(super) fn begin(&mut self, host: &HostId, request: &Request, now: Stamp) -> TaskId {
        // A form is read for an operation, but changes nothing: it has no line of its own, and nothing of it is done.
        let is_form = matches!(request, Request::Form { .. } | Request::NodeForm(_));
        let title = if is_form { String::new() } else { request.title() };
        let id = self.insert(host, request.op(), title, request.vm().cloned(), now);
        if let Some(task) = self.all.get_mut(&id) {
            task.image = request.is_fetch().then(|| request.target());
            if let Request::ResumeFetch { image } = request {
                task.job = Some(image.as_str().into());
            }
            task.request = Some(request.clone());
        }
        id
    }

    /// Drops a task that nobody waits for any more.
    pub(super) fn forget(&mut self, id: TaskId) {
        self.all.remove(&id);
    }

    pub(super) fn progress(&mut self, id: TaskId, progress: Progress) -> bool {
        let Some(task) = self.all.get_mut(&id) else { return false };
        let before = task.state.clone();
        task.report(progress);
        before != task.state && !task.title.is_empty()
    }

    pub(super) fn state(&mut self, id: TaskId, state: TaskState, now: Stamp) -> bool {
        let Some(task) = self.all.get_mut(&id).filter(|t| t.state != state && !t.is_final()) else { return false };
        let was_over = task.state.is_ended();
        // What goes on again has no outcome any more.
        self.told = self.told.filter(|told| *told != id || state.is_ended());
        match (&state, &task.state) {
            (TaskState::Running(progress), before) => {
                if !matches!(before, TaskState::Running(_)) {
                    task.note(now, "the host took it");
                    task.set(TaskState::Running(Progress::default()), now);
                }
                // What was reported before stays.
                task.report(progress.clone());
                return true;
            }
            (TaskState::Looking(why), _) => task.note(now, why.clone()),
            _ => {}
        }
        let before = outcome(task);
        task.set(state, now);
        let told = outcome(task);
        // What rested, and is known to have ended with the same words, is no news.
        if task.state.is_ended() && !(was_over && (told == before || matches!(task.state, TaskState::Unknown(_)))) {
            task.note(now, told);
            self.told = Some(id);
        }
        true
    }

    /// Ends a task; a read that succeeded is forgotten.
    pub(super) fn end(&mut self, id: TaskId, result: Result<Reply>, now: Stamp) {
        let Some(task) = self.get(id).filter(|task| !task.is_final()) else { return };
        if let (Some(Request::CancelFetch { image }), Ok(_)) = (&task.request, &result) {
            let stopped = self.fetches_of(&task.host, image);
            if !stopped.is_empty() {
                self.all.remove(&id);
                self.end_resting(&stopped, now);
                return;
            }
        }
        let Some(task) = self.all.get_mut(&id) else { return };
        let state = match result {
            Ok(reply) => TaskState::Succeeded(Some(reply)),
            Err(error) if error.kind == ErrorKind::Cancelled => TaskState::Cancelled,
            Err(error) if task.op.is_change() && error.kind == ErrorKind::Timeout => TaskState::Unknown(error),
            // It waits to be gone on with, by whomever.
            Err(error) if error.kind == ErrorKind::Interrupted => TaskState::Unknown(error),
            Err(error) => TaskState::Failed(error),
        };
        let silent = !task.op.is_change() || task.title.is_empty();
        if silent && matches!(state, TaskState::Succeeded(_) | TaskState::Cancelled) {
            self.all.remove(&id);
            return;
        }
        if task.title.is_empty() {
            let of = task.vm.as_ref().map(|vm| format!(" of {vm}")).unwrap_or_default();
            task.title = format!("{} form{of}", task.op.name());
        }
        task.set(state, now);
        let told = outcome(task);
        task.note(now, told);
        self.told = Some(id);
        self.forget_oldest();
    }

    /// The rows of the fetch that a host calls `job`: they tell that it was stopped, and whatever stopped it needs none.
    fn fetches_of(&self, host: &HostId, job: &str) -> Vec<TaskId> {
        let is_its = |task: &&Task| task.host == *host && task.job.as_ref().is_some_and(|name| name.as_str() == job);
        self.iter().filter(is_its).map(|task| task.id).collect()
    }

    /// What rested and was thrown away: nothing else tells of its end.
    fn end_resting(&mut self, tasks: &[TaskId], now: Stamp) {
        for id in tasks {
            if self.get(*id).is_some_and(Task::waits_at_host) {
                self.state(*id, TaskState::Cancelled, now);
            }
        }
    }

    /// Takes what a host says of work that was begun elsewhere, or in an earlier life.
    pub(super) fn job(&mut self, host: &HostId, job: Job, now: Stamp) -> bool {
        let is_same = |t: &&Task| t.host == *host && t.job.as_ref() == Some(&job.id);
        let last = self.all.values().rfind(is_same);
        let known = last.filter(|t| !t.is_final()).map(|t| t.id);
        // A word that was on its way when the same work was cancelled, or done.
        let is_late = |t: &Task| {
            let is_over = matches!(t.state, TaskState::Cancelled | TaskState::Succeeded(_));
            is_over && job.begun.zip(t.ended).is_some_and(|(begun, ended)| begun <= ended)
        };
        let id = match known {
            Some(id) => id,
            None if last.is_some_and(is_late) => return false,
            // What was over before anybody saw it is no news; what waits to be gone on with is.
            None if job.state.is_ended()
                && (job.request.is_none() || !matches!(job.state, TaskState::Unknown(_) | TaskState::Failed(_))) =>
            {
                return false;
            }
            None => {
                let title = crate::domain::clean_line(&job.title).into_owned();
                let begun = job.begun.map_or(now, |begun| begun.min(now));
                let id = self.insert(host, Op::FetchImage, title, job.vm, begun);
                if let Some(task) = self.all.get_mut(&id) {
                    task.job = Some(job.id);
                    task.image = job.image;
                    task.request = job.request;
                    // Nobody here saw it taken.
                    if job.begun.is_some() && matches!(job.state, TaskState::Running(_)) {
                        task.state = TaskState::Running(Progress::default());
                    }
                }
                id
            }
        };
        self.state(id, job.state, now) || known.is_none()
    }

    pub(super) fn clear_ended(&mut self) -> bool {
        let before = self.all.len();
        self.all.retain(|_, t| t.is_running());
        self.told = None;
        before != self.all.len()
    }

    pub(super) fn step(&mut self, by: isize) {
        let rows = self.rows();
        let at = self.at().saturating_add_signed(by).min(rows.len().saturating_sub(1));
        self.selected = rows.get(at).map(|t| t.id);
    }

    fn forget_oldest(&mut self) {
        let ended: Vec<TaskId> = self.iter().filter(|t| !t.is_running()).map(|t| t.id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(KEPT)) {
            self.all.remove(id);
        }
    }
}

/// How a task ended, in one sentence; what it does, while it has not.
pub(super) fn outcome(task: &Task) -> String {
    let title = &task.title;
    match &task.state {
        TaskState::Queued => format!("{title}: waits for {}", task.host),
        TaskState::Running(_) => format!("{title}: under way"),
        TaskState::Looking(why) => format!("{title}: {why}"),
        TaskState::Succeeded(reply) => match (&task.request, reply.as_ref().and_then(Reply::sentence)) {
            (Some(request), _) => request.done(reply.as_ref()),
            (None, Some(sentence)) => format!("{title}: {sentence}"),
            (None, None) => format!("{title}: done"),
        },
        TaskState::Cancelled => format!("{title}: cancelled"),
        TaskState::Failed(error) => format!("{title}: {error}"),
        // A fetch that was interrupted is known: it waits to be gone on with.
        TaskState::Unknown(error) if task.job.is_some() || error.kind == ErrorKind::Interrupted => {
            format!("{title}: {error}")
        }
        TaskState::Unknown(error) => format!("{title}: outcome unknown: {error}"),
    }
}
