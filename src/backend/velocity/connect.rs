//! From the first request to a session: the certificate, the password, what this user may do.
use super::{Session, Settings, Velocity, catalogue::Groups, client::Client, states::States, wire};
use crate::{
    backend::{
        EventSink,
        way::{READABLE, other_port},
    },
    domain::{Cancel, Capabilities, ErrorKind, Events, Limits, Op, OpSet, Result, clean_line},
    transport::{
        http::{self, Http},
        tls,
    },
};
use serde_json::json;
use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};
use wire::HostNic;

/// Where Velocity takes connections.
const PORT: u16 = 8090;
pub(super) const CREATE: &str = "velocity.vm.create";
const STATE: &str = "velocity.vm.state";

const READS: &[Op] = &[Op::List, Op::Show, Op::ListDisks, Op::ListProperties, Op::ListImages];
const STATES: &[Op] = &[Op::Start, Op::ShutDown, Op::PowerOff, Op::Pause, Op::Resume];

const MADE: &str = "media are chosen when a machine is made: Velocity changes nothing of it afterwards";
const LIBRARY: &str = "the media of a Velocity server are kept by whoever runs it";
/// What no version of the server can do.
const SNAPSHOTS: &str = "Velocity keeps no snapshots";
const NEVER: &[(Op, &str)] = &[
    (Op::Reset, "Velocity has no reset: shut the machine down or power it off, then start it"),
    (Op::Reboot, "Velocity asks no guest to restart: shut it down, then start it"),
    (Op::Save, "Velocity keeps no machine's memory: pause it"),
    (Op::Rename, "Velocity changes nothing of a machine that is made: make a new one with the same media"),
    (Op::Clone, "Velocity copies no machines"),
    (Op::ListSnapshots, SNAPSHOTS),
    (Op::TakeSnapshot, SNAPSHOTS),
    (Op::RevertSnapshot, SNAPSHOTS),
    (Op::RemoveSnapshot, SNAPSHOTS),
    (Op::Migrate, "Velocity moves no machines to another Mac"),
    (Op::Delete, "Velocity deletes no machines"),
    (Op::Install, "a Velocity machine has its media from the start: choose the image when making one"),
    (Op::InsertImage, MADE),
    (Op::EjectImage, MADE),
    (Op::AddDisk, MADE),
    (Op::RemoveDisk, MADE),
    (Op::ResizeDisk, "Velocity grows no media: make a larger one there, and a new machine with it"),
    (Op::SetProperty, "Velocity changes nothing of a machine that is made: make a new one with the same media"),
    (
        Op::ShowDescription,
        "Velocity keeps no description that could be edited: what a machine was made of is in its details",
    ),
    (Op::Define, "Velocity changes nothing of a machine that is made: make a new one with the same media"),
    (Op::OpenConsole, "Velocity has no serial console"),
    (Op::ProbeImage, "Velocity fetches nothing: media are uploaded to it"),
    (Op::FetchImage, "Velocity fetches nothing: media are uploaded to it"),
    (Op::PauseFetch, "Velocity fetches nothing"),
    (Op::CancelFetch, "Velocity fetches nothing"),
    (Op::ResumeFetch, "Velocity fetches nothing"),
    (Op::ListFetches, "Velocity fetches nothing"),
    (Op::RenameImage, LIBRARY),
    (Op::RemoveImage, LIBRARY),
    (Op::CheckSetup, "a Velocity server is set up on its own Mac"),
    (Op::SetUp, "a Velocity server is set up on its own Mac"),
];

impl Velocity {
    /// Connects and signs in.
    pub(super) async fn begin(&self, events: EventSink) -> Result<(Session, Capabilities)> {
        let Settings { url, user, trust, identity, .. } = &self.settings;
        let server = tls::Server::read(url, PORT)?;
        let prefix = url::Url::parse(url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let rule = {
            let asking = &self.asking;
            let sink = events.clone();
            trust.settle(&server, identity.as_ref(), async move |text| asking.confirm(&sink, text).await).await?
        };
        let judged = trust.judged(&rule, &server, identity.as_ref(), READABLE);
        let shown = server.shown();
        let user = user.clone().unwrap_or_else(|| "root".to_owned());
        let password = self.asking.password(&events, &self.settings.password, &user, &shown).await?;
        let settings = http::Settings { identity: identity.clone(), ..http::Settings::new(server.clone(), rule) };
        let client = Client::new(Http::new(settings), prefix, user.clone(), password.clone());
        let signed_in = client.sign_in_once().await.map_err(|error| match error.kind {
            // Its own no to this user.
            ErrorKind::Unauthorized => error,
            _ => other_port(error, &server, "Velocity", PORT),
        });
        self.asking.signed_in(&password, signed_in)?;
        let (groups, nics) = tokio::join!(Groups::read(&client), client.read("/v/nic/list", json!({})));
        let groups = Arc::new(groups?);
        // They are listed to those who may bridge to them.
        let nics = nics.and_then(|answer| wire::nics(&answer)).unwrap_or_default();
        let mut found = capabilities(&groups);
        found.details.push(("Signed in as".to_owned(), clean_line(&user).into_owned()));
        found.details.push(("Certificate".to_owned(), judged));
        found.details.extend(nics.iter().map(|nic| ("Host NIC".to_owned(), described(nic))));
        let session = Session {
            client,
            events,
            states: States::default(),
            catalogue: Mutex::default(),
            groups: Mutex::new(Some(groups)),
            media: Mutex::default(),
            nics,
            details: tokio::sync::Mutex::default(),
        };
        Ok((session, found))
    }
}

/// `en0 (Ethernet)`.
pub(super) fn described(nic: &HostNic) -> String {
    match nic.description.is_empty() || nic.description == nic.identifier {
        true => nic.identifier.clone(),
        false => format!("{} ({})", nic.identifier, nic.description),
    }
}

/// What this user may do somewhere. Where it is not allowed, the server says so.
fn capabilities(groups: &Groups) -> Capabilities {
    let seconds = |op, seconds| (op, Duration::from_secs(seconds));
    let mut found = Capabilities {
        ops: OpSet::of(READS),
        events: Events::Poll,
        cancel: Cancel::No,
        limits: Limits {
            patience: vec![seconds(Op::Create, 40), seconds(Op::List, 20), seconds(Op::Show, 15)],
            settle: [Op::Start, Op::PowerOff, Op::Pause, Op::Resume].map(|op| seconds(op, 30)).to_vec(),
            ..Limits::default()
        },
        missing: NEVER.iter().map(|(op, why)| (*op, Cow::from(*why))).collect(),
        cautions: vec![(
            Op::ShutDown,
            "Velocity presses the guest's power button once: whether the guest listens is up to it".into(),
        )],
        // The question for one machine gives the user a permission on the machine's group.
        looks_leave_traces: true,
        version: "Velocity".to_owned(),
        ..Capabilities::default()
    };
    let mut allow = |permission: &str, ops: &[Op]| {
        for op in ops {
            if groups.may_anywhere(permission) {
                found.ops = found.ops.with(*op);
            } else {
                found.missing.push((*op, format!("this user has the permission {permission} in no group").into()));
            }
        }
    };
    allow(STATE, STATES);
    allow(CREATE, &[Op::Create]);
    found
}
