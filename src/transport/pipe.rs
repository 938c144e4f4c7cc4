//! A program that is spoken to while it runs.
use super::{Program, lines::keep, output::Output, process::PIPES};
use crate::domain::{Error, Result};
use std::process::Stdio;
use tokio::{
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    time::timeout,
};

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
}

impl Words {
    /// Waits until the program has ended, which it does soon after it closed its side, and tells why in its own words:
    /// its last ones as an error, and all of them, of which it keeps 64 KiB.
    pub async fn last(mut self) -> (Error, String) {
        let mut stderr = Vec::new();
        let _ = timeout(PIPES, keep(self.stderr.take(), &mut stderr, 64 << 10)).await;
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
