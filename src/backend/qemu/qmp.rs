//! A client of QEMU's monitor protocol: lines of JSON over a socket, answers by number, events beside them.
//!
//! It is lenient in what it reads: unknown events and fields, lines that are no JSON, answers to nobody are passed over.
use crate::{
    domain::{Error, ErrorKind, Result, clean},
    transport::now,
};
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

/// The longest line that is read. QEMU's own longest, its schema, has about 200 KB.
const LONGEST_LINE: usize = 16 << 20;
/// How many events wait for a slow reader, who is told when some were lost.
const EVENTS: usize = 256;

/// Something that happened in the machine: `STOP`, `SHUTDOWN`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    /// What QEMU tells with it; `Null` where it tells nothing.
    pub details: Value,
}

/// Requests without an answer so far; None: the connection is gone.
type Pending = Arc<Mutex<Option<HashMap<u64, oneshot::Sender<Result<Value>>>>>>;

/// A connection to a monitor. It ends when this is dropped.
#[derive(Debug)]
pub struct Qmp {
    requests: mpsc::Sender<Vec<u8>>,
    pending: Pending,
    events: broadcast::WeakSender<Event>,
    next: AtomicU64,
    /// When it has answered last, in milliseconds of the clock.
    answered: Arc<AtomicU64>,
    /// `7.2.22`, as the greeting says.
    pub version: String,
    _tasks: JoinSet<()>,
}

/// Takes the entry of a request away when nobody waits for it any more.
struct Entry<'a>(&'a Pending, u64);

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if let Some(pending) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            pending.remove(&self.1);
        }
    }
}

impl Qmp {
    /// Connects, waits for the greeting and leaves the negotiation mode. A socket that takes the connection and says
    /// nothing is held by another program: [`ErrorKind::Busy`].
    pub async fn connect(socket: &Path, patience: Duration) -> Result<Self> {
        let stream = timeout(patience, UnixStream::connect(socket)).await;
        let stream = stream.map_err(|_| silent())?.map_err(|error| match error.kind() {
            // So many have knocked that no more may wait at the door.
            io::ErrorKind::WouldBlock => silent(),
            _ => Error::new(ErrorKind::Unreachable, error),
        })?;
        let (read, write) = stream.into_split();
        let mut lines = Lines { read, buffer: Vec::new(), searched: 0 };
        let greeting = timeout(patience, lines.next()).await.map_err(|_| silent())??;
        let greeting = greeting.get("QMP").ok_or_else(|| protocol("the greeting is none"))?;
        let number =
            |part: &str| greeting.pointer(&format!("/version/qemu/{part}")).and_then(Value::as_u64).unwrap_or(0);
        let version = ["major", "minor", "micro"].map(|part| number(part).to_string()).join(".");

        let (requests, queue) = mpsc::channel(64);
        let (events, _) = broadcast::channel(EVENTS);
        let pending: Pending = Arc::new(Mutex::new(Some(HashMap::new())));
        let weak = events.downgrade();
        let mut tasks = JoinSet::new();
        tasks.spawn(write_all(write, queue));
        let answered = Arc::<AtomicU64>::default();
        tasks.spawn(read_all(lines, pending.clone(), events, answered.clone()));
        let qmp = Self { requests, pending, events: weak, next: AtomicU64::new(1), answered, version, _tasks: tasks };
        // QEMU greets before the machine is built, and answers only afterwards.
        timeout(patience.max(Duration::from_secs(10)), qmp.execute("qmp_capabilities", json!({})))
            .await
            .map_err(|_| Error::new(ErrorKind::Timeout, "QEMU greets but does not answer"))??;
        Ok(qmp)
    }

