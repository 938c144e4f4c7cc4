//! The contract, in the files here; a product that fulfils it, in each folder.
//!
//! A backend is a family of traits, one file each, and the same files stand in each product's folder. Every method has a
//! default that says "unsupported", so a product writes only what it lists in its [`Capabilities`]; the host actor
//! refuses the rest before it gets here.
mod any;
mod asking;
pub mod chypervisord;
pub mod demo;
mod disks;
mod dispatch;
pub mod domain_xml;
mod fetching;
pub mod govirthost;
mod images;
pub mod iohyve;
pub mod libvirt;
pub mod lochness;
pub mod lochness_records;
mod machines;
mod nodes;
mod panics;
mod power;
mod properties;
pub mod qemu;
mod setup;
mod snapshots;
pub mod ssh;
pub mod sysadm;
pub mod velocity;
mod way;

pub use any::{AnyBackend, any};
pub use disks::Disks;
pub use dispatch::{Prepared, dispatch, prepare};
pub use images::Images;
pub use machines::Machines;
pub use nodes::Nodes;
pub use panics::unpanicked;
pub use power::Power;
pub use properties::Properties;
pub use setup::Setup;
pub use snapshots::Snapshots;

use crate::{
    domain::{
        ByteSize, Capabilities, Error, ErrorKind, Expect, Figures, HostEvent, Inventory, Op, Progress, Result, Secret,
        Verdict, VmId,
    },
    transport::Program,
};
use std::{
    future::{Future, ready},
    path::PathBuf,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Where a backend reports what happens without being asked. Bounded: a host that floods waits here.
pub type EventSink = mpsc::Sender<HostEvent>;

/// What a long call may use while it runs.
#[derive(Clone, Debug)]
pub struct Call {
    progress: watch::Sender<Progress>,
    /// Cancelled when the person wants the work to stop.
    pub cancel: CancellationToken,
    half: Option<Half>,
}

/// Work whose bytes go as far again afterwards.
#[derive(Clone, Debug)]
struct Half {
    /// How many bytes go on is known when all has come.
    is_packed: bool,
    note: &'static str,
}

impl Call {
    /// A call, and where its newest progress can be read.
    pub fn new() -> (Self, watch::Receiver<Progress>) {
        let (progress, latest) = watch::channel(Progress::default());
        (Self { progress, cancel: CancellationToken::new(), half: None }, latest)
    }

    /// The same call for the first of two ways that the bytes go: what is told of it counts for half of the whole. Where
    /// it `is_packed`, the whole is not known yet. `note` is told while there is nothing else to say.
    #[must_use]
    pub fn first_half(&self, is_packed: bool, note: &'static str) -> Self {
        Self { half: Some(Half { is_packed, note }), ..self.clone() }
    }

    /// A call of its own for a part of the work, which ends with this one; and where its newest progress can be read.
    pub fn part(&self) -> (Self, watch::Receiver<Progress>) {
        let (progress, latest) = watch::channel(Progress::default());
        (Self { progress, cancel: self.cancel.child_token(), half: None }, latest)
    }

    /// How many bytes were told of so far: what comes next is counted beyond those.
    pub fn done(&self) -> u64 {
        self.progress.borrow().done.map_or(0, |done| done.0)
    }

    /// Reports progress: a slow reader sees the newest report, never a stale one.
    pub fn progress(&self, mut progress: Progress) {
        if let Some(half) = &self.half {
            let total = progress.total.filter(|_| !half.is_packed);
            progress.total = total.map(|total| ByteSize(total.0.saturating_mul(2)));
            let note = progress.note.filter(|note| !note.is_empty());
            progress.note = note.or_else(|| Some(half.note.to_owned()));
        }
        self.progress.send_modify(|latest| latest.merge(progress));
    }
}

/// A way into a machine's console. It is no data: it never passes through the application.
#[derive(Debug)]
pub enum Console {
    /// A socket that carries the serial line; `history`: a file with what was said before.
    Unix { socket: PathBuf, history: Option<PathBuf> },
    /// A program that shows the serial line on the terminal that it is given; `leave`: the keys that end it.
    Program { program: Program, leave: &'static str },
}

/// The answer of what is not overridden.
fn unsupported<T: Send>(op: Op) -> impl Future<Output = Result<T>> + Send {
    ready(Err(Error::unsupported(op, "this kind of host cannot do that")))
}

/// A way to manage machines on one host. Every method takes `&self`: calls run side by side.
pub trait Backend:
    Power + Machines + Disks + Images + Properties + Snapshots + Nodes + Setup + Send + Sync + 'static
{
    /// Connects, says what this connection can do, and from now on reports to `events`.
    ///
    /// Called again after [`HostEvent::Disconnected`]; what an earlier call began must end by itself then.
    fn connect(&self, events: EventSink) -> impl Future<Output = Result<Capabilities>> + Send;

    /// Requires [`Op::List`]. What the host has, each part as far as this backend knows parts.
    ///
    /// `quick` asks for what can be had at once (names, perhaps without states): the first screen waits for it.
    fn inventory(&self, quick: bool) -> impl Future<Output = Result<Inventory>> + Send;

    /// What these machines use now. Called about once a second for what a person sees, so it must be cheap.
    fn figures(&self, _vms: &[VmId]) -> impl Future<Output = Result<Vec<(VmId, Figures)>>> + Send {
        ready(Ok(Vec::new()))
    }

    /// Reads the host again and compares it with what a change should have brought about. Never changes anything.
    fn look(&self, _expect: &Expect) -> impl Future<Output = Verdict> + Send {
        ready(Verdict::Unknown(Error::new(ErrorKind::Unsupported, "this kind of host does not tell")))
    }

    /// Takes the answer to a [`crate::domain::Question`] that the host asked.
    fn answer(&self, _question: u64, _answer: Option<Secret>) -> impl Future<Output = ()> + Send {
        ready(())
    }
}
