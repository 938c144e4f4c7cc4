//! From the first byte to a session: the certificate, the password, what server and user allow.
use super::{Sysadm, Trust, client::Connection, iohyve, link::Link, locked, names::Version, wire};
use crate::{
    backend::EventSink,
    domain::{
        Cancel, Capabilities, Error, ErrorKind, Events, Limits, Op, OpSet, QuestionKind, Result, Secret, clean_line,
    },
    transport::{spaced, tls, ws},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Where SysAdm takes connections.
const PORT: u16 = 12150;
/// A name that no machine has: asking for its settings shows whether the server knows the question.
const NOBODY: &str = "vmdeck_asks";

const READS: &[Op] = &[Op::List, Op::Show, Op::ListDisks, Op::ListImages, Op::CheckSetup];
const CHANGES: &[Op] = &[
    Op::Start,
    Op::ShutDown,
    Op::Create,
    Op::Delete,
    Op::Install,
    Op::AddDisk,
    Op::ResizeDisk,
    Op::RemoveDisk,
    Op::FetchImage,
    Op::RenameImage,
    Op::RemoveImage,
    Op::SetUp,
];
/// What the class has no action for.
const NEVER: &[(Op, &str)] = &[
    (Op::PowerOff, "SysAdm offers no way to power off: its stop asks the guest, and its force does nothing"),
    (Op::Reset, "SysAdm offers no reset"),
    (Op::Pause, "bhyve cannot pause a machine"),
    (Op::Resume, "bhyve cannot pause a machine"),
    (Op::InsertImage, "iohyve machines have no CD drive but during an installation"),
    (Op::EjectImage, "iohyve machines have no CD drive but during an installation"),
    (Op::ProbeImage, "the server itself fetches, and tells nothing before"),
    (Op::OpenConsole, "the console is on the server alone: run `iohyve console NAME` there"),
];

/// How the settings of machines are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By `getprops` and `setprop`, as documented.
    Class,
    /// By commands through the dispatcher, since the class lacks them.
    Commands,
    No(&'static str),
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) version: Option<Version>,
    pub(super) properties: Way,
    /// Whether commands may be run and jobs be stopped. A server crashes when it has to refuse that.
    pub(super) may_run: bool,
    pub(super) may_list_jobs: bool,
    pub(super) is_writable: bool,
}

/// A connection that serves.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) facts: Arc<Facts>,
    /// Its tasks end with it.
    _connection: Connection,
}

