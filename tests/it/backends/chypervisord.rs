//! chypervisord and cguestd: every documented request and answer, what servers really answer, and every way of going wrong.
use crate::support::{
    fake_lochness::{Face, Lochness, NODE, SUBNET, settings},
    web::{Told, Web},
};
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, Machines, Nodes, Power,
        chypervisord::{Chypervisord, Settings},
        dispatch, prepare,
    },
    domain::{ErrorKind, Expect, NodeId, Op, PowerState, Reply, Request, Result, Values, Verdict, VmId},
};

pub(super) fn node() -> NodeId {
    NodeId::from(NODE)
}

pub(super) fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn backend(url: String) -> Chypervisord {
    Chypervisord::new(settings(url))
}

pub(super) async fn send(backend: &Chypervisord, request: Request) -> Result<Reply> {
    let prepared = prepare(backend, request).await?;
    dispatch(backend, &prepared, Call::new().0).await
}

pub(super) fn update(before: &[(&str, &str)], wanted: &[(&str, &str)]) -> Request {
    Request::UpdateNode { node: node(), before: values(before), values: values(wanted) }
}

#[tokio::test]
async fn an_update_keeps_what_others_changed_and_both_resources() {
    let lochness = Lochness::new(Face::Etcd);
    let all = json!({"memory": 2048, "disk": 4096, "cpu": 4});
    let left = json!({"memory": 1024, "disk": 1024, "cpu": 1});
    lochness.add(
        NODE,
        &json!({"ip": "10.0.0.1", "total_resources": all, "available_resources": left, "metadata": {"a": "b"}}),
    );
    let host = lochness.backend();
    let before = host.node_form(Some(&node())).await.unwrap();
    let before: Values = before.into_iter().map(|f| (f.name.to_owned(), f.default)).collect();
    // Meanwhile somebody else gives away memory.
    lochness.store().nodes[0].1["available_resources"]["memory"] = 512.into();
    let mut wanted = before.clone();
    wanted.insert("ip".to_owned(), "10.0.0.2".to_owned());
    send(&host, Request::UpdateNode { node: node(), before, values: wanted }).await.unwrap();
    let record = lochness.record(NODE);
    assert_eq!(record["ip"], "10.0.0.2");
    assert_eq!(record["total_resources"], all);
    assert_eq!(record["available_resources"], json!({"memory": 512, "disk": 1024, "cpu": 1}));
    assert_eq!(record["metadata"], json!({"a": "b"}));
    lochness.store().conflicts = 1;
    let error = send(&host, update(&[], &[("ip", "10.0.0.3")])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    let both = "ip 10.0.0.2 → 10.0.0.77; not set: ip 10.0.0.2 → 10.0.0.3";
    assert!(error.message.ends_with(both), "{error}");
    let error = send(&host, update(&[], &[("ip", "")])).await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("IP address is needed"), "{error}");
}

#[tokio::test]
async fn metadata_that_no_line_can_hold_is_left_alone() {
    let lochness = Lochness::new(Face::Etcd);
    lochness.add(NODE, &json!({"metadata": {"a=b": "c", "d": "two\nlines"}}));
    let host = lochness.backend();
    let fields = host.node_form(Some(&node())).await.unwrap();
    assert!(!fields.iter().any(|field| field.name == "metadata"));
    send(&host, update(&[], &[("ip", "10.0.0.3")])).await.unwrap();
    assert_eq!(lochness.record(NODE)["metadata"], json!({"a=b": "c", "d": "two\nlines"}));
}

#[tokio::test]
async fn an_empty_store_is_an_empty_list_and_a_broken_record_is_told() {
    let lochness = Lochness::new(Face::Etcd);
    let host = lochness.backend();
    host.connect(mpsc::channel(1).0).await.unwrap();
    let found = host.inventory(false).await.unwrap();
    assert_eq!((found.nodes.unwrap().len(), found.vms.unwrap().len()), (0, 0));
    lochness.add(&NODE.to_uppercase(), &json!({}));
    let error = host.inventory(false).await.unwrap_err();
    assert!(error.message.contains("one record is broken") && error.message.contains(NODE), "{error}");
}

#[tokio::test]
async fn a_node_with_guests_is_kept_and_they_are_named() {
    const GUEST: &str = "00ad4ab2-64c3-43a3-950d-67d5d8908640";
    let lochness = Lochness::new(Face::Etcd);
    lochness.add(NODE, &json!({}));
    lochness.place(NODE, GUEST);
    let host = lochness.backend();
    let error = host.remove_node(&node()).await.unwrap_err();
    assert!(error.kind == ErrorKind::Conflict && error.message.contains(&format!("a guest: {GUEST}")), "{error}");
    assert!(!lochness.chypervisord.asked().iter().any(|a| a.method == "DELETE"), "it was not even tried");
    lochness.store().placed.insert(NODE.to_owned(), Vec::new());
    assert!(host.node(&node()).await.unwrap().guests.is_empty(), "null is empty");
    host.remove_node(&node()).await.unwrap();
}

