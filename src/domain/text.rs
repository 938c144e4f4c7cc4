//! Foreign text made fit for a screen, a log or a message.
use std::borrow::Cow;

/// The longest text, in characters, that is taken over from a host for one line.
const LINE: usize = 300;

/// Characters that draw nothing, move the cursor or turn the direction of writing.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces each run of control and direction characters by one space, and cuts after `most` characters with `…`.
pub fn clean(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most && !text.chars().any(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut gap = false;
    for (taken, c) in text.chars().enumerate() {
        if taken >= most {
            out.push('…');
            return Cow::Owned(out);
        }
        if is_unfit(c) {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() && !out.ends_with(' ') && c != ' ' {
            out.push(' ');
        }
        gap = false;
        out.push(c);
    }
    Cow::Owned(out)
}

/// [`clean`] for one line: at most 300 characters.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    clean(text, LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_one_space_and_long_text_is_cut() {
        assert_eq!(clean_line("a\x1b[31mb\r\n\r\nc"), "a [31mb c");
        assert_eq!(clean_line("plain"), "plain");
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean_line("\u{202e}evil"), "evil");
        assert!(clean_line(&"x".repeat(10_000_000)).chars().count() <= 301);
    }
}
