//! Cells to bytes, with as few of them as a terminal understands: on a slow line every one is waited for.
use super::moved::{Looks, Moved, Place, Row};
use ratatui::{
    backend::{Backend, ClearType, CrosstermBackend, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};
use std::{
    fmt::Write as _,
    io::{self, Write},
};
use unicode_width::UnicodeWidthStr as _;

/// So many cells are rather written again than jumped over.
const AGAIN: u16 = 3;

/// From so many blanks on they are erased and not written.
const ERASED: u16 = 6;

/// So many columns are rather gone back one by one than counted.
const BACK: u16 = 4;

/// From so many cells on it is worth a look whether rows only moved.
const MANY: usize = 100;

/// A style as it was sent: foreground, background, modifiers.
pub(super) type Look = (Color, Color, Modifier);

pub(super) const PLAIN: Look = (Color::Reset, Color::Reset, Modifier::empty());

/// What shows on a blank.
const ON_BLANKS: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

/// [`CrosstermBackend`] for slow lines: the short forms of colours and moves, nothing that is so already, no bytes for a
/// frame in which nothing changed.
#[derive(Debug)]
pub struct Terse<W: Write> {
    to: W,
    /// Where the terminal writes next, as far as is known in this frame.
    at: Option<Position>,
    /// Only plain ASCII was written since the last absolute move: terminals do not agree on how wide the rest is.
    is_sure: bool,
    look: Look,
    is_shown: Option<bool>,
    /// What stands in each row. A new screen is blank.
    rows: Vec<Row>,
    /// What stood there before a frame in which much changes.
    before: Vec<Row>,
    looks: Looks,
    /// What is to be written of the frame.
    text: String,
}

impl<W: Write> Terse<W> {
    pub const fn new(to: W) -> Self {
        Self {
            to,
            at: None,
            is_sure: false,
            look: PLAIN,
            is_shown: None,
            rows: Vec::new(),
            before: Vec::new(),
            looks: Looks::new(),
            text: String::new(),
        }
    }

    /// What takes the bytes.
    pub const fn writer_mut(&mut self) -> &mut W {
        &mut self.to
    }

    /// What is not worth words of our own.
    const fn crossterm(&mut self) -> CrosstermBackend<&mut W> {
        CrosstermBackend::new(&mut self.to)
    }

    /// Moves to a cell: over those between by writing them again where that is shorter, or down.
    fn go(&mut self, x: u16, y: u16) {
        let column = x + 1;
        let Some(at) = self.at.filter(|at| at.y == y && at.x <= x) else {
            self.jump(x, y);
            return (self.at, self.is_sure) = (Some(Position { x, y }), true);
        };
        let row = self.rows.get(usize::from(y)).map_or(&[][..], Vec::as_slice);
        let between = (at.x..x).map(|x| row.get(usize::from(x)).copied().unwrap_or(Place::BLANK));
        let is_bare = self.look.1 == Color::Reset && !self.look.2.intersects(ON_BLANKS);
        let is_letter = |place: Place| place.symbol.is_ascii_graphic() && place.is_plain() && self.look == PLAIN;
        let stays = |place: Place| is_bare && (place == Place::BLANK || is_letter(place));
        let _ = match x - at.x {
            0 => return,
            ..=AGAIN if between.clone().all(stays) => {
                self.text.extend(between.map(|place| place.symbol));
                return self.at = Some(Position { x, y });
            }
            1 if self.is_sure => write!(self.text, "\x1b[C"),
            far if self.is_sure => write!(self.text, "\x1b[{far}C"),
            _ => write!(self.text, "\x1b[{column}G"),
        };
        (self.at, self.is_sure) = (Some(Position { x, y }), true);
    }

    /// Moves to a cell of another row, or to one before this one.
    fn jump(&mut self, x: u16, y: u16) {
        let start = self.text.len();
        let _ = match (x, y + 1) {
            (0, row) => write!(self.text, "\x1b[{row}H"),
            (_, row) => write!(self.text, "\x1b[{row};{}H", x + 1),
        };
        // Behind its last column a terminal may wait for the next letter, and goes back and down as it likes.
        let is_inside =
            |at: &Position| self.rows.get(usize::from(at.y)).is_some_and(|row| row.len() > usize::from(at.x));
        let Some(at) = self.at.filter(|at| self.is_sure && at.y < y && is_inside(at)) else { return };
        let absolute = self.text.split_off(start);
        self.text.extend((at.y..y).map(|_| '\n').take(absolute.len()));
        let _ = match (x, at.x.saturating_sub(x)) {
            (0, 1..) => write!(self.text, "\r"),
            (_, back @ 0..=BACK) if x <= at.x => write!(self.text, "{}", "\x08".repeat(back.into())),
            (_, back @ 1..) => write!(self.text, "\x1b[{back}D"),
            _ => write!(self.text, "\x1b[{}C", x - at.x),
        };
        if self.text.len() - start >= absolute.len() {
            self.text.replace_range(start.., &absolute);
        }
    }

    /// Keeps what stands in a cell from now on.
    fn keep(&mut self, (x, y): (u16, u16), cell: &Cell) {
        let (x, y) = (usize::from(x), usize::from(y));
        if self.rows.len() <= y {
            self.rows.resize(y + 1, Vec::new());
        }
        let Some(row) = self.rows.get_mut(y) else { return };
        let end = x + columns(cell.symbol()).max(1);
        if row.len() < end {
            row.resize(end, Place::BLANK);
        }
        let place = Place::new(cell, &mut self.looks);
        row.iter_mut().take(end).skip(x).for_each(|at| *at = place);
    }

    fn wear(&mut self, look: Look) {
        if look == self.look {
            return;
        }
        let _ = match codes(self.look, look) {
            codes if codes == "0" => write!(self.text, "\x1b[m"),
            codes => write!(self.text, "\x1b[{codes}m"),
        };
        self.look = look;
    }

    /// Cells in the order in which they are sent: those that follow each other in one look are one run.
    fn cells<'a>(&mut self, cells: impl Iterator<Item = (u16, u16, &'a Cell)>) {
        let mut run = String::new();
        // Where the run begins, where it ends, its look, whether it is blank.
        let mut open: Option<(u16, u16, u16, Look, bool)> = None;
        for (x, y, cell) in cells {
            let look = (cell.fg, cell.bg, cell.modifier);
            let is_blank = cell.symbol() == " ";
            match &mut open {
                Some((_, end, row, worn, blank)) if *end == x && *row == y && *worn == look && *blank == is_blank => {
                    *end += 1;
                }
                _ => {
                    if let Some((from, _, row, look, _)) = open.take() {
                        self.run(from, row, &run, look);
                        run.clear();
                    }
                    open = Some((x, x + 1, y, look, is_blank));
                }
            }
            run.push_str(cell.symbol());
            if columns(cell.symbol()) != 1
                && let Some((from, _, row, look, _)) = open.take()
            {
                self.run(from, row, &run, look);
                run.clear();
            }
        }
        if let Some((from, _, row, look, _)) = open {
            self.run(from, row, &run, look);
        }
    }

    /// The cells of one run: neighbours in one row, in one look.
    fn run(&mut self, x: u16, y: u16, text: &str, look: Look) {
        self.go(x, y);
        let width = u16::try_from(columns(text)).unwrap_or(u16::MAX);
        let is_blank = text.bytes().all(|b| b == b' ');
        // A blank shows its background alone.
        let look = match is_blank && !look.2.intersects(ON_BLANKS) && !self.look.2.intersects(ON_BLANKS) {
            true => (self.look.0, look.1, self.look.2),
            false => look,
        };
        self.wear(look);
        if is_blank && width >= ERASED && look.1 == Color::Reset && !look.2.intersects(ON_BLANKS) {
            let _ = write!(self.text, "\x1b[{width}X");
            return;
        }
        self.text.push_str(text);
        let is_narrow = usize::from(width) == text.chars().count();
        self.is_sure &= text.is_ascii();
        self.at = is_narrow.then_some(Position { x: x.saturating_add(width), y });
    }
}

