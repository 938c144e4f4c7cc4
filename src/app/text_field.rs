use crate::input::Key;
use crossterm::event::{KeyCode, KeyModifiers};
use tui_input::{Input, InputRequest};

/// The longest text that a field takes, in characters: a paste is cut there.
const LONGEST: usize = 4096;

/// One line of text being typed.
#[derive(Clone, Debug, Default)]
pub struct TextField {
    input: Input,
}

impl From<&str> for TextField {
    fn from(text: &str) -> Self {
        Self { input: text.into() }
    }
}

impl TextField {
    pub fn text(&self) -> &str {
        self.input.value()
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// The cursor's place, in columns from the left of the text.
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// Takes a key that edits; whether text or cursor changed. Keys that do not edit change nothing.
    pub fn key(&mut self, key: Key) -> bool {
        let bare = key.modifiers.is_empty();
        let ctrl = key.modifiers == KeyModifiers::CONTROL;
        let request = match key.code {
            KeyCode::Char(c) if bare => InputRequest::InsertChar(c),
            KeyCode::Backspace if bare => InputRequest::DeletePrevChar,
            KeyCode::Delete if bare => InputRequest::DeleteNextChar,
            KeyCode::Left if bare => InputRequest::GoToPrevChar,
            KeyCode::Right if bare => InputRequest::GoToNextChar,
            KeyCode::Left if ctrl => InputRequest::GoToPrevWord,
            KeyCode::Right if ctrl => InputRequest::GoToNextWord,
            KeyCode::Home if bare => InputRequest::GoToStart,
            KeyCode::End if bare => InputRequest::GoToEnd,
            KeyCode::Char('a') if ctrl => InputRequest::GoToStart,
            KeyCode::Char('e') if ctrl => InputRequest::GoToEnd,
            KeyCode::Char('w') if ctrl => InputRequest::DeletePrevWord,
            KeyCode::Char('u') if ctrl => InputRequest::DeleteLine,
            KeyCode::Char('k') if ctrl => InputRequest::DeleteTillEnd,
            _ => return false,
        };
        if matches!(request, InputRequest::InsertChar(_)) && self.text().chars().count() >= LONGEST {
            return false;
        }
        self.input.handle(request).is_some_and(|change| change.value || change.cursor)
    }

    /// Takes pasted text as one line: line breaks and control characters are left out.
    pub fn paste(&mut self, text: &str) -> bool {
        let room = LONGEST.saturating_sub(self.text().chars().count());
        let mut changed = false;
        for c in text.trim().chars().filter(|c| !c.is_control()).take(room) {
            changed |= self.input.handle(InputRequest::InsertChar(c)).is_some();
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_one_line_and_has_an_end() {
        let mut field = TextField::from("a");
        assert!(field.paste(" b\r\nc\x1b[31m\n"));
        assert_eq!(field.text(), "abc[31m");
        field.paste(&"x".repeat(9000));
        assert_eq!(field.text().chars().count(), LONGEST);
        assert!(!field.key("ctrl-x".parse().unwrap()));
        assert!(field.key("ctrl-u".parse().unwrap()));
        assert!(field.is_empty());
    }
}