    /// What happens from now on. Ends when the connection does; a reader that was too slow is told that it lost some.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.upgrade().map_or_else(|| broadcast::channel(1).1, |events| events.subscribe())
    }

    /// Sends a command and waits for its answer. A refusal has QEMU's own words. There is no patience here: whoever
    /// calls sets the limit.
    pub async fn execute(&self, command: &str, arguments: Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut request = Map::new();
        request.insert("execute".to_owned(), command.into());
        if arguments.as_object().is_some_and(|a| !a.is_empty()) {
            request.insert("arguments".to_owned(), arguments);
        }
        request.insert("id".to_owned(), id.into());
        let mut line = Value::Object(request).to_string().into_bytes();
        line.extend_from_slice(b"\r\n");
        let (answer, wait) = oneshot::channel();
        match &mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pending) => pending.insert(id, answer),
            None => return Err(gone()),
        };
        let _entry = Entry(&self.pending, id);
        self.requests.send(line).await.map_err(|_| gone())?;
        wait.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Whether it has answered a command within this time, which it does one after the other, on all connections.
    pub fn spoke_within(&self, time: Duration) -> bool {
        let age = now().0.checked_sub(self.answered.load(Ordering::Relaxed));
        age.is_some_and(|age| u128::from(age) <= time.as_millis())
    }

    /// Whether the other end is gone.
    pub fn is_closed(&self) -> bool {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Unreachable, "the machine's monitor has closed")
}

fn silent() -> Error {
    Error::new(ErrorKind::Busy, "another program holds the machine's monitor")
}

fn protocol(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, format_args!("the machine's monitor: {what}"))
}

async fn write_all(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        if write.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn read_all(mut lines: Lines, pending: Pending, events: broadcast::Sender<Event>, answered: Arc<AtomicU64>) {
    let error = loop {
        match lines.next().await {
            Ok(message) => {
                if message.get("event").is_none() {
                    answered.store(now().0, Ordering::Relaxed);
                }
                take(message, &pending, &events);
            }
            Err(error) => break error,
        }
    };
    let waiting = pending.lock().unwrap_or_else(PoisonError::into_inner).take();
    for (_, answer) in waiting.into_iter().flatten() {
        let _ = answer.send(Err(error.clone()));
    }
}

/// Passes on one message of QEMU's.
fn take(mut message: Value, pending: &Pending, events: &broadcast::Sender<Event>) {
    if let Some(name) = message.get("event").and_then(Value::as_str) {
        let name = name.to_owned();
        let details = message.get_mut("data").map(Value::take).unwrap_or_default();
        // Nobody listens: fine.
        let _ = events.send(Event { name, details });
        return;
    }
    let answer = if let Some(value) = message.get_mut("return") {
        Ok(value.take())
    } else if let Some(error) = message.get("error") {
        Err(refusal(error))
    } else {
        return;
    };
    let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(pending) = pending.as_mut() else { return };
    let id = match message.get("id").and_then(Value::as_u64) {
        Some(id) => Some(id),
        // An error without a number answers a line that QEMU could not read. With one request under way it is that one.
        None if pending.len() == 1 && answer.is_err() => pending.keys().next().copied(),
        None => None,
    };
    if let Some(waiting) = id.and_then(|id| pending.remove(&id)) {
        let _ = waiting.send(answer);
    }
}

fn refusal(error: &Value) -> Error {
    let words = error.get("desc").and_then(Value::as_str).unwrap_or("refused without a reason");
    let kind = match error.get("class").and_then(Value::as_str) {
        Some("CommandNotFound") => ErrorKind::Unsupported,
        Some("DeviceNotFound") => ErrorKind::NotFound,
        _ => ErrorKind::Refused,
    };
    Error::new(kind, clean(words, 500))
}

/// Whole lines out of whatever pieces come.
struct Lines {
    read: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Up to here there is no line break.
    searched: usize,
}

impl Lines {
    /// The next line that is a JSON object.
    async fn next(&mut self) -> Result<Value> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=self.searched + at).collect();
                self.searched = 0;
                match serde_json::from_slice::<Value>(&line) {
                    Ok(value) if value.is_object() => return Ok(value),
                    _ => continue,
                }
            }
            self.searched = self.buffer.len();
            if self.searched > LONGEST_LINE {
                return Err(protocol("a line without an end"));
            }
            if self.read.read_buf(&mut self.buffer).await.map_err(|_| gone())? == 0 {
                return Err(gone());
            }
        }
    }
}