#[tokio::test]
async fn guests_are_acted_on_by_jobs() {
    let lochness = Lochness::new(Face::Etcd);
    let vm = VmId::from("00ad4ab2-64c3-43a3-950d-67d5d8908640");
    lochness.add(NODE, &json!({}));
    lochness.place(NODE, vm.as_str());
    let host = lochness.backend();
    let capabilities = host.connect(mpsc::channel(1).0).await.unwrap();
    assert!(capabilities.check(Op::Start).is_ok());
    let found = host.find(&vm).await.unwrap();
    assert_eq!((found.name.as_str(), found.power), ("web", None), "no state is told");
    assert!(found.details.contains(&("Hypervisor".into(), NODE.to_owned())));
    assert_eq!(host.find(&VmId::from(SUBNET)).await.unwrap_err().kind, ErrorKind::NotFound);
    host.start(&vm).await.unwrap();
    assert_eq!(lochness.store().looks, 3, "new, working, done");
    let running = Expect::Power { vm: vm.clone(), state: PowerState::Running };
    let Verdict::Met(Some(Reply::Taken(told))) = host.look(&running).await else { panic!("it was taken") };
    assert_eq!(told, "job 7d2f-1 is done; lochness does not tell whether the guest runs");
    lochness.store().job_error = Some("Expected 202, Received 404".to_owned());
    let error = host.shut_down(&vm).await.unwrap_err();
    assert!(error.kind == ErrorKind::Refused && error.message.contains("Received 404"), "{error}");
    assert!(matches!(host.look(&running).await, Verdict::Unknown(_)), "the job before says nothing of this one");
    lochness.store().looks = 0;
    let careful = Chypervisord::new(Settings { follow_jobs: false, ..lochness.settings() });
    careful.power_off(&vm).await.unwrap();
    assert_eq!(lochness.store().looks, 0, "a job that is looked at may be lost");
    assert!(
        matches!(careful.look(&running).await, Verdict::Met(Some(Reply::Taken(t))) if t.starts_with("queued as job"))
    );
}

#[tokio::test]
async fn guests_restart_and_go_by_jobs() {
    let lochness = Lochness::new(Face::Etcd);
    let vm = VmId::from("00ad4ab2-64c3-43a3-950d-67d5d8908640");
    lochness.add(NODE, &json!({}));
    lochness.place(NODE, vm.as_str());
    let delete = |keep_disks| Request::Delete { vm: vm.clone(), keep_disks };
    let gone = delete(false).expects();
    let host = lochness.backend();
    let capabilities = host.connect(mpsc::channel(1).0).await.unwrap();
    assert!(capabilities.check(Op::Reboot).is_ok() && capabilities.check(Op::Delete).is_ok());
    assert_eq!(capabilities.keeps_disks, Some(false), "nobody is asked what becomes of the disks");
    let Reply::Taken(told) = send(&host, Request::Reboot(vm.clone())).await.unwrap() else { panic!("it was taken") };
    assert_eq!(told, "job 7d2f-1 is done; lochness does not tell whether the guest runs");
    assert_eq!(send(&host, delete(true)).await.unwrap_err().kind, ErrorKind::Unsupported, "disks are not kept");
    assert_eq!(host.look(&gone).await, Verdict::NotMet("it is still there".to_owned()));
    lochness.store().looks = 0;
    send(&host, delete(false)).await.unwrap();
    assert_eq!(lochness.store().looks, 3, "new, working, done");
    assert_eq!(host.look(&gone).await, Verdict::Met(None));
    // Where a job may not be looked at, its turn comes later.
    lochness.place(NODE, vm.as_str());
    let careful = Chypervisord::new(Settings { follow_jobs: false, ..lochness.settings() });
    let Reply::Taken(told) = send(&careful, Request::Reboot(vm.clone())).await.unwrap() else { panic!("it is queued") };
    assert_eq!(told, "queued as job 7d2f-1; lochness does not tell whether the guest runs");
    send(&careful, delete(false)).await.unwrap();
    let queued = Verdict::Met(Some(Reply::Taken("queued as job 7d2f-1".to_owned())));
    assert_eq!((careful.look(&gone).await, lochness.store().looks), (queued, 3));
    let asked = lochness.cguestd.asked();
    let changes: Vec<_> = asked.iter().filter(|a| a.method != "GET").map(|a| (&*a.method, &*a.path)).collect();
    let path = format!("/guests/{vm}");
    let (reboot, delete) = (("POST", format!("{path}/reboot")), ("DELETE", path));
    let wanted = [&reboot, &delete, &reboot, &delete].map(|(method, path)| (*method, path.as_str()));
    assert_eq!(changes, wanted);
}

