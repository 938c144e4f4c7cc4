//! A SysAdm server of our own on loopback, with machines and images, that answers as documented or as servers really do,
//! and does worse when told.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
pub(crate) use crate::support::fake_sysadm_world::Odd;
use crate::support::fake_sysadm_world::World;
use crate::support::{fake_iohyve::Face, fake_rest};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{broadcast, mpsc},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use vmdeck::{
    backend::sysadm::{Settings, SignIn, Sysadm, Trust},
    domain::Secret,
    transport::Password,
};

/// An adapter that signs in at the server with the right password and believes every certificate.
pub(crate) fn sysadm(url: &str) -> Sysadm {
    Sysadm::new(settings(url))
}

pub(crate) fn settings(url: &str) -> Settings {
    let password = Password::Given(Secret::new("secret".to_owned()));
    signing_in(url, SignIn::Password { user: None, password })
}

pub(crate) fn signing_in(url: &str, sign_in: SignIn) -> Settings {
    Settings { url: url.to_owned(), sign_in, trust: Trust::Insecure }
}

pub(crate) struct FakeSysadm {
    port: u16,
    is_rest: bool,
    is_secure: bool,
    tls: Arc<Mutex<Option<TlsAcceptor>>>,
    world: Arc<Mutex<World>>,
    /// What is still to be sent to those who listen.
    pub(crate) events: broadcast::Sender<String>,
    cut: broadcast::Sender<()>,
    _tasks: JoinSet<()>,
}

impl FakeSysadm {
    /// Serves without TLS.
    pub(crate) async fn new(face: Face) -> Self {
        Self::start(face, None, false).await
    }

    /// Serves single requests over HTTP, with a certificate or without.
    pub(crate) async fn rest(face: Face, certificate: Option<&str>) -> Self {
        Self::start(face, certificate.map(acceptor), true).await
    }

    /// Serves with the certificate of this name among the fixtures.
    pub(crate) async fn secure(face: Face, certificate: &str) -> Self {
        Self::start(face, Some(acceptor(certificate)), false).await
    }

    /// Shows another certificate from now on, as after a new start.
    pub(crate) fn present(&self, certificate: &str) {
        *self.tls.lock().unwrap() = Some(acceptor(certificate));
    }

    async fn start(face: Face, tls: Option<TlsAcceptor>, is_rest: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = Arc::new(Mutex::new(World::new(face)));
        let (events, cut) = (broadcast::channel(32_768).0, broadcast::channel(4).0);
        let mut tasks = JoinSet::new();
        let is_secure = tls.is_some();
        let tls = Arc::new(Mutex::new(tls));
        let (shared, hub, cuts, shown) = (world.clone(), events.clone(), cut.clone(), tls.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // An answer that waits for what the kernel may send comes too late where the clock stands.
                stream.set_nodelay(true).unwrap();
                if shared.lock().unwrap().is_away {
                    continue;
                }
                let tls = shown.lock().unwrap().clone();
                let (world, hub, mut cut) = (shared.clone(), hub.clone(), cuts.subscribe());
                connections.spawn(async move {
                    let serve = async {
                        match tls {
                            Some(tls) => match tls.accept(stream).await {
                                Ok(stream) if is_rest => fake_rest::serve(stream, &world).await,
                                Ok(stream) => converse(stream, world, hub).await,
                                Err(_) => None,
                            },
                            None if is_rest => fake_rest::serve(stream, &world).await,
                            None => converse(stream, world, hub).await,
                        }
                    };
                    tokio::select! { _ = serve => {}, _ = cut.recv() => {} }
                });
            }
        });
        Self { port, is_rest, is_secure, tls, world, events, cut, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        let scheme = match (self.is_rest, self.is_secure) {
            (true, true) => "https",
            (true, false) => "http",
            (false, true) => "wss",
            (false, false) => "ws",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Breaks all connections off.
    pub(crate) fn cut(&self) {
        let _ = self.cut.send(());
    }

    /// Sends an event to all who listen.
    pub(crate) fn tell(&self, event: &Value) {
        let _ = self.events.send(event.to_string());
    }

    /// How often an action was asked for.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.world().requests.iter().filter(|r| r["args"]["action"] == action).count()
    }

    /// How often somebody signed in, rightly or not.
    pub(crate) fn sign_ins(&self) -> usize {
        self.world().requests.iter().filter(|r| r["name"].as_str().is_some_and(|n| n.starts_with("auth"))).count()
    }
}

