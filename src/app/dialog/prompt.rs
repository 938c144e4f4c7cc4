use super::{Note, Outcome, edit};
use crate::{domain::Secret, input::Key};
use crossterm::event::KeyCode;
use std::fmt;
use tui_input::Input;

/// One line of text, seen or unseen.
#[derive(Clone)]
pub struct Prompt {
    pub notes: Vec<Note>,
    pub input: Input,
    /// What is typed is not shown.
    pub is_secret: bool,
    /// What Enter does, on its button: `send`.
    pub yes: &'static str,
}

/// What was typed may be a password.
impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt").field("notes", &self.notes).finish_non_exhaustive()
    }
}

impl Prompt {
    pub fn new(notes: Vec<Note>, is_secret: bool, yes: &'static str) -> Self {
        Self { notes, input: Input::default(), is_secret, yes }
    }

    pub fn update(&mut self, key: Key) -> Outcome<Secret> {
        match key.code {
            KeyCode::Esc => return Outcome::Cancelled,
            KeyCode::Enter => return Outcome::Done(Secret::new(self.input.value_and_reset())),
            _ => {
                edit(&mut self.input, key);
            }
        }
        Outcome::Continue
    }
}
