//! The one place that starts programs: lists of arguments, never a shell; nothing on stdin; what they write is kept up to
//! a limit; a time-out for each; killed when nobody waits for them any more, but those that write into a file.
use super::{
    find::is_there,
    lines::{Lines, keep},
    output::Output,
    pipe::ended,
};
use crate::domain::{Error, ErrorKind, Result, Secret, clean_line};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long the pipes may stay open after the program has gone: whoever inherited them is not waited for.
pub(super) const PIPES: Duration = Duration::from_millis(500);
/// How long a program may take to end by itself when it is asked to.
const GRACE: Duration = Duration::from_secs(5);
/// The word by which vmdeck turns into another program in a session of its own.
pub const APART: &str = "apart";

/// A program to run, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    patience: Option<Duration>,
    limit: usize,
    in_terminal: bool,
    log: Option<PathBuf>,
    environment: Vec<(&'static str, OsString)>,
    apart: Option<PathBuf>,
}

impl Program {
    /// A program by its path, or by its name on `PATH`. It has 30 s, and 1 MiB each for what it writes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arguments: Vec::new(),
            patience: Some(Duration::from_secs(30)),
            limit: 1 << 20,
            in_terminal: false,
            log: None,
            environment: Vec::new(),
            apart: None,
        }
    }

    /// Sets a variable of its environment, which anybody on this computer may see: nothing secret.
    #[must_use]
    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Runs it in a session of its own, without a terminal, through vmdeck's own program `own`.
    #[must_use]
    pub fn apart(mut self, own: impl Into<PathBuf>) -> Self {
        self.apart = Some(own.into());
        self
    }

    /// Has it write into this file, both streams, instead of to us: for a program that leaves others behind which go on
    /// writing. [`Output::stdout`] is what the file holds when the program itself has ended. One that is past its time, or
    /// that nobody waits for any more, is left alone and goes on.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Adds an argument of ours.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments of ours.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds an argument that came from outside: refused where the program could take it for an option.
    pub fn operand(self, argument: impl AsRef<OsStr>) -> Result<Self> {
        let argument = argument.as_ref();
        let shown = argument.to_string_lossy();
        if argument.as_encoded_bytes().starts_with(b"-") {
            return Err(Error::invalid(format_args!("`{shown}` must not begin with a dash")));
        }
        if argument.as_encoded_bytes().contains(&0) {
            return Err(Error::invalid(format_args!("`{shown}` must not contain a zero byte")));
        }
        Ok(self.arg(argument))
    }

    /// How long it may run; None: as long as it likes.
    #[must_use]
    pub const fn patience(mut self, time: Option<Duration>) -> Self {
        self.patience = time;
        self
    }

    /// Leaves it in the foreground of our terminal, where it may ask for a password. Others have a process group
    /// of their own, so that a Ctrl-C meant for us does not stop them half way.
    #[must_use]
    pub const fn in_terminal(mut self, yes: bool) -> Self {
        self.in_terminal = yes;
        self
    }

    /// The name of the program, for messages.
    pub fn name(&self) -> String {
        clean_line(&self.path.file_name().unwrap_or_default().to_string_lossy()).into_owned()
    }

    /// The whole command as a person would type it, for reading only.
    pub fn shown(&self) -> String {
        let quoted = |word: &OsStr| {
            let word = word.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                word.into_owned()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        };
        let words = std::iter::once(self.path.as_os_str()).chain(self.arguments.iter().map(OsString::as_os_str));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }

    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn start(&self) -> Result<Child> {
        self.start_with(Stdio::null(), false)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place where programs are started")]
    pub(super) fn start_with(&self, stdin: Stdio, detached: bool) -> Result<Child> {
        let mut command = match &self.apart {
            None => Command::new(&self.path),
            Some(own) => {
                is_there(&self.path).map_err(|error| self.not_started(error))?;
                let mut command = Command::new(own);
                command.arg(APART).arg(&self.path);
                command
            }
        };
        // The words of a program are matched and shown: in the language that its documentation has.
        command.args(&self.arguments).env("LC_ALL", "C");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = || if detached { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(output()).stderr(output()).kill_on_drop(!detached && self.log.is_none());
        if let Some(path) = &self.log {
            let log = std::fs::File::create(path).map_err(super::at(path))?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        // Who leads a group cannot leave its session.
        if !self.in_terminal && !detached && self.apart.is_none() {
            command.process_group(0);
        }
        command.spawn().map_err(|error| self.not_started(error))
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::not_found(format_args!("{} is not installed", self.name())),
            _ => Error::from(error).context(format_args!("{} cannot be started", self.name())),
        }
    }

    /// Runs it to its end with our terminal as its own, for as long as the person likes: an editor. Returns its exit
    /// code; None: a signal ended it.
    #[expect(clippy::disallowed_methods, reason = "this is the place where programs are started")]
    pub async fn with_terminal(&self) -> Result<Option<i32>> {
        let spawned = Command::new(&self.path).args(&self.arguments).kill_on_drop(true).spawn();
        let mut child = spawned.map_err(|error| self.not_started(error))?;
        Ok(child.wait().await?.code())
    }

    /// Starts it and lets it go: it lives on without us. It must make a session of its own (`setsid`), which a program
    /// that leads a process group could not. `words` are written to its standard input.
    pub fn detach(&self, words: Option<&Secret>) -> Result<()> {
        let mut child = self.start_with(if words.is_some() { Stdio::piped() } else { Stdio::null() }, true)?;
        if let (Some(words), Some(stdin)) = (words, child.stdin.take()) {
            // A few bytes always fit into a pipe, so this waits for nobody.
            let mut pipe = std::fs::File::from(stdin.into_owned_fd()?);
            std::io::Write::write_all(&mut pipe, words.expose().as_bytes())?;
        }
        Ok(())
    }

    /// Runs it to its end. An exit code other than 0 is no error here.
    pub async fn output(&self) -> Result<Output> {
        self.within(async {
            let mut child = self.start()?;
            let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
            let (out, err) = (child.stdout.take(), child.stderr.take());
            let read = async { tokio::join!(keep(out, &mut stdout, self.limit), keep(err, &mut stderr, self.limit)) };
            let code = ended(&mut child, read).await?;
            if let Some(path) = &self.log {
                let log = tokio::fs::File::open(path).await?;
                log.take(u64::try_from(self.limit).unwrap_or(u64::MAX)).read_to_end(&mut stdout).await?;
            }
            Ok(Output { code, stdout, stderr })
        })
        .await
    }

    /// Runs it to its end; an exit code other than 0 is an error with the program's last words.
    pub async fn run(&self) -> Result<Output> {
        let output = self.output().await?;
        if output.is_success() { Ok(output) } else { Err(self.failure(&output)) }
    }

    /// Runs it to its end and passes on what it writes, line by line, cleaned, both streams as they come. `cancel` asks it
    /// to end, and kills it when it does not. The end of what it wrote on stderr is in the answer.
    pub async fn lines(&self, cancel: &CancellationToken, mut each: impl FnMut(&str) + Send) -> Result<Output> {
        self.within(async {
            let mut child = self.start()?;
            let (mut out, mut err) = (Lines::new(child.stdout.take()), Lines::new(child.stderr.take()));
            let mut stderr: Vec<u8> = Vec::new();
            let mut status = None;
            while status.is_none() || !(out.ended && err.ended) {
                let (line, is_error) = tokio::select! {
                    line = out.next(), if !out.ended => (line, false),
                    line = err.next(), if !err.ended => (line, true),
                    ended = child.wait(), if status.is_none() => {
                        status = Some(ended?);
                        continue;
                    }
                    () = sleep(PIPES), if status.is_some() => break,
                    () = cancel.cancelled() => return Err(self.stop(child).await),
                };
                let Some(line) = line else { continue };
                if is_error {
                    stderr.extend_from_slice(line.as_bytes());
                    stderr.push(b'\n');
                    let over = stderr.len().saturating_sub(self.limit);
                    stderr.drain(..over);
                }
                each(&line);
            }
            let code = status.and_then(|status| status.code());
            Ok(Output { code, stdout: Vec::new(), stderr })
        })
        .await
    }

    async fn stop(&self, mut child: Child) -> Error {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = timeout(GRACE, child.wait()).await;
        }
        Error::new(ErrorKind::Cancelled, format_args!("{} was stopped", self.name()))
    }

    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let Some(patience) = self.patience else { return work.await };
        timeout(patience, work).await.unwrap_or_else(|_| {
            let message = format!("{} did not end within {} s", self.name(), patience.as_secs());
            Err(Error::new(ErrorKind::Timeout, message))
        })
    }

    /// The error that a failed run makes, in the program's last words.
    pub fn failure(&self, output: &Output) -> Error {
        let how = output.code.map_or_else(|| "was killed".to_owned(), |code| format!("ended with code {code}"));
        match output.last_words() {
            words if words.is_empty() => Error::refused(format_args!("{} {how} and said nothing", self.name())),
            words => Error::refused(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Program {
        Program::new("sh").arg("-c").arg(script)
    }

    #[tokio::test]
    async fn both_streams_and_the_code_come_back() {
        let output = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!((output.code, &output.stdout[..], &output.stderr[..]), (Some(3), &b"out\n"[..], &b"err\n"[..]));
        let error = sh("echo first; echo 'it broke' >&2; exit 1").run().await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Refused, "it broke"));
        assert_eq!(sh("kill -9 $$").output().await.unwrap().code, None);
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_does_not_block_the_program() {
        let output = sh("head -c 5000000 /dev/zero; exit 0").output().await.unwrap();
        assert_eq!((output.code, output.stdout.len()), (Some(0), 1 << 20));
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 1000", file.display());
        let error = sh(&script).patience(Some(Duration::from_millis(500))).output().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        let pid = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        let dead = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        timeout(Duration::from_secs(5), async {
            while !dead() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn what_inherits_the_pipes_is_not_waited_for() {
        // The one in the background keeps the pipe open, as a program that turned itself into a daemon may.
        let program = sh("sleep 3 & echo started").patience(Some(Duration::from_secs(2)));
        assert_eq!(program.output().await.unwrap().stdout, b"started\n");
        let output = program.lines(&CancellationToken::new(), |_| ()).await.unwrap();
        assert_eq!(output.code, Some(0));
    }

    #[tokio::test]
    async fn lines_come_as_they_are_written() {
        let mut seen = Vec::new();
        let script = r"printf 'one\r\n\rtwo 10%%\rtwo 20%%\n'; printf '\033[1mthree'; exit 4";
        let output = sh(script).lines(&CancellationToken::new(), |l| seen.push(l.to_owned())).await.unwrap();
        assert_eq!((output.code, seen.join("|")), (Some(4), "one|two 10%|two 20%|[1mthree".to_owned()));
    }

    #[tokio::test]
    async fn cancelling_stops_the_program() {
        let cancel = CancellationToken::new();
        let error = sh("echo ready; exec sleep 1000").lines(&cancel, |_| cancel.cancel()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = Program::new("vmdeck-no-such-program").output().await.unwrap_err();
        assert_eq!(error.message, "vmdeck-no-such-program is not installed");
    }

    #[test]
    fn arguments_from_outside_are_no_options() {
        assert!(Program::new("x").operand("--shrink").is_err());
        assert!(Program::new("x").operand("a\0b").is_err());
        let program = Program::new("x").arg("-f").operand("it's").unwrap();
        assert_eq!(program.shown(), r"x -f 'it'\''s'");
    }
}
