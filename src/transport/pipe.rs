//! A program that is spoken to while it runs.
use super::{
    Program, at,
    lines::{keep, keep_until},
    output::Output,
    process::PIPES,
};
use crate::domain::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    sync::oneshot,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// How much of a file it is given at a time.
const PIECE: usize = 64 << 10;
/// How often it is told that it takes nothing.
const STILL: Duration = Duration::from_secs(1);
/// How much is kept of what it says.
const WORDS: usize = 64 << 10;

/// The two ways of a conversation, and what is left to hear when it has ended.
#[derive(Debug)]
pub struct Pipe {
    pub to: ChildStdin,
    pub from: ChildStdout,
    pub words: Words,
}

/// The program itself and what it writes to stderr. It is killed when this is dropped.
#[derive(Debug)]
pub struct Words {
    child: Child,
    stderr: Option<ChildStderr>,
    program: Program,
}

/// What a program is given to read, and what it makes of it.
#[derive(Debug)]
pub struct Fed<'a> {
    pub path: &'a Path,
    /// Kills it as long as it has not been told to go on.
    pub cancel: &'a CancellationToken,
    /// What it says when it has all and waits to be told to go on; no part of what is kept of its words.
    pub word: &'a str,
}

impl Program {
    /// Starts it with both ways open.
    pub fn pipe(&self) -> Result<Pipe> {
        let mut child = self.start_with(Stdio::piped(), false)?;
        let closed = || Error::refused(format_args!("{} cannot be spoken to", self.name()));
        let to = child.stdin.take().ok_or_else(closed)?;
        let from = child.stdout.take().ok_or_else(closed)?;
        let stderr = child.stderr.take();
        Ok(Pipe { to, from, words: Words { child, stderr, program: self.clone() } })
    }

    /// Gives it a file to read; once it has said its word, tells it to go on with an empty line, unless `go_on` fails: then
    /// it is killed. Runs it to its end. `each` hears of every piece that it has taken, and once a second that it takes
    /// none. Its patience counts from when it has all, and from when it goes on.
    pub async fn fed(
        &self,
        fed: &Fed<'_>,
        mut each: impl FnMut(u64) + Send,
        go_on: impl FnOnce() -> Result<()> + Send,
    ) -> Result<Output> {
        let file = File::open(fed.path).await.map_err(at(fed.path))?;
        let mut child = self.start_with(Stdio::piped(), false)?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (to, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (ready, is_ready) = oneshot::channel();
        let code = {
            let words = async {
                let rest = keep_until(fed.word.as_bytes(), out, &mut stdout, WORDS).await;
                if rest.is_some() {
                    let _ = ready.send(());
                }
                keep(rest, &mut stdout, WORDS).await;
            };
            let read = async { tokio::join!(words, keep(err, &mut stderr, WORDS)) };
            let read = read.fuse();
            tokio::pin!(read);
            let give = async {
                let Some(mut to) = to else { return Ok(()) };
                feed(file, &mut to, &mut each).await.map_err(at(fed.path))?;
                // One that ends without its word has other words.
                if self.within(async { Ok(is_ready.await.is_ok()) }).await? {
                    go_on()?;
                    let _ = to.write_all(b"\n").await;
                }
                Ok::<_, Error>(())
            };
            tokio::pin!(give);
            loop {
                tokio::select! {
                    given = &mut give => break given?,
                    _ = &mut read => {}
                    _ = child.wait() => break,
                    () = fed.cancel.cancelled() => {
                        return Err(Error::new(ErrorKind::Cancelled, format_args!("{} was stopped", self.name())));
                    }
                }
            }
            self.within(ended(&mut child, read)).await?
        };
        Ok(Output { code, stdout, stderr })
    }
}

/// Passes a file on until its end, or until nobody takes it any more.
async fn feed(mut file: File, to: &mut ChildStdin, each: &mut (impl FnMut(u64) + Send)) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let size = file.read(&mut piece).await?;
        let mut rest = piece.get(..size).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            match timeout(STILL, to.write(rest)).await {
                Ok(Ok(0) | Err(_)) => return Ok(()),
                Ok(Ok(taken)) => {
                    rest = rest.get(taken..).unwrap_or_default();
                    each(taken as u64);
                }
                Err(_) => each(0),
            }
        }
    }
}