#[tokio::test]
async fn without_cguestd_hypervisors_are_managed_all_the_same() {
    let mut lochness = Lochness::new(Face::Documented);
    lochness.add(NODE, &json!({}));
    lochness.cguestd.stop();
    let host = lochness.backend();
    let capabilities = host.connect(mpsc::channel(1).0).await.unwrap();
    assert!(capabilities.details.iter().any(|(_, told)| told.contains("nothing listens there")), "{capabilities:?}");
    let found = host.inventory(false).await.unwrap();
    assert_eq!((found.nodes.unwrap().len(), found.vms), (1, None), "guests that cannot be asked for are not none");
    let other = Web::serve(|_| Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404\n".to_vec()));
    let wrong = Settings { guests_url: Some(other.url()), ..lochness.settings() };
    let capabilities = Chypervisord::new(wrong).connect(mpsc::channel(1).0).await.unwrap();
    let told = capabilities.details.iter().find(|(name, _)| name == "Guests").map(|(_, told)| told.as_str());
    assert!(told.unwrap().ends_with("cguestd is at port 18000 by default"), "{told:?}");
    let alone = backend(lochness.chypervisord.url());
    let capabilities = alone.connect(mpsc::channel(1).0).await.unwrap();
    assert!(capabilities.check(Op::Start).unwrap_err().contains("guests_url"));
    assert_eq!(alone.start(&VmId::from(NODE)).await.unwrap_err().kind, ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_first_connection_tells_what_stands_in_the_way() {
    let first = async |told: Told| {
        let web = Web::serve(move |_| told.clone());
        backend(web.url()).connect(mpsc::channel(1).0).await.unwrap_err()
    };
    let page = Told::Answer(502, "Content-Type: text/html\r\n".to_owned(), b"<html>squid".to_vec());
    let plain = Told::Answer(404, "Content-Type: text/plain\r\n".to_owned(), b"404 page not found\n".to_vec());
    for (told, kind, words) in [
        (page, ErrorKind::Unreachable, "a proxy in between"),
        (plain, ErrorKind::Unsupported, "knows no /hypervisors: is it the right server? chypervisord is at port 17000"),
        (Told::json(401, "{}"), ErrorKind::Unauthorized, "it wants a sign-in"),
        (Told::json(200, "{}"), ErrorKind::Protocol, "is it the right server?"),
        (Told::json(200, "[{}]"), ErrorKind::Protocol, "is it the right server?"),
        (Told::json(200, "[1"), ErrorKind::Protocol, "no JSON"),
        (Told::Raw(vec![0x15, 3, 1, 0, 2, 2, 0x28]), ErrorKind::Unreachable, "want https://"),
    ] {
        let error = first(told.clone()).await;
        assert!(error.kind == kind && error.message.contains(words), "{told:?}: {:?} {error}", error.kind);
        assert!(error.message.starts_with("127.0.0.1:"), "{error}");
    }
    let connect = async |url: String| backend(url).connect(mpsc::channel(1).0).await.unwrap_err();
    let mut plain = Web::serve(|_| Told::json(200, "[]"));
    let error = connect(plain.url().replace("http", "https")).await;
    assert!(error.message.contains("is it the right port"), "{error}");
    let secure = Web::secure("signed", false, |_| Told::json(200, "[]"));
    let error = connect(secure.url().replace("https", "http")).await;
    assert!(error.message.contains("want https://"), "{error}");
    plain.stop();
    let error = connect(plain.url()).await;
    assert!(error.message.contains("nothing listens there"), "{error}");
}

#[tokio::test]
async fn what_names_no_node_is_never_sent() {
    let lochness = Lochness::new(Face::Etcd);
    let host = lochness.backend();
    for bad in ["", "nope", "../guests", "abcd1234-abcd-1234-abcd-1234abcd1234/config", "a b"] {
        let error = host.remove_node(&NodeId::from(bad)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    }
    let error = host.remove_subnet(&node(), "../..").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(lochness.chypervisord.asked().is_empty());
}

#[tokio::test]
async fn a_change_without_an_answer_is_looked_at() {
    let lochness = Lochness::new(Face::Etcd);
    lochness.add(NODE, &json!({}));
    let host = lochness.backend();
    let prepared = prepare(&host, update(&[], &[("ip", "10.0.0.9")])).await.unwrap();
    lochness.store().odd = Some(Told::Raw(Vec::new()));
    let error = dispatch(&host, &prepared, Call::new().0).await.unwrap_err();
    assert!(error.leaves_unknown(), "{error}");
    assert!(matches!(host.look(&prepared.expect).await, Verdict::NotMet(told) if told == "its ip is "));
    lochness.store().nodes[0].1["ip"] = "10.0.0.9".into();
    assert_eq!(host.look(&prepared.expect).await, Verdict::Met(None));
    lochness.store().odd = Some(Told::Late(Duration::from_millis(20), Box::new(Told::json(500, "{}"))));
    assert!(matches!(host.look(&prepared.expect).await, Verdict::Unknown(_)));
}
