use super::{Expected, Ledger, Origin, checksum::Hasher, journal, part::Part};
use crate::{
    domain::{ByteSize, Error, Result, clean_line},
    transport::{Stopwatch, at, now},
};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often what came is made safe against a loss of power.
const SAVE: Duration = Duration::from_secs(3);
/// How often the state of the checksum is kept for whoever goes on after this process was killed.
const NOTE: Duration = Duration::from_millis(250);
const PIECE: usize = 1 << 18;

/// Takes bytes to the part and to the checksum, and notes now and then how far they are safe.
#[derive(Debug)]
pub(super) struct Writer {
    part: Part,
    hasher: Option<Hasher>,
    pub(super) offset: u64,
    ledger: Ledger,
    saved: Stopwatch,
    noted: Stopwatch,
}

impl Writer {
    fn new(part: Part, hasher: Option<Hasher>, ledger: Ledger) -> Self {
        Self { part, hasher, offset: 0, ledger, saved: Stopwatch::start(), noted: Stopwatch::start() }
    }

    /// Goes on where the journal says that the part is safe; and where the machine has not stopped since, after all that
    /// is in it. What cannot be trusted is cut off.
    pub(super) fn take_up(part: Part, ledger: Ledger) -> Result<Self> {
        let journal = ledger.get();
        let (len, safe) = (part.len()?, journal.saved.offset);
        let mut writer = Self::new(part, None, ledger);
        let (Ok(hasher), true) = (journal.hasher(), len >= safe) else {
            writer.restart(journal.expected.as_ref(), None)?;
            return Ok(writer);
        };
        (writer.hasher, writer.offset) = (hasher, safe);
        let is_same_run = journal.saved.boot.is_some() && journal.saved.boot == journal::boot();
        if is_same_run {
            if let Some((offset, hasher)) = journal.hashed_up_to(len) {
                (writer.hasher, writer.offset) = (Some(hasher), offset);
            }
            writer.read_up_to(journal.total.map_or(len, |total| len.min(total)))?;
        }
        writer.part.begin_at(writer.offset)?;
        writer.save()?;
        Ok(writer)
    }

    /// Takes the bytes up to `end`, which are in the part already, into the checksum.
    fn read_up_to(&mut self, end: u64) -> Result<()> {
        let Some(hasher) = &mut self.hasher else {
            self.offset = self.offset.max(end);
            return Ok(());
        };
        let mut buffer = vec![0; PIECE];
        while self.offset < end {
            let most = usize::try_from(end - self.offset).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..most).unwrap_or_default();
            let read = self.part.file().read_at(piece, self.offset).map_err(|e| self.part.error(e))?;
            if read == 0 {
                break;
            }
            hasher.add(piece.get(..read).unwrap_or_default());
            self.offset += read as u64;
        }
        Ok(())
    }

    /// Begins anew, with a file that is told by `validator`.
    pub(super) fn restart(&mut self, expected: Option<&Expected>, validator: Option<String>) -> Result<()> {
        self.part.begin_at(0)?;
        self.offset = 0;
        self.hasher = expected.map(|expected| Hasher::new(expected.sum.kind));
        self.ledger.change(|journal| journal.validator = validator)?;
        self.save()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.part.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.add(bytes);
        }
        self.offset += bytes.len() as u64;
        if self.saved.elapsed() >= SAVE {
            return self.save();
        }
        if let Some(hasher) = self.hasher.as_ref().filter(|_| self.noted.elapsed() >= NOTE) {
            let hashed = Some((self.offset, hasher.state()));
            self.ledger.change(|journal| journal.hashed = hashed)?;
            self.noted = Stopwatch::start();
        }
        Ok(())
    }

    /// Makes safe what came. First the bytes, then the word that they are there.
    pub(super) fn save(&mut self) -> Result<()> {
        self.part.settle()?;
        self.ledger.save(self.offset, self.hasher.as_ref().map(Hasher::state))?;
        (self.saved, self.noted) = (Stopwatch::start(), Stopwatch::start());
        Ok(())
    }

    /// A part that was filled in another way, whole: now it is hashed.
    pub(super) fn filled(part: Part, ledger: Ledger) -> Result<Self> {
        let (expected, len) = (ledger.get().expected, part.len()?);
        let hasher = expected.map(|expected| Hasher::new(expected.sum.kind));
        let mut writer = Self::new(part, hasher, ledger);
        writer.read_up_to(len)?;
        Ok(writer)
    }

    /// Checks the sum of the whole. A wrong one is kept apart.
    pub(super) fn check(mut self, name: &str) -> Result<Whole> {
        // All has come, whether the server told how much that is or not: it need not come again.
        self.save()?;
        let offset = self.offset;
        self.ledger.change(|journal| journal.total = Some(offset))?;
        let journal = self.ledger.get();
        let (Some(hasher), Some(expected)) = (self.hasher, &journal.expected) else {
            return Ok(Whole { part: self.part, url: journal.source(), checked: None, unpacked: None });
        };
        let (found, kind) = (hasher.finish(), expected.sum.kind.name());
        let source = clean_line(&expected.source).into_owned();
        if found != expected.sum {
            self.part.keep_apart()?;
            self.ledger.save(0, None)?;
            return Err(Error::refused(format_args!(
                "what came is not what it should be: its {kind} begins with {}, {source} says {}. It was kept apart as \
                 {}{}",
                found.short(),
                expected.sum.short(),
                clean_line(name),
                super::MISMATCH
            )));
        }
        let packed = if journal.unpack { ", before it was unpacked" } else { "" };
        let checked = format!("{kind} as in {source}").replace("as in given", "as given") + packed;
        Ok(Whole { part: self.part, url: journal.source(), checked: Some(checked), unpacked: None })
    }
}

/// All that was to come, right as far as is known.
#[derive(Debug)]
pub(super) struct Whole {
    part: Part,
    url: String,
    pub(super) checked: Option<String>,
    /// What was packed in the part, and where it is.
    pub(super) unpacked: Option<(File, PathBuf)>,
}

impl Whole {
    /// What came, and how many bytes it has.
    pub(super) fn packed(&self) -> Result<(File, u64)> {
        let file = self.part.file().try_clone().map_err(|error| self.part.error(error))?;
        Ok((file, self.part.len()?))
    }

    /// Keeps the story and gives the image its name; returns where it is and its size.
    pub(super) fn finish(self, folder: &Path, name: &str) -> Result<(PathBuf, ByteSize)> {
        let file = self.unpacked.as_ref().map_or(self.part.file(), |(file, _)| file);
        let meta = file.metadata().map_err(at(folder))?;
        Origin::new(self.url, self.checked, now(), &meta).write(folder, name)?;
        let path = match &self.unpacked {
            None => self.part.finish()?,
            Some((_, unpacked)) => {
                let path = self.part.finish_as(unpacked)?;
                self.part.discard();
                path
            }
        };
        super::Journal::remove(folder, name);
        Ok((path, ByteSize(meta.len())))
    }
}
