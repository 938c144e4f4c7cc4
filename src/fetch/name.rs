//! What a fetched file is called.
use crate::domain::{Error, Result, check_image_name};
use url::Url;

/// The ending of what is still being fetched: such files are never listed as images.
pub const PART: &str = ".part";

/// The ending of what was not as its checksum says: kept apart, and never listed as an image either.
pub const MISMATCH: &str = ".mismatch";

/// The longest addition to the name of an image: its files beside it need room for theirs.
const ADDED: usize = MISMATCH.len();

/// The ways images are called: a web page that comes under such a name is no image.
const ENDINGS: [&str; 12] =
    [".iso", ".img", ".raw", ".qcow2", ".vmdk", ".vdi", ".vhd", ".xz", ".gz", ".zst", ".bz2", ".bin"];

/// [`check_image_name`], and no name that could be taken for an unfinished or a wrong file, or leaves no room for such endings.
pub fn check_library_name(name: &str) -> std::result::Result<(), String> {
    check_image_name(name)?;
    if let Some(ending) = [PART, MISMATCH].into_iter().find(|ending| name.ends_with(ending)) {
        return Err(format!("`{}` must not end in {ending}", crate::domain::clean(name, 60)));
    }
    if name.len() + ADDED > 255 {
        return Err(format!("the name is too long: at most {} bytes", 255 - ADDED));
    }
    Ok(())
}

/// Names that a source suggests, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// From what the server says (`Content-Disposition`), the address asked for, and the one that answered.
    pub(super) fn of(disposition: Option<&str>, asked: &Url, answered: &Url) -> Self {
        let said = disposition.and_then(disposition_name);
        let (first, last) = (last_segment(asked), last_segment(answered));
        // A redirect mostly leads to a mirror; but `/download?id=7` leads to the file's own name.
        let (first, last) = if first.as_deref().is_some_and(is_image_like) { (first, last) } else { (last, first) };
        Self([said, first, last].into_iter().flatten().collect())
    }
}

/// The first of the suggested names that will do.
pub(super) fn choose(names: &Names) -> Result<String> {
    names
        .0
        .iter()
        .find(|name| check_library_name(name).is_ok())
        .cloned()
        .ok_or_else(|| Error::invalid("name: neither the address nor the server names the file: give it a name"))
}

pub(super) fn is_image_like(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

pub(super) fn last_segment(url: &Url) -> Option<String> {
    let segment = url.path_segments()?.rev().find(|s| !s.is_empty())?;
    decoded(segment)
}

/// `attachment; filename="debian 13.iso"; filename*=UTF-8''debian%2013.iso` (RFC 6266): the starred form wins.
/// Folders in it are cut off, as browsers do.
fn disposition_name(header: &str) -> Option<String> {
    let mut plain = None;
    for parameter in parameters(header) {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let mut parts = value.splitn(3, '\'');
                let charset = parts.next().unwrap_or_default();
                if charset.eq_ignore_ascii_case("utf-8")
                    && let Some(name) = parts.nth(1).and_then(decoded)
                {
                    return Some(without_folders(&name));
                }
            }
            "filename" => plain = Some(without_folders(&unquoted(value))),
            _ => {}
        }
    }
    plain
}

/// The parts between semicolons that stand outside quotes.
fn parameters(header: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in header.chars() {
        if c == ';' && !quoted {
            parts.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else { return value.to_owned() };
    let mut out = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        out.extend(if c == '\\' { rest.next() } else { Some(c) });
    }
    out
}

fn without_folders(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned()
}

/// Percent-decoded; None when that gives no UTF-8.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(disposition: Option<&str>, asked: &str, answered: &str) -> Option<String> {
        choose(&Names::of(disposition, &asked.parse().unwrap(), &answered.parse().unwrap())).ok()
    }

    #[test]
    fn the_name_is_the_servers_or_the_addresss() {
        let same = |disposition, url| chosen(disposition, url, url).unwrap();
        assert_eq!(same(None, "http://h/a/debian%2013.iso?x=/y.iso"), "debian 13.iso");
        assert_eq!(same(Some("attachment; filename=\"a;b \\\"c\\\".iso\""), "http://h/x"), "a;b \"c\".iso");
        assert_eq!(same(Some("inline; filename=x.iso; filename*=utf-8''%C3%A4.iso"), "http://h/y"), "ä.iso");
        assert_eq!(same(Some("attachment; filename=\"../../etc/passwd\""), "http://h/y"), "passwd");
        assert_eq!(same(Some("attachment; filename=\"..\""), "http://h/y.iso"), "y.iso");
        assert_eq!(chosen(None, "http://h/d?id=1", "http://m/7/os.iso").unwrap(), "os.iso");
        assert_eq!(chosen(None, "http://h/os.iso", "http://m/5f3a").unwrap(), "os.iso");
        assert_eq!(chosen(None, "http://h/", "http://h/"), None);
        assert_eq!(chosen(None, "http://h/..%2f..%2fx", "http://h/%ff"), None);
    }

    #[test]
    fn names_leave_room_for_their_unfinished_form() {
        assert!(check_library_name("a.iso.part").is_err());
        assert!(check_library_name("a.iso.mismatch").is_err());
        assert!(check_library_name(&"x".repeat(247)).is_err());
        assert!(check_library_name(&"x".repeat(246)).is_ok());
        assert!(is_image_like("A.ISO") && !is_image_like(".iso") && !is_image_like("index.html"));
    }
}
