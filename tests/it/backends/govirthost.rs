//! govirthost: what is sent, what is never sent, and what silence means.
use crate::support::{
    fake_govirthost::{BUILDS, FakeGovirthost, LONG, govirthost, settings, xml},
    web::{Told, Web, certificate},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, dispatch,
        domain_xml::Description,
        govirthost::{Govirthost, Settings, wire::Build},
        prepare,
    },
    domain::{Capabilities, ErrorKind, HostEvent, Op, PowerState, Reply, Request, Result, Values, Verdict, VmId},
    transport::{Trust, tls::Identity},
};

struct Stage {
    server: FakeGovirthost,
    govirthost: Govirthost,
    capabilities: Capabilities,
    events: mpsc::Receiver<HostEvent>,
}

impl Stage {
    async fn new(build: Build, guests: &[(&str, &'static str)]) -> Self {
        let server = FakeGovirthost::new(build);
        for (name, state) in guests {
            server.world().add(name, state);
        }
        let govirthost = govirthost(&server.web.url());
        let (sink, events) = mpsc::channel(1024);
        let capabilities = govirthost.connect(sink).await.unwrap();
        Self { server, govirthost, capabilities, events }
    }

    async fn run(&self, request: Request) -> Result<(Reply, Verdict)> {
        let prepared = prepare(&self.govirthost, request).await?;
        let reply = dispatch(&self.govirthost, &prepared, Call::new().0).await?;
        Ok((reply, self.govirthost.look(&prepared.expect).await))
    }

    async fn refused(&self, request: Request, kind: ErrorKind, words: &str) {
        let title = request.title();
        let Err(error) = self.run(request).await else { panic!("{title}: it should have been refused") };
        assert_eq!(error.kind, kind, "{title}: {error}");
        assert!(error.message.contains(words), "{title}: {error}");
    }
}

fn web() -> VmId {
    VmId::from("web")
}

fn create(name: &str) -> Request {
    let pairs = [("name", name), ("disk", "/images/a.qcow2"), ("network", "bridge br0")];
    Request::Create { values: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Values>() }
}

fn set(name: &str, value: &str) -> Request {
    Request::SetProperty { vm: web(), name: name.to_owned(), value: value.to_owned() }
}

/// A body with words for what is different each time.
fn without_xml(body: &Value) -> Value {
    let mut body = body.clone();
    for (at, word) in [("/xml", "XML"), ("/createvmform/xml", "XML"), ("/createvmform/mac", "MAC")] {
        if let Some(text) = body.pointer_mut(at) {
            *text = json!(word);
        }
    }
    body
}

#[tokio::test]
async fn every_documented_request_is_sent_as_documented_to_both_builds() {
    for build in BUILDS {
        let stage = Stage::new(build, &[("web", "shutoff"), ("dead", "crashed"), ("mover", "running")]).await;
        let keep = |name: &str| Request::Delete { vm: name.into(), keep_disks: true };
        for request in [
            Request::List,
            Request::ListDisks(web()),
            Request::Start(web()),
            Request::Reset(web()),
            Request::ShutDown(web()),
            Request::Start(web()),
            Request::PowerOff(web()),
            set("cpus", "4"),
            Request::ShowDescription(web()),
            Request::Define { vm: web(), before: None, text: xml("web").replace(">1</vcpu>", ">2</vcpu>") },
            create("new"),
            keep("web"),
        ] {
            let title = request.title();
            if matches!(request, Request::PowerOff(_)) {
                let moved = Request::Migrate { vm: "mover".into(), to: "lab2.example".to_owned(), copy_disks: false };
                assert_eq!(stage.run(moved).await.unwrap().1, Verdict::Met(None), "{build:?}");
            }
            let (_, verdict) = stage.run(request).await.unwrap_or_else(|e| panic!("{build:?} {title}: {e}"));
            assert_eq!(verdict, Verdict::Met(None), "{build:?} {title}");
        }
        // What has crashed is off to a person, and not to `undefine`.
        stage.server.world().guests.get_mut("dead").unwrap().run = -1;
        stage.run(keep("dead")).await.unwrap();
        let form = json!({"hostname": "new", "mac": "MAC", "ip": "", "cpucount": 1, "memorycount": 2, "image": "none",
            "xml": "XML", "leasetime": 0});
        let made = match build {
            Build::First => json!({"domain": "new", "action": "create", "createvmform": form}),
            Build::Last => json!({"domain": "new", "action": "define", "xml": "XML"}),
        };
        let act = |action: &str| json!({"domain": "web", "action": action});
        let documented = [
            ("GET", json!({"target": "vm", "domain": ""})),
            ("GET", json!({"target": "metal", "domain": ""})),
            ("GET", json!({"target": "xml", "domain": "web"})),
            ("POST", act("start")),
            ("POST", act("reset")),
            ("POST", act("shutdown")),
            ("POST", act("destroy")),
            ("POST", json!({"domain": "web", "action": "define", "xml": "XML"})),
            ("POST", act("undefine")),
            ("POST", json!({"domain": "mover", "action": "migrate", "target": "lab2.example"})),
            ("POST", made),
            ("DELETE", json!({"domain": "dead"})),
        ];
        let sent = stage.server.world().requests.clone();
        for (method, body) in documented {
            let is_sent = sent.iter().any(|(found, with)| found == method && without_xml(with) == body);
            assert!(is_sent, "{build:?}: {method} {body} is not among what was sent");
        }
        assert!(!stage.server.world().is_stuck);
    }
}

#[tokio::test]
async fn what_would_fail_is_not_sent_since_it_could_lock_the_server() {
    let stage =
        Stage::new(Build::First, &[("web", "running"), ("off", "shutoff"), ("odd", "dying"), ("nap", "suspended")])
            .await;
    stage.refused(Request::Start(web()), ErrorKind::Conflict, "running already").await;
    for request in [Request::Start("nap".into()), Request::ShutDown("nap".into())] {
        stage.refused(request.clone(), ErrorKind::Conflict, "nap: it is asleep").await;
        stage.refused(request, ErrorKind::Conflict, "`virsh dompmwakeup NAME` if it is asleep").await;
    }
    for request in [Request::ShutDown("off".into()), Request::PowerOff("off".into()), Request::Reset("off".into())] {
        stage.refused(request, ErrorKind::Conflict, "it is off").await;
    }
    stage.refused(Request::Start("gone".into()), ErrorKind::NotFound, "gone").await;
    let delete = |name: &str, keep_disks| Request::Delete { vm: name.into(), keep_disks };
    stage.refused(delete("web", true), ErrorKind::Conflict, "not off").await;
    stage.refused(delete("odd", true), ErrorKind::Conflict, "not known to be off").await;
    stage.refused(delete("off", false), ErrorKind::Unsupported, "deletes no files").await;
    stage.refused(create("web"), ErrorKind::Conflict, "called web already").await;
    stage.refused(set("cpus", "none"), ErrorKind::Invalid, "cpus").await;
    stage.refused(set("machine", "q35"), ErrorKind::Conflict, "cannot be changed").await;
    let moved = |vm: &str, to: &str| Request::Migrate { vm: vm.into(), to: to.to_owned(), copy_disks: false };
    stage.refused(moved("off", "lab2"), ErrorKind::Conflict, "it is off").await;
    for to in ["", "-v", "lab2/system", "lab 2"] {
        stage.refused(moved("web", to), ErrorKind::Invalid, "the name or number of a computer").await;
    }
    let define = |text: String| Request::Define { vm: "off".into(), before: None, text };
    stage.refused(define("<domain".to_owned()), ErrorKind::Invalid, "no XML").await;
    stage.refused(define(xml("web")), ErrorKind::Invalid, "that would be another machine").await;
    stage.refused(define(xml("off").replace("<os>", "<so>")), ErrorKind::Invalid, "no XML").await;
    assert_eq!(stage.server.changes(), 0);
    assert!(stage.capabilities.check(Op::ResizeDisk).unwrap_err().contains("virsh blockresize NAME DISK SIZE"));
}

#[tokio::test]
async fn a_machine_with_uefi_variables_is_not_deleted_since_libvirt_would_refuse() {
    for build in BUILDS {
        let stage = Stage::new(build, &[("web", "shutoff"), ("dead", "crashed"), ("new", "shutoff")]).await;
        let has = |name: &str, os: &str| {
            let xml = xml(name).replace("<os>", os);
            let mut world = stage.server.world();
            let guest = world.guests.get_mut(name).unwrap();
            (guest.kept, guest.live) = (xml.clone(), xml);
        };
        has("web", "<os><nvram>/var/lib/libvirt/qemu/nvram/web_VARS.fd</nvram>");
        has("dead", "<os><nvram>/var/lib/libvirt/qemu/nvram/dead_VARS.fd</nvram>");
        has("new", "<os firmware='efi'>");
        for name in ["web", "dead", "new"] {
            let delete = Request::Delete { vm: name.into(), keep_disks: true };
            stage.refused(delete, ErrorKind::Unsupported, "run `virsh undefine --nvram NAME` on its host").await;
        }
        assert_eq!((stage.server.changes(), stage.server.world().is_stuck), (0, false), "{build:?}");
        let caution = stage.capabilities.caution(Op::Delete);
        assert_eq!(caution.is_some_and(|told| told.contains("locks this old build")), build == Build::First);
    }
}

#[tokio::test]
async fn a_failure_that_locks_an_old_build_is_told_and_nothing_more_is_sent() {
    let stage = Stage::new(Build::First, &[("web", "shutoff"), ("db", "shutoff")]).await;
    let no = Told::Answer(500, String::new(), Vec::new());
    stage.server.world().odd.insert("start", vec![no.clone()]);
    stage.refused(Request::Start(web()), ErrorKind::Refused, "does not say why").await;
    let sent = stage.server.changes();
    stage.refused(Request::Start("db".into()), ErrorKind::Conflict, "until the service is restarted there").await;
    assert_eq!(stage.server.changes(), sent);
    let node = stage.govirthost.inventory(false).await.unwrap().nodes.unwrap().remove(0);
    assert!(node.details.iter().any(|(label, why)| label == "Changes" && why.contains("restarted")), "{node:?}");
    // The last build gives the lock back, and says why.
    let stage = Stage::new(Build::Last, &[("web", "shutoff"), ("db", "shutoff")]).await;
    let no = Told::Answer(500, String::new(), b"internal error: no /dev/kvm".to_vec());
    stage.server.world().odd.insert("start", vec![no]);
    stage.refused(Request::Start(web()), ErrorKind::Refused, "no /dev/kvm").await;
    stage.run(Request::Start("db".into())).await.unwrap();
}

#[tokio::test]
async fn silence_leaves_the_outcome_open() {
    let stage = Stage::new(Build::Last, &[("web", "shutoff")]).await;
    // The connection ends after ten seconds, and the work goes on.
    stage.server.world().odd.insert("start", vec![Told::Raw(Vec::new())]);
    let error = stage.run(Request::Start(web())).await.unwrap_err();
    assert!(error.leaves_unknown(), "{error}");
    assert_eq!(stage.server.count("POST", "start"), 1, "it is not sent again");
}

#[tokio::test]
async fn changes_that_hang_while_questions_are_answered_are_a_lock() {
    let stage = Stage::new(Build::First, &[("web", "shutoff")]).await;
    stage.server.world().is_stuck = true;
    let patience = stage.capabilities.limits.patience(Op::Start).unwrap();
    assert!(patience > LONG, "the server's own ten seconds are waited for");
    // The clock stands but for one leap, and never leaps by itself: there is always something to do.
    tokio::time::pause();
    let leap = async {
        while stage.server.count("POST", "start") == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(LONG).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(patience.saturating_sub(LONG)).await;
        loop {
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::select! {
        done = stage.run(Request::Start(web())) => done.unwrap_err(),
        () = leap => unreachable!("it goes on for ever"),
    };
    tokio::time::resume();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("the service needs a restart there"), "{error}");
    stage.refused(Request::Start(web()), ErrorKind::Conflict, "nothing was sent").await;
}

#[tokio::test]
async fn a_running_machine_gets_its_new_settings_at_its_next_start() {
    let stage = Stage::new(Build::Last, &[("web", "shutoff")]).await;
    stage.run(Request::Start(web())).await.unwrap();
    for (name, value) in [("cpus", "4"), ("memory", "128M")] {
        let (_, verdict) = stage.run(set(name, value)).await.unwrap();
        let Verdict::Met(Some(Reply::Remark(remark))) = verdict else { panic!("{name}: {verdict:?}") };
        assert!(remark.contains("at the next start"), "{remark}");
    }
    let Reply::Properties(all) = stage.run(Request::ListProperties(web())).await.unwrap().0 else { panic!() };
    let told = |name: &str| all.iter().find(|p| p.spec.name == name).map(|p| (p.value.clone(), p.current.clone()));
    assert_eq!(told("cpus"), Some(("4".to_owned(), Some("1".to_owned()))));
    assert_eq!(told("memory"), Some(("128 MiB".to_owned(), Some("64 MiB".to_owned()))));
    let kept = stage.server.world().guests["web"].kept.clone();
    let read = Description::parse(&kept).unwrap();
    assert_eq!((read.cpus, read.memory.unwrap().0), (Some(4), 128 << 20), "the second change keeps the first");
    assert!(!kept.contains("id='1'"), "{kept}");
    stage.run(Request::PowerOff(web())).await.unwrap();
    let Reply::Properties(all) = stage.run(Request::ListProperties(web())).await.unwrap().0 else { panic!() };
    assert!(all.iter().all(|p| p.current.is_none()), "what was waited for is there");
}

#[tokio::test]
async fn what_others_changed_meanwhile_is_not_overwritten() {
    let stage = Stage::new(Build::Last, &[("web", "shutoff")]).await;
    let Reply::Description(before) = stage.run(Request::ShowDescription(web())).await.unwrap().0 else { panic!() };
    let text = before.replace(">1</vcpu>", ">2</vcpu>");
    stage.run(set("memory", "128M")).await.unwrap();
    let define = Request::Define { vm: web(), before: Some(before), text: text.clone() };
    stage.refused(define, ErrorKind::Conflict, "was changed meanwhile").await;
    // What comes of it is read back.
    stage.server.world().odd.insert("define", vec![Told::Answer(200, String::new(), Vec::new())]);
    let define = Request::Define { vm: web(), before: None, text };
    assert_eq!(stage.run(define.clone()).await.unwrap().1, Verdict::NotMet("its number of CPUs is 1".to_owned()));
    assert_eq!(stage.run(define).await.unwrap().1, Verdict::Met(None));
    // During a run it waits for the next one, and is what the next change begins with.
    stage.run(Request::Start(web())).await.unwrap();
    let Reply::Description(live) = stage.run(Request::ShowDescription(web())).await.unwrap().0 else { panic!() };
    assert!(!live.contains("id='") && !live.contains("5901"), "{live}");
    let text = live.replace("/images/web.qcow2", "/images/other.qcow2");
    let (_, verdict) = stage.run(Request::Define { vm: web(), before: Some(live), text: text.clone() }).await.unwrap();
    assert!(matches!(verdict, Verdict::Met(Some(Reply::Remark(_)))), "{verdict:?}");
    let Reply::Description(next) = stage.run(Request::ShowDescription(web())).await.unwrap().0 else { panic!() };
    assert_eq!(next, text);
}

#[tokio::test]
async fn a_move_that_ends_in_silence_is_looked_for() {
    let stage = Stage::new(Build::First, &[("web", "running")]).await;
    let moved = Request::Migrate { vm: web(), to: "lab2.example".to_owned(), copy_disks: false };
    stage.server.world().odd.insert("migrate", vec![Told::Raw(Vec::new())]);
    let error = stage.run(moved.clone()).await.unwrap_err();
    assert!(error.leaves_unknown(), "{error}");
    assert_eq!(stage.govirthost.look(&moved.expects()).await, Verdict::NotMet("it still runs here".to_owned()));
    stage.server.world().guests.get_mut("web").unwrap().state = "shutoff";
    assert_eq!(stage.govirthost.look(&moved.expects()).await, Verdict::Met(None));
    assert_eq!(stage.server.count("POST", "migrate"), 1, "it is not sent again");
    let patience = stage.capabilities.limits.patience(Op::Migrate).unwrap();
    assert!(patience.as_secs() > 600, "all its memory goes through the network");
    assert!(stage.capabilities.caution(Op::Migrate).unwrap().contains("locks this old build"));
}

#[tokio::test]
async fn machines_are_described_where_they_are_seen() {
    let mut stage = Stage::new(Build::Last, &[("web", "shutoff"), ("db", "paused")]).await;
    let vms = stage.govirthost.inventory(true).await.unwrap().vms.unwrap();
    assert!(vms.iter().all(|vm| vm.memory.is_none()) && stage.server.count("GET", "xml") == 0);
    stage.govirthost.figures(&[web()]).await.unwrap();
    let Ok(HostEvent::Vm(vm)) = stage.events.try_recv() else { panic!("a description is wanted") };
    assert_eq!((vm.name.as_str(), vm.memory, vm.cpus), ("web", Some(64 << 20), Some(1)));
    let found = stage.govirthost.inventory(false).await.unwrap();
    let db = found.vms.unwrap().into_iter().find(|vm| vm.name == "db").unwrap();
    assert_eq!((db.power(), db.memory), (PowerState::Paused, Some(64 << 20)));
    assert!(db.details.iter().any(|(label, value)| label == "UUID" && value.len() == 36), "{db:?}");
    let node = found.nodes.unwrap().remove(0);
    assert_eq!((node.load, node.memory.unwrap().total.0), (Some(4.39), 24_684_084 << 10));
    let Reply::Disks(disks) = stage.run(Request::ListDisks(web())).await.unwrap().0 else { panic!() };
    assert_eq!((disks[0].id.as_str(), disks[0].medium.as_deref()), ("vda", Some("/images/web.qcow2")));
    // A description that cannot be read takes nothing else with it.
    stage.server.world().guests.get_mut("web").unwrap().kept = "<domain><name>".to_owned();
    stage.run(Request::Show(web())).await.unwrap();
}

#[tokio::test]
async fn a_list_that_fails_tells_what_may_be_wrong() {
    for build in BUILDS {
        let stage = Stage::new(build, &[("web", "shutoff")]).await;
        stage.server.world().is_lost = true;
        let error = stage.govirthost.inventory(false).await.unwrap_err();
        for words in ["libvirt may be lost there", "if it goes on, restart the service there"] {
            assert!(error.message.contains(words), "{build:?} {words}: {error}");
        }
        stage.server.world().is_lost = false;
        stage.govirthost.inventory(false).await.unwrap();
    }
}

#[tokio::test]
async fn networks_and_consoles_are_told_as_the_description_has_them() {
    let stage = Stage::new(Build::Last, &[("web", "shutoff")]).await;
    let bridged = "</interface><interface type='bridge'><source bridge='br0'/></interface>";
    stage.server.world().guests.get_mut("web").unwrap().kept = xml("web").replace("</interface>", bridged);
    let told = async |label: &str| {
        let vm = stage.govirthost.inventory(false).await.unwrap().vms.unwrap().remove(0);
        vm.details.into_iter().find(|(found, _)| found == label).map(|(_, value)| value)
    };
    assert_eq!(told("VNC").await, None, "a machine that is off has no port yet");
    assert_eq!(told("Serial line").await.as_deref(), Some("on its host alone: virsh console"));
    let Reply::Properties(all) = stage.run(Request::ListProperties(web())).await.unwrap().0 else { panic!() };
    let network = all.into_iter().find(|p| p.spec.name == "network").unwrap();
    assert_eq!(network.value, "network default 52:54:00:00:00:01\nbridge br0");
    stage.run(Request::Start(web())).await.unwrap();
    assert_eq!(told("VNC").await.as_deref(), Some("127.0.0.1:5901"));
}

#[tokio::test]
async fn a_first_connection_says_what_is_wrong() {
    let connect = async |settings: Settings| Govirthost::new(settings).connect(mpsc::channel(8).0).await.unwrap_err();
    for (told, words) in [
        (Told::Answer(200, "Content-Type: text/html\r\n".into(), b"<html>".to_vec()), "a web page came"),
        (Told::json(200, "{}"), "is it a govirthost?"),
        (Told::json(404, ""), "is it the right server? govirthost is at port 33345 by default"),
        (Told::json(401, r#"{"error":true}"#), "(401 Unauthorized); govirthost is at port 33345 by default"),
        // Its siblings answer in the same way.
        (Told::Answer(500, String::new(), b"Invalid Action".to_vec()), "has another port: 33345"),
        (Told::Answer(400, String::new(), b"Client sent an HTTP request to an HTTPS server.".to_vec()), "https://"),
        (Told::Answer(401, String::new(), Vec::new()), "wants a sign-in"),
        (Told::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), "does not speak HTTP"),
    ] {
        let web = Web::serve(move |_| told.clone());
        let error = connect(settings(&web.url())).await;
        assert!(error.message.contains(words), "{words}: {error}");
    }
    let plain = FakeGovirthost::new(Build::Last);
    let error = connect(settings(&plain.web.url().replace("http", "https"))).await;
    assert!(error.message.contains("is it the right port"), "{error}");
    let mutual = FakeGovirthost::mutual(Build::Last);
    let error = connect(settings(&mutual.web.url().replace("https", "http"))).await;
    assert!(error.message.contains("https://"), "{error}");
    let trust = Trust::System { ca: Some(certificate("authority.pem")) };
    let url = mutual.web.url().replace("127.0.0.1", "localhost");
    let error = connect(Settings { trust: trust.clone(), ..settings(&url) }).await;
    assert!(error.message.contains("certificate of ours") || error.message.contains("without an answer"), "{error}");
    let identity = Some(Identity { certificate: certificate("signed.pem"), key: certificate("signed.key") });
    Govirthost::new(Settings { trust, identity, ..settings(&url) }).connect(mpsc::channel(8).0).await.unwrap();
}
