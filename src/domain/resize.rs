//! Growing a disk: the size asked for, and the one rule that refuses a shrink.
use super::{ByteSize, DiskId, Error, clean};
use std::{fmt, str::FromStr};

/// No disk format that a host offers goes beyond this: larger is a slip of the finger.
const LARGEST: u64 = 1 << 50;

/// The size a disk should get: `20G` or, from what it has now, `+10G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeChange {
    To(ByteSize),
    By(ByteSize),
}

/// A growth that passed the guard: `to` is larger than `from`, both in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizePlan {
    pub from: ByteSize,
    pub to: ByteSize,
}

/// By how much a disk is given more than its storage still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage(pub ByteSize);

impl Shortage {
    /// Of a disk that gets `more` where there is `free`; None: it fits.
    pub fn of(more: ByteSize, free: ByteSize) -> Option<Self> {
        more.0.checked_sub(free.0).filter(|short| *short > 0).map(|short| Self(ByteSize(short)))
    }

    /// What is to be said of it.
    pub fn told(self, host: &str) -> String {
        format!("{} more than the storage of {host} holds: it fills up before the disk is full", self.0)
    }
}

impl ResizePlan {
    /// The last guard before a size is sent, since hypervisors shrink without a word: what `disk` has now, `found`, must
    /// still be what the plan was made from.
    pub fn check(self, disk: &DiskId, found: Option<ByteSize>) -> super::Result<()> {
        match found {
            Some(found) if found == self.from && found < self.to => Ok(()),
            Some(found) => {
                let [found, before] = found.told_apart(self.from);
                Err(Error::conflict(format_args!(
                    "{disk} has {found} by now and not {before}: it was not changed, ask for its new size again"
                )))
            }
            None => Err(Error::conflict(format_args!("the size of {disk} cannot be read: it was not changed"))),
        }
    }
}

impl SizeChange {
    /// What `self` makes of a disk of `from` bytes; refuses what would not grow it, and what no disk can have.
    /// The new size is rounded up to whole 512-byte sectors.
    pub fn plan(self, from: ByteSize) -> Result<ResizePlan, String> {
        let wanted = match self {
            Self::To(size) => Some(size.0),
            Self::By(more) => from.0.checked_add(more.0),
        };
        let too_large = || {
            let size = wanted.map_or_else(|| "that much".to_owned(), |wanted| ByteSize(wanted).to_string());
            format!("{size} is more than any disk can have: at most {}", ByteSize(LARGEST))
        };
        let to =
            wanted.and_then(|w| w.checked_next_multiple_of(512)).filter(|to| *to <= LARGEST).ok_or_else(too_large)?;
        let to = ByteSize(to);
        if to < from {
            let [to, from] = to.told_apart(from);
            return Err(format!("{to} is smaller than {from}: disks only grow"));
        }
        if to == from {
            return Err(format!("the disk has {from} already"));
        }
        Ok(ResizePlan { from, to })
    }
}

impl FromStr for SizeChange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('-') {
            return Err(format!("`{}` would shrink the disk: disks only grow", clean(text, 40)));
        }
        match text.strip_prefix('+') {
            Some(more) => more.parse().map(Self::By),
            None => text.parse().map(Self::To),
        }
    }
}

impl fmt::Display for SizeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(size) => write!(f, "{size}"),
            Self::By(more) => write!(f, "+{more}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorKind;

    #[test]
    fn a_disk_that_changed_meanwhile_is_left_alone() {
        let plan = ResizePlan { from: ByteSize(2 << 30), to: ByteSize(3 << 30) };
        let checked = |found: Option<u64>| plan.check(&"vda".into(), found.map(ByteSize));
        assert!(checked(Some(2 << 30)).is_ok());
        for found in [None, Some(1 << 30), Some((2 << 30) + 512), Some(3 << 30), Some(4 << 30)] {
            assert_eq!(checked(found).unwrap_err().kind, ErrorKind::Conflict);
        }
        let shrinks = ResizePlan { from: plan.to, to: plan.from };
        assert!(shrinks.check(&"vda".into(), Some(plan.to)).is_err());
    }

    fn plan(text: &str, from: u64) -> Result<u64, String> {
        text.parse::<SizeChange>()?.plan(ByteSize(from)).map(|p| p.to.0)
    }

    #[test]
    fn a_disk_only_grows() {
        let g = 1 << 30;
        assert_eq!(plan("+10G", 20 * g), Ok(30 * g));
        assert_eq!(plan("21G", 20 * g), Ok(21 * g));
        assert_eq!(plan("1000001", 1000), Ok(1_000_448), "whole sectors");
        for refused in ["15G", "20G", "0", "-5G", "+0", "9000000T", "+16E"] {
            assert!(plan(refused, 20 * g).is_err(), "{refused}");
        }
        assert_eq!(plan("15G", 20 * g).unwrap_err(), "15 GiB is smaller than 20 GiB: disks only grow");
    }
}
