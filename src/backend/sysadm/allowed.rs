//! What a server and its user allow, asked at the beginning of a connection.
use super::{asked, link::Link, names::Version, wire};
use crate::domain::{Cancel, Capabilities, Error, ErrorKind, Events, Limits, Op, OpSet, Result, clean_line};
use serde_json::{Value, json};
use std::time::Duration;

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
const WHOLE: &str = "a machine of iohyve has no description beside its settings";
/// What the class has no action for.
const SNAPSHOTS: &str = "SysAdm keeps no snapshots of machines: run `iohyve snap`, `roll` and `snaplist` there";
const NEVER: &[(Op, &str)] = &[
    (Op::PowerOff, "SysAdm offers no way to power off: its stop asks the guest, and its force does nothing"),
    (Op::Reset, "SysAdm offers no reset"),
    (Op::Reboot, "SysAdm asks no guest to restart: shut it down, then start it"),
    (Op::Pause, "bhyve cannot pause a machine"),
    (Op::Resume, "bhyve cannot pause a machine"),
    (Op::Save, "bhyve keeps no machine's memory"),
    (Op::Rename, "SysAdm renames no machines: run `iohyve rename` there"),
    (Op::Clone, "SysAdm clones no machines: run `iohyve clone` there"),
    (Op::ListSnapshots, SNAPSHOTS),
    (Op::TakeSnapshot, SNAPSHOTS),
    (Op::RevertSnapshot, SNAPSHOTS),
    (Op::RemoveSnapshot, SNAPSHOTS),
    (Op::Migrate, "bhyve moves no machines while they run"),
    (Op::ShowDescription, WHOLE),
    (Op::Define, WHOLE),
    (Op::InsertImage, "iohyve machines have no CD drive but during an installation"),
    (Op::EjectImage, "iohyve machines have no CD drive but during an installation"),
    (Op::ProbeImage, "the server itself fetches, and tells nothing before"),
    (Op::PauseFetch, "the server's fetches cannot rest"),
    (Op::CancelFetch, "the server's fetches are cancelled as tasks, by who sees them"),
    (Op::ResumeFetch, "the server's fetches cannot be gone on with"),
    (Op::ListFetches, "the server keeps no history of its fetches"),
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

/// What the server tells of its jobs when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    Nothing,
    /// Which there are.
    List,
    /// And, from its log, how others ended.
    Ends,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) version: Option<Version>,
    pub(super) properties: Way,
    /// Whether commands may be run and jobs be stopped. A server crashes when it has to refuse that.
    pub(super) may_run: bool,
    pub(super) jobs: Tells,
    pub(super) is_writable: bool,
}

async fn iohyve(link: &Link, action: &str, fields: &[(&str, &str)]) -> Result<Value> {
    wire::below(action, &link.call("sysadm", "iohyve", asked(action, fields)).await?)
}

/// Asks what this server and this user allow.
pub(super) async fn ask(link: &Link) -> Result<(Facts, Capabilities)> {
    let classes = link.call("rpc", "query", json!({})).await?;
    let may = |class: &str| wire::text_of(classes.get(class)).unwrap_or_default();
    let iohyve_class = may("sysadm/iohyve");
    if iohyve_class.is_empty() {
        let why = "the server has no iohyve class: is iohyve installed there?";
        return Err(Error::new(ErrorKind::Unsupported, why));
    }
    let dispatcher = may("rpc/dispatcher");
    let is_rest = link.rest().is_some();
    let subscribe = async {
        if is_rest {
            return false;
        }
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
        Err(error) if error.kind == ErrorKind::Unsupported && is_rest => Way::No(
            "this version of SysAdm lost the settings of machines, and over https:// no command tells what it found: \
             write wss:// in the url",
        ),
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
        jobs: match (dispatcher.is_empty(), may("rpc/logs").is_empty()) {
            (true, _) => Tells::Nothing,
            (false, true) => Tells::List,
            (false, false) => Tells::Ends,
        },
        is_writable: iohyve_class == "read/write",
    };
    let mut found = capabilities(&facts, hears || (is_rest && facts.jobs != Tells::Nothing));
    found.version = format!("SysAdm, {}", clean_line(if told.is_empty() { "iohyve" } else { &told }));
    found.is_set_up = set_up.ok().and_then(|s: Value| wire::yes(s.get("setup")));
    if let Some(name) = identity.ok().and_then(|i| wire::text_of(i.get("hostname"))) {
        found.details.push(("Server".to_owned(), clean_line(&name).into_owned()));
    }
    Ok((facts, found))
}

/// `follows`: whether the ends of downloads become known.
fn capabilities(facts: &Facts, follows: bool) -> Capabilities {
    let seconds = |op, seconds| (op, Duration::from_secs(seconds));
    let deletion = match facts.version.is_some_and(|version| version >= Version::EXACT) {
        true => "its disks are destroyed; the server takes ten seconds for it",
        false => {
            "its disks are destroyed; before 0.7.6 iohyve deletes others whose names contain its name as well, so \
             that is refused"
        }
    };
    let mut found = Capabilities {
        ops: OpSet::of(READS),
        events: Events::Poll,
        keeps_disks: Some(false),
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
            resync: None,
        },
        missing: NEVER.iter().map(|(op, why)| (*op, (*why).into())).collect(),
        cautions: vec![
            (Op::Delete, deletion.into()),
            (Op::RemoveDisk, "the disk is destroyed with all that is on it".into()),
        ],
        ..Capabilities::default()
    };
    for op in CHANGES {
        if !facts.is_writable {
            found.missing.push((*op, "this user may only read on this server".into()));
        } else if *op == Op::FetchImage && !follows {
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
