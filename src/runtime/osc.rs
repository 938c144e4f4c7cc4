//! What a terminal does beside showing cells, on words of its own (OSC): its clipboard, which works through ssh as well,
//! its title, and notices.
use crate::domain::clean_line;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Terminals cut longer texts, some in the middle of a character.
const MOST: usize = 74_000;

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = three.iter().chain([0, 0].iter()).take(3).fold(0_usize, |n, b| n << 8 | usize::from(*b));
        for (i, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = DIGITS.get(number >> shift & 63).copied().unwrap_or(b'=');
            text.push(if i > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// The bytes that put `text` into the clipboard, without its control characters.
pub(super) fn copy(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() || *c == '\n').take(MOST / 4).collect();
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

/// The bytes that make `text` the title.
pub(super) fn title(text: &str) -> String {
    format!("\x1b]2;{}\x07", clean_line(text))
}

/// The bytes with which a terminal keeps its title for [`OLD_TITLE`]. One that cannot takes no notice.
pub(super) const KEEP_TITLE: &str = "\x1b[22;2t";
/// The bytes that bring back the title that was kept, where one was; our own name elsewhere.
pub(super) const OLD_TITLE: &str = "\x1b]2;vmdeck\x07\x1b[23;2t";

/// The bytes of a notice on the desktop (OSC 9).
pub(super) fn notice(text: &str) -> String {
    format!("\x1b]9;{}\x07", clean_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_coded_and_cannot_break_out() {
        assert_eq!(
            [base64(b""), base64(b"f"), base64(b"fo"), base64(b"foo"), base64(b"foob")],
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
        assert_eq!(copy("a\x07\x1b"), copy("a"));
        assert_eq!(title("a\x07\x1b]0;b"), "\x1b]2;a ]0;b\x07");
        assert_eq!(notice("a\nb\u{9c}"), "\x1b]9;a b\x07");
    }
}
