//! Running `iohyve` and what goes with it, here or through ssh. Its exit code tells little: what it changed is read again.
use crate::{
    backend::{
        EventSink,
        ssh::{self, Ssh},
    },
    domain::{Error, ErrorKind, Result, clean},
    transport::{Output, Program},
};
use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this computer: where the command is.
    Here(PathBuf),
    /// `user@host`, through the user's own ssh.
    Ssh { program: PathBuf, host: String },
}

/// What follows a command that is left on the other side of ssh.
pub(super) const LEFT: &str = ">$o";

/// The way to run it.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) place: Place,
    /// A folder of our own, for what is left writing and for connections that are kept.
    pub(super) run: PathBuf,
    pub(super) ssh: Ssh,
}

/// One argument as a shell takes it: one word, whatever it holds. FreeBSD's root has csh, which replaces `!` even between
/// quotes, and ends a line at a line's end: those cannot be sent.
pub(super) fn quote(word: &str) -> Result<String> {
    if word.chars().any(|c| c.is_control() || c == '!') {
        let shown = clean(word, 60);
        return Err(Error::invalid(format_args!("`{shown}` holds a `!` or a control character, which cannot be sent")));
    }
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c));
    Ok(if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) })
}

pub(super) fn line(words: &[&str]) -> Result<String> {
    words.iter().map(|word| quote(word)).collect::<Result<Vec<_>>>().map(|words| words.join(" "))
}

/// What iohyve wrote, for people: the last line, which has the reason of a failure.
pub(super) fn words(output: &Output) -> String {
    let words = output.last_words();
    let words = words.strip_prefix("!! ").unwrap_or(&words);
    if words.is_empty() { "iohyve said nothing".to_owned() } else { words.to_owned() }
}

