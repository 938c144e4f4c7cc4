//! What a guest may do to the person's terminal: draw, but not reach beyond the screen.

/// Where in a control sequence the stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After ESC.
    Escape,
    /// After ESC [: parameters.
    Csi,
    /// In a string (title, clipboard, device control) that is dropped up to its end.
    Dropped,
    /// After ESC in such a string: a backslash ends it.
    DroppedEscape,
}

/// Takes out control strings (titles, the clipboard, device control) and, from a log, questions to the terminal: their
/// answers would be typed into the guest.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    questions: bool,
    /// The sequence that is not decided yet.
    held: Vec<u8>,
}

/// Longer than any sequence a program sends: then it is no sequence.
const LONGEST: usize = 64;

impl Filter {
    /// For what the guest says now: its questions are its own affair.
    pub(super) const fn live() -> Self {
        Self { state: State::Text, questions: true, held: Vec::new() }
    }

    /// For what it said before.
    pub(super) const fn history() -> Self {
        Self { state: State::Text, questions: false, held: Vec::new() }
    }

    /// What may go to the terminal; a sequence that is cut off at the end of `bytes` waits for its rest.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.take(*byte, &mut out);
        }
        out
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match (self.state, byte) {
            (State::Text | State::Escape | State::Csi, 0x1b) => {
                self.held.clear();
                self.held.push(byte);
                self.state = State::Escape;
            }
            (State::Text, _) => out.push(byte),
            (State::Escape, b'[') => {
                self.held.push(byte);
                self.state = State::Csi;
            }
            // OSC, DCS, SOS, PM, APC
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => {
                self.held.clear();
                self.state = State::Dropped;
            }
            // DECID asks as CSI c does.
            (State::Escape, b'Z') if !self.questions => self.forget(),
            (State::Escape, _) => self.release(byte, out),
            (State::Csi, 0x40..=0x7e) => {
                let asks = matches!(byte, b'n' | b'c' | b't' | b'x') || (byte == b'p' && self.held.contains(&b'$'));
                if asks && !self.questions { self.forget() } else { self.release(byte, out) }
            }
            (State::Csi, _) if self.held.len() >= LONGEST => self.forget(),
            (State::Csi, _) => self.held.push(byte),
            (State::Dropped, 0x07 | 0x18 | 0x1a) | (State::DroppedEscape, b'\\') => self.state = State::Text,
            (State::Dropped | State::DroppedEscape, 0x1b) => self.state = State::DroppedEscape,
            (State::Dropped | State::DroppedEscape, _) => self.state = State::Dropped,
        }
    }

    fn forget(&mut self) {
        self.held.clear();
        self.state = State::Text;
    }

    fn release(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.append(&mut self.held);
        out.push(byte);
        self.state = State::Text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_guest_draws_but_does_not_reach_the_clipboard() {
        let said = b"a\x1b[31mred\x1b[0m\x1b]52;c;aGk=\x07b\x1b]0;title\x1b\\c\x1bP+q\x1b\\d\x1b(Be";
        assert_eq!(text(Filter::live().pass(said)), "a\x1b[31mred\x1b[0mbcd\x1b(Be");
    }

    #[test]
    fn questions_in_the_log_are_not_asked_again() {
        let said = b"$ \x1b[6n\x1b[c\x1b[?2026$p\x1b[2Jx\x1bZ";
        assert_eq!(text(Filter::history().pass(said)), "$ \x1b[2Jx");
        assert_eq!(text(Filter::live().pass(b"\x1b[6n")), "\x1b[6n");
    }

    #[test]
    fn a_sequence_in_two_pieces_is_one() {
        let mut filter = Filter::live();
        assert_eq!(text(filter.pass(b"a\x1b[3")), "a");
        assert_eq!(text(filter.pass(b"1mb")), "\x1b[31mb");
        assert_eq!(text(filter.pass(b"\x1b]52;c;")), "");
        assert_eq!(text(filter.pass(b"x\x07z")), "z");
        assert_eq!(text(filter.pass(&[b"\x1b[", vec![b'1'; 1_000_000].as_slice()].concat())).len(), 1_000_000 - 63);
    }
}
