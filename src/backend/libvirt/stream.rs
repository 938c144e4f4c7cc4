//! Bytes beside the calls: of a serial line, of a volume. They share the connection with everything else.
use super::{
    client::Client,
    packet::{Kind, Packet, REMOTE, Status},
};
use crate::domain::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many pieces may wait for who takes them.
const WAITING: usize = 1024;
/// How much goes in one piece. Libvirt takes twice as much and more, but what is asked meanwhile waits for a piece.
pub(super) const PIECE: usize = 64 << 10;

/// What comes over a stream.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    /// The last: all is well, or libvirt's words.
    End(Result<()>),
}

/// A stream that a call has opened; dropped before its end it is given up.
#[derive(Debug)]
pub(super) struct Stream {
    client: Arc<Client>,
    procedure: u32,
    serial: u32,
    pieces: mpsc::Receiver<Piece>,
}

impl Stream {
    /// The stream of the call with this number, and where what comes for it is put.
    pub(super) fn new(client: Arc<Client>, procedure: u32, serial: u32) -> (mpsc::Sender<Piece>, Self) {
        let (sender, pieces) = mpsc::channel(WAITING);
        (sender, Self { client, procedure, serial, pieces })
    }

    const fn packet(&self, status: Status, body: Vec<u8>) -> Packet {
        Packet { program: REMOTE, procedure: self.procedure, kind: Kind::Stream, serial: self.serial, status, body }
    }

    /// Sends some bytes, [`PIECE`] at most; waits while the other side takes no more.
    pub(super) async fn send(&self, bytes: Vec<u8>) -> Result<()> {
        self.client.send(&self.packet(Status::More, bytes)).await
    }

    /// [`Stream::send`] to one who only takes: what it says before the end is why it takes no more.
    pub(super) async fn put(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.hand(self.packet(Status::More, bytes)).await
    }

    /// Says that all was sent, and returns when libvirt says that it has all.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.hand(self.packet(Status::Good, Vec::new())).await?;
        match self.pieces.recv().await {
            Some(Piece::End(Ok(()))) => Ok(()),
            said => Err(self.stopped(said)),
        }
    }

    async fn hand(&mut self, piece: Packet) -> Result<()> {
        tokio::select! {
            biased;
            said = self.pieces.recv() => Err(self.stopped(said)),
            sent = self.client.send(&piece) => sent,
        }
    }

    /// Why one who only takes bytes takes no more.
    fn stopped(&self, said: Option<Piece>) -> Error {
        match said {
            Some(Piece::End(Err(error))) => error,
            Some(_) => Error::new(ErrorKind::Protocol, "libvirt ended the transfer before it had all"),
            None => self.client.gone(),
        }
    }

    /// What came next; None: it has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self.pieces.recv().await {
            // No bytes at all: nothing more will be sent.
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Some(Piece::End(end)) => end.map(|()| None),
            None => Err(self.client.gone()),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.client.let_go(self.serial, &self.packet(Status::Bad, Vec::new()));
    }
}
