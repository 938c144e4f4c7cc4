//! An HTTP server on loopback that does exactly what it is told, wrong things too.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the server does with a connection, in order; then it closes it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Says nothing more until the other side goes.
    Stall,
}

pub(crate) struct Http {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

/// A whole answer with a `Content-Length`.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    vec![Step::Send(head.into_bytes()), Step::Send(body.to_vec())]
}

/// An answer word for word.
pub(crate) fn raw(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

impl Http {
    /// Answers each request by what `script` makes of its path.
    pub(crate) fn serve(script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::serve_heads(move |head| script(head.split(' ').nth(1).unwrap_or_default()))
    }

    /// Answers each request by what `script` makes of its whole head.
    pub(crate) fn serve_heads(script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (Arc::clone(&requests), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                thread::spawn(move || {
                    let _ = converse(stream, &seen, &*script);
                });
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn converse(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    script: &dyn Fn(&str) -> Vec<Step>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    seen.lock().unwrap().push(head.clone());
    for step in script(&head) {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes)?,
            Step::Stall => drop(reader.read(&mut [0])),
        }
    }
    stream.shutdown(Shutdown::Write)
}

/// The first byte that a request asks for, where it asks for a part.
pub(crate) fn range(head: &str) -> Option<usize> {
    let line = head.lines().find_map(|line| line.strip_prefix("range: bytes="))?;
    line.strip_suffix('-')?.parse().ok()
}

/// The answer to a request for `body` by a server that keeps the rules of RFC 9110: its part where the file is still
/// the one called `tag`. The connection breaks after `cut` bytes of it.
pub(crate) fn resumable(head: &str, body: &[u8], tag: &str, cut: usize) -> Vec<Step> {
    let is_same = head.contains(&format!("if-range: {tag}\r\n"));
    let (status, begin, range_line) = match range(head).filter(|_| is_same) {
        Some(begin) if begin >= body.len() => {
            return answer("416 Range Not Satisfiable", &format!("Content-Range: bytes */{}\r\n", body.len()), b"");
        }
        Some(begin) => {
            let line = format!("Content-Range: bytes {begin}-{}/{}\r\n", body.len() - 1, body.len());
            ("206 Partial Content", begin, line)
        }
        None => ("200 OK", 0, String::new()),
    };
    let rest = body.get(begin..).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: {tag}\r\n{range_line}Connection: close\r\n\r\n",
        rest.len()
    );
    vec![Step::Send(head.into_bytes()), Step::Send(rest.iter().take(cut).copied().collect())]
}