/// The certificate of this name and its key.
fn acceptor(certificate: &str) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(super::tls::server_tls(certificate)))
}

/// Serves one connection until it ends.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    world: Arc<Mutex<World>>,
    hub: broadcast::Sender<String>,
) -> Option<()> {
    let (mut out, mut incoming) = accept_async(stream).await.ok()?.split();
    let (answers, mut ready) = mpsc::unbounded_channel();
    let mut events = hub.subscribe();
    let (mut listens, mut work) = (false, JoinSet::new());
    loop {
        tokio::select! {
            message = incoming.next() => {
                let Message::Text(text) = message?.ok()? else { continue };
                let request: Value = serde_json::from_str(&text).unwrap();
                listens |= request["name"] == "subscribe";
                let (answers, world, hub) = (answers.clone(), world.clone(), hub.clone());
                work.spawn(async move { answer(&request, &world, &hub, &answers).await; });
            }
            Some(message) = ready.recv() => match message {
                Some(message) => out.send(message).await.ok()?,
                None => return None,
            },
            event = events.recv(), if listens => out.send(Message::text(event.ok()?)).await.ok()?,
            Some(_) = work.join_next() => {}
        }
    }
}

/// Answers one request. None on the way out: the connection breaks off.
async fn answer(
    request: &Value,
    world: &Mutex<World>,
    hub: &broadcast::Sender<String>,
    out: &mpsc::UnboundedSender<Option<Message>>,
) {
    let (id, name) = (request["id"].as_str().unwrap_or_default(), request["name"].as_str().unwrap());
    let action = request["args"]["action"].as_str().unwrap_or(name).to_owned();
    let (odd, slow) = world.lock().unwrap().arrived(request, &action);
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    let send = |text: String| drop(out.send(Some(Message::text(text))));
    let is_double = matches!(odd, Some(Odd::Twice));
    match odd {
        Some(Odd::Text(text)) => return send(text),
        Some(Odd::WithId(text)) => return send(text.replace("ID", id)),
        Some(Odd::Close(code, reason)) => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
            let _ = out.send(Some(Message::Close(Some(frame))));
            return;
        }
        Some(Odd::Cut) => return drop(out.send(None)),
        Some(Odd::Silence) => return,
        Some(Odd::Twice) | None => {}
    }
    let (face, result, events) = {
        let mut world = world.lock().unwrap();
        let (result, events) = world.reply(request, &action);
        (world.iohyve.face, result, events)
    };
    // The first event of a job comes before the answer that names it.
    let mut events = events.into_iter();
    if face == Face::Recorded
        && let Some(first) = events.next()
    {
        let _ = hub.send(first.to_string());
    }
    let envelope = match (result, face) {
        (Ok(args), _) => json!({"args": args, "id": id, "name": "response", "namespace": request["namespace"]}),
        (Err(code), Face::Recorded) => {
            json!({"args": {"code": code.to_string(), "message": "No"}, "id": id, "name": "error", "namespace": "error"})
        }
        (Err(code), Face::Documented) => {
            json!({"args": {"code": code, "message": "No"}, "id": id, "name": "error", "namespace": "rpc"})
        }
    };
    if is_double {
        send(json!({"args": {}, "id": "nobody", "name": "response"}).to_string());
        send(envelope.to_string());
    }
    send(envelope.to_string());
    for event in events {
        let _ = hub.send(event.to_string());
    }
}
