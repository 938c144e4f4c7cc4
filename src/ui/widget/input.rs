//! One line of text that is being edited: the part of it that fits, and where the cursor stands.
use tui_input::Input;
use unicode_width::UnicodeWidthChar;

/// The part of `input` that `width` columns show, and the column of the cursor in it.
pub(crate) fn window(input: &Input, width: u16, is_secret: bool) -> (String, u16) {
    let hidden;
    let input = if is_secret {
        let dots = "•".repeat(input.value().chars().count());
        hidden = Input::new(dots).with_cursor(input.cursor());
        &hidden
    } else {
        input
    };
    let width = usize::from(width.max(1));
    // By columns, not by characters: what is left of half a wide character is a space.
    let scroll = (input.visual_cursor() + 1).saturating_sub(width);
    let text = columns(input.value(), scroll, width);
    (text, u16::try_from(input.visual_cursor() - scroll).unwrap_or(0))
}

/// The columns from `from` on of `text`, `width` at most; half of a wide character is a space.
fn columns(text: &str, from: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        let (begins, ends) = (column, column + wide);
        column = ends;
        if ends <= from && wide > 0 || begins < from && wide == 0 {
            continue;
        }
        if ends > from + width {
            break;
        }
        if begins < from {
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_the_window() {
        assert_eq!(window(&Input::from("abc"), 10, false), ("abc".into(), 3));
        assert_eq!(window(&Input::from("abcdefghij"), 5, false), ("ghij".into(), 4));
        assert_eq!(window(&Input::from("日本語"), 5, false), ("本語".into(), 4));
        assert_eq!(window(&Input::from("日本語"), 4, false), (" 語".into(), 3));
        assert_eq!(window(&Input::from("pass"), 10, true), ("••••".into(), 4));
        assert_eq!(window(&Input::from("abcdef").with_cursor(0), 3, false), ("abc".into(), 0));
    }
}
