//! The marks and signs of our own, for terminals that show ASCII alone. Foreign text is left as it is.
use ratatui::buffer::Buffer;
use std::borrow::Cow;

/// A sign, what stands for it in a sentence, and what does in the one column that it has once it is drawn.
const SIGNS: [(&str, &str, &str); 12] = [
    ("→", "->", ">"),
    ("…", "...", "~"),
    ("–", "-", "-"),
    ("·", "|", "|"),
    ("•", "*", "*"),
    ("✔", "+", "+"),
    ("✖", "x", "x"),
    ("▸", ">", ">"),
    ("‹", "<", "<"),
    ("›", ">", ">"),
    ("▲", "^", "^"),
    ("▼", "v", "v"),
];

/// A sentence before it is broken into lines and cut.
pub(super) fn sentence(text: &str, ascii: bool) -> Cow<'_, str> {
    if !ascii || text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = |text: String, (sign, long, _): &(&str, &str, &str)| text.replace(sign, long);
    Cow::Owned(SIGNS.iter().fold(text.to_owned(), plain))
}

/// What was drawn, cell by cell: whatever sign of ours is left.
pub(super) fn cells(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii()
            && let Some((.., plain)) = SIGNS.iter().find(|(sign, ..)| *sign == cell.symbol())
        {
            cell.set_symbol(plain);
        }
    }
}