/// Waits until it has ended. `read` takes in what it writes, also for a moment after that. Returns its exit code; None: a
/// signal ended it.
pub(super) async fn ended<T>(child: &mut Child, read: impl Future<Output = T>) -> Result<Option<i32>> {
    tokio::pin!(read);
    let mut drained = false;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            _ = &mut read, if !drained => drained = true,
        }
    };
    if !drained {
        let _ = timeout(PIPES, &mut read).await;
    }
    Ok(status?.code())
}

impl Words {
    /// Waits until the program has ended, which it does soon after it closed its side, and tells why in its own words:
    /// its last ones as an error, and all of them, of which it keeps 64 KiB.
    pub async fn last(mut self) -> (Error, String) {
        let mut stderr = Vec::new();
        let _ = timeout(PIPES, keep(self.stderr.take(), &mut stderr, WORDS)).await;
        let status = timeout(PIPES, self.child.wait()).await;
        let code = status.ok().and_then(Result::ok).and_then(|status| status.code());
        let all = String::from_utf8_lossy(&stderr).into_owned();
        (self.program.failure(&Output { code, stdout: Vec::new(), stderr }), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_program_is_given_a_file_and_tells_what_it_made_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![b'x'; 300_000]).unwrap();
        let sh = |script: &str| Program::new("sh").args(["-c", script]);
        let (mut taken, mut goes_on) = (0, 0);
        let cancel = CancellationToken::new();
        let given = Fed { path: &path, cancel: &cancel, word: "ready" };
        // What a shell on the other side says before the program does is no word of it.
        let program = sh("printf hello; head -c 300000 | wc -c; echo ready; read go; echo done >&2; exit 3");
        let go_on = || {
            goes_on += 1;
            Ok(())
        };
        let output = program.fed(&given, |size| taken += size, go_on).await.unwrap();
        assert_eq!((output.code, taken, goes_on, output.last_words().as_str()), (Some(3), 300_000, 1, "done"));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "hello300000");
        // One that has enough before the end.
        let never = || unreachable!();
        let output = sh("head -c 5; exit 1").fed(&given, |_| {}, never).await.unwrap();
        assert_eq!((output.code, &output.stdout[..]), (Some(1), &b"xxxxx"[..]));
        // One that has all and says something else.
        let output = sh("head -c 300000 >/dev/null; echo read; exit 1").fed(&given, |_| {}, never).await.unwrap();
        assert_eq!((output.code, &output.stdout[..]), (Some(1), &b"read\n"[..]));
        // One that may not go on.
        let folder = folder.path().join("went-on");
        let program = sh(&format!("head -c 300000 >/dev/null; echo ready; read go && touch {}", folder.display()));
        let error = program.fed(&given, |_| {}, || Err(Error::conflict("no"))).await.unwrap_err();
        assert_eq!((error.message.as_str(), folder.exists()), ("no", false));
        // One that takes nothing until it is given up.
        let sleeper = sh("exec sleep 1000");
        let fed = sleeper.fed(
            &given,
            |size| {
                if size == 0 {
                    cancel.cancel();
                }
            },
            never,
        );
        assert_eq!(fed.await.unwrap_err().kind, ErrorKind::Cancelled);
    }

    #[tokio::test]
    async fn a_program_is_spoken_to_and_its_last_words_are_heard() {
        let mut pipe = Program::new("sh")
            .arg("-c")
            .arg("read x; echo \"<$x>\"; echo 'not yet' >&2; echo 'and no more' >&2")
            .pipe()
            .unwrap();
        pipe.to.write_all(b"hello\n").await.unwrap();
        let mut said = String::new();
        pipe.from.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "<hello>\n");
        let (error, all) = pipe.words.last().await;
        assert_eq!((error.message.as_str(), all.as_str()), ("and no more", "not yet\nand no more\n"));
    }
}
