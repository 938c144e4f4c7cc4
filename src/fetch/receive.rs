//! From the server to the writer, again and again until it is whole.
use super::{
    Address, Options, ended,
    ledger::{Ledger, Teller},
    meter::Meter,
    refuse_too_large, short,
    source::{self, Broken, Rest, Source},
    unless,
    writer::Writer,
};
use crate::domain::{ByteSize, Error, Progress, Result};
use std::{path::Path, time::Duration};
use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::{bytes::Bytes, sync::CancellationToken};

/// How many received pieces may wait for the disk.
const AHEAD: usize = 32;
/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_secs(60);

/// What a try needs to know.
pub(super) struct Receive<'a> {
    pub(super) address: &'a Address,
    pub(super) folder: &'a Path,
    pub(super) name: &'a str,
    pub(super) options: &'a Options,
    pub(super) ledger: &'a Ledger,
    pub(super) stop: &'a CancellationToken,
}

impl Receive<'_> {
    /// Receives until all is there. Tries again when the network is at fault, as often as the options say without a
    /// single new byte; what came stays.
    pub(super) async fn all<F>(
        &self,
        mut writer: Writer,
        mut opened: Option<Source>,
        teller: &mut Teller<'_, F>,
    ) -> Result<Writer>
    where
        F: FnMut(Progress) + Send,
    {
        let mut tries = 0;
        loop {
            let before = writer.offset;
            if self.ledger.get().total.is_some_and(|total| total == before && total > 0) {
                return Ok(writer);
            }
            let (given_back, received) = self.once(writer, opened.take(), teller).await?;
            writer = given_back;
            let Err(broken) = received else { return Ok(writer) };
            writer.save()?;
            tries = if writer.offset > before { 1 } else { tries + 1 };
            let has_answered = self.ledger.get().total.is_some() || writer.offset > 0;
            if !broken.is_passing || !has_answered || tries >= self.options.tries {
                return Err(broken.error);
            }
            self.pause(tries, &broken.error, teller).await?;
        }
    }

    /// Waits longer each time, and says how long.
    async fn pause<F: FnMut(Progress) + Send>(
        &self,
        tries: u32,
        error: &Error,
        teller: &mut Teller<'_, F>,
    ) -> Result<()> {
        let second = Duration::from_secs(1);
        let mut left = (self.options.pause * 2_u32.saturating_pow(tries.saturating_sub(1).min(10))).min(PAUSE);
        while !left.is_zero() {
            let seconds = left.as_secs_f32().ceil();
            teller.tell(Progress {
                rate: Some(0.0),
                ..Progress::note(format!("{}: again in {seconds} s", error.message))
            });
            let part = left.min(second);
            unless(self.stop, async {
                sleep(part).await;
                Ok::<_, Error>(())
            })
            .await?;
            left -= part;
        }
        Ok(())
    }

    /// One try. The outer error is one of this machine, the inner one of the server or the network.
    async fn once<F: FnMut(Progress) + Send>(
        &self,
        mut writer: Writer,
        opened: Option<Source>,
        teller: &mut Teller<'_, F>,
    ) -> Result<(Writer, Result<(), Broken>)> {
        let journal = self.ledger.get();
        let rest = journal.validator.filter(|_| writer.offset > 0);
        let rest = rest.map(|validator| Rest { offset: writer.offset, validator, total: journal.total });
        let source = if let Some(source) = opened {
            source
        } else {
            teller.tell(Progress::note(format!("asking {}", self.address.place())));
            match unless(self.stop, source::open(self.address, self.options, rest.as_ref())).await {
                Ok(source) => source,
                Err(broken) => return Ok((writer, Err(broken))),
            }
        };
        if let Err(error) = source.refuse_other_than_image(self.name, journal.unpack) {
            return Ok((writer, Err(error.into())));
        }
        if source.begins != writer.offset || source.begins == 0 {
            if writer.offset > 0 {
                let why = if rest.is_some() { "it has changed at the server" } else { "the server cannot resume" };
                teller.tell(Progress::note(format!("{why}: from the beginning")));
            }
            writer.restart(journal.expected.as_ref(), source.validator.clone())?;
        }
        self.ledger.change(|journal| journal.total = source.total)?;
        refuse_too_large(self.folder, source.total.map(|total| total - writer.offset))?;
        let total = source.total;
        let (mut writer, received) = self.pump(writer, source, teller).await?;
        if total.is_some_and(|total| writer.offset > total) {
            // Which of these bytes are those of the file is anybody's guess.
            writer.restart(journal.expected.as_ref(), None)?;
            let told = ByteSize(total.unwrap_or_default());
            let error = Error::refused(format_args!("more came than the {told} that the server told"));
            return Ok((writer, Err(Broken { error, is_passing: true })));
        }
        let whole = received.and_then(|()| match total {
            Some(total) if total != writer.offset => {
                Err(Broken { error: short(writer.offset, total), is_passing: true })
            }
            _ if writer.offset == 0 => Err(Error::refused("the server sent an empty file").into()),
            _ => Ok(()),
        });
        Ok((writer, whole))
    }

    /// Passes pieces from the server to a thread that writes them.
    async fn pump<F: FnMut(Progress) + Send>(
        &self,
        writer: Writer,
        mut source: Source,
        teller: &mut Teller<'_, F>,
    ) -> Result<(Writer, Result<(), Broken>)> {
        let mut meter = Meter::start(writer.offset, source.total);
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(AHEAD);
        let mut thread = JoinSet::new();
        thread.spawn_blocking(move || {
            let mut writer = writer;
            while let Some(piece) = waiting.blocking_recv() {
                if let Err(error) = writer.write(&piece) {
                    // What came before is kept.
                    let _ = writer.save();
                    return Err(error);
                }
            }
            Ok(writer)
        });
        let pump = async {
            teller.tell(meter.report());
            while let Some(piece) = Self::next(&mut source, &mut meter, teller).await? {
                let size = piece.len() as u64;
                if pieces.send(piece).await.is_err() {
                    break; // The writer gave up: it says why below.
                }
                if let Some(report) = meter.add(size) {
                    teller.tell(report);
                }
                self.options.limit.after(size).await;
            }
            Ok(())
        };
        let received = unless(self.stop, pump).await;
        if received.is_err() {
            teller.tell(meter.report());
        }
        // The writer is waited for in any case: what came is in the part.
        drop(pieces);
        Ok((ended(thread).await?, received))
    }

    /// The next piece; until it comes, those who watch see once a second that it does not.
    async fn next<F: FnMut(Progress) + Send>(
        source: &mut Source,
        meter: &mut Meter,
        teller: &mut Teller<'_, F>,
    ) -> Result<Option<Bytes>, Broken> {
        let mut next = std::pin::pin!(source.next());
        loop {
            tokio::select! {
                biased;
                piece = &mut next => return piece,
                () = sleep(Duration::from_secs(1)) => teller.tell(meter.idle()),
            }
        }
    }
}
