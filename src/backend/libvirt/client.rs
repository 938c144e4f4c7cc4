//! One connection to libvirt: calls out, answers matched by their numbers in any order, events between them.
use super::{
    hints::Hints,
    packet::{CLOSED, KEEPALIVE, Kind, Packet, REMOTE, Status},
    stream::{Piece, Stream},
    wire::refusal,
    xdr::Writer,
};
use crate::{
    backend::EventSink,
    domain::{Error, ErrorKind, HostEvent, Result},
    transport::{Stopwatch, Words, answered_after},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// How many messages may wait for the socket.
const WAITING: usize = 256;
const PING: u32 = 1;
const PONG: u32 = 2;

/// The calls that have no answer yet.
#[derive(Debug, Default)]
struct Pending {
    calls: HashMap<u32, oneshot::Sender<Result<Vec<u8>>>>,
    /// The streams that are open, by the number of the call that opened each.
    streams: HashMap<u32, mpsc::Sender<Piece>>,
    /// Why there will be no more answers.
    lost: Option<Error>,
}

/// What calls use of a connection.
#[derive(Debug)]
pub struct Client {
    out: mpsc::Sender<Vec<u8>>,
    /// Pieces of streams: one waits at most, and every call goes before it.
    bulk: mpsc::Sender<Vec<u8>>,
    pending: Mutex<Pending>,
    next: AtomicU32,
    hints: Arc<Hints>,
    /// The connection is reported as up: its loss is reported too.
    is_up: AtomicBool,
    end: CancellationToken,
}

/// A connection and the tasks that serve it: all ends with this.
#[derive(Debug)]
pub struct Connection {
    pub client: Arc<Client>,
    tasks: JoinSet<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.client.lose(&Error::new(ErrorKind::Unreachable, "the connection was given up"));
        self.tasks.abort_all();
    }
}

/// Forgets a call whose caller has gone.
struct Waiting<'a>(&'a Client, u32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.pending().calls.remove(&self.1);
    }
}

impl Connection {
    /// Serves both ways of a connection. `words`: the program behind them, which says why it ended.
    pub fn new<R, W>(from: R, to: W, words: Option<Words>, events: EventSink) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (out, queue) = mpsc::channel(WAITING);
        let (bulk, pieces) = mpsc::channel(1);
        let client = Arc::new(Client {
            out,
            bulk,
            pending: Mutex::default(),
            next: AtomicU32::new(1),
            hints: Arc::default(),
            is_up: AtomicBool::new(false),
            end: CancellationToken::new(),
        });
        let mut tasks = JoinSet::new();
        let hints = client.hints.clone();
        tasks.spawn(read(client.clone(), BufReader::with_capacity(64 << 10, from), words, events.clone()));
        tasks.spawn(write(client.clone(), to, queue, pieces));
        tasks.spawn(async move { hints.tell(&events).await });
        Self { client, tasks }
    }
}

impl Client {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a procedure and waits for its answer, for as long as the connection lasts.
    pub async fn call(&self, procedure: u32, args: Writer) -> Result<Vec<u8>> {
        self.call_as(self.next.fetch_add(1, Ordering::Relaxed), procedure, args).await
    }

    /// Calls a procedure that opens a stream, which ends when it is dropped.
    pub(super) async fn stream(self: Arc<Self>, procedure: u32, args: Writer) -> Result<Stream> {
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        // Its first piece may come before the answer was taken.
        let (pieces, stream) = Stream::new(self.clone(), procedure, serial);
        self.pending().streams.insert(serial, pieces);
        self.call_as(serial, procedure, args).await.map(|_| stream)
    }

    /// Sends a piece of a stream; waits while the socket takes no more.
    pub(super) async fn send(&self, piece: &Packet) -> Result<()> {
        self.bulk.send(piece.encode()?).await.map_err(|_| self.gone())
    }

    /// Why nothing comes any more.
    pub(super) fn gone(&self) -> Error {
        let lost = self.pending().lost.clone();
        lost.unwrap_or_else(|| Error::new(ErrorKind::Unreachable, "the connection is gone"))
    }

    /// Lets go of a stream, and tells libvirt where there is room to.
    pub(super) fn let_go(&self, serial: u32, end: &Packet) {
        if self.pending().streams.remove(&serial).is_some()
            && let Ok(bytes) = end.encode()
        {
            let _ = self.out.try_send(bytes);
        }
    }

