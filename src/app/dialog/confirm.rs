use super::{Note, Outcome};
use crate::input::Key;
use crossterm::event::KeyCode;

/// Something that may be done along with it, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toggle {
    pub label: &'static str,
    /// What it is called when off and when on.
    pub words: [&'static str; 2],
    pub on: bool,
}

impl Toggle {
    /// Off at first.
    pub const fn new(label: &'static str, off: &'static str, on: &'static str) -> Self {
        Self { label, words: [off, on], on: false }
    }

    /// The word for what is chosen.
    pub const fn word(&self) -> &'static str {
        let [off, on] = self.words;
        if self.on { on } else { off }
    }
}

/// A question with yes and no: no is what Enter says at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Names the machine and the host.
    pub question: String,
    /// What will happen and what will be lost.
    pub notes: Vec<Note>,
    pub toggle: Option<Toggle>,
    /// What yes does, on its button: `power off`.
    pub yes: &'static str,
    /// Whether the button of yes is marked.
    pub is_yes: bool,
}

impl Confirm {
    pub fn new(question: impl Into<String>, yes: &'static str) -> Self {
        Self { question: question.into(), notes: Vec::new(), toggle: None, yes, is_yes: false }
    }

    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    #[must_use]
    pub const fn toggle(mut self, toggle: Toggle) -> Self {
        self.toggle = Some(toggle);
        self
    }

    /// Ends with whether the toggle is on.
    pub fn update(&mut self, key: Key) -> Outcome<bool> {
        let on = self.toggle.as_ref().is_some_and(|t| t.on);
        match key.code {
            KeyCode::Char('y' | 'Y') => return Outcome::Done(on),
            KeyCode::Enter if self.is_yes => return Outcome::Done(on),
            KeyCode::Char('n' | 'N') | KeyCode::Esc | KeyCode::Enter => return Outcome::Cancelled,
            KeyCode::Left | KeyCode::Right | KeyCode::Tab | KeyCode::BackTab => self.is_yes = !self.is_yes,
            KeyCode::Up | KeyCode::Down | KeyCode::Char(' ' | 'j' | 'k') => {
                if let Some(toggle) = &mut self.toggle {
                    toggle.on = !toggle.on;
                }
            }
            _ => {}
        }
        Outcome::Continue
    }
}
