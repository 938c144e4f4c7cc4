use super::{Note, Outcome, Toggle, edit};
use crate::input::Key;
use crossterm::event::KeyCode;
use tui_input::Input;

/// A deletion: it is done only when the name was typed.
#[derive(Clone, Debug)]
pub struct Typed {
    pub question: String,
    pub notes: Vec<Note>,
    /// What is said before them while the toggle is off, and while it is on.
    pub by_toggle: [Vec<Note>; 2],
    /// What must be typed.
    pub name: String,
    pub input: Input,
    pub toggle: Option<Toggle>,
    /// What it does, on its button: `delete`.
    pub yes: &'static str,
    /// Enter came before the name was whole.
    pub hasty: bool,
}

impl Typed {
    pub fn new(question: impl Into<String>, name: impl Into<String>, yes: &'static str) -> Self {
        Self {
            question: question.into(),
            notes: Vec::new(),
            by_toggle: [Vec::new(), Vec::new()],
            name: name.into(),
            input: Input::default(),
            toggle: None,
            yes,
            hasty: false,
        }
    }

    /// All that is said below the question, as the toggle stands.
    pub fn told(&self) -> impl Iterator<Item = &Note> {
        let [off, on] = &self.by_toggle;
        let chosen = if self.toggle.as_ref().is_some_and(|toggle| toggle.on) { on } else { off };
        chosen.iter().chain(&self.notes)
    }

    /// Whether the name stands there.
    pub fn matches(&self) -> bool {
        self.input.value() == self.name
    }

    /// Whether what stands there can still become the name.
    pub fn is_on_the_way(&self) -> bool {
        self.name.starts_with(self.input.value())
    }

    /// Ends with whether the toggle is on.
    pub fn update(&mut self, key: Key) -> Outcome<bool> {
        match key.code {
            KeyCode::Esc => return Outcome::Cancelled,
            KeyCode::Enter if self.matches() => {
                return Outcome::Done(self.toggle.as_ref().is_some_and(|t| t.on));
            }
            KeyCode::Enter => self.hasty = true,
            KeyCode::Up | KeyCode::Down | KeyCode::Tab | KeyCode::BackTab => {
                if let Some(toggle) = &mut self.toggle {
                    toggle.on = !toggle.on;
                }
            }
            _ => {
                self.hasty &= !edit(&mut self.input, key);
            }
        }
        Outcome::Continue
    }
}
