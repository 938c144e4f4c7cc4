//! What changes in the store becomes known as it happens: by one long question after another.
use super::{
    client::{Client, Seen},
    locked,
    mirror::Mirror,
};
use crate::{
    backend::{EventSink, asking::Asking},
    domain::{Error, HostEvent, Result},
};
use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// How many changes may wait to be told one by one: for more, reading all again is quicker.
const BEHIND: u64 = 100;
/// The same where each question carries a password, with which etcd is busy for a moment.
const BEHIND_SIGNED_IN: u64 = 10;
/// Between two words to the actor: changes come in swarms.
const PAUSE: Duration = Duration::from_millis(50);

/// What a connection knows and goes on learning.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) client: Arc<Client>,
    pub(super) mirror: Arc<Mutex<Mirror>>,
    pub(super) asking: Arc<Asking>,
    pub(super) events: EventSink,
}

impl Watch {
    /// Keeps the mirror in step until the connection is lost, and says so then.
    pub(super) async fn run(self) {
        let lost = self.follow().await;
        self.asking.forget_refused(&lost);
        let _ = self.events.send(HostEvent::Disconnected(lost)).await;
    }

    async fn follow(&self) -> Error {
        let mut step = Box::pin(self.step());
        let mut due = None;
        loop {
            let told = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                stepped = &mut step => match stepped {
                    Ok(is_news) => {
                        if is_news && due.is_none() {
                            due = Some(self.next_word());
                        }
                        step = Box::pin(self.step());
                    }
                    Err(error) => return error,
                },
                () = told => {
                    due = None;
                    if self.events.send(HostEvent::Hint(None)).await.is_err() {
                        // Nobody listens any more.
                        return pending().await;
                    }
                }
            }
        }
    }

    /// When what is new is told: a large list costs whoever shows it more.
    #[expect(clippy::disallowed_methods, reason = "tokio's own clock, which tests may stop")]
    fn next_word(&self) -> Instant {
        let (nodes, guests) = locked(&self.mirror).counts();
        Instant::now() + PAUSE + Duration::from_micros(u64::try_from(nodes + guests).unwrap_or_default() * 100)
    }

    /// One answer; whether anything that is shown is another now.
    async fn step(&self) -> Result<bool> {
        let from = locked(&self.mirror).index + 1;
        let behind = if self.client.signs_in() { BEHIND_SIGNED_IN } else { BEHIND };
        match self.client.wait(from).await? {
            Seen::Event(event, newest) if newest <= event.entry.index + behind => {
                Ok(locked(&self.mirror).apply(&event))
            }
            Seen::Event(..) | Seen::Cleared => {
                let (tree, index) = self.client.tree().await?;
                *locked(&self.mirror) = Mirror::new(tree.as_ref(), index);
                Ok(true)
            }
            Seen::Nothing => Ok(false),
        }
    }
}
