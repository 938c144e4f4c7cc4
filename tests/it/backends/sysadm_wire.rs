//! What goes to a SysAdm server is as documented, on both transports; what comes back may be anything.
#![expect(clippy::indexing_slicing, reason = "what a JSON value does not have is null")]
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, sysadm},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, dispatch, prepare,
        sysadm::wire::{self, Frame, JobEvent},
    },
    domain::{Request, Result, Values},
};

/// The examples of the document: each action's request and its answer.
const DOCUMENTED: &str = include_str!("../../fixtures/sysadm/documented.jsonl");
/// One of each form in which a server was seen to answer.
const RECORDED: &str = include_str!("../../fixtures/sysadm/recorded.jsonl");
/// Settings, which no release of the server has had since 2016.
const LOST: [&str; 2] = ["getprops", "setprop"];

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// An action, its request without the id, and its answer.
fn documented() -> Vec<(String, Value, String)> {
    let example = |line: &str| {
        let Ok(Value::Object(mut example)) = serde_json::from_str(line) else { panic!("{line}") };
        let Some(Value::Object(mut request)) = example.remove("request") else { panic!("{line}") };
        request.remove("id");
        let action = request["args"]["action"].as_str().unwrap().to_owned();
        (action, Value::Object(request), example["response"].to_string())
    };
    DOCUMENTED.lines().map(example).collect()
}

#[tokio::test]
async fn every_action_is_asked_for_as_documented_on_both_transports_whatever_the_server_answers() {
    for face in [Face::Documented, Face::Recorded] {
        asks_for_all(FakeSysadm::new(face).await, face, true).await;
        asks_for_all(FakeSysadm::rest(face, None).await, face, face == Face::Documented).await;
    }
}

/// Asks for everything with the values of the document's examples. `has_settings`: whether they can be had at all.
async fn asks_for_all(server: FakeSysadm, face: Face, has_settings: bool) {
    server.world().iohyve.bare();
    let isos = ["test.iso", "FreeBSD-10.2-RELEASE-amd64-bootonly.iso", "FreeBSD-10.2-RELEASE-amd64-disc1.iso"];
    server.world().iohyve.isos = isos.map(str::to_owned).into();
    let sysadm = sysadm(&server.url());
    sysadm.connect(mpsc::channel(64).0).await.unwrap();
    let (vm, text) = (|| "bsdguest".into(), |text: &str| text.to_owned());
    let ftp =
        "ftp://ftp.freebsd.org/pub/FreeBSD/releases/amd64/amd64/ISO-IMAGES/10.1/FreeBSD-10.1-RELEASE-amd64-disc1.iso";
    let mut requests = vec![
        Request::SetUp { values: values(&[("pool", "tank"), ("nic", "re0")]) },
        Request::CheckSetup,
        Request::List,
        Request::ListImages,
        Request::Create { values: values(&[("name", "bsdguest"), ("disk", "10G")]) },
        Request::AddDisk { vm: vm(), values: values(&[("size", "10G")]) },
        Request::ListDisks(vm()),
        Request::ResizeDisk { vm: vm(), disk: "disk0".into(), size: "20G".parse().unwrap() },
        Request::RemoveDisk { vm: vm(), disk: "disk1".into(), delete: true },
        Request::Start(vm()),
        Request::ShutDown(vm()),
        Request::FetchImage { url: text(ftp), name: None },
        Request::RenameImage { image: text(isos[0]), name: text("102.iso") },
        Request::RemoveImage { image: text(isos[1]) },
        Request::Install { vm: vm(), image: text(isos[2]) },
        Request::ShutDown(vm()),
    ];
    if has_settings {
        requests.push(Request::ListProperties(vm()));
        requests.push(Request::SetProperty { vm: vm(), name: text("memory"), value: text("512M") });
    }
    requests.push(Request::Delete { vm: vm(), keep_disks: false });
    for request in requests {
        let title = request.title();
        let prepared = prepare(&sysadm, request).await.unwrap_or_else(|e| panic!("{title}: {e}"));
        dispatch(&sysadm, &prepared, Call::new().0).await.unwrap_or_else(|e| panic!("{title}: {e}"));
    }
    let sent = server.world().requests.clone();
    for (action, request, _) in documented() {
        let is_it = |sent: &Value| {
            let mut sent = sent.clone();
            // The one addition: without a pool no server does it.
            let pool =
                sent["args"].as_object_mut().filter(|_| action == "adddisk").and_then(|args| args.remove("pool"));
            sent == request && (action == "adddisk") == (pool == Some(json!("tank")))
        };
        let is_lost = face == Face::Recorded && LOST.contains(&action.as_str());
        assert_eq!(sent.iter().any(is_it), !is_lost, "{action} to a server that answers as {face:?}: {request}");
    }
}

