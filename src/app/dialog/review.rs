use super::{Note, Outcome};
use crate::{domain::DiffLine, input::Key};
use crossterm::event::KeyCode;

/// Lines of a page that scrolls.
const PAGE: usize = 10;

/// What changes in a text, to be read before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    pub notes: Vec<Note>,
    pub lines: Vec<DiffLine>,
    /// How many lines have gone out of sight above.
    pub scroll: usize,
    /// What yes does, on its button: `define`.
    pub yes: &'static str,
}

impl Review {
    pub const fn new(lines: Vec<DiffLine>, yes: &'static str) -> Self {
        Self { notes: Vec::new(), lines, scroll: 0, yes }
    }

    /// Ends with whether it is sent; otherwise it is edited again.
    pub fn update(&mut self, key: Key) -> Outcome<bool> {
        let last = (self.notes.len() + self.lines.len()).saturating_sub(1);
        match key.code {
            KeyCode::Char('y' | 'Y') => return Outcome::Done(true),
            KeyCode::Char('e' | 'E') => return Outcome::Done(false),
            KeyCode::Char('n' | 'N') | KeyCode::Esc => return Outcome::Cancelled,
            KeyCode::Up | KeyCode::Char('k') => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll = (self.scroll + 1).min(last),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll = (self.scroll + PAGE).min(last),
            _ => {}
        }
        Outcome::Continue
    }
}
