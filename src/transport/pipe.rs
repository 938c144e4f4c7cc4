//! A program that is spoken to while it runs.
use super::{Program, at, lines::keep, output::Output, process::PIPES};
use crate::domain::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
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

    /// Gives it a file to read, and runs it to its end. `each` hears of every piece that it has taken, and once a second
    /// that it takes none. `cancel` kills it as long as it has not all; its patience counts from then on.
    pub async fn fed(
        &self,
        path: &Path,
        cancel: &CancellationToken,
        mut each: impl FnMut(u64) + Send,
    ) -> Result<Output> {
        let file = File::open(path).await.map_err(at(path))?;
        let mut child = self.start_with(Stdio::piped(), false)?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let code = {
            let read = async { tokio::join!(keep(out, &mut stdout, WORDS), keep(err, &mut stderr, WORDS)) };
            let read = read.fuse();
            tokio::pin!(read);
            let feed = feed(file, child.stdin.take(), &mut each);
            tokio::pin!(feed);
            loop {
                tokio::select! {
                    given = &mut feed => break given.map_err(at(path))?,
                    _ = &mut read => {}
                    () = cancel.cancelled() => {
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
async fn feed(mut file: File, to: Option<ChildStdin>, each: &mut (impl FnMut(u64) + Send)) -> std::io::Result<()> {
    let Some(mut to) = to else { return Ok(()) };
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
        let mut taken = 0;
        let none = CancellationToken::new();
        let output = sh("wc -c; echo done >&2; exit 3").fed(&path, &none, |size| taken += size).await.unwrap();
        assert_eq!((output.code, taken, output.last_words().as_str()), (Some(3), 300_000, "done"));
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "300000");
        // One that has enough before the end.
        let output = sh("head -c 5; exit 1").fed(&path, &none, |_| {}).await.unwrap();
        assert_eq!((output.code, &output.stdout[..]), (Some(1), &b"xxxxx"[..]));
        // One that takes nothing until it is given up.
        let cancel = CancellationToken::new();
        let (sleeper, told) = (sh("exec sleep 1000"), cancel.clone());
        let fed = sleeper.fed(&path, &cancel, |size| {
            if size == 0 {
                told.cancel();
            }
        });
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
