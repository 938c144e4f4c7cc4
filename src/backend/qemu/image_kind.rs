//! What an image of the library is, by what stands in it: a name can say anything.
use super::{Header, read_header};
use crate::domain::ByteSize;
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// What an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// For the CD drive.
    Iso,
    /// A disk of QEMU's own format.
    Qcow2(Header),
    /// The plain bytes of a disk of this size.
    Raw(ByteSize),
    /// Packed: by what.
    Packed(&'static str),
    /// None of these.
    Other,
}

/// How a file begins that is packed or of another program.
const BEGINNINGS: [(&[u8], &str); 4] =
    [(b"\xfd7zXZ\0", "xz"), (b"\x1f\x8b", "gz"), (b"\x28\xb5\x2f\xfd", "zst"), (b"BZh", "bz2")];

impl ImageKind {
    /// Reads the first sectors of `path`.
    pub fn read(path: &Path) -> Self {
        let part = |at: u64, size: usize| {
            let mut bytes = vec![0; size];
            let file = File::open(path).ok()?;
            file.read_exact_at(&mut bytes, at).ok()?;
            Some(bytes)
        };
        let size = path.metadata().map_or(0, |meta| meta.len());
        // A small file is shorter than two sectors.
        let head = part(0, 1024).or_else(|| part(0, usize::try_from(size.min(1023)).ok()?)).unwrap_or_default();
        if let Some(header) = read_header(&head) {
            return Self::Qcow2(header);
        }
        if let Some((_, name)) = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning)) {
            return Self::Packed(name);
        }
        // ECMA-119, 8.4: the volume descriptors begin at sector 16. Images for both are for the drive.
        if part(0x8001, 5).is_some_and(|word| word == b"CD001") {
            return Self::Iso;
        }
        let is_disk = head.get(510..512) == Some(&[0x55, 0xaa]) || head.get(512..520) == Some(b"EFI PART");
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let is_called_disk = [".img", ".raw"].iter().any(|ending| name.ends_with(ending));
        let is_qcow2_like = head.starts_with(b"QFI\xfb");
        if (is_disk || is_called_disk) && !is_qcow2_like { Self::Raw(ByteSize(size)) } else { Self::Other }
    }

    /// In a word: `iso`, `qcow2`, `raw`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Iso => "iso",
            Self::Qcow2(_) => "qcow2",
            Self::Raw(_) => "raw",
            Self::Packed(by) => by,
            Self::Other => "other",
        }
    }

    /// The size that a guest would see of it, where it can be a disk.
    pub const fn disk_size(&self) -> Option<ByteSize> {
        match self {
            Self::Qcow2(header) => Some(ByteSize(header.size)),
            Self::Raw(size) => Some(*size),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_file_counts_and_not_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            ImageKind::read(&path)
        };
        let mut iso = vec![0; 0x9000];
        iso[0x8001..0x8006].copy_from_slice(b"CD001");
        assert_eq!(kind("x.qcow2", &iso), ImageKind::Iso);
        iso[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(kind("x.img", &iso), ImageKind::Iso, "a hybrid image is for the drive");
        let mut disk = vec![0; 2048];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(kind("x.iso", &disk), ImageKind::Raw(ByteSize(2048)));
        assert_eq!(kind("x.raw", &[0; 7]), ImageKind::Raw(ByteSize(7)));
        let mut qcow2 = b"QFI\xfb\0\0\0\x03".to_vec();
        qcow2.resize(104, 0);
        qcow2[23] = 16;
        qcow2[30] = 1;
        assert_eq!(kind("x.iso", &qcow2).disk_size(), Some(ByteSize(256)));
        qcow2[7] = 9;
        assert_eq!(kind("x.img", &qcow2), ImageKind::Other, "a version that QEMU does not know");
        assert_eq!(kind("x.img", b"\xfd7zXZ\0..").name(), "xz");
        assert_eq!(kind("x.qcow2", b""), ImageKind::Other);
        assert_eq!(ImageKind::read(folder.path()), ImageKind::Other);
    }
}
