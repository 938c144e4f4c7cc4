//! Where the password or the token of a server comes from when it is wanted.
use super::Program;
use crate::domain::{Error, ErrorKind, Result, Secret};

/// A password, or the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// A person is asked.
    Ask,
    Given(Secret),
    /// The first line that a program prints.
    Program(Program),
    /// It cannot be had: why not, in words.
    Missing(String),
}

impl Password {
    /// The password; None: a person has to be asked. `field`: what errors call it.
    pub async fn get(&self, field: &str) -> Result<Option<Secret>> {
        let needs = |why: String| Error::new(ErrorKind::NeedsAnswer, format_args!("{field}: {why}"));
        match self {
            Self::Ask => Ok(None),
            Self::Given(secret) => Ok(Some(secret.clone())),
            Self::Missing(why) => Err(needs(why.clone())),
            Self::Program(program) => {
                // What it wrote to stdout is a secret, so its last words are those on stderr alone.
                let output = program.output().await.map_err(|error| needs(error.message))?;
                let text = Secret::new(String::from_utf8_lossy(&output.stdout).into_owned());
                let line = text.expose().lines().next().unwrap_or_default();
                match (output.is_success(), line.is_empty()) {
                    (true, false) => Ok(Some(Secret::new(line.to_owned()))),
                    (true, true) => Err(needs(format!("{} printed none", program.name()))),
                    (false, _) => {
                        let said = String::from_utf8_lossy(&output.stderr).into_owned();
                        let said = said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
                        Err(needs(format!("{} failed: {said}", program.name())))
                    }
                }
            }
        }
    }
}
