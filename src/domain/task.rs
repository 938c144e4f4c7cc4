use super::{Error, HostId, JobId, Op, Progress, Reply, Request, Stamp, TaskId, VmId};

/// Where a task stands. The first end is final, but `Unknown` may still become one.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskState {
    /// Waits for the host to take it.
    Queued,
    Running(Progress),
    /// The outcome is being looked at: why, and at what (`looking whether web is off`).
    Looking(String),
    Succeeded(Option<Reply>),
    Failed(Error),
    Cancelled,
    /// Patience ran out and looking did not tell.
    Unknown(Error),
}

impl TaskState {
    /// Whether nothing more is under way.
    pub const fn is_ended(&self) -> bool {
        matches!(self, Self::Succeeded(_) | Self::Failed(_) | Self::Cancelled | Self::Unknown(_))
    }
}

/// A step of a task's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: Stamp,
    pub text: String,
}

/// Something that a host does for us, or does anyway.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: TaskId,
    pub host: HostId,
    pub op: Op,
    /// The machine it is about.
    pub vm: Option<VmId>,
    /// `power off web1`.
    pub title: String,
    /// The entry of the library that it brings, if it is a fetch.
    pub image: Option<String>,
    /// What was asked for; None: it is the host's own work.
    pub request: Option<Request>,
    pub state: TaskState,
    pub begun: Stamp,
    pub ended: Option<Stamp>,
    /// The host's own name for it, where it goes on without us.
    pub job: Option<JobId>,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
}

impl Task {
    pub fn is_running(&self) -> bool {
        !self.state.is_ended()
    }

    /// Whether its end is known, and stays.
    pub const fn is_final(&self) -> bool {
        self.state.is_ended() && !matches!(self.state, TaskState::Unknown(_))
    }

    /// Whether it was interrupted, and its host can go on with it or throw it away.
    pub const fn waits_at_host(&self) -> bool {
        self.job.is_some() && matches!(self.state, TaskState::Unknown(_))
    }

    /// How far it has come, while it runs.
    pub const fn progress(&self) -> Option<&Progress> {
        match &self.state {
            TaskState::Running(progress) => Some(progress),
            _ => None,
        }
    }

    /// Takes a report, which is all that is known at that moment: a note that it does not hold is over. A late one on a
    /// task that has ended is ignored; the first ends the wait in the queue.
    pub fn report(&mut self, next: Progress) {
        if matches!(self.state, TaskState::Queued) {
            self.state = TaskState::Running(Progress::default());
        }
        if let TaskState::Running(progress) = &mut self.state {
            progress.note = None;
            progress.merge(next);
            self.job = progress.job.clone().or(self.job.take());
        }
    }

    /// Takes a new state. The first end is final; only `Unknown` may still become another.
    pub fn set(&mut self, state: TaskState, now: Stamp) {
        if self.is_final() {
            return;
        }
        self.ended = state.is_ended().then_some(now);
        self.state = state;
    }

    /// Writes down what happened.
    pub fn note(&mut self, at: Stamp, text: impl Into<String>) {
        self.steps.push(Step { at, text: text.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorKind;

    #[test]
    fn the_first_end_wins_unless_it_was_unknown() {
        let mut task = Task {
            id: TaskId(1),
            host: "h".into(),
            op: Op::Start,
            vm: None,
            title: "start a".into(),
            image: None,
            request: None,
            state: TaskState::Queued,
            begun: Stamp(0),
            ended: None,
            job: None,
            steps: Vec::new(),
        };
        task.report(Progress::note("asking"));
        task.report(Progress::share(10.0));
        assert_eq!(task.progress(), Some(&Progress::share(10.0)), "what was going on is over");
        task.set(TaskState::Unknown(Error::new(ErrorKind::Timeout, "no answer")), Stamp(1));
        task.set(TaskState::Succeeded(None), Stamp(2));
        task.set(TaskState::Cancelled, Stamp(3));
        assert_eq!((task.state, task.ended), (TaskState::Succeeded(None), Some(Stamp(2))));
    }
}
