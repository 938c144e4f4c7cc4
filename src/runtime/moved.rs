//! Rows that only moved: the terminal moves them itself, and is sent what differs then.
use super::terse::{Look, PLAIN};
use ratatui::buffer::Cell;
use std::ops::RangeInclusive;
use unicode_width::UnicodeWidthChar as _;

/// The looks that were sent so far, so that a place need not hold its own. None at first: [`PLAIN`] has no entry.
#[derive(Debug)]
pub(super) struct Looks(Vec<Look>);

impl Looks {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Which of them `look` is, 0 the plain one.
    fn number(&mut self, look: Look) -> u32 {
        if look == PLAIN {
            return 0;
        }
        let at = self.0.iter().position(|known| *known == look).unwrap_or_else(|| {
            self.0.push(look);
            self.0.len() - 1
        });
        u32::try_from(at + 1).unwrap_or(u32::MAX)
    }

    fn get(&self, number: u32) -> Look {
        let at = usize::try_from(number).unwrap_or(usize::MAX).checked_sub(1);
        at.and_then(|at| self.0.get(at)).copied().unwrap_or(PLAIN)
    }
}

/// What stands in a cell. Thousands are compared in a frame that scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// One narrow character; 0 stands for whatever else is there.
    pub(super) symbol: char,
    look: u32,
}

impl Place {
    pub(super) const BLANK: Self = Self { symbol: ' ', look: 0 };

    pub(super) fn new(cell: &Cell, looks: &mut Looks) -> Self {
        let mut symbols = cell.symbol().chars();
        let symbol = match (symbols.next(), symbols.next()) {
            (Some(symbol), None) if matches!(symbol, ' '..='~') || symbol.width() == Some(1) => symbol,
            _ => '\0',
        };
        Self { symbol, look: looks.number((cell.fg, cell.bg, cell.modifier)) }
    }

    pub(super) const fn is_plain(self) -> bool {
        self.look == 0
    }

    fn cell(self, looks: &Looks) -> Cell {
        let mut cell = Cell::EMPTY;
        cell.set_char(self.symbol);
        (cell.fg, cell.bg, cell.modifier) = looks.get(self.look);
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

/// What a run of places costs beside its symbols, in bytes: the way there, and its look.
const RUN: isize = 6;

/// About what it costs to make `one` row out of the `other`.
fn cost(one: &[Place], other: &[Place]) -> isize {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let (mut cost, mut in_run) = (0, false);
    let mut count = |differs: bool| {
        cost += isize::from(differs) + if differs && !in_run { RUN } else { 0 };
        in_run = differs;
    };
    long.iter().zip(short).for_each(|(one, other)| count(one != other));
    long.iter().skip(short.len()).for_each(|place| count(*place != Place::BLANK));
    cost
}

/// Neighbouring rows that went up or down by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    top: usize,
    bottom: usize,
    up: bool,
}

impl Moved {
    /// The move that spares the most between two screens, if that is more than the row that it uncovers.
    pub(super) fn between(old: &[Row], new: &[Row]) -> Option<Self> {
        let is_known = |row: &Row| row.iter().all(|place| place.symbol != '\0');
        let known = |rows: &[Row]| -> Vec<bool> { rows.iter().map(is_known).collect() };
        let (known, new_known) = (known(old), known(new));
        // What is to be sent of each row where nothing moves.
        let stay: Vec<isize> = old.iter().zip(new).map(|(old, new)| cost(old, new)).collect();
        let best = |up: bool| {
            // Of row `at + 1` in the place of `at`, or the other way round.
            let spared = (0..stay.len().saturating_sub(1)).map(|at| {
                let (from, to) = if up { (at + 1, at) } else { (at, at + 1) };
                let is_known = *known.get(from)? && *new_known.get(at)? && *new_known.get(at + 1)?;
                is_known.then_some(stay.get(to)? - cost(old.get(from)?, new.get(to)?))
            });
            Self::best(spared, up)
        };
        let (spared, best) = [true, false].into_iter().filter_map(best).max_by_key(|m| m.0)?;
        (spared > new.iter().map(Vec::len).max()?.cast_signed()).then_some(best)
    }

    /// The stretch with the largest sum of what its rows spare (Kadane's way), and that sum. None: a row that cannot move.
    fn best(spared: impl Iterator<Item = Option<isize>>, up: bool) -> Option<(isize, Self)> {
        let mut best: Option<(isize, Self)> = None;
        let (mut sum, mut top) = (0, 0);
        for (at, spared) in spared.enumerate() {
            sum = spared.map_or(0, |spared| sum + spared);
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
    pub(super) fn rest<'a>(self, old: &'a [Row], new: &'a [Row], looks: &Looks) -> Vec<(u16, u16, Cell)> {
        let from = |y: usize| match self.up {
            true => (y < self.bottom).then_some(y + 1),
            false => (y > self.top).then(|| y - 1),
        };
        let row = |rows: &'a [Row], y: usize| rows.get(y).map_or(&[][..], Vec::as_slice);
        let mut rest = Vec::new();
        for y in self.rows() {
            let (old, new) = (from(y).map(|y| row(old, y)).unwrap_or_default(), row(new, y));
            for (x, (was, is)) in pairs(old, new).enumerate() {
                if let (true, Ok(x), Ok(y)) = (was != is, x.try_into(), y.try_into()) {
                    rest.push((x, y, is.cell(looks)));
                }
            }
        }
        rest
    }
}
