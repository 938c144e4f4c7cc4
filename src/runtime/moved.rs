//! Rows that only moved: the terminal moves them itself, and is sent what differs then.
use super::terse::{Look, PLAIN};
use ratatui::buffer::Cell;
use std::ops::RangeInclusive;
use unicode_width::UnicodeWidthChar as _;

/// What stands in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// One narrow character; 0 stands for whatever else is there.
    pub(super) symbol: char,
    pub(super) look: Look,
}

impl Place {
    pub(super) const BLANK: Self = Self { symbol: ' ', look: PLAIN };

    pub(super) fn new(cell: &Cell) -> Self {
        let mut symbols = cell.symbol().chars();
        let symbol = match (symbols.next(), symbols.next()) {
            (Some(symbol), None) if symbol.width() == Some(1) => symbol,
            _ => '\0',
        };
        Self { symbol, look: (cell.fg, cell.bg, cell.modifier) }
    }

    fn cell(self) -> Cell {
        let mut cell = Cell::EMPTY;
        cell.set_char(self.symbol);
        (cell.fg, cell.bg, cell.modifier) = self.look;
        cell
    }
}

/// From left to right; behind its end a row is blank.
pub(super) type Row = Vec<Place>;

/// Both rows, place by place.
fn pairs<'a>(one: &'a [Place], other: &'a [Place]) -> impl Iterator<Item = (Place, Place)> + use<'a> {
    let at = |row: &[Place], x: usize| row.get(x).copied().unwrap_or(Place::BLANK);
    (0..one.len().max(other.len())).map(move |x| (at(one, x), at(other, x)))
}

fn differing(one: &[Place], other: &[Place]) -> isize {
    pairs(one, other).filter(|(one, other)| one != other).count().cast_signed()
}

/// Neighbouring rows that went up or down by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    top: usize,
    bottom: usize,
    up: bool,
}

impl Moved {
    /// The move that spares the most places between two screens, if it is more than a row of them.
    pub(super) fn between(old: &[Row], new: &[Row]) -> Option<Self> {
        let (spared, best) = [true, false].into_iter().filter_map(|up| Self::best(old, new, up)).max_by_key(|m| m.0)?;
        (spared > new.iter().map(Vec::len).max()?.cast_signed()).then_some(best)
    }

    /// The stretch with the largest sum of what its rows spare (Kadane's way), and that sum.
    fn best(old: &[Row], new: &[Row], up: bool) -> Option<(isize, Self)> {
        let is_known = |row: &Row| row.iter().all(|place| place.symbol != '\0');
        let rows = old.windows(2).zip(new.windows(2)).enumerate();
        let mut best: Option<(isize, Self)> = None;
        let (mut sum, mut top) = (0, 0);
        for (at, rows) in rows {
            let ([above, below], [new_above, new_below]) = rows else { continue };
            let (from, over, to) = if up { (below, above, new_above) } else { (above, below, new_below) };
            if ![from, new_above, new_below].into_iter().all(is_known) {
                (sum, top) = (0, at + 1);
                continue;
            }
            sum += differing(over, to) - differing(from, to);
            if sum <= 0 {
                (sum, top) = (0, at + 1);
            } else if best.is_none_or(|(most, _)| sum > most) {
                best = Some((sum, Self { top, bottom: at + 1, up }));
            }
        }
        best
    }

    /// The rows that moved, and the one that they left.
    pub(super) const fn rows(self) -> RangeInclusive<usize> {
        self.top..=self.bottom
    }

    /// What tells the terminal to do it: margins (DECSTBM), a step over one of them, and no margins.
    pub(super) fn told(self) -> String {
        let (top, bottom) = (self.top + 1, self.bottom + 1);
        match self.up {
            true => format!("\x1b[{top};{bottom}r\x1b[{bottom}H\n\x1b[r"),
            false => format!("\x1b[{top};{bottom}r\x1b[{top}H\x1bM\x1b[r"),
        }
    }

    /// What is left to be sent of the rows, where `old` is on the screen before the move.
    pub(super) fn rest(self, old: &[Row], new: &[Row]) -> Vec<(u16, u16, Cell)> {
        let from = |y: usize| match self.up {
            true => (y < self.bottom).then_some(y + 1),
            false => (y > self.top).then(|| y - 1),
        };
        let row = |rows: &[Row], y: usize| rows.get(y).cloned().unwrap_or_default();
        let mut rest = Vec::new();
        for y in self.rows() {
            let (old, new) = (from(y).map(|y| row(old, y)).unwrap_or_default(), row(new, y));
            for (x, (was, is)) in pairs(&old, &new).enumerate() {
                if let (true, Ok(x), Ok(y)) = (was != is, x.try_into(), y.try_into()) {
                    rest.push((x, y, is.cell()));
                }
            }
        }
        rest
    }
}
