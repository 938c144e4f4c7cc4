//! Every exchange that was recorded with a govirthost goes over a real socket once more, with the client in curl's place:
//! what it sends is what was sent, and what was answered is understood.
use super::govirthost_wire::{Exchange, exchanges};
use crate::support::{
    fake_govirthost::{govirthost, xml},
    web::{Asked, Told, Web},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, dispatch, domain_xml::Description, govirthost::wire::Build, prepare},
    domain::{ErrorKind, Reply, Request, Result},
};

fn word<'a>(body: &'a Value, key: &str) -> &'a str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What is asked for so that the exchange takes place, the word of it on the wire, and the state in which it is sent.
fn asked_by(row: &Exchange, build: Build) -> (Request, &'static str, &'static str) {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let vm = || match word(&body, "domain") {
        "" => "alpha".into(),
        name => name.into(),
    };
    let define = || {
        let sent = STANDARD.decode(word(&body, "xml")).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = sent.filter(|_| row.ours).unwrap_or_else(|| xml("alpha"));
        Request::Define { vm: Description::parse(&text).unwrap().name.into(), before: None, text }
    };
    let create = || {
        let pairs = [("name", "gamma"), ("disk", "/images/a.qcow2")];
        Request::Create { values: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    };
    match (row.method.as_str(), word(&body, "target"), word(&body, "action")) {
        ("GET", "metal", _) => (Request::ListNodes, "metal", "shutoff"),
        ("GET", "xml", _) => (Request::ShowDescription(vm()), "xml", "running"),
        ("GET", ..) => (Request::List, "vm", "shutoff"),
        ("DELETE", ..) => (Request::Delete { vm: vm(), keep_disks: true }, "", "crashed"),
        (.., "shutdown") => (Request::ShutDown(vm()), "shutdown", "running"),
        (.., "reset") => (Request::Reset(vm()), "reset", "running"),
        (.., "destroy") => (Request::PowerOff(vm()), "destroy", "running"),
        (.., "undefine") => (Request::Delete { vm: vm(), keep_disks: true }, "undefine", "shutoff"),
        (.., "define") => (define(), "define", "shutoff"),
        (.., "create") if build == Build::First => (create(), "create", "shutoff"),
        (.., "create") => (create(), "define", "shutoff"),
        (_, to, "migrate") => {
            let to = if to.is_empty() { "lab2" } else { to }.to_owned();
            (Request::Migrate { vm: vm(), to, copy_disks: false }, "migrate", "running")
        }
        _ => (Request::Start(vm()), "start", "shutoff"),
    }
}

/// A server that gives the recorded answer to `wanted`, once it is `armed`, and what stands beside it to the rest.
fn server(
    row: &Exchange,
    build: Build,
    (vm, wanted, state): (String, &'static str, &'static str),
) -> (Web, Arc<AtomicBool>) {
    let (armed, row) = (Arc::new(AtomicBool::new(false)), row.clone());
    let is_armed = armed.clone();
    let web = Web::serve(move |asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let target = if asked.method == "GET" { word(&body, "target") } else { word(&body, "action") };
        if is_armed.load(Ordering::SeqCst) && target == wanted && (asked.method == "GET") == (row.method == "GET") {
            let head = "Content-Type: text/plain; charset=utf-8\r\n".to_owned();
            return match row.status {
                0 => Told::Raw(Vec::new()),
                status => Told::Answer(status, head, row.answer.clone().into_bytes()),
            };
        }
        let run = if state == "running" { 1 } else { -1 };
        let domains = match vm.as_str() {
            "" => Value::Null,
            _ => json!([{"domain": {"Name": vm, "UUID": [], "ID": run}, "state": state}]),
        };
        let mut whole = json!({"domains": domains, "hostmemoryInfo": null, "xml": STANDARD.encode(xml(&vm))});
        if build == Build::Last {
            whole.as_object_mut().unwrap().insert("listvms".to_owned(), Value::Null);
        }
        Told::json(200, whole.to_string())
    });
    (web, armed)
}

