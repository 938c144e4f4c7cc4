//! Velocity: what is sent, what is never sent, keys that end, states that pass, machines that are there and are not.
use crate::support::{
    fake_velocity::{FACES, Face, FakeVelocity, settings, velocity},
    web::{Told, Web},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{
        Backend, Call, dispatch, prepare,
        velocity::{Settings, Velocity},
    },
    domain::{
        Capabilities, ErrorKind, Expect, HostEvent, Op, PowerState, Reply, Request, Result, Secret, Values, Verdict,
        VmId,
    },
    transport::Password,
};

pub(super) struct Stage {
    pub(super) server: FakeVelocity,
    pub(super) velocity: Velocity,
    capabilities: Capabilities,
    pub(super) events: mpsc::Receiver<HostEvent>,
}

impl Stage {
    pub(super) async fn new(face: Face, guests: &[(&str, &str)]) -> Self {
        let server = FakeVelocity::new(face);
        for (name, state) in guests {
            server.world().add(name, state);
        }
        Self::with(server).await
    }

    pub(super) async fn with(server: FakeVelocity) -> Self {
        let velocity = velocity(&server.web.url());
        let (sink, events) = mpsc::channel(1024);
        let capabilities = velocity.connect(sink).await.unwrap();
        Self { server, velocity, capabilities, events }
    }

    pub(super) async fn run(&self, request: Request) -> Result<(Reply, Verdict)> {
        let prepared = prepare(&self.velocity, request).await?;
        let reply = dispatch(&self.velocity, &prepared, Call::new().0).await?;
        Ok((reply, self.velocity.look(&prepared.expect).await))
    }

    pub(super) async fn refused(&self, request: Request, kind: ErrorKind, words: &str) {
        let title = request.title();
        let Err(error) = self.run(request).await else { panic!("{title}: it should have been refused") };
        assert_eq!(error.kind, kind, "{title}: {error}");
        assert!(error.message.contains(words), "{title}: {error}");
    }

    /// Name, state and remark of every machine.
    pub(super) async fn list(&self) -> Vec<(String, PowerState, Option<String>)> {
        let vms = self.velocity.inventory(false).await.unwrap().vms.unwrap();
        vms.into_iter().map(|vm| (vm.id.to_string(), vm.power(), vm.remark)).collect()
    }
}

pub(super) fn web() -> VmId {
    VmId::from("web")
}

fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn every_documented_request_is_sent_as_documented_to_all_generations() {
    for face in FACES {
        let stage = Stage::new(face, &[("web", "STOPPED")]).await;
        let answers = [("name", "new"), ("group", "lab"), ("disk", "disk.img"), ("network", "bridge-en0")];
        for request in [
            Request::List,
            Request::ListProperties(web()),
            Request::ListDisks(web()),
            Request::ListImages,
            Request::Create { values: values(&answers) },
            Request::Start(web()),
            Request::Pause(web()),
            Request::Resume(web()),
            Request::ShutDown(web()),
            Request::Start(web()),
            Request::PowerOff(web()),
        ] {
            let title = request.title();
            stage.run(request).await.unwrap_or_else(|e| panic!("{face:?} {title}: {e}"));
        }
        let medium = json!([{"mid": "AAAA-1", "mode": "VIRTIO", "readonly": false}]);
        let documented = [
            ("POST /v/vm/list", json!({"gid": 0})),
            ("POST /v/vm/list", json!({"gid": 3})),
            ("POST /v/vm", json!({"vmid": 1})),
            ("POST /v/vm/state", json!({"vmid": 1})),
            ("PUT /v/vm/state", json!({"vmid": 1, "state": "RUNNING", "force": false})),
            ("PUT /v/vm/state", json!({"vmid": 1, "state": "PAUSED", "force": false})),
            ("PUT /v/vm/state", json!({"vmid": 1, "state": "STOPPED", "force": false})),
            ("PUT /v/vm/state", json!({"vmid": 1, "state": "STOPPED", "force": true})),
            ("POST /v/nic/list", json!({})),
            (
                "PUT /v/vm/efi",
                json!({"name": "new", "gid": 3, "cpus": 2, "memory_mib": 4096,
                    "displays": [{"name": "screen", "width": 1280, "height": 800, "ppi": 80}],
                    // One of the two is documented, the other is what servers read.
                    "media": medium, "disks": medium,
                    "nics": [{"type": "BRIDGE", "host": 1}], "rosetta": false, "autostart": false}),
            ),
        ];
        let sent: Vec<(String, Value)> = stage.server.world().requests.clone();
        let without_key = |body: &Value| {
            let mut body = body.clone();
            assert!(body.as_object_mut().unwrap().remove("authkey").is_some_and(|key| key.is_string()));
            body
        };
        for (request, body) in documented {
            let is_sent = sent.iter().any(|(found, with)| found == request && without_key(with) == body);
            assert!(is_sent, "{face:?}: {request} {body} is not among what was sent: {sent:?}");
        }
        assert_eq!(sent[0].1, json!({"username": "root", "name": "root", "password": "secret"}));
    }
}

