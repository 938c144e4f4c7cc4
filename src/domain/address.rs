//! What is wished of an address, behind its `#`: `https://host/a.img.xz#sha256=1f2e...&unpack`.
use super::clean;

/// What an address may begin with, before `://`.
pub const SCHEMES: [&str; 6] = ["https", "http", "ftp", "ftps", "ftpes", "file"];

/// What an address may be, as the end of a sentence that says what is wrong with one.
pub fn address_rule() -> String {
    let all = SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
    let all = all.rsplit_once(", ").map_or(all.clone(), |(first, last)| format!("{first} or {last}"));
    format!("an address begins with {all}, or is the path of a file")
}

/// What is wished of what an address brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes<'a> {
    /// The checksum that it should have: `sha256=1f2e...`, `sha512=...`.
    pub sum: Option<&'a str>,
    /// It is packed, and the image is what is in it.
    pub unpack: bool,
}

/// An address, and what is wished of it. Another fragment belongs to the address.
pub fn wishes(text: &str) -> (&str, Wishes<'_>) {
    let mut wishes = Wishes::default();
    let Some((address, fragment)) = text.rsplit_once('#') else { return (text, wishes) };
    for wish in fragment.split('&') {
        match wish {
            "unpack" => wishes.unpack = true,
            sum if sum.starts_with("sha256") || sum.starts_with("sha512") => wishes.sum = Some(sum),
            _ => return (text, Wishes::default()),
        }
    }
    (address, wishes)
}

/// `address` with these wishes beside those that it has.
pub fn wished(text: &str, more: Wishes<'_>) -> String {
    let (address, own) = wishes(text);
    let unpack = (own.unpack || more.unpack).then_some("unpack");
    let wishes: Vec<_> = [more.sum.or(own.sum), unpack].into_iter().flatten().collect();
    match wishes.as_slice() {
        [] => address.to_owned(),
        wishes => format!("{address}#{}", wishes.join("&")),
    }
}

/// A checksum as people paste it, with the word that its length tells: `sha256=1f2e...`.
pub fn checksum(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let (word, hex) = text.split_once([':', '=']).unwrap_or(("", &text));
    let found = match hex.len() {
        64 => "sha256",
        128 => "sha512",
        _ => "",
    };
    if !found.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) && (word.is_empty() || word == found) {
        return Ok(format!("{found}={hex}"));
    }
    Err(format!("`{}`: a SHA-256 has 64 hexadecimal digits, a SHA-512 has 128", clean(&text, 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_stand_behind_the_address_and_come_back() {
        let unpack = Wishes { sum: None, unpack: true };
        assert_eq!(wished("http://h/a.xz", unpack), "http://h/a.xz#unpack");
        assert_eq!(wished("http://h/a.xz#sha256=00", unpack), "http://h/a.xz#sha256=00&unpack");
        assert_eq!(
            wishes("http://h/a.xz#sha256=00&unpack"),
            ("http://h/a.xz", Wishes { sum: Some("sha256=00"), ..unpack })
        );
        assert_eq!(
            wished("http://h/a#sha256=00", Wishes { sum: Some("sha256=11"), unpack: false }),
            "http://h/a#sha256=11"
        );
        assert_eq!(wishes("/a/b#c.iso"), ("/a/b#c.iso", Wishes::default()));
        assert_eq!(wished("http://h/a", Wishes::default()), "http://h/a");
    }

    #[test]
    fn sums_are_known_by_their_length() {
        let hex = "AB".repeat(32);
        assert_eq!(checksum(&format!(" {hex}\n")), Ok(format!("sha256={}", "ab".repeat(32))));
        assert_eq!(checksum(&format!("sha512:{}", "0".repeat(128))), Ok(format!("sha512={}", "0".repeat(128))));
        for bad in ["", "abc", &format!("sha512:{hex}"), &hex.replace('A', "g"), &"0".repeat(40)] {
            assert!(checksum(bad).unwrap_err().contains("64 hexadecimal digits"), "{bad}");
        }
    }
}
