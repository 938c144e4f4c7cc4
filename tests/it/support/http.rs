//! An HTTP server on loopback that does exactly what it is told, wrong things too.
use rustls::{ServerConnection, StreamOwned};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

/// What the server does with a connection, in order; then it closes it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Vec<u8>),
    /// Says nothing more until the other side goes.
    Stall,
    /// Says nothing more until the gate is open.
    Wait(Arc<Gate>),
}

/// What a server waits for in the middle of an answer.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }
}

pub(crate) struct Http {
    scheme: &'static str,
    place: SocketAddr,
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
        Self::serve_on(Ipv4Addr::LOCALHOST.into(), script)
    }

    /// The same at another address of this machine.
    pub(crate) fn serve_on(host: IpAddr, script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let talk = |stream: TcpStream, seen: &Mutex<Vec<String>>, script: &dyn Fn(&str) -> Vec<Step>| {
            converse(&stream, seen, script)?;
            stream.shutdown(Shutdown::Write)
        };
        Self::listen("http", host, script, talk)
    }

    /// Answers as [`Http::serve`] does, over TLS with the certificate of this name among the fixtures.
    pub(crate) fn secure(certificate: &str, script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let config = Arc::new(super::tls::server_tls(certificate));
        let talk = move |stream: TcpStream, seen: &Mutex<Vec<String>>, script: &dyn Fn(&str) -> Vec<Step>| {
            let tls = ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
            let stream = Mutex::new(StreamOwned::new(tls, stream));
            converse(Locked(&stream), seen, script)?;
            let mut stream = stream.into_inner().unwrap();
            stream.conn.send_close_notify();
            stream.flush()
        };
        Self::listen(
            "https",
            Ipv4Addr::LOCALHOST.into(),
            move |head| script(head.split(' ').nth(1).unwrap_or_default()),
            talk,
        )
    }

    fn listen(
        scheme: &'static str,
        host: IpAddr,
        script: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static,
        talk: impl Fn(TcpStream, &Mutex<Vec<String>>, &dyn Fn(&str) -> Vec<Step>) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let place = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script, talk) = (Arc::clone(&requests), Arc::new(script), Arc::new(talk));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script, talk) = (Arc::clone(&seen), Arc::clone(&script), Arc::clone(&talk));
                thread::spawn(move || {
                    let _ = talk(stream, &seen, &*script);
                });
            }
        });
        Self { scheme, place, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.place)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.place.port()
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A connection that is read and written by two.
struct Locked<'a, S>(&'a Mutex<S>);

impl<S> Clone for Locked<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Locked<'_, S> {}

impl<S: Read> Read for Locked<'_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().read(bytes)
    }
}

impl<S: Write> Write for Locked<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.lock().unwrap().flush()
    }
}

fn converse<S: Read + Write + Copy>(
    mut stream: S,
    seen: &Mutex<Vec<String>>,
    script: &dyn Fn(&str) -> Vec<Step>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
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
            Step::Wait(gate) => gate.pass(),
        }
    }
    stream.flush()
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
