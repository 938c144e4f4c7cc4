//! Requests to etcd, each with what its refusals mean.
use super::{
    Settings, locked,
    wire::{self, Code, Entry, Event},
};
use crate::{
    backend::{EventSink, asking::Asking, way::Way},
    domain::{Error, ErrorKind, Result, Secret, clean, clean_line},
    transport::{
        Password,
        http::{Answer, Ask, Method},
    },
};
use std::{
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Where etcd takes connections, by lochness's own custom.
const PORT: u16 = 4001;
/// The largest answer: the tree of some 50,000 guests.
const LARGEST: usize = 128 << 20;
/// How long the tree may take.
const WHOLE: Duration = Duration::from_secs(30);
/// How long a watch is left alone before it is asked anew: a server that is gone without a word is noticed by then.
const QUIET: Duration = Duration::from_secs(20);
/// The most that is written into one key, in bytes: etcd takes 1.5 MiB in one request.
const MOST: usize = 1 << 20;

/// What must be so for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum If {
    /// The key is not there.
    Absent,
    /// The key is as it was at this change.
    At(u64),
    /// It is a folder with nothing in it.
    Empty,
    /// Nothing: the folder goes with all that stands in it.
    Whatever,
}

impl If {
    fn query(self) -> String {
        match self {
            Self::Absent => "?prevExist=false".to_owned(),
            Self::At(index) => format!("?prevIndex={index}"),
            Self::Empty => "?dir=true".to_owned(),
            Self::Whatever => "?recursive=true".to_owned(),
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Yes,
    /// It was not as the change wanted it, and nothing was changed.
    No(Code),
}

/// What a watch brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Something changed; the number of the newest change at the time the watch began.
    Event(Box<Event>, u64),
    Nothing,
    /// The change to begin with is forgotten: all has to be read again.
    Cleared,
}

/// A path below `lochness`. Each part stands for exactly one key: what could lead elsewhere is no part.
pub(super) fn path(parts: &[&str]) -> Result<String> {
    let mut path = String::from("/v2/keys/lochness");
    for part in parts {
        if matches!(*part, "" | "." | "..") || part.contains('/') || part.chars().any(char::is_control) {
            return Err(Error::not_found(format_args!("`{}` is the name of nothing there", clean(part, 60))));
        }
        path.push('/');
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => path.push(char::from(byte)),
                _ => {
                    let _ = write!(path, "%{byte:02X}");
                }
            }
        }
    }
    Ok(path)
}

/// What a server told first, and how its certificate is judged.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) tree: Option<Entry>,
    pub(super) index: u64,
    pub(super) version: String,
    pub(super) certificate: String,
}

