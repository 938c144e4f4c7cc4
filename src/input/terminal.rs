use super::Key;
use crossterm::event::{KeyCode, KeyModifiers};
use termina::event::{Event, KeyCode as Code, KeyEvent, KeyEventKind, Modifiers};

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
    /// None: a release of a key, a movement of the mouse, a change of focus, an answer that nobody asked for.
    pub fn from_event(event: Event) -> Option<Self> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Self::Key(read(key)?)),
            Event::Paste(text) => Some(Self::Paste(text)),
            _ => None,
        }
    }
}

/// None: a key that nothing is bound to, as one of those that play music.
fn read(key: KeyEvent) -> Option<Key> {
    let code = match key.code {
        Code::Char(c) => KeyCode::Char(c),
        Code::Enter => KeyCode::Enter,
        Code::Backspace => KeyCode::Backspace,
        Code::Tab => KeyCode::Tab,
        Code::BackTab => KeyCode::BackTab,
        Code::Escape => KeyCode::Esc,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::Insert => KeyCode::Insert,
        Code::Delete => KeyCode::Delete,
        Code::Function(n) => KeyCode::F(n),
        _ => return None,
    };
    let all = [
        (Modifiers::SHIFT, KeyModifiers::SHIFT),
        (Modifiers::ALT, KeyModifiers::ALT),
        (Modifiers::CONTROL, KeyModifiers::CONTROL),
    ];
    let held = all.into_iter().filter(|(theirs, _)| key.modifiers.contains(*theirs));
    let modifiers = held.fold(KeyModifiers::NONE, |held, (_, ours)| held | ours);
    Some(Key::new(code, modifiers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use termina::event::Modifiers;

    #[test]
    fn presses_count_and_releases_do_not() {
        let mut press = KeyEvent::new(Code::Char('X'), Modifiers::SHIFT);
        assert_eq!(Input::from_event(Event::Key(press)), Some(Input::Key("X".parse().unwrap())));
        press.kind = KeyEventKind::Release;
        assert_eq!(Input::from_event(Event::Key(press)), None);
        assert_eq!(Input::from_event(Event::FocusIn), None);
    }
}
