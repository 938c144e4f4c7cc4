//! What is left of a program that ran.
use crate::domain::clean_line;

/// What a program said, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; None: a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

impl Output {
    pub const fn is_success(&self) -> bool {
        matches!(self.code, Some(0))
    }

    /// The last line that it wrote, from stderr if it wrote any there: mostly the reason of a failure.
    pub fn last_words(&self) -> String {
        let last = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().rev().map(str::trim).find(|l| !l.is_empty()).map(|l| clean_line(l).into_owned())
        };
        last(&self.stderr).or_else(|| last(&self.stdout)).unwrap_or_default()
    }
}
