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
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(head);
    for step in script(&path) {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes)?,
            Step::Stall => drop(reader.read(&mut [0])),
        }
    }
    stream.shutdown(Shutdown::Write)
}
