//! One WebSocket connection: requests out, answers matched by their ids in any order, a sign of life now and then.
use super::{
    jobs::Jobs,
    wire::{Frame, frame},
};
use crate::{
    backend::EventSink,
    domain::{Error, ErrorKind, HostEvent, Result},
    transport::{
        Stopwatch, answered_after,
        ws::{Reader, Writer},
    },
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// Between two signs of life. A session lives for 15 minutes after the last request, a silent socket for 30.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long the server may take to say who it is, which it never queues behind other work.
const SILENCE: Duration = Duration::from_secs(20);
/// How many requests may wait for the socket.
const WAITING: usize = 64;

/// The requests that have no answer yet.
#[derive(Debug, Default)]
struct Pending {
    calls: HashMap<String, oneshot::Sender<Result<Value>>>,
    /// Why there will be no more answers.
    lost: Option<Error>,
}

/// What calls use of a connection.
#[derive(Debug)]
pub(super) struct Client {
    out: mpsc::Sender<String>,
    pending: Mutex<Pending>,
    next: AtomicU64,
    /// The connection is reported as up: its loss is reported too.
    is_up: AtomicBool,
    end: CancellationToken,
}

/// A connection and the tasks that serve it: all ends with this.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Arc<Client>,
    tasks: JoinSet<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.client.lose(&Error::new(ErrorKind::Unreachable, "the connection was given up"));
        self.tasks.abort_all();
    }
}

/// Forgets a request whose caller has gone.
struct Waiting<'a>(&'a Client, String);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.pending().calls.remove(&self.1);
    }
}

impl Connection {
    pub(super) fn new(reader: Reader, writer: Writer, jobs: Arc<Jobs>, events: EventSink) -> Self {
        let (out, queue) = mpsc::channel(WAITING);
        let client = Arc::new(Client {
            out,
            pending: Mutex::default(),
            next: AtomicU64::new(1),
            is_up: AtomicBool::new(false),
            end: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(read(client.clone(), reader, jobs.clone(), events.clone()));
        tasks.spawn(write(client.clone(), writer, queue));
        tasks.spawn(keep_alive(client.clone()));
        tasks.spawn(async move { jobs.tell(&events).await });
        Self { client, tasks }
    }
}

impl Client {
    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and waits for its answer, for as long as the connection lasts.
    pub(super) async fn call(&self, namespace: &str, name: &str, args: Value) -> Result<Value> {
        // The server takes no number for an id.
        let id = format!("vmdeck-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let (answered, answer) = oneshot::channel();
        {
            let mut pending = self.pending();
            if let Some(error) = &pending.lost {
                return Err(error.clone());
            }
            pending.calls.insert(id.clone(), answered);
        }
        let waiting = Waiting(self, id.clone());
        let text = json!({"id": id, "namespace": namespace, "name": name, "args": args}).to_string();
        let gone = || Error::new(ErrorKind::Unreachable, "the connection is gone");
        self.out.send(text).await.map_err(|_| gone())?;
        let watch = Stopwatch::start();
        let result = answer.await.unwrap_or_else(|_| Err(gone()));
        drop(waiting);
        answered_after(watch.elapsed());
        result
    }

    /// From now on a loss is reported. `Err`: it is lost already.
    pub(super) fn is_up(&self) -> Result<()> {
        self.is_up.store(true, Ordering::Release);
        self.pending().lost.clone().map_or(Ok(()), Err)
    }

    /// Waits until no answer can come any more.
    pub(super) async fn lost(&self) {
        self.end.cancelled().await;
    }

    /// Ends every wait with `error`, and the connection.
    pub(super) fn lose(&self, error: &Error) {
        let waiting = {
            let mut pending = self.pending();
            pending.lost.get_or_insert_with(|| error.clone());
            std::mem::take(&mut pending.calls)
        };
        for answer in waiting.into_values() {
            let _ = answer.send(Err(error.clone()));
        }
        self.end.cancel();
    }

    fn answered(&self, id: &str, result: Result<Value>) {
        // An id that nobody waits for is an answer that came too late, or came twice.
        if let Some(answer) = self.pending().calls.remove(id) {
            let _ = answer.send(result);
        }
    }
}

/// Takes in what the server sends until the connection ends, and reports the end.
async fn read(client: Arc<Client>, mut reader: Reader, jobs: Arc<Jobs>, events: EventSink) {
    let incoming = async {
        loop {
            match reader.next().await.and_then(|text| frame(&text)) {
                Ok(Frame::Answer { id, result }) => client.answered(&id, result),
                Ok(Frame::Job(event)) => jobs.heard(event),
                Ok(Frame::Other) => {}
                Err(error) => break error,
            }
        }
    };
    tokio::select! {
        error = incoming => client.lose(&Error::new(ErrorKind::Unreachable, error.message)),
        () = client.end.cancelled() => {}
    }
    let lost = client.pending().lost.clone();
    if let Some(error) = lost.filter(|_| client.is_up.load(Ordering::Acquire)) {
        let _ = events.send(HostEvent::Disconnected(error)).await;
    }
}

async fn write(client: Arc<Client>, mut writer: Writer, mut queue: mpsc::Receiver<String>) {
    while let Some(text) = queue.recv().await {
        if let Err(error) = writer.send(text).await {
            return client.lose(&error);
        }
    }
}

/// Asks who the server is, now and then: that it answers shows that it lives. The list of classes keeps the session.
async fn keep_alive(client: Arc<Client>) {
    let mut ticks = interval(KEEP_ALIVE);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let alive = timeout(SILENCE, client.call("rpc", "identify", json!({}))).await;
        if alive.is_err() {
            return client.lose(&Error::new(ErrorKind::Unreachable, "the server gave no sign of life for 20 s"));
        }
        // A session that has ended all the same is begun anew by the next call.
        let _ = client.call("rpc", "query", json!({})).await;
    }
}
