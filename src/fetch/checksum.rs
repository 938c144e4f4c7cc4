//! Checksums: as people and servers write them, and as they grow with the bytes that come.
use crate::domain::{Error, Result, checksum};
use serde::{Deserialize, Serialize};
use sha2::{
    Digest, Sha256, Sha512,
    digest::{
        Output,
        common::hazmat::{SerializableState, SerializedState},
    },
};
use std::{fmt, str::FromStr};

/// Which function made a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sha256,
    Sha512,
}

impl Kind {
    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A checksum. Written `sha256:1f2e...`; read with or without that word, which the length tells as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sum {
    pub kind: Kind,
    /// Lower case.
    hex: String,
}

impl Sum {
    /// The first digits, enough to tell two apart by eye.
    pub fn short(&self) -> &str {
        self.hex.get(..12).unwrap_or(&self.hex)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.hex)
    }
}

impl FromStr for Sum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = checksum(text).map_err(|why| Error::invalid(format_args!("checksum: {why}")))?;
        let (word, hex) = text.split_once('=').unwrap_or_default();
        let kind = if word == Kind::Sha512.word() { Kind::Sha512 } else { Kind::Sha256 };
        Ok(Self { kind, hex: hex.to_owned() })
    }
}

impl TryFrom<String> for Sum {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.to_string()
    }
}

/// A sum that grows. Its state can be kept in a file and taken up again: no byte is hashed twice.
#[derive(Clone, Debug)]
pub(super) enum Hasher {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sha256 => Self::Sha256(Box::default()),
            Kind::Sha512 => Self::Sha512(Box::default()),
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn state(&self) -> String {
        match self {
            Self::Sha256(hasher) => hex(&hasher.serialize()),
            Self::Sha512(hasher) => hex(&hasher.serialize()),
        }
    }

    /// The hasher whose [`Hasher::state`] this was; None where it cannot have been one.
    pub(super) fn restore(kind: Kind, state: &str) -> Option<Self> {
        fn of<T: SerializableState>(bytes: &[u8]) -> Option<Box<T>> {
            let state = <&SerializedState<T>>::try_from(bytes).ok()?;
            T::deserialize(state).ok().map(Box::new)
        }
        let bytes = bytes(state)?;
        match kind {
            Kind::Sha256 => of(&bytes).map(Self::Sha256),
            Kind::Sha512 => of(&bytes).map(Self::Sha512),
        }
    }

    pub(super) fn finish(self) -> Sum {
        fn of<T: Digest>(hasher: T) -> String {
            let sum: Output<T> = hasher.finalize();
            hex(&sum)
        }
        match self {
            Self::Sha256(hasher) => Sum { kind: Kind::Sha256, hex: of(*hasher) },
            Self::Sha512(hasher) => Sum { kind: Kind::Sha512, hex: of(*hasher) },
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let (pairs, []) = digits.as_ref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn sums_are_read_as_people_paste_them() {
        let sum: Sum = format!(" SHA256:{} ", EMPTY.to_uppercase()).parse().unwrap();
        assert_eq!(sum.to_string(), format!("sha256:{EMPTY}"));
        assert_eq!(sum, EMPTY.parse().unwrap());
        assert_eq!("0".repeat(128).parse::<Sum>().unwrap().kind, Kind::Sha512);
        for bad in ["", "abc", &format!("sha512:{EMPTY}"), &EMPTY.replace('e', "g"), &"0".repeat(40)] {
            assert!(bad.parse::<Sum>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sum_goes_on_where_it_was_left() {
        for kind in [Kind::Sha256, Kind::Sha512] {
            let mut whole = Hasher::new(kind);
            let mut first = Hasher::new(kind);
            for n in 0..1000_u32 {
                whole.add(&n.to_le_bytes());
                first.add(&n.to_le_bytes());
                first = Hasher::restore(kind, &first.state()).unwrap();
            }
            assert_eq!(first.finish(), whole.finish());
            assert!(Hasher::restore(kind, "00").is_none() && Hasher::restore(kind, "zz").is_none());
        }
        assert_eq!(Hasher::new(Kind::Sha256).finish().to_string(), format!("sha256:{EMPTY}"));
    }
}
