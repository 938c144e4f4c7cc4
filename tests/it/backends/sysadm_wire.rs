//! What goes to a SysAdm server is as documented; what comes back may be anything.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, sysadm},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, dispatch, prepare, sysadm::wire},
    domain::{Request, Values},
};

const RECORDED: &str = include_str!("../../fixtures/sysadm/recorded.jsonl");

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn every_action_is_asked_for_as_documented() {
    asks_for_all(FakeSysadm::new(Face::Documented).await).await;
}

#[tokio::test]
async fn every_action_is_asked_for_as_documented_over_http() {
    asks_for_all(FakeSysadm::rest(Face::Documented, None).await).await;
}

async fn asks_for_all(server: FakeSysadm) {
    server.world().iohyve.bare();
    let sysadm = sysadm(&server.url());
    sysadm.connect(mpsc::channel(64).0).await.unwrap();
    let (vm, text) = (|| "bsdguest".into(), |text: &str| text.to_owned());
    let disk = |name: &str| name.into();
    let requests = [
        Request::SetUp { values: values(&[("nic", "em0")]) },
        Request::CheckSetup,
        Request::List,
        Request::ListImages,
        Request::Create { values: values(&[("name", "bsdguest"), ("disk", "10G")]) },
        Request::AddDisk { vm: vm(), values: values(&[("size", "10G")]) },
        Request::ListDisks(vm()),
        Request::ResizeDisk { vm: vm(), disk: disk("disk0"), size: "20G".parse().unwrap() },
        Request::RemoveDisk { vm: vm(), disk: disk("disk1"), delete: true },
        Request::SetProperty { vm: vm(), name: text("memory"), value: text("768M") },
        Request::Start(vm()),
        Request::ShutDown(vm()),
        Request::FetchImage { url: text("http://h/test.iso"), name: None },
        Request::RenameImage { image: text("test.iso"), name: text("102.iso") },
        Request::Install { vm: vm(), image: text("102.iso") },
        Request::ShutDown(vm()),
        Request::RemoveImage { image: text("102.iso") },
        Request::Delete { vm: vm(), keep_disks: false },
    ];
    for request in requests {
        let title = request.title();
        let prepared = prepare(&sysadm, request).await.unwrap_or_else(|e| panic!("{title}: {e}"));
        dispatch(&sysadm, &prepared, Call::new().0).await.unwrap_or_else(|e| panic!("{title}: {e}"));
    }
    let documented = [
        json!({"action": "listvms"}),
        json!({"action": "listisos"}),
        json!({"action": "version"}),
        json!({"action": "issetup"}),
        json!({"action": "setup", "pool": "tank", "nic": "em0"}),
        json!({"action": "create", "name": "bsdguest", "size": "10G"}),
        // The one addition: without a pool no server does it.
        json!({"action": "adddisk", "name": "bsdguest", "size": "10G", "pool": "tank"}),
        json!({"action": "listdisks", "name": "bsdguest"}),
        json!({"action": "resizedisk", "name": "bsdguest", "disk": "disk0", "size": "20G"}),
        json!({"action": "deletedisk", "name": "bsdguest", "disk": "disk1"}),
        json!({"action": "getprops", "name": "bsdguest"}),
        json!({"action": "setprop", "name": "bsdguest", "ram": "768M"}),
        json!({"action": "start", "name": "bsdguest"}),
        json!({"action": "stop", "name": "bsdguest"}),
        json!({"action": "fetchiso", "url": "http://h/test.iso"}),
        json!({"action": "renameiso", "source": "test.iso", "target": "102.iso"}),
        json!({"action": "install", "name": "bsdguest", "iso": "102.iso"}),
        json!({"action": "rmiso", "target": "102.iso"}),
        json!({"action": "delete", "name": "bsdguest"}),
    ];
    let sent = &server.world().requests;
    for args in documented {
        let whole = json!({"namespace": "sysadm", "name": "iohyve", "args": args});
        assert!(sent.contains(&whole), "{whole} is not among what was sent");
    }
}

#[test]
fn recorded_answers_are_read() {
    let frames: Vec<_> = RECORDED.lines().map(|line| wire::frame(line).unwrap()).collect();
    let jobs: Vec<_> =
        frames.iter().filter_map(|f| if let wire::Frame::Job(job) = f { Some(job) } else { None }).collect();
    assert_eq!(jobs.len(), 4);
    assert!(jobs.iter().all(|job| job.id == "sysadm_iohyve_fetch::{1}"));
    assert_eq!((jobs[2].progress.percent(), jobs[2].is_finished), (Some(16), false));
    assert_eq!((jobs[3].code, jobs[3].is_finished), (Some(1), true));
}

/// Everything that reads a part of an answer.
fn read_all(text: &str) {
    let Ok(wire::Frame::Answer { result: Ok(args), .. }) = wire::frame(text) else { return };
    for action in ["listvms", "listdisks", "listisos"] {
        let value = wire::below(action, &args).unwrap_or(Value::Null);
        let _ = (wire::rows(&value), wire::disks(&value), wire::names(&value, action));
    }
    let _ = wire::listed_jobs(&args);
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in ".{0,200}") {
        read_all(&text);
        read_all(&format!("{{\"id\":\"1\",\"args\":{{\"listvms\":{text}}}}}"));
    }

    #[test]
    fn no_change_of_a_recorded_message_breaks_the_reader(line in 0..7_usize, at in 0..400_usize, with in ".{0,3}", cut in 0..9_usize) {
        let line = RECORDED.lines().nth(line).unwrap();
        let (at, end) = (at.min(line.len()), (at + cut).min(line.len()));
        read_all(&format!("{}{with}{}", &line[..at], &line[end..]));
    }
}
