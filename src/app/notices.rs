//! One-line notices: the newest is on the screen until a key puts it away.
use crate::domain::clean_line;

/// Something to be told in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
}

/// The notice on the screen.
#[derive(Debug, Default)]
pub struct Notices {
    shown: Option<Notice>,
}

impl Notices {
    pub(super) fn say(&mut self, text: &str) {
        self.shown = Some(Notice { text: clean_line(text).into_owned() });
    }

    /// Puts the notice away; whether there was one.
    pub(super) fn dismiss(&mut self) -> bool {
        self.shown.take().is_some()
    }

    /// The notice on the screen.
    pub const fn current(&self) -> Option<&Notice> {
        self.shown.as_ref()
    }
}