impl Shell {
    fn make_run(&self) -> Result<()> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.run);
        made.map_err(|error| Error::from(error).context(self.run.display()))
    }

    /// ssh with a command line for the other side. One connection is kept for a minute: a new one takes long.
    pub(super) fn ssh(&self, program: &Path, host: &str, remote: String) -> Result<Program> {
        self.ssh_with(&["-T"], program, host, remote)
    }

    fn ssh_with(&self, how: &[&str], program: &Path, host: &str, remote: String) -> Result<Program> {
        self.make_run()?;
        let kept = format!("ControlPath={}", self.run.join("ssh-%C").display());
        // A network that is gone is noticed within half a minute.
        let times = ["ConnectTimeout=8", "ServerAliveInterval=10", "ServerAliveCountMax=3"];
        let options = ["ControlMaster=auto", "ControlPersist=60", &kept];
        let ssh = Program::new(program).arg("-x").args(how.iter().copied());
        let ssh = ssh.args(times.iter().chain(&options).flat_map(|option| ["-o", *option]));
        Ok(ssh.operand(host)?.arg(remote))
    }

    /// A command on the host: the first word is the program.
    fn program(&self, words: &[&str]) -> Result<Program> {
        match &self.place {
            Place::Here(iohyve) => {
                let (program, arguments) = words.split_first().unwrap_or((&"", &[]));
                // What stands beside it is newer than what the system brings.
                let beside = iohyve.with_file_name(program);
                let program = if beside.is_file() { beside } else { program.into() };
                Ok(Program::new(program).args(arguments.iter().copied()))
            }
            Place::Ssh { program, host } => self.ssh(program, host, line(words)?),
        }
    }

    fn command(&self) -> String {
        match &self.place {
            Place::Here(path) => path.to_string_lossy().into_owned(),
            Place::Ssh { .. } => "iohyve".to_owned(),
        }
    }

    async fn output(&self, program: Program) -> Result<Output> {
        self.said(program, None).await
    }

    /// Runs it to its end. Through ssh, it may ask whoever is behind `events`.
    async fn said(&self, program: Program, events: Option<&EventSink>) -> Result<Output> {
        self.heard(program, events, async |program| program.output().await).await
    }

    /// [`Self::said`], run in this way.
    pub(super) async fn heard(
        &self,
        program: Program,
        events: Option<&EventSink>,
        run: impl AsyncFnOnce(Program) -> Result<Output>,
    ) -> Result<Output> {
        let output = match self.place {
            Place::Here(_) => run(program).await?,
            Place::Ssh { .. } => {
                let through = async |asks: &ssh::Asks<'_>| {
                    let output = run(asks.lead(program)).await?;
                    if output.code == Some(255) { Err(unreachable(&output)) } else { Ok(output) }
                };
                self.ssh.asked(events, through).await?
            }
        };
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        let text = String::from_utf8_lossy(&text);
        if text.contains("needs root credentials") {
            return Err(Error::refused("iohyve needs root for this"));
        }
        if output.code == Some(127) {
            return Err(Error::not_found("iohyve is not installed there"));
        }
        Ok(output)
    }

    /// Gets through to the host, for which ssh may ask something, and tells the number of the user there. From then on
    /// there is a connection that commands use.
    pub(super) async fn user(&self, events: &EventSink) -> Result<Output> {
        self.said(self.program(&["id", "-u"])?.patience(None), Some(events)).await
    }

    /// Runs another program there than iohyve.
    pub(super) async fn other(&self, words: &[&str]) -> Result<Output> {
        self.output(self.program(words)?).await
    }

    /// Runs iohyve to its end, for `patience` at most.
    pub(super) async fn run(&self, arguments: &[&str], patience: Duration) -> Result<Output> {
        let command = self.command();
        let words: Vec<_> = std::iter::once(command.as_str()).chain(arguments.iter().copied()).collect();
        self.output(self.program(&words)?.patience(Some(patience))).await
    }

    /// What a command that only reads prints.
    pub(super) async fn read(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments, super::READ).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if text.trim().is_empty() {
            return Err(Error::refused(words(&output)));
        }
        Ok(text)
    }

    /// The names of the images in iohyve's library.
    pub(super) async fn isos(&self) -> Result<Vec<String>> {
        Ok(super::read::names(&self.read(&["isolist"]).await?))
    }

    /// iohyve on the terminal of a person. ssh has no keys of its own there: all are the program's.
    pub(super) fn on_terminal(&self, arguments: &[&str]) -> Result<Program> {
        let command = self.command();
        let words: Vec<_> = std::iter::once(command.as_str()).chain(arguments.iter().copied()).collect();
        match &self.place {
            Place::Here(_) => self.program(&words),
            Place::Ssh { program, host } => self.ssh_with(&["-t", "-e", "none"], program, host, line(&words)?),
        }
    }

    /// Runs iohyve where it leaves something behind that goes on writing: into a file, which nobody has to read. What is
    /// not over in this time (a loader may wait for a person) goes on without us.
    pub(super) async fn leave(&self, arguments: &[&str], patience: Duration) -> Result<Output> {
        let command = self.command();
        let words: Vec<_> = std::iter::once(command.as_str()).chain(arguments.iter().copied()).collect();
        let program = match &self.place {
            Place::Here(_) => {
                self.make_run()?;
                self.program(&words)?.log(self.run.join(format!("{}.log", arguments.join("-"))))
            }
            Place::Ssh { program: ssh, host } => {
                let said = "o=$(mktemp) || exit 1; ";
                let rest = "2>&1 </dev/null; c=$?; cat $o; rm -f $o; exit $c";
                let script = format!("{said}{} {LEFT} {rest}", line(&words)?);
                self.ssh(ssh, host, line(&["/bin/sh", "-c", &script])?)?
            }
        };
        self.output(program.patience(Some(patience))).await
    }
}

/// Why ssh did not get there, and what to do.
fn unreachable(output: &Output) -> Error {
    let words = format!("ssh: {}", output.last_words());
    let lasting = ssh::lasting(&words, &String::from_utf8_lossy(&output.stderr));
    lasting.unwrap_or_else(|| Error::new(ErrorKind::Unreachable, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_quoted_word_is_one_word_to_a_shell() {
        for word in ["plain", "two words", "it's", "$HOME `id` \"x\"", "*", "", "a;b&c|d", "\\", "-f", "#x", "~", "äöü"]
        {
            let script = format!("printf %s {}", quote(word).unwrap());
            let output = Program::new("sh").args(["-c", &script]).output().await.unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
        for word in ["a!b", "a\nb", "\0", "\u{1b}[1m"] {
            assert!(quote(word).is_err());
        }
    }

    #[test]
    fn what_ssh_says_comes_with_its_cure() {
        let said = |words: &str| unreachable(&Output { stderr: words.as_bytes().to_vec(), ..Output::default() });
        assert_eq!(
            said("root@h: Permission denied (publickey).").message,
            "ssh: root@h: Permission denied (publickey).: neither a key of yours nor what was typed lets this user in there"
        );
        let changed = "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.";
        assert!(said(changed).message.ends_with("find out why before you accept it"));
        assert_eq!(said("ssh: connect to host h port 22: Connection refused").kind, ErrorKind::Unreachable);
    }
}
