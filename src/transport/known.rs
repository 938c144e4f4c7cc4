//! Certificates that a person said yes to, by server: a line each, `host:port sha256`.
use super::at;
use crate::domain::{Error, Result};
use std::{
    fs,
    io::{ErrorKind, Write},
    path::PathBuf,
};

/// The file with the certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub file: PathBuf,
}

impl Known {
    fn text(&self) -> Result<String> {
        match fs::read_to_string(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            read => read.map_err(at(&self.file)),
        }
    }

    /// The fingerprint that was accepted for this server.
    pub fn get(&self, server: &str) -> Result<Option<String>> {
        let text = self.text()?;
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.find(|(name, _)| *name == server).map(|(_, sum)| sum.trim().to_owned()))
    }

    /// Remembers the fingerprint instead of an older one.
    pub fn set(&self, server: &str, fingerprint: &str) -> Result<()> {
        let text = self.text()?;
        let others = text.lines().filter(|line| line.split_once(' ').is_some_and(|(name, _)| name != server));
        let mut lines: Vec<_> = others.map(str::to_owned).collect();
        lines.push(format!("{server} {fingerprint}"));
        let folder = self.file.parent().ok_or_else(|| Error::invalid("the file of certificates has no folder"))?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        let mut whole = tempfile::NamedTempFile::new_in(folder).map_err(at(folder))?;
        whole.write_all((lines.join("\n") + "\n").as_bytes()).map_err(at(&self.file))?;
        whole.persist(&self.file).map_err(|error| at(&self.file)(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_certificate_takes_the_place_of_the_old_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let known = Known { file: folder.path().join("deeper/known") };
        assert_eq!(known.get("a:1").unwrap(), None);
        for (server, sum) in [("a:1", "11"), ("a:12", "22"), ("a:1", "33")] {
            known.set(server, sum).unwrap();
        }
        assert_eq!(known.get("a:1").unwrap().as_deref(), Some("33"));
        assert_eq!(known.get("a:12").unwrap().as_deref(), Some("22"));
    }
}
