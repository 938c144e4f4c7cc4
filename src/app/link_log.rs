//! What happened to the connection of a host: the last that is worth telling.
use super::HostState;
use crate::domain::{HostEvent, Link, Stamp, clean_line};
use std::collections::{VecDeque, vec_deque};

/// So many lines are kept.
const LAST: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkLine {
    /// When it happened, or began to.
    pub at: Stamp,
    /// How often it happened since, and when for the last time.
    pub times: u32,
    pub last: Stamp,
    pub text: String,
    /// When it was, or will be, tried again.
    pub retry_at: Option<Stamp>,
}

/// Oldest first.
#[derive(Clone, Debug, Default)]
pub struct LinkLog {
    lines: VecDeque<LinkLine>,
    /// The last word is that the host does not answer.
    is_silent: bool,
}

impl LinkLog {
    pub fn lines(&self) -> vec_deque::Iter<'_, LinkLine> {
        self.lines.iter()
    }

    /// What happens again and again takes one line.
    fn note(&mut self, text: &str, at: Stamp, retry_at: Option<Stamp>) {
        let text = clean_line(text).into_owned();
        if let Some(line) = self.lines.back_mut().filter(|line| line.text == text) {
            (line.times, line.last, line.retry_at) = (line.times.saturating_add(1), at, retry_at);
            return;
        }
        if self.lines.len() == LAST {
            self.lines.pop_front();
        }
        self.lines.push_back(LinkLine { at, times: 1, last: at, text, retry_at });
    }

    /// The person answered what the host had asked, or would not.
    pub(super) fn answered(&mut self, at: Stamp, is_answered: bool) {
        self.note(if is_answered { "answered" } else { "not answered" }, at, None);
    }
}

impl HostState {
    /// Takes down what `event`, which has not been taken in yet, means for the connection.
    pub(super) fn log_link(&mut self, event: &HostEvent, at: Stamp) {
        let (text, retry_at) = match event {
            HostEvent::Link(Link::Up(found)) => {
                let version = Some(found.version.as_str()).filter(|version| !version.is_empty());
                (version.map_or_else(|| "connected".to_owned(), |version| format!("connected: {version}")), None)
            }
            HostEvent::Link(Link::Down { error, retry_at }) => {
                let what = if matches!(self.link, Link::Up(_)) { "lost" } else { "not connected" };
                (format!("{what}: {error}"), *retry_at)
            }
            HostEvent::Link(Link::Asks(question)) | HostEvent::Asks(question) => {
                (format!("asks: {}", question.text.lines().next().unwrap_or_default()), None)
            }
            HostEvent::Stale { error, .. } if self.stale.is_none() => (format!("does not answer: {error}"), None),
            HostEvent::Inventory(_) if self.link_log.is_silent => ("answers again".to_owned(), None),
            _ => return,
        };
        self.link_log.is_silent = matches!(event, HostEvent::Stale { .. });
        self.link_log.note(&text, at, retry_at);
    }
}