#[tokio::test]
async fn keys_that_are_gone_are_replaced_by_one_sign_in_and_nothing_is_lost() {
    for face in FACES {
        let names: Vec<_> = (0..40).map(|n| format!("vm{n}")).collect();
        let guests: Vec<_> = names.iter().map(|name| (name.as_str(), "RUNNING")).collect();
        let stage = Stage::new(face, &guests).await;
        assert_eq!(stage.list().await.len(), 40);
        stage.server.restart();
        let again = stage.list().await;
        assert!(again.iter().all(|(_, power, _)| *power == PowerState::Running), "{face:?}");
        assert_eq!(stage.server.world().sign_ins, 2, "{face:?}: all who lost the key waited for one sign-in");
        // A change is made once, even where the key was refused before.
        stage.server.restart();
        stage.run(Request::Pause("vm7".into())).await.unwrap();
        let puts = stage.server.count("PUT /v/vm/state");
        assert_eq!((puts, stage.server.world().guests[&8].state.as_str()), (1, "PAUSED"), "{face:?}");
    }
}

#[tokio::test]
async fn a_password_that_is_taken_no_more_ends_the_connection() {
    let mut stage = Stage::new(Face::Head, &[("web", "RUNNING")]).await;
    stage.server.restart();
    let no = Told::json(403, json!({"code": 1100, "message": "no"}).to_string());
    stage.server.world().odd.insert("POST /u/auth", vec![no]);
    assert_eq!(stage.velocity.inventory(false).await.unwrap_err().kind, ErrorKind::Unauthorized);
    let Some(HostEvent::Disconnected(error)) = stage.events.recv().await else { panic!("an end is wanted") };
    assert!(error.message.contains("does not take this user or this password"), "{error}");
}

