//! Sizes in bytes, as people and QEMU write them: `20G` is 20 × 2³⁰.
use std::{fmt, str::FromStr};

/// A number of bytes. Parses `20G`, `1.5T`, `512MiB`, `4096`; prints `20 GiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

impl ByteSize {
    /// Bytes as a floating number, for shares and rates.
    #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    /// Tenths of the unit that is 1024 to the power of `unit` bytes, rounded.
    fn tenths(self, unit: usize) -> Tenths {
        let half = 1_u128 << (10 * unit) >> 1;
        Tenths((u128::from(self.0) * 10 + half) >> (10 * unit))
    }

    /// The unit in which `self` has one to four digits before the point: which of [`UNITS`].
    fn unit(self) -> usize {
        // What would print as 1024.0 is one of the next.
        (0..UNITS.len() - 1).find(|unit| self.tenths(*unit) < Tenths(10_240)).unwrap_or(UNITS.len() - 1)
    }

    /// The least difference that shows where `self` is printed.
    #[must_use]
    pub fn step(self) -> Self {
        Self((1 << (10 * self.unit())) / 10)
    }

    /// Both with their units, as [`fmt::Display`] would write them, in smaller units where that would be the same words:
    /// `1536 GiB` and `1537 GiB`.
    #[must_use]
    pub fn told_apart(self, other: Self) -> [String; 2] {
        let mut unit = self.unit();
        if self == other || unit != other.unit() || self.tenths(unit) != other.tenths(unit) {
            return [self, other].map(|size| size.to_string());
        }
        while self.tenths(unit) == other.tenths(unit) {
            unit -= 1;
        }
        [self, other].map(|size| format!("{} {}", size.tenths(unit), UNITS.get(unit).unwrap_or(&"B")))
    }

    /// The number without its unit, as [`fmt::Display`] would write it, in the unit of `whole`: `1.2` of `1.2/2 GiB`.
    /// What is too small to show there is not told as nothing: `<0.1`.
    pub fn number_beside(self, whole: Self) -> String {
        match self.tenths(whole.unit()) {
            Tenths(0) if self.0 > 0 => "<0.1".to_owned(),
            number => number.to_string(),
        }
    }
}

impl ByteSize {
    /// Without tenths, rounded: `128 GiB` of 127.5 GiB.
    pub fn whole(self) -> String {
        format!("{} {}", self.wholes(self.unit()), UNITS.get(self.unit()).unwrap_or(&"B"))
    }

    /// [`Self::number_beside`] without tenths.
    pub fn whole_beside(self, whole: Self) -> String {
        match self.wholes(whole.unit()) {
            0 if self.0 > 0 => "<1".to_owned(),
            number => number.to_string(),
        }
    }

    fn wholes(self, unit: usize) -> u128 {
        (u128::from(self.0) + (1_u128 << (10 * unit) >> 1)) >> (10 * unit)
    }
}

/// Prints with at most one digit behind the point, none when it is 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Tenths(u128);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, tenth) => write!(f, "{whole}.{tenth}"),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit();
        let (number, name) = (self.tenths(unit), UNITS.get(unit).unwrap_or(&"B"));
        match f.width() {
            Some(_) => f.pad(&format!("{number} {name}")),
            None => write!(f, "{number} {name}"),
        }
    }
}

impl FromStr for ByteSize {
    type Err = String;

    /// Units K M G T P E are powers of 1024, with or without `B` or `iB`, in either case; a bare number is bytes.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{}` is not a size: write 20G, 512M, 1.5T or a number of bytes", super::clean(text, 40));
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_uppercase();
        let power = match unit.trim_end_matches('B').trim_end_matches('I') {
            "" if unit.contains('I') => return Err(wrong()),
            "" => 0,
            "K" => 1,
            "M" => 2,
            "G" => 3,
            "T" => 4,
            "P" => 5,
            "E" => 6,
            _ => return Err(wrong()),
        };
        if !["", "B", "I", "IB"].contains(&unit.trim_start_matches(['K', 'M', 'G', 'T', 'P', 'E']))
            || unit.ends_with('I')
        {
            return Err(wrong());
        }
        let scale = 1024_u64.pow(power);
        let bytes = match number.split_once('.') {
            None => number.parse::<u64>().map_err(|_| wrong())?.checked_mul(scale),
            Some((whole, part)) => {
                let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| wrong())? };
                if part.is_empty() || part.len() > 9 || power == 0 {
                    return Err(wrong());
                }
                let part_value = part.parse::<u64>().map_err(|_| wrong())?;
                let tens = 10_u128.pow(u32::try_from(part.len()).unwrap_or(9));
                let part_bytes = u64::try_from(u128::from(part_value) * u128::from(scale) / tens).unwrap_or(0);
                whole.checked_mul(scale).and_then(|w| w.checked_add(part_bytes))
            }
        };
        bytes.map(Self).ok_or_else(|| format!("`{}` is more than any disk holds", super::clean(text, 40)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_qemu_reads_them() {
        let read = |t: &str| t.parse::<ByteSize>().map(|s| s.0);
        assert_eq!(read("20G"), Ok(20 << 30));
        assert_eq!(read("1.5T"), Ok(3 << 39));
        assert_eq!(read("512 MiB"), Ok(512 << 20));
        assert_eq!(read("10gb"), Ok(10 << 30));
        assert_eq!(read("4096"), Ok(4096));
        assert_eq!(read(".5G"), Ok(1 << 29));
        for wrong in ["", "G", "-1G", "1,5G", "20X", "1.5", "1e9", "20GG", "1.G", "20iB", "99999999E", "2Gi"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_there_is_little_room_sizes_are_rounded_not_cut() {
        const M: u64 = 1 << 20;
        assert_eq!([3 * M / 2, 255 * M / 2, 20 << 30].map(|n| ByteSize(n).whole()), ["2 MiB", "128 MiB", "20 GiB"]);
        let beside = |used| ByteSize(used).whole_beside(ByteSize(3 * M / 2));
        assert_eq!([0, M / 5, M, 72 * M / 2 + M / 5].map(beside), ["0", "<1", "1", "36"]);
    }

    #[test]
    fn sizes_are_told_in_a_few_digits() {
        let told = |n: u64| ByteSize(n).to_string();
        assert_eq!([told(0), told(1536), told(20 << 30), told(1_048_575)], ["0 B", "1.5 KiB", "20 GiB", "1 MiB"]);
        let steps = [512, 1536, 20 << 30].map(|n| ByteSize(n).step().0);
        assert_eq!(steps, [0, 102, (1 << 30) / 10]);
        let apart = |one: u64, other: u64| ByteSize(one).told_apart(ByteSize(other)).join(", ");
        assert_eq!(apart(3 << 39, (3 << 39) + (1 << 30)), "1536 GiB, 1537 GiB");
        assert_eq!(apart(1 << 30, (1 << 30) + 512), "1048576 KiB, 1048576.5 KiB");
        assert_eq!(apart(20 << 30, 30 << 30), "20 GiB, 30 GiB");
        assert_eq!(apart(7, 7), "7 B, 7 B");
        let beside = |size| ByteSize(size).number_beside(ByteSize(2 << 30));
        assert_eq!([1_288_490_188, 54 << 20, 37 << 20, 1, 0].map(beside), ["1.2", "0.1", "<0.1", "<0.1", "0"]);
    }
}
