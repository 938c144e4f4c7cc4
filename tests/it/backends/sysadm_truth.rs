//! What a SysAdm server says is no proof: each of its false successes ends as what is really there.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, Odd, sysadm},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, dispatch, prepare, sysadm::Sysadm},
    domain::{Capabilities, ErrorKind, HostEvent, Op, PowerState, Reply, Request, Result, Values, Verdict, VmId},
};

struct Stage {
    server: FakeSysadm,
    sysadm: Sysadm,
    capabilities: Capabilities,
    _events: mpsc::Receiver<HostEvent>,
}

impl Stage {
    async fn new(face: Face, guests: &[(&str, &str)]) -> Self {
        let server = FakeSysadm::new(face).await;
        for (name, size) in guests {
            server.world().iohyve.add(name, size);
        }
        Self::with(server).await
    }

    async fn with(server: FakeSysadm) -> Self {
        let sysadm = sysadm(&server.url());
        let (sink, events) = mpsc::channel(64);
        let capabilities = sysadm.connect(sink).await.unwrap();
        Self { server, sysadm, capabilities, _events: events }
    }

    /// Sends a request and looks once.
    async fn run(&self, request: Request) -> Result<(Reply, Verdict)> {
        let prepared = prepare(&self.sysadm, request).await?;
        let reply = dispatch(&self.sysadm, &prepared, Call::new().0).await?;
        Ok((reply, self.sysadm.look(&prepared.expect).await))
    }

    async fn refused(&self, request: Request, kind: ErrorKind, words: &str) {
        let title = request.title();
        let Err(error) = self.run(request).await else { panic!("{title}: it should have been refused") };
        assert_eq!(error.kind, kind, "{title}: {error}");
        assert!(error.message.contains(words), "{title}: {error}");
    }

    async fn not_met(&self, request: Request, words: &str) {
        let title = request.title();
        let (_, verdict) = self.run(request).await.unwrap();
        assert_eq!(verdict, Verdict::NotMet(words.to_owned()), "{title}");
    }
}

/// The changes that the server says it has made.
const LIES: [&str; 11] = [
    "start",
    "stop",
    "delete",
    "resizedisk",
    "deletedisk",
    "renameiso",
    "rmiso",
    "adddisk",
    "create",
    "install",
    "setprop",
];

fn web() -> VmId {
    VmId::from("web")
}

