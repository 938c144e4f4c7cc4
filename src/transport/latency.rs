//! How long a server takes to answer: measured where an answer is waited for anyway.
use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// So many answers are looked at: the quickest of them took as long as the way does.
const LAST: usize = 8;

tokio::task_local! {
    static METER: Arc<Latency>;
}

/// The last answers of one server.
#[derive(Debug, Default)]
pub struct Latency(Mutex<VecDeque<Duration>>);

impl Latency {
    /// Does `work`; what it waits for on its way counts.
    pub async fn measure<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        METER.scope(self.clone(), work).await
    }

    /// None: nothing was asked of a server yet.
    pub fn now(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().min().copied()
    }

    /// The connection is gone, and the next may take another way.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn note(&self, time: Duration) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.truncate(LAST - 1);
        last.push_front(time);
    }
}

/// A server has answered one request after this time. Counts where the answer is part of something [`Latency::measure`]d.
pub fn answered_after(time: Duration) {
    // Calls that a person waits for may take as long as they like: they are not measured.
    let _ = METER.try_with(|meter| meter.note(time));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_quickest_of_the_last_answers_counts() {
        let latency = Arc::<Latency>::default();
        assert_eq!(latency.now(), None);
        answered_after(Duration::ZERO);
        let ms = Duration::from_millis;
        latency.measure(async { [40, 12, 300].map(|n| answered_after(ms(n))) }).await;
        assert_eq!(latency.now(), Some(ms(12)));
        latency.measure(async { (0..LAST).for_each(|_| answered_after(ms(50))) }).await;
        assert_eq!(latency.now(), Some(ms(50)), "the way has become longer");
        latency.forget();
        assert_eq!(latency.now(), None);
    }
}
