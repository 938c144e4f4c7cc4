//! Text in columns: what is cut is cut by the width of characters, never by their number.
use crate::domain::{Stamp, clean_line};
use jiff::{Timestamp, tz::TimeZone};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// At most `width` columns of `text`, with `…` where something is missing; foreign text is cleaned.
pub(crate) fn cut(text: &str, width: u16) -> String {
    shortened(text, width).into_owned()
}

/// [`cut`], without a copy where nothing is missing.
pub(super) fn shortened(text: &str, width: u16) -> Cow<'_, str> {
    let text = clean_line(text);
    let width = usize::from(width);
    if text.width() <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used + 1 > width {
            break;
        }
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// At most `width` columns of a path: the file's name stays, and as much as there is room for of where it lies.
pub(crate) fn cut_middle(path: &str, width: u16) -> String {
    let path = clean_line(path);
    if path.width() <= width.into() {
        return path.into_owned();
    }
    let (folder, name) = path.rfind('/').map_or((&*path, ""), |at| path.split_at(at));
    match u16::try_from(name.width()).ok().and_then(|name| width.checked_sub(name)) {
        // A letter or two tell nothing of a folder.
        Some(room) if !name.is_empty() && room > 2 => cut(folder, room) + name,
        _ => cut(if name.is_empty() { &path } else { name.trim_start_matches('/') }, width),
    }
}

/// [`cut`], and filled up with spaces at the right.
pub(crate) fn fit(text: &str, width: u16) -> String {
    let mut text = cut(text, width);
    text.extend(std::iter::repeat_n(' ', usize::from(width).saturating_sub(text.width())));
    text
}

/// [`cut`], and filled up with spaces at the left.
pub(crate) fn fit_right(text: &str, width: u16) -> String {
    let text = cut(text, width);
    format!("{}{text}", " ".repeat(usize::from(width).saturating_sub(text.width())))
}

/// The time of day: `14:02:11`.
pub(crate) fn clock(at: Stamp, zone: &TimeZone) -> String {
    told(at, zone, "%H:%M:%S")
}

/// The day: `2026-11-02`.
pub(crate) fn day(at: Stamp, zone: &TimeZone) -> String {
    told(at, zone, "%Y-%m-%d")
}

/// The time of day, after the day where that is not today: `2026-11-02 14:02:11`.
pub(crate) fn dated(at: Stamp, now: Stamp, zone: &TimeZone) -> String {
    match day(at, zone) {
        today if today == day(now, zone) => clock(at, zone),
        other => format!("{other} {}", clock(at, zone)),
    }
}

/// Of when something is that may be another by now: `as of 13:58`, `as of 11-20`.
pub(crate) fn as_of(at: Stamp, now: Stamp, zone: &TimeZone) -> String {
    let is_today = day(at, zone) == day(now, zone);
    format!("as of {}", told(at, zone, if is_today { "%H:%M" } else { "%m-%d" }))
}

/// The time of day, of today; of another day the day, `21 Nov`; of another year the month, `Nov 2025`: eight columns at most.
pub(crate) fn when(at: Stamp, now: Stamp, zone: &TimeZone) -> String {
    let same = |format| told(at, zone, format) == told(now, zone, format);
    match (same("%Y-%m-%d"), same("%Y")) {
        (true, _) => clock(at, zone),
        (false, true) => told(at, zone, "%-d %b"),
        (false, false) => told(at, zone, "%b %Y"),
    }
}

fn told(at: Stamp, zone: &TimeZone, format: &str) -> String {
    let stamp = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stamp.map_or_else(|| "–".to_owned(), |t| t.to_zoned(zone.clone()).strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語日本", 6), "日本…");
        assert_eq!(fit("日本語", 8), "日本語  ");
        assert_eq!(fit_right("9", 3), "  9");
        assert_eq!(cut("a\x1b[2Jb", 10), "a [2Jb");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(fit("e\u{301}a", 3).width(), 3);
    }

    #[test]
    fn of_a_path_the_name_of_the_file_stays() {
        assert_eq!(cut_middle("/var/lib/vmdeck/web1/disk0.qcow2", 20), "/var/li…/disk0.qcow2");
        assert_eq!(cut_middle("/a/disk0.qcow2", 20), "/a/disk0.qcow2");
        assert_eq!(cut_middle("zroot/vm/a-very-long-name-of-a-volume", 12), "a-very-long…");
        assert_eq!(cut_middle("a-very-long-name", 8), "a-very-…");
    }

    #[test]
    fn times_are_told_in_their_zone() {
        let at = Stamp(1_793_628_131_000);
        assert_eq!((clock(at, &TimeZone::UTC), day(at, &TimeZone::UTC)), ("14:02:11".into(), "2026-11-02".into()));
        assert_eq!(day(Stamp(u64::MAX), &TimeZone::UTC), "–");
        let later = |days: u64| when(at, Stamp(at.0 + days * 86_400_000), &TimeZone::UTC);
        assert_eq!([later(0), later(1), later(100)], ["14:02:11", "2 Nov", "Nov 2026"]);
        let east = TimeZone::fixed(jiff::tz::offset(11));
        assert_eq!(when(at, Stamp(at.0 - 2 * 3_600_000), &east), "3 Nov", "midnight lies between, over there");
    }
}