/// What stands below the action in an answer.
fn answer(text: &str, action: &str) -> Result<Value> {
    match wire::frame(text)? {
        Frame::Answer { result, .. } => wire::below(action, &result?),
        other => panic!("{other:?}"),
    }
}

#[test]
fn documented_answers_are_read() {
    for (action, _, text) in documented() {
        let found = answer(&text, &action).unwrap();
        match action.as_str() {
            "listvms" => {
                let [row] = &wire::rows(&found).unwrap()[..] else { panic!("{found}") };
                assert_eq!((row.name.as_str(), row.is_loaded, row.is_running), ("testguest", true, false));
                assert_eq!(row.description, "February 1, 2016 at 03:11:57 PM EST");
            }
            "listisos" => {
                assert_eq!(wire::names(&found, "x").unwrap(), ["TRUEOS10.2-RELEASE-08-19-2015-x64-netinstall.iso"]);
            }
            "listdisks" => assert_eq!(wire::disks(&found).unwrap(), [(0, "10G".to_owned())].into()),
            "issetup" => assert_eq!(wire::yes(found.get("setup")), Some(true)),
            "fetchiso" => assert!(wire::text_of(found.get("queueid")).unwrap().starts_with("{b3a8b980")),
            "version" => assert!(wire::text_of(found.get("version")).unwrap().starts_with("iohyve v0.7.3 ")),
            "getprops" => assert_eq!(found["bsdguest"]["ram"], "256M"),
            _ => assert!(found.is_object(), "{action}"),
        }
    }
}

fn jobs() -> impl Iterator<Item = JobEvent> {
    RECORDED.lines().filter_map(|line| match wire::frame(line).unwrap() {
        Frame::Job(job) => Some(job),
        _ => None,
    })
}

#[test]
fn recorded_answers_are_read() {
    let read = |action: &str| {
        let found = RECORDED.lines().filter(move |line| line.contains(&format!("{{\"args\":{{\"{action}\":")));
        found.map(|line| answer(line, action)).collect::<Vec<_>>()
    };
    // Whoever stands in a list is a machine, and all that is no list is none.
    let lists: Vec<_> = read("listvms").into_iter().map(|list| wire::rows(&list.unwrap()).unwrap().len()).collect();
    assert_eq!(lists.iter().filter(|machines| **machines > 0).count(), lists.len() - 1, "one was empty: {lists:?}");
    let disks: Vec<_> = read("listdisks").into_iter().map(|d| d.and_then(|d| wire::disks(&d))).collect();
    assert!(disks.iter().any(|d| d.as_ref().is_ok_and(|d| d.len() == 2)), "{disks:?}");
    assert!(disks.iter().any(|d| d.as_ref().is_ok_and(BTreeMap::is_empty)), "a machine that there is not has none");
    assert!(disks.iter().any(|d| d.as_ref().is_err_and(|e| e.message == "listdisks: Missing required key 'name'")));
    for action in ["setup", "create", "adddisk", "deletedisk", "renameiso", "rmiso"] {
        let (yes, no): (Vec<_>, Vec<_>) = read(action).into_iter().partition(Result::is_ok);
        assert!(!yes.is_empty() && !no.is_empty(), "{action} succeeded and failed");
    }
    for job in jobs() {
        assert_eq!(job.is_finished, job.code.is_some(), "only an end has a code: {job:?}");
    }
    let has = |wanted: &dyn Fn(&JobEvent) -> bool, what: &str| assert!(jobs().any(|job| wanted(&job)), "{what}");
    has(&|job| job.progress.percent() == Some(12) && job.progress.rate == Some(731.0 * 1024.0), "a share and a rate");
    has(&|job| job.code == Some(0) && job.progress.percent().is_none(), "an end without a share");
    has(&|job| job.code == Some(1) && job.log.contains("File not found"), "an end that is a failure");
    has(&|job| job.code == Some(-1) && job.log.is_empty(), "a command that could not be started");
    has(&|job| job.command.is_none() && !job.is_finished, "one that tells nothing but that it runs");
}

