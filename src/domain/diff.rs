//! Two texts compared line by line: what changed, with a little around each change.

/// How many lines that are the same are shown on each side of a change.
const AROUND: usize = 2;
/// The largest comparison, in pairs of lines: what is larger is told as gone and new as a whole.
const LARGEST: usize = 4_000_000;

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffLine {
    /// In both.
    Same(String),
    Gone(String),
    New(String),
    /// So many lines that are in both, left out.
    Skipped(usize),
}

/// What makes `after` of `before`; nothing where they are the same.
pub fn diff(before: &str, after: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let middle = |lines: &[&str]| -> Vec<String> {
        lines.iter().take(lines.len() - tail).skip(head).map(|line| (*line).to_owned()).collect()
    };
    let same = |lines: &[&str]| -> Vec<DiffLine> { lines.iter().map(|l| DiffLine::Same((*l).to_owned())).collect() };
    let (first, last) = (old.get(..head).unwrap_or_default(), old.get(old.len() - tail..).unwrap_or_default());
    let mut lines = same(first);
    lines.extend(compared(&middle(&old), &middle(&new)));
    lines.extend(same(last));
    shortened(lines)
}

/// By the longest common sequence of lines.
fn compared(old: &[String], new: &[String]) -> Vec<DiffLine> {
    let gone = |line: &String| DiffLine::Gone(line.clone());
    let fresh = |line: &String| DiffLine::New(line.clone());
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > LARGEST {
        return old.iter().map(gone).chain(new.iter().map(fresh)).collect();
    }
    // How long the sequence is that two ends of the texts have in common.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or_default();
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            let longest = match a == b {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b => {
                lines.push(DiffLine::Same(a.clone()));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), other) if other.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(gone(a));
                i += 1;
            }
            (_, Some(b)) => {
                lines.push(fresh(b));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

/// Without the lines that are far from every change.
fn shortened(lines: Vec<DiffLine>) -> Vec<DiffLine> {
    let changes: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| !matches!(line, DiffLine::Same(_))).map(|(at, _)| at).collect();
    let mut near = changes.iter().copied().peekable();
    let mut last: Option<usize> = None;
    let mut out = Vec::new();
    for (at, line) in lines.into_iter().enumerate() {
        while near.peek().is_some_and(|change| *change <= at) {
            last = near.next();
        }
        let is_near =
            last.is_some_and(|change| at - change <= AROUND) || near.peek().is_some_and(|change| change - at <= AROUND);
        match (is_near, out.last_mut()) {
            (true, _) => out.push(line),
            (false, Some(DiffLine::Skipped(count))) => *count += 1,
            (false, _) => out.push(DiffLine::Skipped(1)),
        }
    }
    if changes.is_empty() { Vec::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_change_stands_between_what_is_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        let same = |line: &str| DiffLine::Same(line.to_owned());
        let told = diff(before, "a\nb\nc\nX\nY\ne\nf\ng\n");
        let (gone, new) = (DiffLine::Gone("d".into()), [DiffLine::New("X".into()), DiffLine::New("Y".into())]);
        let [x, y] = new;
        assert_eq!(
            told,
            [DiffLine::Skipped(1), same("b"), same("c"), gone, x, y, same("e"), same("f"), DiffLine::Skipped(1)]
        );
        assert_eq!(diff(before, before), []);
        assert_eq!(diff("", "a"), [DiffLine::New("a".into())]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(old in prop::collection::vec("[ab]{0,2}", 0..12), new in prop::collection::vec("[ab]{0,2}", 0..12)) {
            let lines = compared(&old, &new);
            let side = |wanted: fn(&DiffLine) -> Option<&String>| lines.iter().filter_map(wanted).cloned().collect::<Vec<_>>();
            prop_assert_eq!(side(|l| match l { DiffLine::Same(t) | DiffLine::Gone(t) => Some(t), _ => None }), old);
            prop_assert_eq!(side(|l| match l { DiffLine::Same(t) | DiffLine::New(t) => Some(t), _ => None }), new);
        }
    }
}
