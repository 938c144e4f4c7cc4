use super::{Outcome, edit, paste};
use crate::{
    domain::{ByteSize, Disk, DiskId, DiskKind, PowerState, ResizePlan, Shortage, SizeChange},
    input::Key,
};
use crossterm::event::KeyCode;
use tui_input::Input;

/// A growth below this is a number that lacks its unit.
const LEAST: u64 = 1 << 20;

/// What the size typed so far would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The disks are still being read.
    Reading,
    /// Not a whole size yet: what is missing.
    Unfinished(String),
    /// Why it cannot be.
    Refused(String),
    /// It can be sent; `short`: by so much it is more than the storage still holds.
    Grows { plan: ResizePlan, short: Option<Shortage> },
}

/// The growing of a disk: which one, and to what size.
#[derive(Clone, Debug)]
pub struct Grow {
    /// The disks that can grow; None: not read yet.
    pub disks: Option<Vec<Disk>>,
    /// The disk chosen.
    pub at: usize,
    pub input: Input,
    /// What the host's storage still holds.
    pub free: Option<ByteSize>,
    pub power: PowerState,
    /// Enter came before there was a whole size.
    pub hasty: bool,
}

impl Grow {
    /// Opens with `+` in the field.
    pub fn new(disks: Option<&[Disk]>, free: Option<ByteSize>, power: PowerState) -> Self {
        let mut grow = Self { disks: None, at: 0, input: Input::from("+"), free, power, hasty: false };
        if let Some(disks) = disks {
            grow.read(disks);
        }
        grow
    }

    /// Takes the disks, now that they are known; keeps the one that was chosen.
    pub fn read(&mut self, disks: &[Disk]) {
        let chosen = self.disk().map(|d| d.id.clone());
        let can_grow = |d: &&Disk| d.kind == DiskKind::Disk && !d.read_only;
        let disks: Vec<Disk> = disks.iter().filter(can_grow).cloned().collect();
        self.at = disks.iter().position(|d| Some(&d.id) == chosen.as_ref()).unwrap_or(0);
        self.disks = Some(disks);
    }

    /// Chooses the disk called `id`.
    #[must_use]
    pub fn on(mut self, id: Option<&DiskId>) -> Self {
        let found = self.disks.iter().flatten().position(|d| Some(&d.id) == id);
        self.at = found.unwrap_or(self.at);
        self
    }

    /// The disk chosen.
    pub fn disk(&self) -> Option<&Disk> {
        self.disks.as_ref()?.get(self.at)
    }

    /// What the size typed so far would do.
    pub fn judgement(&self) -> Judgement {
        let Some(disks) = &self.disks else { return Judgement::Reading };
        let Some(disk) = disks.get(self.at) else { return Judgement::Refused("it has no disk that can grow".into()) };
        if let Some(pending) = &disk.pending {
            return Judgement::Refused(format!("{}: {pending}", disk.id));
        }
        let Some(from) = disk.virtual_size else {
            return Judgement::Refused(format!("the size of {} is unknown", disk.id));
        };
        let text = self.input.value().trim();
        match text {
            "" => return Judgement::Unfinished("30G makes it 30 GiB, +10G adds 10 GiB".to_owned()),
            "+" => return Judgement::Unfinished("10G adds 10 GiB; Backspace, then 30G: 30 GiB in all".to_owned()),
            _ => {}
        }
        match text.parse::<SizeChange>() {
            Err(why) => Judgement::Refused(why),
            // `+1` is on its way to `+10G`, and `10` of bytes is never meant.
            Ok(SizeChange::By(size) | SizeChange::To(size)) if size.0 < LEAST && !has_unit(text) => {
                Judgement::Unfinished(format!("{text} what? K, M, G or T: {text}G"))
            }
            Ok(change) => match change.plan(from) {
                Err(why) => Judgement::Refused(why),
                Ok(plan) => {
                    let more = ByteSize(plan.to.0.saturating_sub(plan.from.0));
                    let short = self.free.and_then(|free| Shortage::of(more, free));
                    Judgement::Grows { plan, short }
                }
            },
        }
    }

    /// Ends with the disk and its change of size.
    pub fn update(&mut self, key: Key) -> Outcome<(DiskId, SizeChange)> {
        match key.code {
            KeyCode::Esc => return Outcome::Cancelled,
            KeyCode::Enter => {
                let whole = matches!(self.judgement(), Judgement::Grows { .. });
                let change = self.input.value().parse::<SizeChange>().ok().filter(|_| whole);
                match (self.disk(), change) {
                    (Some(disk), Some(change)) => return Outcome::Done((disk.id.clone(), change)),
                    _ => self.hasty = true,
                }
            }
            // The size is short: left and right choose the disk, Home, End and Backspace are enough for the text.
            KeyCode::Left | KeyCode::Up | KeyCode::BackTab => self.step(false),
            KeyCode::Right | KeyCode::Down | KeyCode::Tab => self.step(true),
            // Who types `+10G` in full means the `+` that stands there.
            KeyCode::Char('+') if self.input.value() == "+" => {}
            _ => self.hasty &= !edit(&mut self.input, key),
        }
        Outcome::Continue
    }

    fn step(&mut self, forward: bool) {
        let count = self.disks.as_ref().map_or(0, Vec::len).max(1);
        self.at = if forward { self.at + 1 } else { self.at + count - 1 } % count;
    }

    /// A pasted size replaces the `+` it opened with.
    pub fn paste(&mut self, text: &str) {
        if self.input.value() == "+" && text.trim().starts_with('+') {
            self.input.reset();
        }
        paste(&mut self.input, text);
    }
}

fn has_unit(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(size: &str) -> Judgement {
        let disk = Disk { virtual_size: Some(ByteSize(20 << 30)), ..Disk::new("disk0") };
        let mut grow = Grow::new(Some(&[disk]), Some(ByteSize(15 << 30)), PowerState::Off);
        grow.input = Input::from(size);
        grow.judgement()
    }

    #[test]
    fn a_size_is_judged_as_it_is_typed() {
        for unfinished in ["", "+", "+1", "+10", "30"] {
            assert!(matches!(judge(unfinished), Judgement::Unfinished(_)), "{unfinished}");
        }
        assert_eq!(judge("15G"), Judgement::Refused("15 GiB is smaller than 20 GiB: disks only grow".into()));
        let short = |size| match judge(size) {
            Judgement::Grows { short, .. } => short,
            other => panic!("{other:?}"),
        };
        assert_eq!((short("+10G"), short("30G")), (None, None));
        assert_eq!(short("+20G"), Some(Shortage(ByteSize(5 << 30))));
    }

    #[test]
    fn drives_that_cannot_grow_are_not_offered() {
        let cd = Disk { kind: DiskKind::Cdrom, ..Disk::new("cd") };
        assert_eq!(
            Grow::new(Some(&[cd]), None, PowerState::Off).judgement(),
            Judgement::Refused("it has no disk that can grow".into())
        );
    }
}
