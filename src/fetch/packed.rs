//! What is packed, and how it is read. Every reader goes on behind the end of one stream where another follows, as the
//! programs do that made them.
use crate::domain::{Error, Result, clean_line};
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{self, BufRead, Read};

/// The largest dictionary that is taken, in KiB: `xz -9` needs 64 MiB, and a header could ask for 4 GiB.
const MEMORY: u32 = 300 << 10;
/// The same for zstd, in bytes: `zstd --ultra -22` needs 128 MiB.
const WINDOW: u64 = 128 << 20;

/// A reader of what is packed in `from`, by how it begins.
pub(super) fn reader(mut from: impl BufRead + Send + 'static) -> Result<Box<dyn Read + Send>> {
    let head = from.fill_buf().map_err(broken)?;
    Ok(match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Box::new(XzReader::new_mem_limit(from, true, MEMORY)),
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(from)),
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(from)),
        // The magic number of a frame, or one of a frame that is to be skipped.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Box::new(Frames::Between(from)),
        _ => return Err(Error::refused("it is not packed by xz, gzip, zstd or bzip2: fetch it without unpacking")),
    })
}

/// An error of a reader in words; a full disk is no business of it.
pub(super) fn broken(error: impl std::fmt::Display) -> Error {
    Error::refused(format_args!("what came cannot be unpacked: {}", clean_line(&error.to_string())))
}

/// The frames of zstd, one after the other.
enum Frames<R> {
    Between(R),
    In(R, Box<FrameDecoder>),
    Over,
}

impl<R: BufRead> Frames<R> {
    /// The next frame; those without data are skipped.
    fn next(mut from: R) -> io::Result<Self> {
        while !from.fill_buf()?.is_empty() {
            let mut decoder = Box::new(FrameDecoder::new());
            decoder.set_max_window_size(WINDOW);
            match decoder.init(&mut from) {
                Ok(()) => return Ok(Self::In(from, decoder)),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut from).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(Self::Over)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match std::mem::replace(self, Self::Over) {
                Self::Over => return Ok(0),
                Self::Between(from) => Self::next(from)?,
                Self::In(mut from, mut decoder) => {
                    while decoder.can_collect() == 0 && !decoder.is_finished() {
                        let one = BlockDecodingStrategy::UptoBlocks(1);
                        decoder.decode_blocks(&mut from, one).map_err(io::Error::other)?;
                    }
                    let read = decoder.read(buffer)?;
                    if read > 0 {
                        *self = Self::In(from, decoder);
                        return Ok(read);
                    }
                    let said = decoder.get_checksum_from_data();
                    if said.is_some() && said != decoder.get_calculated_checksum() {
                        return Err(io::Error::other("its checksum is not that of its bytes"));
                    }
                    Self::Between(from)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same million bytes and ten, as the programs pack them.
    const PACKED: [&[u8]; 4] = [
        include_bytes!("../../tests/it/fetch/packed/image.xz"),
        include_bytes!("../../tests/it/fetch/packed/image.gz"),
        include_bytes!("../../tests/it/fetch/packed/image.zst"),
        include_bytes!("../../tests/it/fetch/packed/image.bz2"),
    ];

    fn unpacked(bytes: &'static [u8]) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        reader(bytes)?.read_to_end(&mut all).map_err(broken)?;
        Ok(all)
    }

    #[test]
    fn what_each_program_packs_is_read_also_twice_in_a_row() {
        let whole = unpacked(PACKED[0]).unwrap();
        assert!(whole.starts_with(b"the image ") && whole.len() == 1_000_010, "{}", whole.len());
        for bytes in PACKED {
            assert!(unpacked(bytes).unwrap() == whole);
            let twice: &'static [u8] = [bytes, bytes].concat().leak();
            assert!(unpacked(twice).unwrap() == whole.repeat(2));
        }
        let skipped: &'static [u8] = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", PACKED[2]].concat().leak();
        assert!(unpacked(skipped).unwrap() == whole);
    }

    #[test]
    fn what_is_cut_or_damaged_is_refused() {
        for bytes in PACKED {
            for cut in [bytes.len() / 2, bytes.len() - 1] {
                let why = unpacked(&bytes[..cut]).unwrap_err().message;
                assert!(why.starts_with("what came cannot be unpacked: "), "{why}");
            }
            let mut damaged = bytes.to_vec();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0x55;
            assert!(unpacked(damaged.leak()).is_err());
        }
        assert!(unpacked(b"PK\x03\x04 a zip").unwrap_err().message.contains("without unpacking"));
        assert!(unpacked(b"").is_err());
    }
}
