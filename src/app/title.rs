//! What is said outside the screen: in the terminal's title, and in a notice.
use super::App;
use crate::domain::{Task, clean};
use std::fmt;

/// The longest text of a title, in characters.
const LONGEST: usize = 60;

/// How the fetch goes that was begun last, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// How far it is, in percent.
    pub share: Option<u8>,
    pub text: String,
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            Some(share) => write!(f, "{share} % {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl Title {
    /// Whether it says the same but for how far it is.
    pub fn is_like(&self, other: &Self) -> bool {
        self.text == other.text && self.share.is_some() == other.share.is_some()
    }
}

impl App {
    /// What the terminal's title should say; None: what it said before.
    pub fn title(&self) -> Option<Title> {
        let is_fetch = |task: &&Task| task.image.is_some();
        let title = |share, text: &str| Title { share, text: self.signed(text) };
        let running = self.tasks.running().rfind(is_fetch).map(|task| {
            let share = task.progress().and_then(crate::domain::Progress::percent);
            title(share, task.image.as_deref().unwrap_or_default())
        });
        let ended = || Some(title(None, &self.outcome(self.tasks.told().filter(is_fetch)?)));
        running.or_else(ended)
    }

    /// `text` with the program's name behind it, in characters that the terminal has.
    pub(super) fn signed(&self, text: &str) -> String {
        let text = clean(text, LONGEST);
        let plain = |c: char| if self.settings.ascii && !c.is_ascii() { '?' } else { c };
        text.chars().map(plain).chain(" - vmdeck".chars()).collect()
    }
}
