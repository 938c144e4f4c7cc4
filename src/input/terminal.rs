use super::Key;
use crossterm::event::{Event, KeyEventKind};

/// What a terminal can tell us, and nothing else of what it can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// Text pasted, as one piece.
    Paste(String),
    /// Columns, rows.
    Resized(u16, u16),
}

impl Input {
    /// None: a release of a key, a movement of the mouse, a change of focus.
    pub fn from_event(event: Event) -> Option<Self> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Self::Key(key.into())),
            Event::Paste(text) => Some(Self::Paste(text)),
            Event::Resize(columns, rows) => Some(Self::Resized(columns, rows)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    #[test]
    fn presses_count_and_releases_do_not() {
        let mut press = KeyEvent::new(KeyCode::Char('X'), KeyModifiers::SHIFT);
        assert_eq!(Input::from_event(Event::Key(press)), Some(Input::Key("X".parse().unwrap())));
        press.kind = KeyEventKind::Release;
        assert_eq!(Input::from_event(Event::Key(press)), None);
        assert_eq!(Input::from_event(Event::FocusGained), None);
    }
}
