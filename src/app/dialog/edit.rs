//! Keys as changes to one line of text.
use crate::{domain::clean, input::Key};
use crossterm::event::{KeyCode, KeyModifiers};
use tui_input::{Input, InputRequest};

/// The longest text that a paste may bring into one line, in characters.
const LONGEST: usize = 4096;

/// What `key` asks of a line of text; None: nothing, the key is free for others.
fn request(key: Key) -> Option<InputRequest> {
    use InputRequest as R;
    let plain = key.modifiers.is_empty() || key.modifiers == KeyModifiers::SHIFT;
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Char(c) if plain => R::InsertChar(c),
        KeyCode::Char('a') if ctrl => R::GoToStart,
        KeyCode::Char('e') if ctrl => R::GoToEnd,
        KeyCode::Char('u') if ctrl => R::DeleteFromStart,
        KeyCode::Char('k') if ctrl => R::DeleteTillEnd,
        KeyCode::Char('w') if ctrl => R::DeletePrevWord,
        KeyCode::Char('y') if ctrl => R::Yank,
        KeyCode::Char('b') if alt => R::GoToPrevWord,
        KeyCode::Char('f') if alt => R::GoToNextWord,
        KeyCode::Left if ctrl => R::GoToPrevWord,
        KeyCode::Right if ctrl => R::GoToNextWord,
        KeyCode::Left => R::GoToPrevChar,
        KeyCode::Right => R::GoToNextChar,
        KeyCode::Home => R::GoToStart,
        KeyCode::End => R::GoToEnd,
        KeyCode::Backspace if alt || ctrl => R::DeletePrevWord,
        KeyCode::Backspace => R::DeletePrevChar,
        KeyCode::Delete => R::DeleteNextChar,
        _ => return None,
    })
}

/// Applies `key` to the line; whether it was a key of text at all.
pub(super) fn edit(input: &mut Input, key: Key) -> bool {
    request(key).is_some_and(|request| {
        input.handle(request);
        true
    })
}

/// [`edit`] of text that is marked as a whole: what is typed takes its place, what deletes deletes it; any other key of
/// text keeps it.
pub(super) fn edit_marked(input: &mut Input, key: Key) -> bool {
    use InputRequest as R;
    match request(key) {
        Some(R::InsertChar(_)) => {
            input.reset();
            edit(input, key)
        }
        Some(R::DeletePrevChar | R::DeleteNextChar | R::DeletePrevWord) => {
            input.reset();
            true
        }
        _ => edit(input, key),
    }
}

/// Puts pasted text in at the cursor: one line of it, without what cannot be shown.
pub(super) fn paste(input: &mut Input, text: &str) {
    for c in clean(text.trim(), LONGEST).chars() {
        input.handle(InputRequest::InsertChar(c));
    }
}
