//! Tables of a TOML file read key by key, so that each mistake is told with its line and with what would be right.
use super::ConfigError;
use crate::domain::{clean, clean_line};
use std::{
    collections::BTreeSet,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(super) type Result<T> = std::result::Result<T, ConfigError>;

/// The file that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// A mistake at `span`.
    pub(super) fn error(self, span: Option<Range<usize>>, message: impl Into<String>) -> ConfigError {
        let line = span.and_then(|s| self.text.get(..s.start)).map(|before| before.matches('\n').count() + 1);
        ConfigError { file: self.file.to_owned(), line, message: message.into() }
    }

    /// Reads the whole text and hands its top table to `read`.
    pub(super) fn parse<T>(self, read: impl FnOnce(&mut Table<'_>) -> Result<T>) -> Result<T> {
        let root = DeTable::parse(self.text).map_err(|e| {
            let what = e.message().lines().collect::<Vec<_>>().join(", ");
            self.error(e.span(), format!("this is not TOML: {}", clean_line(&what)))
        })?;
        let mut table =
            Table { source: self, span: 0..0, place: String::new(), entries: root.get_ref(), known: BTreeSet::new() };
        let read = read(&mut table)?;
        table.end()?;
        Ok(read)
    }
}

/// A value with its place in the file.
pub(super) struct Value<'a> {
    source: Source<'a>,
    span: Range<usize>,
    /// How messages call it: `[ui] theme`.
    pub(super) name: String,
    found: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn error(&self, message: impl std::fmt::Display) -> ConfigError {
        self.source.error(Some(self.span.clone()), format!("{}: {message}", self.name))
    }

    /// A mistake that shows the value and says what would be right.
    pub(super) fn wrong(&self, right: &str) -> ConfigError {
        self.error(format_args!("`{}`: {right}", self.shown()))
    }

    fn shown(&self) -> String {
        match self.found {
            DeValue::String(text) => clean(text, 60).into_owned(),
            DeValue::Integer(n) => n.as_str().to_owned(),
            DeValue::Float(n) => n.as_str().to_owned(),
            DeValue::Boolean(b) => b.to_string(),
            other => format!("a {}", other.type_str()),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        self.found.as_str().ok_or_else(|| self.wrong("text in quotes is wanted"))
    }

    pub(super) fn flag(&self) -> Result<bool> {
        self.found.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    /// None: `"auto"`.
    pub(super) fn flag_or_auto(&self) -> Result<Option<bool>> {
        match (self.found.as_bool(), self.found.as_str()) {
            (Some(flag), _) => Ok(Some(flag)),
            (None, Some("auto")) => Ok(None),
            _ => Err(self.wrong("\"auto\", true or false")),
        }
    }

    pub(super) fn number(&self, range: RangeInclusive<u64>) -> Result<u64> {
        let number = self.found.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        number
            .filter(|n| range.contains(n))
            .ok_or_else(|| self.wrong(&format!("a whole number from {} to {}", range.start(), range.end())))
    }

    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.wrong(&with_nearest(text, &names, &format!("one of {}", names.join(", "))))
        })
    }

    /// Its items, where it is a list.
    pub(super) fn list(&self) -> Option<Vec<Self>> {
        let items = self.found.as_array()?.iter();
        Some(
            items
                .map(|item| Self {
                    source: self.source,
                    span: item.span(),
                    name: self.name.clone(),
                    found: item.get_ref(),
                })
                .collect(),
        )
    }

    /// A list of texts, or one text.
    pub(super) fn texts(&self) -> Result<Vec<&'a str>> {
        match self.list() {
            Some(items) => items.iter().map(Self::text).collect(),
            None => Ok(vec![self.found.as_str().ok_or_else(|| self.wrong("text in quotes, or a list of texts"))?]),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.found.is_str()
    }

    pub(super) fn table(&self) -> Result<Table<'a>> {
        let entries = self.found.as_table().ok_or_else(|| self.wrong("a table is wanted"))?;
        Ok(Table {
            source: self.source,
            span: self.span.clone(),
            place: self.name.clone(),
            entries,
            known: BTreeSet::new(),
        })
    }
}