impl<W: Write> Backend for Terse<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        // Since the last frame others may have moved the cursor, or the terminal was made smaller.
        self.at = None;
        // As many cells as a screen of rows changes when it scrolls: growing on the way there takes longer.
        let mut cells = Vec::with_capacity(1024);
        cells.extend(content);
        let is_much = cells.len() >= MANY;
        if is_much {
            self.before.clone_from(&self.rows);
        }
        for (x, y, cell) in &cells {
            self.keep((*x, *y), cell);
        }
        let mut rest = Vec::new();
        if is_much && let Some(moved) = Moved::between(&self.before, &self.rows) {
            self.text.push_str(&moved.told());
            cells.retain(|(_, y, _)| !moved.rows().contains(&usize::from(*y)));
            rest = moved.rest(&self.before, &self.rows, &self.looks);
        }
        self.cells(cells.into_iter().chain(rest.iter().map(|(x, y, cell)| (*x, *y, cell))));
        self.wear(PLAIN);
        let sent = self.to.write_all(self.text.as_bytes());
        self.text.clear();
        sent
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        match self.is_shown.replace(false) {
            Some(false) => Ok(()),
            _ => self.to.write_all(b"\x1b[?25l"),
        }
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        match self.is_shown.replace(true) {
            Some(true) => Ok(()),
            _ => self.to.write_all(b"\x1b[?25h"),
        }
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.crossterm().get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.go(x, y);
        let sent = self.to.write_all(self.text.as_bytes());
        self.text.clear();
        sent
    }

    fn clear(&mut self) -> io::Result<()> {
        self.rows.clear();
        self.crossterm().clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.rows.clear();
        self.crossterm().clear_region(region)
    }

    fn append_lines(&mut self, lines: u16) -> io::Result<()> {
        self.rows.clear();
        self.at = None;
        self.crossterm().append_lines(lines)
    }

    fn size(&self) -> io::Result<Size> {
        // crossterm would open /dev/tty each time, which is once a frame.
        match rustix::termios::tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Ok(Size::new(size.ws_col, size.ws_row)),
            _ => CrosstermBackend::new(io::sink()).size(),
        }
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.crossterm().window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// How many columns a text takes; nearly all of it has one for each byte.
fn columns(text: &str) -> usize {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) { text.len() } else { text.width() }
}

