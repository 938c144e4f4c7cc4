//! Where passwords come from. None stands in the file itself.
use super::read::{Result, Value};
use crate::domain::{Secret, clean};
use std::path::PathBuf;

/// A program and its arguments, never seen by a shell.
pub type Words = Vec<String>;

/// Where the password of a host comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PasswordSource {
    /// The person is asked.
    #[default]
    Ask,
    /// The value of an environment variable.
    Env(String),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a program prints.
    Command(Words),
}

const RIGHT: &str = "write { env = \"NAME\" }, { file = \"/path\" } or { command = [\"program\", \"argument\"] }";

impl PasswordSource {
    pub(super) fn read(value: &Value<'_>) -> Result<Self> {
        if value.is_text() {
            // Not shown: it is a password.
            return Err(
                value.error(format_args!("it does not belong in this file: {RIGHT}, or leave it out to be asked"))
            );
        }
        let mut table = value.table()?;
        let env = table.word("env")?;
        let file = table.path("file")?;
        let command = table.get("command").map(|v| words(&v)).transpose()?;
        table.end()?;
        match (env, file, command) {
            (Some(env), None, None) => Ok(Self::Env(env)),
            (None, Some(file), None) => Ok(Self::File(file)),
            (None, None, Some(command)) => Ok(Self::Command(command)),
            (None, None, None) => Err(value.error(RIGHT)),
            _ => Err(value.error(format_args!("one source only: {RIGHT}"))),
        }
    }

    /// The password, where it can be read without running a program or asking a person: None there.
    pub fn read_now(&self) -> std::result::Result<Option<Secret>, String> {
        match self {
            Self::Ask | Self::Command(_) => Ok(None),
            Self::Env(name) => match std::env::var(name) {
                Ok(text) => Ok(Some(Secret::new(text))),
                Err(_) => Err(format!("the variable {} is not set", clean(name, 40))),
            },
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|e| format!("the file {} cannot be read: {e}", path.display()))?;
                Ok(Some(first_line(text)))
            }
        }
    }
}

/// The secret in what a file or a program says: its first line.
fn first_line(text: String) -> Secret {
    let end = text.find(['\r', '\n']).unwrap_or(text.len());
    let whole = Secret::new(text);
    Secret::new(whole.expose().get(..end).unwrap_or_default().to_owned())
}

/// A list of words; a text is split at spaces where that is all there is to it.
fn words(value: &Value<'_>) -> Result<Words> {
    let words: Words = match value.is_text() {
        true => {
            let text = value.text()?;
            if text.contains(|c: char| "'\"\\|&;<>()$`*?[]#~{}".contains(c) || (c.is_control())) {
                return Err(value.error("no shell reads it: write a list, [\"program\", \"argument\"]"));
            }
            text.split_whitespace().map(str::to_owned).collect()
        }
        false => value.texts()?.into_iter().map(str::to_owned).collect(),
    };
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => Err(value.error("a program is wanted: [\"program\", \"argument\"]")),
    }
}
