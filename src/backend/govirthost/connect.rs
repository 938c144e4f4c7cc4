use super::{
    Govirthost, Session, Settings,
    client::{Client, PATIENCE},
    machines::MOVE,
    wire::{self, Build},
};
use crate::{
    backend::{
        EventSink,
        way::{OPEN, other_port},
    },
    domain::{Cancel, Capabilities, Events, Limits, Moves, Op, OpSet, Result},
    transport::{http, tls},
};
use std::{borrow::Cow, collections::HashMap, sync::Mutex, time::Duration};

/// Where every govirthost takes connections: it cannot be told otherwise.
const PORT: u16 = 33345;

const OPS: &[Op] = &[
    Op::List,
    Op::Show,
    Op::Start,
    Op::ShutDown,
    Op::PowerOff,
    Op::Reset,
    Op::Migrate,
    Op::Create,
    Op::Delete,
    Op::ListDisks,
    Op::ListProperties,
    Op::SetProperty,
    Op::ShowDescription,
    Op::Define,
];

const FILES: &str = "govirthost knows no files of its host: put the image there, and name its path in a new machine";
const DRIVE: &str = "govirthost changes no drives";
const READY: &str = "libvirt and govirthost are set up on their own host";
pub(super) const RESUME: &str =
    "govirthost resumes no machines: run `virsh resume NAME` on its host, or `virsh dompmwakeup NAME` if it is asleep";
/// What the server has no request for.
const SNAPSHOTS: &str = "govirthost keeps no snapshots: run `virsh snapshot-list NAME` on its host";
const NEVER: &[(Op, &str)] = &[
    (Op::Pause, "govirthost pauses no machines: run `virsh suspend NAME` on its host"),
    (Op::Resume, RESUME),
    (Op::Reboot, "govirthost asks no guest to restart: run `virsh reboot NAME` on its host"),
    (Op::Save, "govirthost keeps no machine's memory: run `virsh managedsave NAME` on its host"),
    (Op::Rename, "govirthost renames no machines: run `virsh domrename NAME NEW` on its host"),
    (Op::Clone, "govirthost copies no disks: run `virt-clone` on its host"),
    (Op::ListSnapshots, SNAPSHOTS),
    (Op::TakeSnapshot, SNAPSHOTS),
    (Op::RevertSnapshot, SNAPSHOTS),
    (Op::RemoveSnapshot, SNAPSHOTS),
    (Op::Install, "govirthost changes no drives: name the image when making the machine"),
    (Op::InsertImage, DRIVE),
    (Op::EjectImage, DRIVE),
    (Op::AddDisk, DRIVE),
    (Op::RemoveDisk, DRIVE),
    (
        Op::ResizeDisk,
        "govirthost grows no disks: run `virsh blockresize NAME DISK SIZE` on its host. CPUs and memory change here, and \
         another disk can be written into the description",
    ),
    (Op::OpenConsole, "govirthost passes no console on: run `virsh console NAME` on its host"),
    (Op::ListImages, FILES),
    (Op::ProbeImage, FILES),
    (Op::FetchImage, FILES),
    (Op::PauseFetch, FILES),
    (Op::CancelFetch, FILES),
    (Op::ResumeFetch, FILES),
    (Op::ListFetches, FILES),
    (Op::RenameImage, FILES),
    (Op::RemoveImage, FILES),
    (Op::CheckSetup, READY),
    (Op::SetUp, READY),
];

impl Govirthost {
    /// Finds the server, and out which build it is.
    pub(super) async fn begin(&self, events: EventSink) -> Result<(Session, Capabilities)> {
        let Settings { url, trust, identity } = &self.settings;
        let server = tls::Server::read(url, PORT)?;
        let path = url::Url::parse(url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let rule = {
            let (asking, sink) = (&self.asking, events.clone());
            let ask = async move |text| asking.confirm(&sink, text).await;
            trust.settle(&server, identity.as_ref(), ask).await?
        };
        let judged = trust.judged(&rule, &server, identity.as_ref(), OPEN);
        let identity = identity.clone();
        let client = Client::new(http::Settings { identity, ..http::Settings::new(server.clone(), rule) }, path);
        let told = client.get("vm", "").await;
        let told = told.and_then(|told| wire::domains(&told).map_err(|error| error.context(client.shown())));
        let (_, build) = told.map_err(|error| other_port(error, &server, "govirthost", PORT))?;
        let mut found = capabilities(build);
        found.details.push(("Certificate".to_owned(), judged));
        let session = Session {
            client,
            build,
            events,
            rows: Mutex::new(HashMap::new()),
            known: Mutex::default(),
            pending: Mutex::default(),
        };
        Ok((session, found))
    }
}

fn capabilities(build: Build) -> Capabilities {
    let seconds = |op, seconds| (op, Duration::from_secs(seconds));
    // A change that the server does not answer is looked into before it is given up.
    let patience = PATIENCE + Duration::from_secs(10);
    let changes = OPS.iter().copied().filter(|op| op.is_change() && *op != Op::Migrate);
    let mut found = Capabilities {
        ops: OpSet::of(OPS),
        events: Events::Poll,
        cancel: Cancel::No,
        limits: Limits {
            changes_at_once: Some(1),
            patience: changes
                .map(|op| (op, patience))
                .chain([seconds(Op::List, 20), (Op::Migrate, MOVE + patience)])
                .collect(),
            settle: vec![seconds(Op::Start, 15), seconds(Op::PowerOff, 15), seconds(Op::ShutDown, 90)],
            ..Limits::default()
        },
        missing: NEVER.iter().map(|(op, why)| (*op, Cow::from(*why))).collect(),
        keeps_disks: Some(true),
        moves: Moves { to: &["govirthost", "libvirt"], ..Moves::default() },
        ..Capabilities::default()
    };
    let shown = "The description is made from what the server shows, which holds no passwords: that of a screen is lost. \
                 Of a running machine it shows the processor as it is in this run, and that is kept";
    let moved = "Both hosts need storage that both see, and a libvirt that takes TLS. The definition stays here, where \
                 the machine is off then; there it lasts until it goes off";
    found.cautions.extend([(Op::SetProperty, shown), (Op::Define, shown), (Op::Migrate, moved)].map(|(op, what)| {
        let also = "; a move that fails locks this old build until it is restarted";
        let is_risky = op == Op::Migrate && build == Build::First;
        (op, if is_risky { format!("{what}{also}").into() } else { Cow::from(what) })
    }));
    found.version = match build {
        Build::First => "govirthost, first build".to_owned(),
        Build::Last => "govirthost".to_owned(),
    };
    if build == Build::First {
        let what = "after a change that fails, this build takes no more of them until the service is restarted";
        found.details.push(("Beware".to_owned(), what.to_owned()));
        let blind = "Snapshots and saved memory are not seen here: a machine that has any is not deleted, and the failure \
                     locks this old build until it is restarted";
        found.cautions.push((Op::Delete, blind.into()));
    }
    found
}
