use super::{Note, Outcome, edit};
use crate::{domain::Choice, input::Key};
use crossterm::event::KeyCode;
use tui_input::Input;

/// One of a list, with a filter as one types.
#[derive(Clone, Debug)]
pub struct Choose {
    pub notes: Vec<Note>,
    pub choices: Vec<Choice>,
    pub filter: Input,
    /// The row among those that the filter lets through.
    pub at: usize,
    /// What Enter does, on its button: `install`.
    pub yes: &'static str,
    /// What stands there when the list is empty.
    pub empty: String,
}

impl Choose {
    pub fn new(choices: Vec<Choice>, yes: &'static str) -> Self {
        Self { notes: Vec::new(), choices, filter: Input::default(), at: 0, yes, empty: String::new() }
    }

    /// Takes what there is to choose from now; what is marked stays so, where it is still there.
    pub fn follow(&mut self, choices: Vec<Choice>) {
        if self.choices == choices {
            return;
        }
        let marked = self.shown().nth(self.at).map(|choice| choice.value.clone());
        self.choices = choices;
        let (last, found) =
            (self.shown().count().saturating_sub(1), self.shown().position(|c| Some(&c.value) == marked.as_ref()));
        self.at = found.unwrap_or(self.at.min(last));
    }

    /// The choices that the filter lets through.
    pub fn shown(&self) -> impl Iterator<Item = &Choice> {
        let wanted = self.filter.value().to_lowercase();
        self.choices
            .iter()
            .filter(move |c| c.value.to_lowercase().contains(&wanted) || c.label.to_lowercase().contains(&wanted))
    }

    /// Ends with the value chosen.
    pub fn update(&mut self, key: Key) -> Outcome<String> {
        let last = self.shown().count().saturating_sub(1);
        match key.code {
            KeyCode::Esc if self.filter.value().is_empty() => return Outcome::Cancelled,
            KeyCode::Esc => self.filter.reset(),
            KeyCode::Enter => {
                if let Some(choice) = self.shown().nth(self.at) {
                    return Outcome::Done(choice.value.clone());
                }
            }
            KeyCode::Up | KeyCode::BackTab => self.at = self.at.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => self.at = (self.at + 1).min(last),
            // They are the list's: a filter is a few letters, and one key clears it.
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = last,
            KeyCode::PageUp => self.at = self.at.saturating_sub(10),
            KeyCode::PageDown => self.at = (self.at + 10).min(last),
            _ => {
                if edit(&mut self.filter, key) {
                    self.at = 0;
                }
            }
        }
        Outcome::Continue
    }
}