/// Whether `sent` is what was recorded: byte for byte but for the order of the keys, and a `domain` that GET and define
/// do not read. What a form is filled in with is each time another.
fn is_as_recorded(sent: &Asked, row: &Exchange) -> bool {
    let (Ok(sent), Ok(mut wanted)) =
        (serde_json::from_str::<Value>(&sent.body), serde_json::from_str::<Value>(&row.body))
    else {
        return false;
    };
    let form = |body: &Value| {
        let form = body.get("createvmform")?.as_object()?;
        let kind = |value: &Value| (value.is_string(), value.is_i64());
        Some(form.iter().map(|(key, value)| (key.clone(), kind(value))).collect::<Vec<_>>())
    };
    if let (Some(ours), Some(theirs)) = (form(&sent), form(&wanted)) {
        return ours == theirs && sent.get("action") == wanted.get("action");
    }
    if wanted.get("domain").is_none() {
        wanted.as_object_mut().unwrap().insert("domain".to_owned(), sent.get("domain").cloned().unwrap_or_default());
    }
    sent == wanted
}

#[tokio::test]
async fn every_recorded_exchange_is_repeated_and_understood() {
    let (mut sent_alike, mut all) = (0, 0);
    for (build, row) in exchanges() {
        let what = format!("{build:?}: {}", row.what);
        let (request, wanted, state) = asked_by(&row, build);
        let vm = request.vm().map(ToString::to_string).unwrap_or_default();
        let (web, armed) = server(&row, build, (vm, wanted, state));
        let host = govirthost(&web.url());
        host.connect(mpsc::channel(64).0).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        armed.store(true, Ordering::SeqCst);
        let result: Result<Reply> = async {
            let prepared = prepare(&host, request.clone()).await?;
            dispatch(&host, &prepared, Call::new().0).await
        }
        .await;
        let is_it = |asked: &&Asked| {
            let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
            let found = if row.method == "GET" { word(&body, "target") } else { word(&body, "action") };
            (asked.method == "GET") == (row.method == "GET") && found == wanted
        };
        let sent: Vec<_> = web.asked().into_iter().filter(|asked| is_it(&asked)).collect();
        let sent = sent.last().unwrap_or_else(|| panic!("{what}: {request:?} sent nothing: {result:?}"));
        if row.ours {
            assert_eq!(sent.method, row.method, "{what}");
            assert!(is_as_recorded(sent, &row), "{what}: {} for {}", sent.body, row.body);
            sent_alike += 1;
        }
        all += 1;
        understood(&what, &row, result);
    }
    assert_eq!((sent_alike, all), (40, 63));
}

/// A yes is a yes, a no keeps its words, and silence leaves the outcome open.
fn understood(what: &str, row: &Exchange, result: Result<Reply>) {
    let error = match (row.status, result) {
        (200, Ok(reply)) => return is_read(what, row, &reply),
        (_, result) => result.err().unwrap_or_else(|| panic!("{what}: it should have been refused")),
    };
    let kind = match row.answer.as_str() {
        _ if row.status == 0 => {
            assert!(error.leaves_unknown(), "{what}: {error}");
            return;
        }
        answer if answer.starts_with("Domain not found") => ErrorKind::NotFound,
        _ => ErrorKind::Refused,
    };
    assert_eq!(error.kind, kind, "{what}: {error}");
    let first = row.answer.lines().next().unwrap_or_default().split('\0').next().unwrap_or_default().trim();
    assert!(error.message.contains(first), "{what}: {error} lacks {first:?}");
    assert!(!error.message.chars().any(char::is_control), "{what}: {error:?}");
}

/// What a list, a description and the host's own figures are read as.
fn is_read(what: &str, row: &Exchange, reply: &Reply) {
    let told: Value = serde_json::from_str(&row.answer).unwrap_or_default();
    let rows = told.get("domains").and_then(Value::as_array);
    match reply {
        Reply::Vms(vms) => {
            let names: Vec<_> = vms.iter().map(|vm| vm.name.as_str()).collect();
            let name_of = |row: &Value| row.pointer("/domain/Name").and_then(Value::as_str).map(str::to_owned);
            let wanted: Vec<_> = rows.into_iter().flatten().filter_map(name_of).collect();
            assert_eq!(names, wanted, "{what}");
        }
        Reply::Nodes(nodes) => assert!(
            nodes.iter().all(|n| n.memory.is_some() && n.load.is_some()) && nodes.len() == 1,
            "{what}: {nodes:?}"
        ),
        Reply::Description(text) => {
            let read = Description::parse(text).unwrap();
            assert_eq!((read.name.as_str(), read.cpus), ("alpha", Some(1)), "{what}");
        }
        Reply::Done => {}
        other => panic!("{what}: {other:?}"),
    }
}