/// Reads a frame in every way in which any part of the program reads one, and checks what must always be so.
fn read_all(text: &str) {
    let args = match wire::frame(text) {
        Ok(Frame::Answer { result: Ok(args), .. }) => args,
        Ok(Frame::Job(job)) => {
            assert!(job.progress.percent().is_none_or(|percent| percent <= 100), "{job:?}");
            assert!(job.progress.rate.is_none_or(|rate| rate.is_finite() && rate >= 0.0), "{job:?}");
            return assert!(job.log.len() + job.id.len() <= 2 * text.len());
        }
        Ok(Frame::Answer { result: Err(error), .. }) | Err(error) => {
            return assert!(!error.message.chars().any(char::is_control), "{error}");
        }
        Ok(Frame::Other) => return,
    };
    for (action, _, _) in documented() {
        let Ok(value) = wire::below(&action, &args) else { continue };
        for row in wire::rows(&value).unwrap_or_default() {
            assert!(!row.description.chars().any(char::is_control), "{row:?}");
        }
        let _ = (wire::disks(&value), wire::names(&value, &action), wire::yes(value.get("setup")));
    }
    let _ = (wire::listed_jobs(&args), wire::logged_ends(&args));
}

/// Words that servers use.
const WORDS: [&str; 19] = [
    "listvms",
    "listdisks",
    "process_details",
    "process_id",
    "state",
    "finished",
    "percent_done",
    "disk1",
    "cmd_list",
    "dispatcher",
    "jobs",
    "return_codes/x",
    "x",
    "error",
    "code",
    "YES",
    "16% of 5 kB",
    "-1",
    "1e400",
];

/// Any value of JSON, with the words that servers use among its keys and texts.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((word.clone(), inner), 0..6).prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
        ]
    })
}

/// Puts `new` in the place of the value that is the `at`th within `value`, counted through all levels.
fn replace(value: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        new.clone_into(value);
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, new)),
        Value::Object(items) => items.values_mut().for_each(|item| replace(item, at, new)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in vec(any::<u8>(), 0..300)) {
        read_all(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_value_in_the_place_of_another_breaks_the_reader(line in any::<Index>(), at in 0..40_usize, new in any_json()) {
        let lines: Vec<_> = RECORDED.lines().collect();
        let mut message = serde_json::from_str(lines[line.index(lines.len())]).unwrap();
        replace(&mut message, &mut { at }, &new);
        read_all(&message.to_string());
        read_all(&json!({"id": "1", "args": new}).to_string());
        read_all(&json!({"namespace": "events", "name": "dispatcher", "args": new}).to_string());
    }

    #[test]
    fn no_changed_byte_of_a_recorded_message_breaks_the_reader(
        line in any::<Index>(),
        changes in vec((any::<Index>(), vec(any::<u8>(), 0..4), 0..9_usize), 1..4),
    ) {
        let lines: Vec<_> = RECORDED.lines().collect();
        let mut bytes = lines[line.index(lines.len())].as_bytes().to_vec();
        for (at, with, cut) in changes {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..(at + cut).min(bytes.len()), with);
        }
        read_all(&String::from_utf8_lossy(&bytes));
    }
}