/// The servers of one store. One of them is spoken to until the connection is lost.
#[derive(Debug)]
pub(super) struct Client {
    servers: Vec<Way>,
    at: AtomicUsize,
    /// Whoever signs in, with each request; most stores have no users.
    user: Option<String>,
    source: Password,
    /// Of that user, once it is known.
    password: Mutex<Option<Secret>>,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        let Settings { endpoints, user, password, trust, identity, .. } = settings;
        let way = |url: &String| {
            Way::new(url, PORT, trust, identity.as_ref()).largest(LARGEST).signs_in(settings.user.is_some())
        };
        Self {
            servers: endpoints.iter().map(way).collect(),
            at: AtomicUsize::new(0),
            user: user.clone(),
            source: password.clone(),
            password: Mutex::default(),
        }
    }

    /// `host:port` of the server that is spoken to.
    pub(super) fn shown(&self) -> String {
        self.server().map(Way::shown).unwrap_or_default()
    }

    pub(super) const fn signs_in(&self) -> bool {
        self.user.is_some()
    }

    fn server(&self) -> Result<&Way> {
        let server = self.servers.get(self.at.load(Ordering::Relaxed));
        server.ok_or_else(|| Error::invalid("kv: no address"))
    }

    async fn send(&self, ask: Ask) -> Result<Answer> {
        let ask = match (&self.user, locked(&self.password).clone()) {
            (Some(user), Some(password)) => ask.basic(user, password),
            _ => ask,
        };
        self.server()?.http()?.send(&ask).await
    }

    /// Finds a server that answers, beginning with the one that did last; reads its tree and its version. A person may
    /// be asked whether its certificate is right, and for the password.
    pub(super) async fn open(&self, asking: &Asking, events: &EventSink) -> Result<Opened> {
        let first = self.at.load(Ordering::Relaxed);
        let mut last = Error::invalid("kv: no address");
        for step in 0..self.servers.len() {
            self.at.store((first + step) % self.servers.len().max(1), Ordering::Relaxed);
            let (version, certificate) = match self.reach(asking, events).await {
                Ok(reached) => reached,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            match self.first_tree(asking, events).await {
                Ok((tree, index)) => return Ok(Opened { tree, index, version, certificate }),
                // A store has one list of users: who is refused by one server is refused by all.
                Err(error) if matches!(error.kind, ErrorKind::Unauthorized | ErrorKind::NeedsAnswer) => {
                    return Err(error);
                }
                Err(error) if error.kind == ErrorKind::Unsupported && wire::is_without_second_api(&version) => {
                    let why = "has no second API any more: lochness needs etcd 3.5 or older, with --enable-v2";
                    last = Error::new(ErrorKind::Unsupported, format_args!("{}: {version} {why}", self.shown()));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// What answers there, which every server tells everybody; and how its certificate is judged.
    async fn reach(&self, asking: &Asking, events: &EventSink) -> Result<(String, String)> {
        let certificate = self.server()?.open(async |text| asking.confirm(events, text).await).await?;
        Ok((self.version().await?, certificate))
    }

    /// The tree, and with it whether the password is right: etcd has no other sign-in.
    async fn first_tree(&self, asking: &Asking, events: &EventSink) -> Result<(Option<Entry>, u64)> {
        let Some(user) = &self.user else { return self.tree().await };
        let password = asking.password(events, &self.source, user, &self.shown()).await?;
        *locked(&self.password) = Some(password.clone());
        let tree = self.tree().await.map_err(|error| match error.kind {
            ErrorKind::Unauthorized => {
                let (shown, user) = (self.shown(), clean_line(user));
                let why = "it does not take this user or this password, or the user may not read /lochness";
                Error::new(ErrorKind::Unauthorized, format_args!("{shown}: {why} ({user})"))
            }
            _ => error,
        });
        asking.signed_in(&password, tree)
    }

    async fn version(&self) -> Result<String> {
        let answer = self.send(Ask::get("/version")).await?;
        Ok(if answer.is_success() { wire::version(&answer.body) } else { "etcd".to_owned() })
    }

    /// All that lochness keeps, and the number of the newest change. None: nothing was ever written there.
    pub(super) async fn tree(&self) -> Result<(Option<Entry>, u64)> {
        let answer = self.send(Ask::get(path(&[])? + "?recursive=true&quorum=true").within(WHOLE)).await?;
        let entry = self.entry(&answer)?;
        let index = wire::index(&answer).ok_or_else(|| self.stranger("it tells no X-Etcd-Index"))?;
        Ok((entry, index))
    }

    /// Whether it answers at all: the cheapest question.
    pub(super) async fn ping(&self) -> Result<()> {
        let answer = self.send(Ask::get(path(&[])?)).await?;
        self.entry(&answer).map(drop)
    }

    /// What stands there; None: nothing. The whole cluster is asked, so it is what the last change left.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Entry>> {
        let answer = self.send(Ask::get(format!("{path}?recursive=true&quorum=true"))).await?;
        self.entry(&answer)
    }

    fn entry(&self, answer: &Answer) -> Result<Option<Entry>> {
        if answer.is_success() {
            return wire::entry(&answer.body).map(Some).map_err(|error| error.context(self.shown()));
        }
        match wire::refused(&answer.body) {
            Some((Code::NotFound, _)) => Ok(None),
            _ => Err(self.refusal(answer)),
        }
    }

    /// What a refusal means that was not expected.
    fn refusal(&self, answer: &Answer) -> Error {
        match wire::refused(&answer.body) {
            Some((Code::NoRight, _)) => self.no_right(),
            Some(refused) => wire::error(&refused),
            None if answer.status == 404 && !answer.is_page() => {
                self.stranger("it does not speak etcd's second API: start etcd with --enable-v2 (3.4, 3.5)")
            }
            None => answer.refusal(),
        }
    }

    /// etcd tells a wrong password from a missing right by nothing.
    fn no_right(&self) -> Error {
        let shown = self.shown();
        let kind = ErrorKind::Unauthorized;
        match &self.user {
            Some(user) => Error::new(kind, format_args!("{shown}: etcd does not let {} do this", clean_line(user))),
            None => Error::new(kind, format_args!("{shown}: etcd wants a sign-in: write user = \"..\" for this host")),
        }
    }

    fn stranger(&self, why: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format_args!("{}: {why}; is it the right server?", self.shown()))
    }

    pub(super) async fn put(&self, path: &str, value: &str, only: If) -> Result<Done> {
        if value.len() > MOST {
            return Err(Error::invalid(format_args!("{} bytes are too much for one key: at most {MOST}", value.len())));
        }
        self.change(Ask::new(Method::PUT, format!("{path}{}", only.query())).form(&[("value", value)])).await
    }

    pub(super) async fn delete(&self, path: &str, only: If) -> Result<Done> {
        self.change(Ask::new(Method::DELETE, format!("{path}{}", only.query()))).await
    }

    async fn change(&self, ask: Ask) -> Result<Done> {
        let answer = self.send(ask).await?;
        if answer.is_success() {
            return Ok(Done::Yes);
        }
        match wire::refused(&answer.body) {
            Some((code @ (Code::NotFound | Code::Changed | Code::Exists | Code::NotEmpty), _)) => Ok(Done::No(code)),
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Waits for the first change from `from` on.
    pub(super) async fn wait(&self, from: u64) -> Result<Seen> {
        let ask = Ask::get(format!("{}?wait=true&recursive=true&waitIndex={from}", path(&[])?)).within(QUIET);
        let answer = match self.send(ask).await {
            Err(error) if error.kind == ErrorKind::Timeout => return Ok(Seen::Nothing),
            answer => answer?,
        };
        if !answer.is_success() {
            return match wire::refused(&answer.body) {
                Some((Code::Cleared, _)) => Ok(Seen::Cleared),
                _ => Err(self.refusal(&answer)),
            };
        }
        // A server that is about to end says goodbye with nothing.
        if answer.body.trim_ascii().is_empty() {
            return Err(Error::new(ErrorKind::Unreachable, format_args!("{}: it ended the watch", self.shown())));
        }
        let event = wire::event(&answer.body).map_err(|error| error.context(self.shown()))?;
        let newest = wire::index(&answer).unwrap_or(event.entry.index);
        Ok(Seen::Event(Box::new(event), newest))
    }
}
