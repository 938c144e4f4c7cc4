//! What a program writes, read without ever holding it up.
use crate::domain::clean_line;
use std::future::pending;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// The longest line that is passed on, in bytes.
const LINE: usize = 4096;

/// Reads to the end and keeps the first `limit` bytes, so that the program is never held up.
pub(super) async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>, limit: usize) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = vec![0; 16 << 10];
    while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
        let room = limit.saturating_sub(kept.len());
        kept.extend(chunk.iter().take(n.min(room)));
    }
}

/// [`keep`], as far as `word`, which is not kept. Returns the rest of the pipe; None: it ended without.
pub(super) async fn keep_until<R: AsyncRead + Unpin>(
    word: &[u8],
    pipe: Option<R>,
    kept: &mut Vec<u8>,
    limit: usize,
) -> Option<R> {
    let mut pipe = pipe?;
    let mut chunk = vec![0; 16 << 10];
    while let Ok(n @ 1..) = pipe.read(&mut chunk).await {
        let room = limit.saturating_sub(kept.len());
        kept.extend(chunk.iter().take(n.min(room)));
        if let Some(at) = kept.windows(word.len()).position(|part| part == word) {
            kept.drain(at..at + word.len());
            return Some(pipe);
        }
    }
    None
}

/// The lines of a pipe. A carriage return ends one too: progress bars use it.
pub(super) struct Lines<R> {
    pipe: Option<BufReader<R>>,
    partial: Vec<u8>,
    pub(super) ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(pipe: Option<R>) -> Self {
        Self { ended: pipe.is_none(), pipe: pipe.map(BufReader::new), partial: Vec::new() }
    }

    /// The next line that is not empty; None: the pipe has ended. Nothing is lost when it is dropped between two polls.
    pub(super) async fn next(&mut self) -> Option<String> {
        let Some(pipe) = &mut self.pipe else { return pending().await };
        loop {
            let buffer = match pipe.fill_buf().await {
                Ok(buffer) if !buffer.is_empty() => buffer,
                _ => {
                    self.ended = true;
                    return line(&mut self.partial);
                }
            };
            let end = buffer.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let taken = end.unwrap_or(buffer.len());
            let room = LINE.saturating_sub(self.partial.len());
            self.partial.extend(buffer.iter().take(taken.min(room)));
            let used = end.map_or(taken, |at| at + 1);
            pipe.consume(used);
            if end.is_some()
                && let Some(line) = line(&mut self.partial)
            {
                return Some(line);
            }
        }
    }
}

fn line(bytes: &mut Vec<u8>) -> Option<String> {
    let text = String::from_utf8_lossy(bytes).trim().to_owned();
    bytes.clear();
    (!text.is_empty()).then(|| clean_line(&text).into_owned())
}
