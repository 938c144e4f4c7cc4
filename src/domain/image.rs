use super::{ByteSize, Stamp, clean, clean_line};
use std::fmt;

/// Why an image is not whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partial {
    /// It is being fetched.
    Coming,
    /// A fetch left it when it came to nothing; the words say why that was.
    Left(String),
    /// What came was not what its checksum says: it is kept apart, and is of no use as an image.
    Wrong,
}

/// `being fetched`, `not whole: its fetch came to nothing: 404`.
impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coming => f.write_str("being fetched"),
            Self::Wrong => f.write_str("not what its checksum says"),
            Self::Left(why) => write!(f, "not whole: its fetch came to nothing: {}", clean_line(why)),
        }
    }
}

/// An installation medium or disk image in a host's library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its file name, which is its identity.
    pub name: String,
    pub size: Option<ByteSize>,
    pub added: Option<Stamp>,
    /// The verdict of a check and where the sum came from; None: not checked.
    pub checked: Option<String>,
    /// Machines that have it in a drive, or a disk that is a layer over it.
    pub used_by: Vec<String>,
    /// What it is by what stands in it: `iso`, `qcow2`, `raw`; None: the host does not tell.
    pub kind: Option<String>,
    /// The size that a guest would see, where it can be a disk.
    pub disk_size: Option<ByteSize>,
    /// Where it came from: scheme, server and path alone.
    pub source: Option<String>,
    /// Where the host keeps it, if it tells.
    pub path: Option<String>,
    /// None: it is whole, as far as the host knows.
    pub partial: Option<Partial>,
}

impl Image {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            size: None,
            added: None,
            checked: None,
            used_by: Vec::new(),
            kind: None,
            disk_size: None,
            source: None,
            path: None,
            partial: None,
        }
    }
}

/// Why an image that these machines use is not to be renamed or removed.
pub fn image_in_use(name: &str, users: &[String]) -> String {
    let users = clean_line(&users.join(", ")).into_owned();
    format!("{} is used by {users}: eject it there, or remove the disk that is a layer over it", clean_line(name))
}

/// What a packed image is called once it is unpacked; None: the name does not say that it is packed.
pub fn unpacked_name(name: &str) -> Option<&str> {
    let (image, ending) = name.rsplit_once('.')?;
    let is_packed = ["xz", "gz", "zst", "bz2"].iter().any(|packed| ending.eq_ignore_ascii_case(packed));
    (is_packed && !image.is_empty()).then_some(image)
}

/// The one rule for names of images: no separators, no leading dot or dash, no control characters, at most 255 bytes.
pub fn check_image_name(name: &str) -> Result<(), String> {
    let shown = clean(name, 60);
    if name.is_empty() {
        return Err("a name is needed".to_owned());
    }
    if name.len() > 255 {
        return Err(format!("`{shown}` is too long: at most 255 bytes"));
    }
    if name.starts_with(['.', '-']) {
        return Err(format!("`{shown}` must not begin with a dot or a dash"));
    }
    if name.contains(['/', '\\']) {
        return Err(format!("`{shown}` must not contain a slash: it is a name, not a path"));
    }
    if name.chars().any(char::is_control) || clean(name, 255) != name {
        return Err(format!("`{shown}` must not contain control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_names() {
        for good in ["debian-13.iso", "ä b.iso", "x"] {
            assert_eq!(check_image_name(good), Ok(()));
        }
        for bad in ["", "..", ".part", "-x", "a/b", "a\\b", "a\u{1b}", "\u{202e}x", &"x".repeat(256)] {
            assert!(check_image_name(bad).is_err(), "{bad:?}");
        }
    }
}
