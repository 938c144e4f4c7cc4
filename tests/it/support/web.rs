//! An HTTP server on loopback, on a thread of its own: each request goes to a closure, connections are kept, and what is
//! told instead of an answer goes out word for word.
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What is said.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// A whole answer: status, further headers with their line ends, body.
    Answer(u16, String, Vec<u8>),
    /// That, after a while.
    Late(Duration, Box<Told>),
    /// These bytes, and the connection ends.
    Raw(Vec<u8>),
    /// Nothing, for as long as the other side waits.
    Stall,
}

impl Told {
    pub(crate) fn json(status: u16, body: impl Into<String>) -> Self {
        Self::Answer(status, "Content-Type: application/json\r\n".to_owned(), body.into().into_bytes())
    }
}

/// How many requests are under way, and how many were at most.
#[derive(Default)]
struct AtOnce {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One of them: it ends with this.
struct UnderWay<'a>(&'a AtOnce);

impl AtOnce {
    fn one(&self) -> UnderWay<'_> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        UnderWay(self)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

type Script = dyn Fn(&Asked) -> Told + Send + Sync;

pub(crate) struct Web {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    at_once: Arc<AtOnce>,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

/// A certificate or key among the fixtures.
pub(crate) fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sysadm").join(name)
}

/// TLS by the certificate of this name; `mutual`: for clients with one by the authority alone.
fn acceptor(name: &str, mutual: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(certificate(&format!("{name}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(certificate(&format!("{name}.key"))).unwrap();
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate("authority.pem")).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

impl Web {
    pub(crate) fn serve(script: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        Self::begin(None, Arc::new(script))
    }

    /// Serves with TLS, by the certificate of this name among the fixtures.
    pub(crate) fn secure(name: &str, mutual: bool, script: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        Self::begin(Some(acceptor(name, mutual)), Arc::new(script))
    }

    fn begin(tls: Option<TlsAcceptor>, script: Arc<Script>) -> Self {
        let (asked, connections, at_once) = (Arc::default(), Arc::default(), Arc::default());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut web = Self { address, tls, script, asked, connections, at_once, running: None };
        web.start();
        web
    }

    /// Takes connections again, on the same port.
    pub(crate) fn start(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let counts = (self.connections.clone(), self.at_once.clone());
        let serve = serve(listener, self.tls.clone(), self.script.clone(), self.asked.clone(), counts);
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! { () = stopped.cancelled() => {}, () = serve => {} }
            });
        });
        self.running = Some((stop, thread));
    }

    /// Ends every connection and takes no more.
    pub(crate) fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            stop.cancel();
            let _ = thread.join();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http{}://{}", if self.tls.is_some() { "s" } else { "" }, self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests were under way at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.at_once.most.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
    (connections, at_once): (Arc<AtomicUsize>, Arc<AtOnce>),
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let _ = stream.set_nodelay(true);
                connections.fetch_add(1, Ordering::Relaxed);
                let (tls, script, asked, at_once) = (tls.clone(), script.clone(), asked.clone(), at_once.clone());
                open.spawn(async move {
                    let _ = match tls {
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => converse(stream, &*script, &asked, &at_once).await,
                            Err(error) => Err(error),
                        },
                        None => converse(stream, &*script, &asked, &at_once).await,
                    };
                });
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Script,
    asked: &Mutex<Vec<Asked>>,
    at_once: &AtOnce,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let mut words = head.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut request = Asked { method, path, head, body: String::new() };
        let length = request.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        let under_way = at_once.one();
        let mut told = script(&request);
        let closes = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        asked.lock().unwrap().push(request);
        while let Told::Late(pause, then) = told {
            sleep(pause).await;
            told = *then;
        }
        if !matches!(told, Told::Stall) {
            drop(under_way);
        }
        match told {
            Told::Answer(status, headers, body) => {
                let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat()).await?;
                stream.flush().await?;
            }
            Told::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Told::Stall => drop(stream.read_u8().await),
            Told::Late(..) => {}
        }
        if closes {
            return stream.shutdown().await;
        }
    }
}
