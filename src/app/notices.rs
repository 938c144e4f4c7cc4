//! One-line notices: the newest on the screen, the past ones in a log.
use crate::domain::{Stamp, clean_line};
use std::collections::VecDeque;

/// How many past notices are kept.
const KEPT: usize = 200;

/// Something to be told in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub at: Stamp,
    pub text: String,
}

/// The notice on the screen and those before it.
#[derive(Debug, Default)]
pub struct Notices {
    log: VecDeque<Notice>,
    shown: bool,
}

impl Notices {
    pub(super) fn say(&mut self, at: Stamp, text: &str) {
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(Notice { at, text: clean_line(text).into_owned() });
        self.shown = true;
    }

    /// Puts the notice away; whether there was one.
    pub(super) const fn dismiss(&mut self) -> bool {
        std::mem::replace(&mut self.shown, false)
    }

    /// The notice on the screen.
    pub fn current(&self) -> Option<&Notice> {
        self.log.back().filter(|_| self.shown)
    }

    /// All that were said, oldest first.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.log.iter()
    }
}