    async fn call_as(&self, serial: u32, procedure: u32, args: Writer) -> Result<Vec<u8>> {
        let bytes = Packet::call(procedure, serial, args.done()).encode()?;
        let (answered, answer) = oneshot::channel();
        {
            let mut pending = self.pending();
            if let Some(error) = &pending.lost {
                return Err(error.clone());
            }
            pending.calls.insert(serial, answered);
        }
        let waiting = Waiting(self, serial);
        self.out.send(bytes).await.map_err(|_| self.gone())?;
        let watch = Stopwatch::start();
        let result = answer.await.unwrap_or_else(|_| Err(self.gone()));
        drop(waiting);
        answered_after(watch.elapsed());
        result
    }

    /// From now on a loss is reported. `Err`: it is lost already.
    pub fn is_up(&self) -> Result<()> {
        self.is_up.store(true, Ordering::Release);
        self.pending().lost.clone().map_or(Ok(()), Err)
    }

    /// Ends every wait with `error`, and the connection.
    fn lose(&self, error: &Error) {
        let waiting = {
            let mut pending = self.pending();
            pending.lost.get_or_insert_with(|| error.clone());
            pending.streams.clear();
            std::mem::take(&mut pending.calls)
        };
        for answer in waiting.into_values() {
            let _ = answer.send(Err(error.clone()));
        }
        self.end.cancel();
    }

    /// Takes one message; what nobody waits for is let go.
    fn take(&self, packet: Packet) {
        match (packet.program, packet.kind) {
            (REMOTE, Kind::Reply) => {
                let waiting = self.pending().calls.remove(&packet.serial);
                if let Some(answer) = waiting {
                    let is_good = packet.status == Status::Good;
                    let _ = answer.send(if is_good { Ok(packet.body) } else { Err(refusal(&packet.body)) });
                }
            }
            (REMOTE, Kind::Stream) => {
                let is_end = packet.status != Status::More;
                let piece = match packet.status {
                    Status::More => Piece::Bytes(packet.body),
                    Status::Good => Piece::End(Ok(())),
                    Status::Bad => Piece::End(Err(refusal(&packet.body))),
                };
                let mut pending = self.pending();
                // Who does not take what comes loses the stream: nothing else may wait for them.
                let sent = pending.streams.get(&packet.serial).map(|pieces| pieces.try_send(piece).is_ok());
                if is_end || sent == Some(false) {
                    pending.streams.remove(&packet.serial);
                }
            }
            (REMOTE, Kind::Event) => self.hints.heard(packet.procedure, &packet.body),
            (KEEPALIVE, _) if packet.procedure == PING => {
                let pong = Packet { procedure: PONG, ..packet };
                if let Ok(bytes) = pong.encode() {
                    // Where so much waits for the socket that there is no room, that shows that we live.
                    let _ = self.out.try_send(bytes);
                }
            }
            _ => {}
        }
    }
}

/// Takes in what libvirt sends until the connection ends, and reports the end.
async fn read<R>(client: Arc<Client>, mut from: R, words: Option<Words>, events: EventSink)
where
    R: AsyncRead + Unpin,
{
    let incoming = async {
        loop {
            match Packet::read(&mut from).await {
                Ok(Some(packet)) => client.take(packet),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        }
    };
    let ended = tokio::select! {
        ended = incoming => ended,
        () = client.end.cancelled() => None,
    };
    if client.pending().lost.is_none() {
        let unreachable = |why: &str| Error::new(ErrorKind::Unreachable, why);
        let why = match (ended, words) {
            (Some(error), _) if error.kind == ErrorKind::Protocol => unreachable(&error.message),
            (_, Some(words)) => {
                let (error, all) = words.last().await;
                super::reach::explained(&error, &all)
            }
            (Some(error), None) => unreachable(&error.message),
            (None, None) => unreachable(CLOSED),
        };
        client.lose(&why);
    }
    let lost = client.pending().lost.clone();
    if let Some(error) = lost.filter(|_| client.is_up.load(Ordering::Acquire)) {
        let _ = events.send(HostEvent::Disconnected(error)).await;
    }
}

async fn write<W: AsyncWrite + Unpin>(
    client: Arc<Client>,
    mut to: W,
    mut queue: mpsc::Receiver<Vec<u8>>,
    mut pieces: mpsc::Receiver<Vec<u8>>,
) {
    loop {
        let next = tokio::select! {
            biased;
            call = queue.recv() => call,
            piece = pieces.recv() => piece,
        };
        let Some(mut bytes) = next else { return };
        // What waits behind it goes along: calls that are made side by side cost one wake-up.
        while let Ok(more) = queue.try_recv() {
            bytes.extend(more);
        }
        // The other side has closed: whoever reads says why.
        let sent = async {
            to.write_all(&bytes).await?;
            to.flush().await
        };
        if sent.await.is_err() {
            return client.end.cancelled().await;
        }
    }
}
