use super::{ByteSize, Progress, Stamp, clean_line, span};
use std::time::Duration;

/// The fetches of a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetches {
    /// Those that are not over, by name.
    pub open: Vec<OpenFetch>,
    /// Those that have ended, the newest first; not all for ever.
    pub past: Vec<PastFetch>,
}

/// A fetch that is under way, or waits to be gone on with.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenFetch {
    /// What the image will be called.
    pub name: String,
    /// Where it comes from: scheme, server and path alone.
    pub source: String,
    pub progress: Progress,
    /// Why it does not go on by itself; None: it is under way.
    pub halt: Option<String>,
}

/// A fetch that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastFetch {
    /// What the image is called, or would have been.
    pub name: String,
    /// Where it came from: scheme, server and path alone.
    pub source: String,
    pub ended: Stamp,
    /// Since it was begun, or last gone on with; zero: it ended at rest.
    pub took: Duration,
    /// The bytes that came in that time.
    pub received: ByteSize,
    /// Why it came to nothing; None: the image is whole.
    pub why: Option<String>,
    /// The verdict on its checksum.
    pub checked: Option<String>,
}

impl OpenFetch {
    /// How it stands: `under way: 42 %  1.6 of 3.7 GiB  48.2 MiB/s  0:44`.
    pub fn outcome(&self) -> String {
        if let Some(halt) = &self.halt {
            return clean_line(halt).into_owned();
        }
        let percent = self.progress.percent().map(|p| format!("{p} %"));
        let note = self.progress.note.as_deref().filter(|note| !note.is_empty());
        let note = note.map(|note| clean_line(note).into_owned());
        let figures = Some(self.progress.figures()).filter(|figures| !figures.is_empty());
        let parts: Vec<_> = percent.into_iter().chain(note.or(figures)).collect();
        if parts.is_empty() { "under way".to_owned() } else { format!("under way: {}", parts.join("  ")) }
    }
}

impl PastFetch {
    /// What it is called; where nothing told a name, the server that was asked.
    pub fn title(&self) -> String {
        let server = || self.source.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        let name = if self.name.is_empty() { server() } else { &self.name };
        if name.is_empty() { "–".to_owned() } else { clean_line(name).into_owned() }
    }

    /// Bytes a second on the average; None: it was too short to tell.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate in bytes")]
    pub fn rate(&self) -> Option<ByteSize> {
        let seconds = self.took.as_secs_f64();
        (seconds >= 0.05 && self.received.0 > 0).then(|| ByteSize((self.received.as_f64() / seconds) as u64))
    }

    /// `3.7 GiB in 1:20, 48.2 MiB/s`.
    pub fn figures(&self) -> String {
        if self.received.0 == 0 {
            return "nothing came".to_owned();
        }
        if self.took.is_zero() {
            return self.received.to_string();
        }
        let rate = self.rate().map(|rate| format!(", {rate}/s")).unwrap_or_default();
        format!("{} in {}{rate}", self.received, span(self.took))
    }

    /// Whether a person ended it.
    pub fn is_cancelled(&self) -> bool {
        self.why.as_deref() == Some("cancelled")
    }

    /// How it ended.
    pub fn outcome(&self) -> String {
        match (&self.why, &self.checked) {
            (Some(why), _) => clean_line(why).into_owned(),
            (None, Some(checked)) => format!("whole, {}", clean_line(checked)),
            (None, None) => "whole, not checked".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_fetch_tells_what_goes_on() {
        let open = |note: &str, halt: Option<&str>| {
            let progress = Progress { note: Some(note.into()), ..Progress::bytes(1 << 20, Some(4 << 20)) };
            let (name, source) = ("a.iso".into(), "http://h/a.iso".into());
            OpenFetch { name, source, progress, halt: halt.map(str::to_owned) }.outcome()
        };
        assert_eq!(open("", None), "under way: 25 %  1 of 4 MiB");
        assert_eq!(open("again in 8 s", None), "under way: 25 %  again in 8 s");
        assert_eq!(open("", Some("paused at 1 of 4 MiB")), "paused at 1 of 4 MiB");
    }

    #[test]
    fn what_has_no_name_is_called_as_its_server() {
        let title = |name: &str, source: &str| {
            let (name, source) = (name.to_owned(), source.to_owned());
            let (ended, took, received) = (Stamp(0), Duration::ZERO, ByteSize(0));
            PastFetch { name, source, ended, took, received, why: None, checked: None }.title()
        };
        assert_eq!(title("a.iso", "http://h/b.iso"), "a.iso");
        assert_eq!(title("", "http://127.0.0.1:8123/"), "127.0.0.1:8123");
        assert_eq!((title("", "file:///"), title("", "")), ("–".to_owned(), "–".to_owned()));
    }

    #[test]
    fn a_rate_is_not_made_up() {
        let past = |millis, bytes| PastFetch {
            name: "a.iso".into(),
            source: "http://h/a.iso".into(),
            ended: Stamp(0),
            took: Duration::from_millis(millis),
            received: ByteSize(bytes),
            why: None,
            checked: None,
        };
        assert_eq!(past(80_000, 80 << 20).figures(), "80 MiB in 1:20, 1 MiB/s");
        assert_eq!(past(20, 5).figures(), "5 B in 0:00");
        assert_eq!(past(0, 5).figures(), "5 B");
        assert_eq!((past(9000, 0).rate(), past(9000, 0).figures().as_str()), (None, "nothing came"));
    }
}