/// The codes that lead from one look to another (ECMA-48, SGR): what is added, or everything anew.
fn codes(from: Look, to: Look) -> String {
    let anew = to == PLAIN || !(from.2 - to.2).is_empty();
    let (from, mut codes) = if anew { (PLAIN, "0".to_owned()) } else { (from, String::new()) };
    let mut add = |code: std::fmt::Arguments<'_>| {
        let gap = if codes.is_empty() { "" } else { ";" };
        let _ = write!(codes, "{gap}{code}");
    };
    for (modifier, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::SLOW_BLINK, 5),
        (Modifier::RAPID_BLINK, 6),
        (Modifier::REVERSED, 7),
        (Modifier::HIDDEN, 8),
        (Modifier::CROSSED_OUT, 9),
    ] {
        if (to.2 - from.2).contains(modifier) {
            add(format_args!("{code}"));
        }
    }
    for (from, to, ground) in [(from.0, to.0, 30), (from.1, to.1, 40)] {
        if from == to {
            continue;
        }
        match named(to) {
            Some(number) => add(format_args!("{}", ground + number)),
            None => match to {
                Color::Indexed(index) => add(format_args!("{};5;{index}", ground + 8)),
                Color::Rgb(r, g, b) => add(format_args!("{};2;{r};{g};{b}", ground + 8)),
                _ => add(format_args!("{}", ground + 9)),
            },
        }
    }
    codes
}

/// One of the sixteen colours, counted from the code of black.
const fn named(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Reset | Color::Indexed(_) | Color::Rgb(..) => return None,
    })
}
