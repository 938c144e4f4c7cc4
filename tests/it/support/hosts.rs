//! Actors on fakes, and what they say.
use super::fake::Fake;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
use vmdeck::{
    app::{Effect, Message},
    domain::{HostEvent, HostId, Link, PowerState, Reply, Request, Result, TaskId, TaskState},
    runtime::{Hosts, Policy},
};

pub(crate) struct Stage {
    pub hosts: Hosts,
    pub inbox: mpsc::Receiver<Message>,
    pub seen: Vec<Message>,
    tasks: u64,
}

impl Stage {
    pub(crate) fn new(fakes: &[(&str, &Fake)]) -> Self {
        let (mut hosts, inbox) = Hosts::new();
        for (name, fake) in fakes {
            hosts.add(HostId::from(*name), (*fake).clone(), Policy::default());
        }
        Self::of(hosts, inbox)
    }

    pub(crate) fn of(hosts: Hosts, inbox: mpsc::Receiver<Message>) -> Self {
        Self { hosts, inbox, seen: Vec::new(), tasks: 0 }
    }

    /// Waits at most ten minutes (of virtual time) for the message that `wanted` takes.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Message) -> Option<T>) -> T {
        let search = async {
            loop {
                let message = self.inbox.recv().await.unwrap();
                let found = wanted(&message);
                self.seen.push(message);
                if let Some(found) = found {
                    return found;
                }
            }
        };
        let found = timeout(Duration::from_secs(60 * 10), search).await;
        found.unwrap_or_else(|_| panic!("it never came: {:#?}", self.seen))
    }

    /// Takes what comes within `time`.
    pub(crate) async fn pass(&mut self, time: Duration) {
        let end = tokio::time::sleep(time);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                Some(message) = self.inbox.recv() => self.seen.push(message),
            }
        }
    }

    pub(crate) async fn up(&mut self) {
        self.until(|m| matches!(m, Message::Host(_, HostEvent::Link(Link::Up(_)))).then_some(())).await;
    }

    pub(crate) fn call(&mut self, host: &str, request: Request) -> TaskId {
        self.tasks += 1;
        let task = TaskId(self.tasks);
        if let Some(message) = self.hosts.execute(Effect::Call { host: host.into(), task, request }) {
            self.seen.push(message);
        }
        task
    }

    pub(crate) async fn end(&mut self, task: TaskId) -> Result<Reply> {
        self.until(|m| match m {
            Message::TaskEnded(t, result) if *t == task => Some(result.clone()),
            _ => None,
        })
        .await
    }

    /// The states that were told of a task so far.
    pub(crate) fn states(&self, task: TaskId) -> Vec<&TaskState> {
        self.seen
            .iter()
            .filter_map(|m| match m {
                Message::TaskState(t, state) if *t == task => Some(state),
                _ => None,
            })
            .collect()
    }

    /// The newest state of a machine, as the application was told it.
    pub(crate) fn power(&self, name: &str) -> Option<PowerState> {
        self.seen.iter().rev().find_map(|m| match m {
            Message::Host(_, HostEvent::Power(vm, power)) if vm.as_str() == name => Some(*power),
            Message::Host(_, HostEvent::Vm(vm)) if vm.name == name => vm.power,
            Message::Host(_, HostEvent::Inventory(inventory)) => {
                inventory.vms.as_ref()?.iter().find(|vm| vm.name == name)?.power
            }
            _ => None,
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is stopped in these tests")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}
