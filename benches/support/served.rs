//! A web server on loopback that costs next to nothing: one file, sent by the kernel, from any place on.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How the server serves, changed while it runs.
#[derive(Debug)]
pub(crate) struct Manners {
    /// Bytes of the file that were sent.
    pub(crate) sent: AtomicU64,
    /// Where it stands still until this is raised.
    pub(crate) until: AtomicU64,
    /// Bytes a second; 0: as fast as it goes.
    pub(crate) rate: AtomicU64,
}

pub(crate) struct Served {
    port: u16,
    pub(crate) manners: Arc<Manners>,
}

impl Served {
    pub(crate) fn start(file: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let manners = Arc::new(Manners { sent: 0.into(), until: u64::MAX.into(), rate: 0.into() });
        let (file, shared) = (file.to_owned(), Arc::clone(&manners));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (file, manners) = (file.clone(), Arc::clone(&shared));
                // Who asked may go away in the middle.
                thread::spawn(move || drop(answer(&stream, &file, &manners)));
            }
        });
        Self { port, manners }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/a.iso", self.port)
    }
}

/// Answers one request for `/a.iso`; whatever else is asked for is not there.
fn answer(mut stream: &TcpStream, file: &Path, manners: &Manners) -> io::Result<()> {
    let (mut begin, mut is_rest, mut is_image) = (0, false, false);
    for line in BufReader::new(stream).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        is_image |= line.starts_with("get /a.iso ");
        if let Some(range) = line.strip_prefix("range: bytes=") {
            (begin, is_rest) = (range.trim_end_matches('-').parse().unwrap_or(0), true);
        }
    }
    if !is_image {
        return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let mut file = File::open(file)?;
    let total = file.metadata()?.len();
    let status = if is_rest { "206 Partial Content" } else { "200 OK" };
    let range = if is_rest { format!("Content-Range: bytes {begin}-{}/{total}\r\n", total - 1) } else { String::new() };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"v1\"\r\n{range}Connection: close\r\n\r\n",
        total - begin
    )?;
    file.seek(SeekFrom::Start(begin))?;
    while begin < total {
        let rate = manners.rate.load(Ordering::Relaxed);
        let most = if rate == 0 { 8 << 20 } else { rate / 20 };
        let size = most.min(manners.until.load(Ordering::Relaxed).saturating_sub(begin));
        // `io::copy` has the kernel do it: no byte comes by here.
        let sent = io::copy(&mut io::Read::take(&file, size), &mut stream)?;
        begin += sent;
        manners.sent.fetch_add(sent, Ordering::Relaxed);
        if rate > 0 || sent == 0 {
            thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}
