//! Sizes as ZFS writes them: three digits at most, so what is read back may have been rounded.
use crate::domain::{ByteSize, clean};

const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];
/// The largest block of a volume: sizes between would be rounded or refused.
const BLOCK: u64 = 128 << 10;

/// The size to send: whole blocks, and as short as it is exact.
pub(in crate::backend) fn sent(size: ByteSize) -> String {
    let bytes = size.0.checked_next_multiple_of(BLOCK).unwrap_or(size.0);
    let whole = |(i, unit): (usize, &char)| {
        let scale = 1_u64.checked_shl(10 * (u32::try_from(i).ok()? + 1))?;
        (bytes.is_multiple_of(scale) && bytes > 0).then(|| format!("{}{unit}", bytes / scale))
    };
    UNITS.iter().enumerate().rev().find_map(whole).unwrap_or_else(|| bytes.to_string())
}

/// As `zfs list` shows it: `10G`, `1.46G`, `146G`.
pub(in crate::backend) fn shown(size: ByteSize) -> String {
    let mut scale = 1_u64;
    let mut unit = None;
    for next in UNITS {
        if size.0 / scale < 1024 {
            break;
        }
        scale <<= 10;
        unit = Some(next);
    }
    let Some(unit) = unit else { return size.0.to_string() };
    if size.0.is_multiple_of(scale) {
        return format!("{}{unit}", size.0 / scale);
    }
    let number = size.as_f64() / ByteSize(scale).as_f64();
    let texts = [2, 1, 0].map(|digits| format!("{number:.digits$}{unit}"));
    texts.iter().find(|text| text.len() <= 5).or(texts.last()).cloned().unwrap_or_default()
}

/// Whether what the server shows can be `wanted`.
pub(in crate::backend) fn fits(found: &str, wanted: ByteSize) -> bool {
    let sent = sent(wanted).parse().unwrap_or(wanted);
    let is = |size: ByteSize| found.parse::<ByteSize>().is_ok_and(|f| f == size) || found.trim() == shown(size);
    is(wanted) || is(sent)
}

/// Whether it is no rounded size: a number of bytes.
pub(super) fn is_exact(found: &str) -> bool {
    !found.is_empty() && found.bytes().all(|b| b.is_ascii_digit())
}

/// For people.
pub(super) fn told(found: &str) -> String {
    match found.parse::<ByteSize>() {
        Ok(size) if is_exact(found) => size.to_string(),
        _ => clean(found, 20).into_owned(),
    }
}

/// The most that a size can be that is shown so: rounding hides less than half of the last digit.
pub(in crate::backend) fn most(found: &str) -> Option<ByteSize> {
    let size: ByteSize = found.parse().ok()?;
    let digits = found.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let Some((_, decimals)) = digits.split_once('.') else {
        return Some(if digits.len() < 3 { size } else { half(found, size, digits.len()) });
    };
    let places = u32::try_from(decimals.len()).ok()?;
    let unit = found.trim().get(digits.len()..)?;
    let one: ByteSize = format!("1{unit}").parse().ok()?;
    Some(ByteSize(size.0 + one.0 / 10_u64.checked_pow(places)? / 2 + 1))
}

/// Three digits and no point may be rounded to a whole unit.
fn half(found: &str, size: ByteSize, digits: usize) -> ByteSize {
    let unit = found.trim().get(digits..).unwrap_or_default();
    let one = format!("1{unit}").parse().unwrap_or(ByteSize(1));
    ByteSize(size.0 + one.0 / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_sent_exactly_and_read_back_as_zfs_rounds_them() {
        let mib = |n: u64| ByteSize(n << 20);
        assert_eq!(sent(mib(10 << 10)), "10G");
        assert_eq!(sent(mib(1500)), "1500M");
        assert_eq!(sent(ByteSize((10 << 30) + 512)), "10485888K");
        assert_eq!([shown(mib(1500)), shown(mib(10 << 10)), shown(mib(149_500))], ["1.46G", "10G", "146G"]);
        assert!(fits("1.46G", mib(1500)) && fits("10G", mib(10 << 10)) && fits("8M", mib(8)));
        assert!(!fits("10G", mib(20 << 10)) && !fits("junk", mib(1)));
    }

    #[test]
    fn a_rounded_size_may_hide_more() {
        assert!(most("1.46G").unwrap() > ByteSize(1500 << 20));
        assert_eq!(most("10G"), Some(ByteSize(10 << 30)));
        assert_eq!(
            (most("1572864000"), told("1572864000"), told("1.46G")),
            (Some(ByteSize(1500 << 20)), "1.5 GiB".into(), "1.46G".into())
        );
        assert!(is_exact("8") && !is_exact("8M") && !is_exact(""));
        assert!(most("146G").unwrap() > ByteSize(146 << 30));
        assert_eq!(most("junk"), None);
    }
}