impl Sysadm {
    /// Connects and signs in.
    pub(super) async fn begin(&self, events: &EventSink) -> Result<(Session, Capabilities)> {
        if let Some(key) = &self.settings.key {
            let why = format_args!("key: signing in with {} is not possible yet: use a password", key.display());
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        if self.settings.url.starts_with("http") {
            let why = "url: only the WebSocket of SysAdm is spoken: write wss://host:12150";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let server = tls::Server::read(&self.settings.url, PORT)?;
        if !server.is_secure && !server.is_loopback() {
            return Err(Error::invalid("url: the password would cross the network for all to read: write wss://"));
        }
        let (stream, seen) = self.trusted(&server, events).await?;
        let (reader, writer) = ws::open(stream, &server.shown()).await?;
        let connection = Connection::new(reader, writer, self.jobs.clone(), events.clone());
        let link = Link::Socket(connection.client.clone());
        self.sign_in(&link, &server.shown(), events).await?;
        let (facts, mut capabilities) = facts(&link).await?;
        capabilities.details.push(("Certificate".to_owned(), self.judged(seen.as_deref())));
        Ok((Session { link, facts: Arc::new(facts), _connection: connection }, capabilities))
    }

    fn judged(&self, seen: Option<&str>) -> String {
        match (&self.settings.trust, seen) {
            (_, None) => "none: the connection is not encrypted".to_owned(),
            (Trust::System { .. }, _) => "by an authority that is trusted here".to_owned(),
            (Trust::Insecure, Some(seen)) => format!("NOT CHECKED (tls = \"insecure\"): {}", spaced(seen)),
            (_, Some(seen)) => spaced(seen),
        }
    }

    /// A stream to a server whose certificate will do. Nothing is sent before that is known.
    async fn trusted(&self, server: &tls::Server, events: &EventSink) -> Result<(tls::Stream, Option<String>)> {
        let known = match &self.settings.trust {
            Trust::System { ca } => return tls::connect(server, &tls::Trust::System { ca: ca.clone() }).await,
            Trust::Pin(pin) => return tls::connect(server, &tls::Trust::Pin(pin.clone())).await,
            Trust::Insecure => return tls::connect(server, &tls::Trust::Any).await,
            Trust::AcceptNew(known) => known,
        };
        let shown = server.shown();
        let (stream, seen) = tls::connect(server, &tls::Trust::Any).await?;
        let Some(seen) = seen else { return Ok((stream, None)) };
        let before = known.get(&shown)?;
        if before.as_ref() == Some(&seen) {
            return Ok((stream, Some(seen)));
        }
        // The server would not wait that long for a password.
        drop(stream);
        let text = match &before {
            None => format!(
                "{shown} shows a certificate for the first time. SHA-256 {}. Is it the server's?",
                spaced(&seen)
            ),
            Some(before) => format!(
                "{shown} shows ANOTHER certificate than before. A SysAdm server makes a new one at each start, but it \
                 may also be somebody between you and it. Now SHA-256 {}, before {}. Trust the new one?",
                spaced(&seen),
                spaced(before)
            ),
        };
        let answer = self.ask(events, QuestionKind::Confirm, text).await?;
        if answer.is_none_or(|answer| answer.expose().trim() != "yes") {
            let why = format_args!("{shown}: its certificate was not accepted");
            return Err(Error::new(ErrorKind::NeedsAnswer, why));
        }
        known.set(&shown, &seen)?;
        tls::connect(server, &tls::Trust::Pin(seen)).await
    }

    /// Signs in with the password that is configured, typed before, or asked for now.
    async fn sign_in(&self, link: &Link, shown: &str, events: &EventSink) -> Result<()> {
        let user = self.settings.user.as_deref().unwrap_or("root");
        let given = match self.settings.password.get().await? {
            Some(secret) => Some(secret),
            None => locked(&self.typed).clone(),
        };
        let secret = if let Some(secret) = given {
            secret
        } else {
            let text = format!("Password of {} on {shown}", clean_line(user));
            let typed = self.ask(events, QuestionKind::Secret, text).await?;
            typed.ok_or_else(|| Error::new(ErrorKind::NeedsAnswer, "no password was given"))?
        };
        authenticate(link, user, &secret).await.inspect_err(|error| {
            if error.kind == ErrorKind::Unauthorized {
                *locked(&self.typed) = None;
            }
        })?;
        *locked(&self.typed) = Some(secret);
        Ok(())
    }

    /// Finds the jobs that went on while nobody was connected.
    pub(super) async fn find_jobs(&self, link: &Link) -> Result<()> {
        match link.call("rpc", "dispatcher", json!({"action": "list"})).await {
            Ok(args) => self.jobs.listed(&wire::listed_jobs(&args)),
            Err(error) if error.leaves_unknown() => return Err(error),
            Err(error) => tracing::info!("the server does not list its jobs: {error}"),
        }
        Ok(())
    }
}

async fn authenticate(link: &Link, user: &str, secret: &Secret) -> Result<()> {
    let args = json!({"username": user, "password": secret.expose()});
    let user = clean_line(user);
    let wrong = || {
        let why = "user or password is wrong, or the user is in neither of the groups wheel and operator";
        Error::new(ErrorKind::Unauthorized, format_args!("{user}: {why}"))
    };
    match link.call("rpc", "auth", args).await {
        // While somebody else is signed in, a server says yes to a wrong password, with an empty token.
        Ok(answer) => match wire::text_of(answer.get(0)) {
            Some(token) if !token.is_empty() => Ok(()),
            _ => Err(wrong()),
        },
        Err(error) if error.kind == ErrorKind::Unauthorized => Err(wrong()),
        Err(error) => Err(error),
    }
}

/// Asks what this server and this user allow.
async fn facts(link: &Link) -> Result<(Facts, Capabilities)> {
    let classes = link.call("rpc", "query", json!({})).await?;
    let may = |class: &str| wire::text_of(classes.get(class)).unwrap_or_default();
    let iohyve_class = may("sysadm/iohyve");
    if iohyve_class.is_empty() {
        let why = "the server has no iohyve class: is iohyve installed there?";
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let dispatcher = may("rpc/dispatcher");
    let subscribe = async {
        let answer = link.call("events", "subscribe", json!(["dispatcher"])).await;
        answer.is_ok_and(|args| wire::text_of(args.get("subscribe")).as_deref() == Some("dispatcher"))
    };
    let (hears, version, set_up, probe, identity) = tokio::join!(
        subscribe,
        iohyve(link, "version", &[]),
        iohyve(link, "issetup", &[]),
        iohyve(link, "getprops", &[("name", NOBODY)]),
        link.call("rpc", "identify", json!({})),
    );
    let told = version.ok().and_then(|v| wire::text_of(v.get("version"))).unwrap_or_default();
    let may_run = dispatcher == "read/write" && hears;
    let properties = match probe {
        Err(error) if error.kind == ErrorKind::Unsupported && may_run => Way::Commands,
        Err(error) if error.kind == ErrorKind::Unsupported => Way::No(
            "this version of SysAdm lost the settings of machines, and this user may run no commands: sign in as a \
             member of the group wheel",
        ),
        _ => Way::Class,
    };
    let facts = Facts {
        version: Version::read(&told),
        properties,
        may_run,
        may_list_jobs: !dispatcher.is_empty(),
        is_writable: iohyve_class == "read/write",
    };
    let mut found = capabilities(&facts, hears);
    found.version = format!("SysAdm, {}", clean_line(if told.is_empty() { "iohyve" } else { &told }));
    found.is_set_up = set_up.ok().and_then(|s: Value| wire::yes(s.get("setup")));
    if let Some(name) = identity.ok().and_then(|i| wire::text_of(i.get("hostname"))) {
        found.details.push(("Server".to_owned(), clean_line(&name).into_owned()));
    }
    Ok((facts, found))
}

fn capabilities(facts: &Facts, hears: bool) -> Capabilities {
    let seconds = |op, seconds| (op, Duration::from_secs(seconds));
    let mut found = Capabilities {
        ops: OpSet::of(READS),
        events: Events::Poll,
        cancel: if facts.may_run { Cancel::Ask } else { Cancel::No },
        limits: Limits {
            changes_at_once: Some(1),
            beside: OpSet::of(&[Op::FetchImage]),
            // Reads wait on the server behind what is slow: a deletion takes ten seconds by itself.
            patience: vec![
                seconds(Op::List, 25),
                seconds(Op::Show, 25),
                seconds(Op::ListDisks, 25),
                seconds(Op::ListProperties, 25),
                seconds(Op::ListImages, 25),
                seconds(Op::Delete, 60),
                seconds(Op::Install, 30),
                seconds(Op::SetUp, 60),
            ],
            settle: vec![seconds(Op::Start, 20), seconds(Op::Install, 20), seconds(Op::ShutDown, 90)],
        },
        missing: NEVER.iter().map(|(op, why)| (*op, (*why).into())).collect(),
        cautions: vec![
            (Op::Delete, "its disks are destroyed; the server takes ten seconds for it".into()),
            (Op::RemoveDisk, "the disk is destroyed with all that is on it".into()),
        ],
        ..Capabilities::default()
    };
    for op in CHANGES {
        if !facts.is_writable {
            found.missing.push((*op, "this user may only read on this server".into()));
        } else if *op == Op::FetchImage && !hears {
            found.missing.push((*op, "the server tells nothing of its downloads".into()));
        } else {
            found.ops = found.ops.with(*op);
        }
    }
    if let Way::No(why) = facts.properties {
        found.missing.extend([Op::ListProperties, Op::SetProperty].map(|op| (op, why.into())));
    } else {
        found.ops = found.ops.with(Op::ListProperties);
        if facts.is_writable {
            found.ops = found.ops.with(Op::SetProperty);
        }
    }
    found
}
