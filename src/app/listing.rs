//! The rows of a long list: which, in which order, and which one is selected; and those of the machines.
use super::{HostState, Hosts, Machine, TextField};
use crate::domain::{HostId, VmId};
use std::cmp::Ordering;

/// A machine's identity among all hosts.
pub type RowId = (HostId, VmId);

/// What the machines are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    #[default]
    Name,
    Host,
    State,
    Cpu,
    Memory,
    Disk,
    Up,
}

impl Column {
    /// All, from left to right.
    pub const ALL: [Self; 7] = [Self::Name, Self::Host, Self::State, Self::Cpu, Self::Memory, Self::Disk, Self::Up];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Host => "HOST",
            Self::State => "STATE",
            Self::Cpu => "CPU",
            Self::Memory => "MEM",
            Self::Disk => "DISK",
            Self::Up => "UP",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Name => Self::Host,
            Self::Host => Self::State,
            Self::State => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Disk,
            Self::Disk => Self::Up,
            Self::Up => Self::Name,
        }
    }
}

/// Order, filter and selection of a list.
#[derive(Debug)]
pub struct Listing<Id = RowId, By = Column> {
    rows: Vec<Id>,
    selected: Option<Id>,
    /// What to select once it is listed.
    wanted: Option<Id>,
    at: usize,
    total: usize,
    pub filter: TextField,
    /// Whether keys go to the filter.
    pub typing: bool,
    pub sort: By,
    pub reverse: bool,
}

impl<Id, By: Default> Default for Listing<Id, By> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            selected: None,
            wanted: None,
            at: 0,
            total: 0,
            filter: TextField::default(),
            typing: false,
            sort: By::default(),
            reverse: false,
        }
    }
}

impl<Id: Clone + PartialEq, By> Listing<Id, By> {
    /// Those that match, in order.
    pub fn rows(&self) -> &[Id] {
        &self.rows
    }

    /// How many there are, with those that the filter hides.
    pub const fn total(&self) -> usize {
        self.total
    }

    pub fn selected(&self) -> Option<&Id> {
        self.selected.as_ref()
    }

    /// The selected row, counted from the top of all rows.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// Takes the rows of `total` that match, in order. The selection stays with its entry; if that is gone, its neighbour
    /// is selected.
    pub(super) fn take(&mut self, rows: Vec<Id>, total: usize) {
        self.rows = rows;
        self.total = total;
        if let Some(row) = self.wanted.as_ref().and_then(|id| self.position(id)) {
            self.wanted = None;
            return self.select(row);
        }
        let kept = self.selected.as_ref().and_then(|id| self.position(id));
        self.select(kept.unwrap_or(self.at));
    }

    fn position(&self, id: &Id) -> Option<usize> {
        match self.rows.get(self.at) {
            Some(row) if row == id => Some(self.at),
            _ => self.rows.iter().position(|row| row == id),
        }
    }

    /// Selects an entry now, or when it is listed, unless another is selected before.
    pub(super) fn select_when_there(&mut self, id: Id) {
        match self.position(&id) {
            Some(row) => self.select(row),
            None => self.wanted = Some(id),
        }
    }

    /// Selects a row, or the nearest one that there is.
    pub(super) fn select(&mut self, row: usize) {
        self.at = row.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.at).cloned();
    }

    pub(super) fn step(&mut self, by: isize) {
        self.wanted = None;
        self.select(self.at.saturating_add_signed(by));
    }
}

impl Listing {
    /// Sorts and filters anew.
    pub(super) fn rebuild(&mut self, hosts: &Hosts) {
        let needle = self.filter.text().to_lowercase();
        let mut found: Vec<(usize, &HostState, &Machine)> = Vec::new();
        let mut total = 0;
        for (i, host) in hosts.iter().enumerate() {
            for machine in host.machines() {
                total += 1;
                if matches(&needle, host, machine) {
                    found.push((i, host, machine));
                }
            }
        }
        let (sort, reverse) = (self.sort, self.reverse);
        found.sort_by(|(i, _, a), (j, _, b)| {
            let order = compare(sort, (*i, a), (*j, b));
            let order = if reverse { order.reverse() } else { order };
            order
                .then_with(|| natural(&a.vm.name, &b.vm.name))
                .then_with(|| i.cmp(j))
                .then_with(|| a.vm.id.cmp(&b.vm.id))
        });
        self.take(found.into_iter().map(|(_, host, m)| (host.id().clone(), m.vm.id.clone())).collect(), total);
    }

    pub(super) fn sort_by_next(&mut self, one_host: bool) {
        self.sort = self.sort.next();
        if self.sort == Column::Host && one_host {
            self.sort = self.sort.next();
        }
        // The busiest and the largest are looked for, names are read from the top.
        self.reverse = matches!(self.sort, Column::Cpu | Column::Memory | Column::Disk);
    }
}

fn matches(needle: &str, host: &HostState, machine: &Machine) -> bool {
    needle.split_whitespace().all(|word| {
        machine.vm.name.to_lowercase().contains(word)
            || host.id().as_str().to_lowercase().contains(word)
            || machine.vm.power().name().contains(word)
            || machine.vm.remark.as_ref().is_some_and(|r| r.to_lowercase().contains(word))
            || machine.vm.group().is_some_and(|group| group.to_lowercase().contains(word))
    })
}

fn compare(sort: Column, (i, a): (usize, &Machine), (j, b): (usize, &Machine)) -> Ordering {
    let cpu = |m: &Machine| m.figures.as_ref().and_then(|f| f.cpu).unwrap_or(-1.0);
    let memory = |m: &Machine| m.figures.as_ref().and_then(|f| f.memory).or(m.vm.memory);
    match sort {
        Column::Name => Ordering::Equal,
        Column::Host => i.cmp(&j).then_with(|| a.vm.group().cmp(&b.vm.group())),
        Column::State => a.vm.power().cmp(&b.vm.power()),
        Column::Cpu => cpu(a).total_cmp(&cpu(b)),
        Column::Memory => memory(a).cmp(&memory(b)),
        Column::Disk => a.vm.disk.cmp(&b.vm.disk),
        Column::Up => match (a.vm.started, b.vm.started) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        },
    }
}

/// Names as people order them: `web2` before `web10`, letters without regard to case.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        let order = match (left, right) {
            ([], _) | (_, []) => return left.len().cmp(&right.len()),
            ([b'0'..=b'9', ..], [b'0'..=b'9', ..]) => {
                let (one, other) = (number(&mut left), number(&mut right));
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
            ([one, rest @ ..], [other, others @ ..]) => {
                (left, right) = (rest, others);
                one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase())
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the digits off the front, without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().position(|c| *c != b'0').unwrap_or(digits.len());
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_do() {
        let mut names = ["web10", "Web2", "db", "web", "web02a", "ä"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["db", "web", "Web2", "web02a", "web10", "ä"]);
    }
}