/// A table; it remembers which keys were asked for, so that the others can be told.
pub(super) struct Table<'a> {
    source: Source<'a>,
    span: Range<usize>,
    pub(super) place: String,
    entries: &'a DeTable<'a>,
    known: BTreeSet<&'static str>,
}

impl<'a> Table<'a> {
    /// A mistake of the table as a whole: something is missing.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> ConfigError {
        let place = if self.place.is_empty() { String::new() } else { format!("{}: ", self.place) };
        self.source.error(Some(self.span.clone()), format!("{place}{message}"))
    }

    fn value(&self, key: &Spanned<std::borrow::Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        let name = format!("{} {}", self.place, clean(key.get_ref(), 40)).trim_start().to_owned();
        Value { source: self.source, span: value.span(), name, found: value.get_ref() }
    }

    /// The value of `key`, if it is there.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.insert(key);
        let (key, value) = self.entries.iter().find(|(k, _)| *k.get_ref() == key)?;
        Some(self.value(key, value))
    }

    /// The value of `key`, which must be there; `right` says what to write.
    pub(super) fn need(&mut self, key: &'static str, right: &str) -> Result<Value<'a>> {
        self.get(key).ok_or_else(|| self.error(format_args!("`{key}` is missing: {right}")))
    }

    /// Every key and its value, where keys are free.
    pub(super) fn all(&self) -> Vec<(&'a str, Value<'a>)> {
        let entries: &'a DeTable<'a> = self.entries;
        entries.iter().map(|(k, v)| (k.get_ref().as_ref(), self.value(k, v))).collect()
    }

    /// A file or folder; empty text means the default. `~/` is the home folder, other relative paths are refused,
    /// since they would mean another file in each working folder.
    pub(super) fn path(&mut self, key: &'static str) -> Result<Option<PathBuf>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        let home = || directories::BaseDirs::new().map(|d| d.home_dir().to_owned());
        let path = match text.strip_prefix("~/") {
            Some(rest) => {
                home().ok_or_else(|| value.wrong("there is no home folder: write the whole path"))?.join(rest)
            }
            None => PathBuf::from(text),
        };
        if path.is_relative() {
            return Err(value.wrong("write the whole path, from `/` or `~/`"));
        }
        Ok(Some(path))
    }

    /// Text that may be missing; empty text means missing.
    pub(super) fn word(&mut self, key: &'static str) -> Result<Option<String>> {
        let text = self.get(key).map(|v| v.text()).transpose()?;
        Ok(text.filter(|t| !t.is_empty()).map(str::to_owned))
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn end(&self) -> Result<()> {
        for (key, value) in self.entries {
            let name: &str = key.get_ref();
            if !self.known.contains(name) {
                let known: Vec<_> = self.known.iter().copied().collect();
                let place = if self.place.is_empty() { "here".to_owned() } else { format!("in {}", self.place) };
                let why = with_nearest(name, &known, &format!("there are {}", known.join(", ")));
                // A table's own span begins at its header, a key's with the key.
                let start = key.span().start.min(value.span().start);
                return Err(self
                    .source
                    .error(Some(start..start), format!("nothing is called `{}` {place}: {why}", clean(name, 40))));
            }
        }
        Ok(())
    }
}

/// `did you mean ..?` where one of `names` is near, else `otherwise`.
pub(super) fn with_nearest(word: &str, names: &[&str], otherwise: &str) -> String {
    let near = names.iter().map(|n| (distance(word, n), n)).min().filter(|(d, n)| *d <= 2 && *d * 2 < n.len());
    near.map_or_else(|| otherwise.to_owned(), |(_, name)| format!("did you mean `{name}`?"))
}

/// How many letters must be added, dropped, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(40).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_near() {
        assert_eq!(distance("tehme", "theme"), 1);
        assert_eq!(distance("theme", "theme"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(with_nearest("passwrod", &["user", "password"], "-"), "did you mean `password`?");
        assert_eq!(with_nearest("xyz", &["ui", "keys"], "-"), "-");
    }
}
