//! The encoding of libvirt's messages (XDR, RFC 4506): everything in units of four bytes, the highest first.
use crate::domain::{Error, ErrorKind, Result};

/// Writes values one behind the other.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    #[must_use]
    pub fn i32(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Bytes of a length that both sides know.
    #[must_use]
    pub fn fixed(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        let over = self.0.len() % 4;
        if over > 0 {
            self.0.resize(self.0.len() + 4 - over, 0);
        }
        self
    }

    /// A text, with its length before it.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX)).fixed(text.as_bytes())
    }

    /// A text that may be missing.
    #[must_use]
    pub fn maybe(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.u32(1).text(text),
            None => self.u32(0),
        }
    }

    /// Values of one kind, with their number before them.
    #[must_use]
    pub fn list<T>(self, items: &[T], each: impl Fn(Self, &T) -> Self) -> Self {
        let begun = self.u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
        items.iter().fold(begun, each)
    }

    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Writer`] wrote, or anything else without harm.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

fn cut() -> Error {
    Error::new(ErrorKind::Protocol, "libvirt's answer is shorter than it should be")
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(cut)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| cut())
    }

    pub fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_be_bytes)
    }

    /// Bytes of a length that both sides know.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.array()?;
        self.take(N.next_multiple_of(4) - N)?;
        Ok(bytes)
    }

    /// A text; what is no UTF-8 in it is replaced.
    pub fn text(&mut self) -> Result<String> {
        let length = usize::try_from(self.u32()?).map_err(|_| cut())?;
        let bytes = self.take(length)?;
        self.take(length.next_multiple_of(4) - length)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// A text that may be missing.
    pub fn maybe(&mut self) -> Result<Option<String>> {
        if self.u32()? == 0 { Ok(None) } else { self.text().map(Some) }
    }

    /// Values of one kind. Each takes four bytes at least, so a number that cannot be is refused at once.
    pub fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = usize::try_from(self.u32()?).map_err(|_| cut())?;
        if count > self.0.len() / 4 {
            return Err(cut());
        }
        (0..count).map(|_| each(self)).collect()
    }

    /// What has not been read.
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }
}