#[tokio::test]
async fn a_first_connection_says_what_is_wrong() {
    let connect = async |settings: Settings| Velocity::new(settings).connect(mpsc::channel(8).0).await.unwrap_err();
    let server = FakeVelocity::new(Face::Head);
    let wrong = Password::Given(Secret::new("wrong".to_owned()));
    let error = connect(Settings { password: wrong, ..settings(&server.web.url()) }).await;
    assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
    assert_eq!(server.world().sign_ins, 0);
    let error = connect(settings(&server.web.url().replace("http", "https"))).await;
    assert!(error.message.contains("is it the right port"), "{error}");
    for (told, words) in [
        (Told::Answer(200, "Content-Type: text/html\r\n".into(), b"<html>".to_vec()), "a web page came"),
        (Told::json(404, r#"{"error":true,"reason":"Not Found"}"#), "is it a Velocity server, and the right port"),
        (Told::json(200, "{}"), "is it a Velocity server"),
        (Told::Raw(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), "does not speak HTTP"),
        (Told::Answer(401, String::new(), Vec::new()), "wants a sign-in"),
        (Told::Answer(502, String::new(), Vec::new()), "502"),
        (
            Told::Answer(500, String::new(), Vec::new()),
            "500 Internal Server Error; Velocity is at port 8090 by default",
        ),
    ] {
        let web = Web::serve(move |_| told.clone());
        let error = connect(settings(&web.url())).await;
        assert!(error.message.contains(words) && error.message.starts_with("127.0.0.1:"), "{words}: {error}");
    }
    let secure = Web::secure("signed", false, |_| Told::json(200, "{}"));
    let error = connect(settings(&secure.url().replace("https", "http"))).await;
    assert!(error.message.contains("want https://"), "{error}");
    // Behind a proxy, below a path.
    let base = format!("{}/proxied/", server.web.url());
    server.world().odd.insert("POST /proxied/u/auth", vec![Told::json(200, r#"{"authkey":"KEY"}"#)]);
    server.world().keys.insert("KEY".to_owned());
    Velocity::new(settings(&base)).connect(mpsc::channel(8).0).await.unwrap();
}

#[tokio::test]
async fn what_a_server_would_refuse_is_not_sent() {
    let guests =
        [("web", "STARTING"), ("bad", "ERROR"), ("still", "PAUSED"), ("new", "STOPPED"), ("odd", "HIBERNATED")];
    let stage = Stage::new(Face::Head, &guests).await;
    stage.server.world().guests.get_mut(&4).unwrap().is_loaded = false;
    stage.refused(Request::PowerOff(web()), ErrorKind::Conflict, "web is starting: wait").await;
    stage.refused(Request::Start("bad".into()), ErrorKind::Conflict, "ends only when Velocity is restarted").await;
    stage.refused(Request::ShutDown("still".into()), ErrorKind::Conflict, "paused").await;
    stage.refused(Request::Start("new".into()), ErrorKind::Conflict, "Restart Velocity there").await;
    stage.refused(Request::Start("gone".into()), ErrorKind::NotFound, "gone").await;
    assert_eq!(stage.server.count("PUT /v/vm/state"), 0);
    let told = stage.list().await;
    let word = |name: &str| told.iter().find(|row| row.0 == name).unwrap().clone();
    assert_eq!(word("new"), ("new".into(), PowerState::Unknown, Some("not loaded".into())));
    assert_eq!(word("odd"), ("odd".into(), PowerState::Unknown, Some("hibernated".into())));
    assert_eq!(word("bad"), ("bad".into(), PowerState::Unknown, Some("error".into())));
    assert_eq!(stage.server.count("POST /v/vm"), 0, "nobody opened a machine");
}

#[tokio::test]
async fn a_machine_is_made_whole_or_not_asked_for() {
    let stage = Stage::new(Face::Head, &[("web", "STOPPED")]).await;
    let create = |pairs: &[(&str, &str)]| Request::Create { values: values(pairs) };
    stage.refused(create(&[("name", "web"), ("group", "lab")]), ErrorKind::Conflict, "called web already").await;
    let foreign = create(&[("name", "new"), ("group", "root"), ("disk", "disk.img")]);
    stage.refused(foreign, ErrorKind::Invalid, "no medium of the group root").await;
    for (field, value) in [("cpus", "-1"), ("cpus", "0"), ("memory", "-5M"), ("memory", "1500K"), ("disk", "no.img")] {
        let request = create(&[("name", "new"), ("group", "lab"), (field, value)]);
        stage.refused(request, ErrorKind::Invalid, field).await;
    }
    assert_eq!(stage.server.count("PUT /v/vm/efi"), 0);
    // It is there at once, and cannot be used before the server was started anew.
    let (_, verdict) = stage.run(create(&[("name", "new"), ("group", "root")])).await.unwrap();
    let Verdict::Met(Some(Reply::Remark(remark))) = verdict else { panic!("{verdict:?}") };
    assert!(remark.contains("until then it cannot be used"), "{remark}");
    stage.server.world().breaks_halfway = true;
    let halfway = create(&[("name", "half"), ("group", "lab")]);
    stage.refused(halfway, ErrorKind::Differs, "kept a part of half all the same").await;
    assert_eq!(stage.server.count("PUT /v/vm/efi"), 2, "it is not tried again");
}

#[tokio::test]
async fn states_that_pass_are_followed_to_their_end_and_told() {
    let mut stage = Stage::new(Face::Head, &[("web", "STOPPED"), ("db", "RUNNING")]).await;
    stage.server.world().slowness = 2;
    stage.velocity.inventory(true).await.unwrap();
    stage.velocity.figures(&["db".into()]).await.unwrap();
    stage.run(Request::Start(web())).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&("web".to_owned(), PowerState::Running)) {
        stage.velocity.figures(&["db".into()]).await.unwrap();
        while let Ok(HostEvent::Vm(vm)) = stage.events.try_recv() {
            seen.push((vm.name, vm.power.unwrap()));
        }
    }
    assert_eq!(seen[0], ("db".to_owned(), PowerState::Running), "what is on the screen is read at once");
    let asked = stage.server.count("POST /v/vm/state");
    stage.velocity.figures(&["db".into()]).await.unwrap();
    assert_eq!(stage.server.count("POST /v/vm/state"), asked, "what stands still is not asked for every second");
    // A guest that does not listen goes on running.
    stage.server.world().guests.get_mut(&1).unwrap().is_deaf = true;
    let (_, verdict) = stage.run(Request::ShutDown(web())).await.unwrap();
    assert_eq!(verdict, Verdict::NotMet("it is running".to_owned()));
    stage.server.world().guests.get_mut(&1).unwrap().state = "RESUMING".to_owned();
    let off = Expect::Power { vm: web(), state: PowerState::Off };
    assert_eq!(stage.velocity.look(&off).await, Verdict::NotMet("it is resuming".to_owned()));
}

#[tokio::test]
async fn many_machines_are_never_asked_for_at_once() {
    let names: Vec<_> = (0..200).map(|n| format!("vm{n:03}")).collect();
    let guests: Vec<_> = names.iter().map(|name| (name.as_str(), "RUNNING")).collect();
    let stage = Stage::new(Face::Head, &guests).await;
    stage.server.world().latency = std::time::Duration::from_millis(2);
    stage.velocity.inventory(true).await.unwrap();
    let seen: Vec<VmId> = names[150..190].iter().map(|name| VmId::from(name.as_str())).collect();
    let (all, visible) = tokio::join!(stage.velocity.inventory(false), stage.velocity.figures(&seen));
    assert!(all.unwrap().vms.unwrap().iter().all(|vm| vm.power == Some(PowerState::Running)));
    visible.unwrap();
    let most = stage.server.web.most_at_once();
    assert!((2..=8).contains(&most), "{most} at once");
    // What is on the screen may be old again when the list comes to it.
    let count = stage.server.count("POST /v/vm/state");
    assert!((200..=240).contains(&count), "{count} questions for 200 machines");
    let order = stage.server.world().requests.clone();
    let asked: Vec<_> =
        order.iter().filter(|r| r.0 == "POST /v/vm/state").map(|r| r.1["vmid"].as_i64().unwrap()).collect();
    let last = (151..=190).map(|seen| asked.iter().position(|vmid| *vmid == seen).unwrap()).max().unwrap();
    assert!(last < 80, "what is on the screen was read {last} places behind the first");
}

#[tokio::test]
async fn permissions_are_inherited_and_what_is_not_allowed_has_its_reason() {
    let server = FakeVelocity::new(Face::Head);
    server.world().uid = 7;
    server.world().groups =
        vec![(0, 0, "root", vec![]), (3, 0, "lab", vec!["velocity.vm.view"]), (4, 3, "below", vec![])];
    server.world().add("web", "RUNNING").gid = 4;
    let stage = Stage::with(server).await;
    assert_eq!(stage.list().await.len(), 1);
    let why = stage.capabilities.check(Op::Start).unwrap_err();
    assert_eq!(why, "this user has the permission velocity.vm.state in no group");
    assert!(stage.capabilities.check(Op::ResizeDisk).unwrap_err().contains("grows no media"));
    let sent = stage.server.world().requests.clone();
    assert!(!sent.iter().any(|(of, with)| of == "POST /v/vm/list" && with["gid"] == 0), "group 0 is not this user's");
}

#[tokio::test]
async fn machines_of_one_name_are_two_machines() {
    let stage = Stage::new(Face::Head, &[("web", "STOPPED"), ("web", "STOPPED")]).await;
    assert_eq!(stage.list().await.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(), ["web#1", "web#2"]);
    stage.run(Request::Start("web#2".into())).await.unwrap();
    let states: Vec<_> = stage.server.world().guests.values().map(|guest| guest.state.clone()).collect();
    assert_eq!(states, ["STOPPED", "RUNNING"]);
    stage.refused(Request::Start(web()), ErrorKind::NotFound, "no machine is called web").await;
}
