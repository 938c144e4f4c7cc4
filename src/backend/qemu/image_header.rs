//! What a disk image says of itself, read without starting a program. The file may be anything: a guest writes it.
use crate::domain::ByteSize;
use std::{
    ffi::OsString,
    fs::File,
    io::Read,
    os::unix::{
        ffi::OsStringExt,
        fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

/// What the first bytes of a qcow2 image say (QEMU's docs/interop/qcow2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub version: u32,
    /// What the guest sees, in bytes.
    pub size: u64,
    /// It is only a layer over another image.
    pub has_backing: bool,
    /// Its bytes are in another file.
    pub has_data_file: bool,
}

/// The header of a qcow2 image; None: it is none, or not one that QEMU would open.
pub fn read_header(bytes: &[u8]) -> Option<Header> {
    let four = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes);
    let eight = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u64::from_be_bytes);
    if !bytes.starts_with(b"QFI\xfb") {
        return None;
    }
    let (version, backing, cluster_bits, size) = (four(4)?, eight(8)?, four(20)?, eight(24)?);
    let is_sound = (2..=3).contains(&version) && (9..=21).contains(&cluster_bits) && i64::try_from(size).is_ok();
    // Bit 2 of the incompatible features, which only version 3 has.
    let has_data_file = version == 3 && eight(72).is_some_and(|features| features & 4 != 0);
    is_sound.then_some(Header { version, size, has_backing: backing != 0, has_data_file })
}

/// The file that a qcow2 image is a layer over, as it stands in its header.
pub fn backing(path: &Path) -> Option<PathBuf> {
    let file = File::open(path).ok()?;
    let mut head = [0; 20];
    file.read_exact_at(&mut head, 0).ok()?;
    let [b'Q', b'F', b'I', 0xfb, _, _, _, _, rest @ ..] = head else { return None };
    let (offset, size) = rest.split_at_checked(8)?;
    let offset = u64::from_be_bytes(offset.try_into().ok()?);
    let size = u32::from_be_bytes(size.try_into().ok()?);
    // The format allows no longer name.
    if offset == 0 || size > 1023 {
        return None;
    }
    let mut name = vec![0; usize::try_from(size).ok()?];
    file.read_exact_at(&mut name, offset).ok()?;
    Some(PathBuf::from(OsString::from_vec(name)))
}

/// The size that the guest sees: a qcow2 image tells it, a raw one has it, in whole sectors as QEMU counts; a block device
/// is as long as it ends.
pub fn virtual_size(path: &Path, format: &str) -> Option<ByteSize> {
    size_of(&open_image(path)?, format)
}

/// Opens an image to read it.
pub(super) fn open_image(path: &Path) -> Option<File> {
    // A pipe under this name must not hold us up.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
    File::options().read(true).custom_flags(nonblock).open(path).ok()
}

/// [`virtual_size`] of an open image.
pub(super) fn size_of(file: &File, format: &str) -> Option<ByteSize> {
    let meta = file.metadata().ok()?;
    if format == "qcow2" {
        let mut head = Vec::with_capacity(104);
        file.take(104).read_to_end(&mut head).ok()?;
        return read_header(&head).map(|header| ByteSize(header.size));
    }
    if meta.is_file() {
        return meta.len().checked_next_multiple_of(512).map(ByteSize);
    }
    let is_block = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(file).ok()?.st_mode).is_block_device();
    let end = if is_block { rustix::fs::seek(file, rustix::fs::SeekFrom::End(0)).ok()? } else { return None };
    // A drive without a medium has no byte to read.
    file.read_at(&mut [0], 0).ok().filter(|n| *n == 1).map(|_| ByteSize(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(version: u32, backing: u64, cluster_bits: u32, size: u64) -> Vec<u8> {
        let mut bytes = b"QFI\xfb".to_vec();
        bytes.extend(version.to_be_bytes());
        bytes.extend(backing.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        bytes.extend(cluster_bits.to_be_bytes());
        bytes.extend(size.to_be_bytes());
        bytes
    }

    proptest! {
        #[test]
        fn garbage_is_no_header(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(bytes.starts_with(b"QFI\xfb") || read_header(&bytes).is_none());
        }

        #[test]
        fn what_is_told_is_possible(version in 0_u32..6, bits in 0_u32..40, size: u64, backing: u64, cut in 0_usize..33) {
            let whole = header(version, backing, bits, size);
            match read_header(&whole) {
                Some(found) => {
                    prop_assert_eq!((found.version, found.size, found.has_backing), (version, size, backing != 0));
                    prop_assert!(i64::try_from(size).is_ok() && (9..=21).contains(&bits) && (2..=3).contains(&version));
                }
                None => prop_assert!(i64::try_from(size).is_err() || !(9..=21).contains(&bits) || !(2..=3).contains(&version)),
            }
            if cut < whole.len() {
                prop_assert!(read_header(&whole[..cut]).is_none());
            }
        }
    }

    #[test]
    fn what_is_no_disk_has_no_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert_eq!(virtual_size(&path, "raw"), None);
        assert_eq!(virtual_size(folder.path(), "raw"), None);
        assert_eq!(virtual_size(Path::new("/dev/null"), "raw"), None);
        std::fs::write(&path, header(3, 0, 16, 5 << 30)).unwrap();
        assert_eq!(virtual_size(&path, "qcow2"), Some(ByteSize(5 << 30)));
        assert_eq!(virtual_size(&path, "raw"), Some(ByteSize(512)));
    }
}