fn resize(size: &str) -> Request {
    Request::ResizeDisk { vm: web(), disk: "disk0".into(), size: size.parse().unwrap() }
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

/// A stage for each way in which servers answer and are reached.
async fn everywhere(guests: &[(&str, &str)]) -> Vec<Stage> {
    let mut stages = Vec::new();
    for face in [Face::Documented, Face::Recorded] {
        stages.push(Stage::new(face, guests).await);
        let server = FakeSysadm::rest(face, None).await;
        for (name, size) in guests {
            server.world().iohyve.add(name, size);
        }
        stages.push(Stage::with(server).await);
    }
    stages
}

#[tokio::test]
async fn a_yes_that_was_a_lie_is_seen_by_the_look() {
    for stage in everywhere(&[("web", "10G"), ("db", "1G")]).await {
        stage.server.world().iohyve.isos.push("a.iso".to_owned());
        stage.server.world().iohyve.lies = LIES.to_vec();
        stage.server.world().iohyve.guests.get_mut("web").unwrap().disks.insert(1, "1G".to_owned());
        stage.not_met(Request::Start(web()), "it is off").await;
        stage.not_met(Request::Install { vm: web(), image: "a.iso".into() }, "it is off").await;
        let remove = Request::RemoveDisk { vm: web(), disk: "disk1".into(), delete: true };
        stage.not_met(remove, "it is still there").await;
        stage.not_met(Request::Delete { vm: web(), keep_disks: false }, "it is still there").await;
        stage.not_met(resize("+10G"), "it has 10 GiB").await;
        stage.not_met(Request::RenameImage { image: "a.iso".into(), name: "b.iso".into() }, "it is not there").await;
        stage.not_met(Request::RemoveImage { image: "a.iso".into() }, "it is still there").await;
        stage.server.world().iohyve.guests.get_mut("web").unwrap().disks.remove(&1);
        let disk = Request::AddDisk { vm: web(), values: values(&[("size", "1G")]) };
        stage.refused(disk, ErrorKind::Differs, "has no new disk").await;
        let create = Request::Create { values: values(&[("name", "new")]) };
        stage.refused(create, ErrorKind::Refused, "made no machine new").await;
        let set = Request::SetProperty { vm: web(), name: "cpus".into(), value: "2".into() };
        if stage.capabilities.check(Op::SetProperty).is_ok() {
            stage.not_met(set, "it is 1").await;
        }
        stage.server.world().iohyve.guests.get_mut("web").unwrap().is_running = true;
        stage.not_met(Request::ShutDown(web()), "it is running").await;
        for action in LIES.iter().filter(|action| **action != "setprop") {
            assert_eq!(stage.server.count(action), 1, "{action}: it is asked for once, and never again");
        }
    }
}

#[tokio::test]
async fn what_the_server_would_do_wrong_is_not_sent() {
    for stage in everywhere(&[("web", "10G"), ("odd", "1.46G"), ("my", "1G"), ("my2", "2G")]).await {
        let gone = || VmId::from("gone");
        stage.refused(Request::Start(gone()), ErrorKind::NotFound, "no machine is called gone").await;
        stage.refused(Request::Delete { vm: gone(), keep_disks: false }, ErrorKind::NotFound, "gone").await;
        stage.refused(Request::ListDisks(gone()), ErrorKind::NotFound, "gone").await;
        stage.refused(Request::ShutDown(gone()), ErrorKind::NotFound, "gone").await;
        stage.refused(Request::Install { vm: gone(), image: "no.iso".into() }, ErrorKind::NotFound, "gone").await;
        let add = Request::AddDisk { vm: gone(), values: values(&[("size", "1G")]) };
        stage.refused(add, ErrorKind::NotFound, "gone").await;
        let grow = |vm: VmId, disk: &str| Request::ResizeDisk { vm, disk: disk.into(), size: "+1G".parse().unwrap() };
        stage.refused(grow(gone(), "disk0"), ErrorKind::NotFound, "gone").await;
        stage.refused(grow(web(), "disk9"), ErrorKind::NotFound, "disk9").await;
        let set = Request::SetProperty { vm: gone(), name: "cpus".into(), value: "2".into() };
        if stage.capabilities.check(Op::SetProperty).is_ok() {
            stage.refused(Request::ListProperties(gone()), ErrorKind::NotFound, "gone").await;
            stage.refused(set, ErrorKind::NotFound, "gone").await;
        }
        stage.refused(Request::Install { vm: web(), image: "no.iso".into() }, ErrorKind::NotFound, "no.iso").await;
        stage.refused(resize("5G"), ErrorKind::Invalid, "disks only grow").await;
        // 1.46G may be anything up to 1.465 GiB.
        let odd = Request::ResizeDisk { vm: "odd".into(), disk: "disk0".into(), size: "1.462G".parse().unwrap() };
        stage.refused(odd, ErrorKind::Conflict, "might shrink it").await;
        stage.refused(Request::ListDisks("my".into()), ErrorKind::Conflict, "mix up my with my2").await;
        let remove = |disk: &str, delete| Request::RemoveDisk { vm: web(), disk: disk.into(), delete };
        stage.refused(remove("disk0", true), ErrorKind::Refused, "disk0").await;
        stage.refused(remove("disk9", true), ErrorKind::NotFound, "disk9").await;
        stage.refused(remove("disk9", false), ErrorKind::Unsupported, "cannot be kept").await;
        stage.refused(Request::Delete { vm: web(), keep_disks: true }, ErrorKind::Unsupported, "cannot be kept").await;
        let create = Request::Create { values: values(&[("name", "new"), ("disk", "tenG")]) };
        stage.refused(create, ErrorKind::Invalid, "tenG").await;
        for name in ["web", "web2", "a b", "-f", "mydisk"] {
            let create = Request::Create { values: values(&[("name", name)]) };
            assert!(stage.run(create).await.is_err(), "{name}");
        }
        let fetch = |url: &str| Request::FetchImage { url: url.into(), name: None };
        stage.refused(fetch("file:///a b.iso"), ErrorKind::Invalid, "split it at its blanks").await;
        stage.refused(fetch("http://x/a.iso?b=c"), ErrorKind::Invalid, "its last part names the image").await;
        stage.server.world().iohyve.guests.get_mut("web").unwrap().is_running = true;
        stage.refused(resize("+1G"), ErrorKind::Conflict, "machines that are off").await;
        stage.refused(Request::Delete { vm: web(), keep_disks: false }, ErrorKind::Conflict, "is running").await;
        stage.server.world().iohyve.isos.push("a.iso".to_owned());
        stage
            .refused(Request::Install { vm: web(), image: "a.iso".into() }, ErrorKind::Conflict, "running already")
            .await;
        let changes = [
            "start",
            "stop",
            "setprop",
            "adddisk",
            "delete",
            "install",
            "resizedisk",
            "deletedisk",
            "create",
            "fetchiso",
        ];
        assert_eq!(changes.map(|action| stage.server.count(action)), [0; 10]);
        assert_eq!(stage.server.count("run"), 0);
    }
}

#[tokio::test]
async fn an_old_iohyve_deletes_only_what_nothing_else_is_named_after() {
    let server = FakeSysadm::new(Face::Documented).await;
    server.world().iohyve.version = "iohyve v0.7.3 2016/01/08 Bear in a Datacenter Edition";
    server.world().iohyve.add("web", "1G");
    server.world().iohyve.add("myweb", "1G");
    let stage = Stage::with(server).await;
    let delete = |vm: &str| Request::Delete { vm: vm.into(), keep_disks: false };
    // It looks among images and pools too.
    stage.server.world().iohyve.add("an", "1G");
    stage.refused(delete("an"), ErrorKind::Conflict, "deletes tank too, whose name contains an").await;
    stage.server.world().iohyve.isos.push("disk-of-myweb.iso".to_owned());
    stage.refused(delete("myweb"), ErrorKind::Conflict, "deletes iohyve/ISO/disk-of-myweb.iso too").await;
    stage.server.world().iohyve.isos.clear();
    stage.refused(delete("web"), ErrorKind::Conflict, "iohyve deletes the other one too").await;
    assert_eq!(stage.run(delete("myweb")).await.unwrap().1, Verdict::Met(None));
    assert_eq!(stage.run(delete("web")).await.unwrap().1, Verdict::Met(None));
}

#[tokio::test]
async fn a_creation_that_failed_tells_what_is_there_all_the_same() {
    let stage = Stage::new(Face::Recorded, &[]).await;
    stage.server.world().iohyve.makes_halves = true;
    let create = |name: &str| Request::Create { values: values(&[("name", name)]) };
    stage.refused(create("new"), ErrorKind::Differs, "out of space; new is there all the same, and not whole").await;
    assert!(stage.server.world().iohyve.guests.contains_key("new"));
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.bare();
    Stage::with(server).await.refused(create("new"), ErrorKind::Refused, "the server is not set up yet").await;
}

#[tokio::test]
async fn settings_of_a_machine_that_goes_while_they_are_read_are_none() {
    let stage = Stage::new(Face::Documented, &[("web", "1G")]).await;
    let junk = Odd::WithId(r#"{"args":{"getprops":{"web":{"cannot":"open"}}},"id":"ID"}"#);
    stage.server.world().odd.insert("getprops".to_owned(), vec![junk]);
    stage.refused(Request::ListProperties(web()), ErrorKind::NotFound, "no machine is called web").await;
}

#[tokio::test]
async fn the_servers_own_words_are_told() {
    let stage = Stage::new(Face::Recorded, &[("web", "10G")]).await;
    stage.server.world().iohyve.isos.push("a.iso".to_owned());
    let refusal = Odd::WithId(r#"{"args":{"rmiso":{"error":"cannot destroy 'x': dataset is busy"}},"id":"ID"}"#);
    stage.server.world().odd.insert("rmiso".to_owned(), vec![refusal]);
    let remove = || Request::RemoveImage { image: "a.iso".into() };
    stage.refused(remove(), ErrorKind::Refused, "rmiso: cannot destroy 'x': dataset is busy").await;
    let odd = Odd::WithId(r#"{"args":{"somethingelse":[]},"id":"ID"}"#);
    stage.server.world().odd.insert("rmiso".to_owned(), vec![odd]);
    stage.refused(remove(), ErrorKind::Protocol, "answered rmiso with something else").await;
}

#[tokio::test]
async fn settings_go_through_the_dispatcher_where_the_class_lost_them() {
    let stage = Stage::new(Face::Recorded, &[("web", "10G")]).await;
    let set = |name: &str, value: &str| Request::SetProperty { vm: web(), name: name.into(), value: value.into() };
    for (name, value) in [("memory", "2048M"), ("autostart", "yes"), ("description", "two words"), ("cpus", "4")] {
        assert_eq!(stage.run(set(name, value)).await.unwrap().1, Verdict::Met(None), "{name}");
    }
    let kept = stage.server.world().iohyve.guests["web"].settings.clone();
    assert_eq!((kept["ram"].as_str(), kept["boot"].as_str(), kept["cpu"].as_str()), ("2G", "1", "4"));
    stage.refused(set("description", "a VMM"), ErrorKind::Invalid, "vanishes").await;
    stage.refused(set("description", "a \"quote\""), ErrorKind::Invalid, "takes neither").await;
    assert_eq!(stage.server.count("setprop"), 0);
    // A user who may run no commands is told so, and the server never has to refuse one: it would crash.
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().dispatcher = "read";
    let stage = Stage::with(server).await;
    assert!(stage.capabilities.check(Op::SetProperty).unwrap_err().contains("group wheel"));
    assert_eq!(stage.server.count("run"), 0);
}

#[tokio::test]
async fn states_are_told_as_they_are() {
    let stage = Stage::new(Face::Documented, &[("web", "10G"), ("db", "1G")]).await;
    let read = async || {
        let found = stage.sysadm.inventory(false).await.unwrap().vms.unwrap();
        found.into_iter().find(|vm| vm.name == "web").map(|vm| (vm.power(), vm.remark)).unwrap()
    };
    let set = |loaded, running| {
        let mut world = stage.server.world();
        let guest = world.iohyve.guests.get_mut("web").unwrap();
        (guest.is_loaded, guest.is_running) = (loaded, running);
    };
    set(true, false);
    assert_eq!(read().await, (PowerState::Off, Some("stale/loading".to_owned())));
    set(true, true);
    assert_eq!(read().await, (PowerState::Running, None));
    set(true, false);
    assert_eq!(read().await, (PowerState::Stopping, None));
    set(false, false);
    assert_eq!(read().await, (PowerState::Off, None));
}
