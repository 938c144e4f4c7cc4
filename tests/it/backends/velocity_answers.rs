//! Velocity: what of its answers is used, and which of them are no reason to show nothing.
use super::velocity::{Stage, web};
use crate::support::{
    fake_velocity::{FACES, Face, FakeVelocity},
    web::Told,
};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use vmdeck::{
    backend::Backend,
    domain::{ErrorKind, Expect, HostEvent, PowerState, Reply, Request, Verdict},
};

#[tokio::test]
async fn one_machine_that_the_server_fails_at_leaves_the_others_their_states() {
    let mut stage = Stage::new(Face::Head, &[("web", "RUNNING"), ("db", "RUNNING"), ("ok", "RUNNING")]).await;
    let fails = Told::json(500, r#"{"error":true,"reason":"Something went wrong."}"#);
    stage.server.world().odd_states = [(1, fails), (2, Told::json(200, r#"{"vmid":2}"#))].into();
    stage.velocity.inventory(true).await.unwrap();
    stage.velocity.figures(&[web(), "db".into(), "ok".into()]).await.unwrap();
    let mut told = BTreeMap::new();
    while let Ok(HostEvent::Vm(vm)) = stage.events.try_recv() {
        told.insert(vm.name.clone(), vm.power());
    }
    let states: Vec<_> = told.values().copied().collect();
    assert_eq!(states, [PowerState::Unknown, PowerState::Running, PowerState::Unknown], "{told:?}");
    let word = Some("not told".to_owned());
    let listed = stage.list().await;
    assert_eq!(listed[0], ("db".to_owned(), PowerState::Unknown, word.clone()));
    assert_eq!(listed[1], ("ok".to_owned(), PowerState::Running, None));
    assert_eq!(listed[2], ("web".to_owned(), PowerState::Unknown, word));
    let (found, _) = stage.run(Request::Show(web())).await.unwrap();
    let Reply::Vm(found) = found else { panic!("{found:?}") };
    let why = "the server refuses with 500: Something went wrong.";
    assert!(found.details.contains(&("State".into(), why.to_owned())), "{:?}", found.details);
    stage.refused(Request::PowerOff(web()), ErrorKind::Refused, why).await;
    assert_eq!(stage.server.count("PUT /v/vm/state"), 0, "what it is in is not known");
    let off = Expect::Power { vm: web(), state: PowerState::Off };
    assert!(matches!(stage.velocity.look(&off).await, Verdict::Unknown(_)));
    // It tells again.
    stage.server.world().odd_states.clear();
    stage.run(Request::PowerOff(web())).await.unwrap();
    // Without the link there is nothing to show.
    let cut: Vec<_> = (1..=3).map(|vmid| (vmid, Told::Raw(Vec::new()))).collect();
    stage.server.world().odd_states = cut.into_iter().collect();
    pass(&stage, 10).await;
    let error = stage.velocity.inventory(false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
}

/// Time passes, for the client and for the keys of the server.
async fn pass(stage: &Stage, seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
    stage.server.world().clock += seconds;
}

#[tokio::test]
async fn a_key_is_replaced_before_it_ends() {
    for face in FACES {
        let server = FakeVelocity::new(face);
        server.world().life = Some(20);
        server.world().add("web", "RUNNING");
        let stage = Stage::with(server).await;
        for _ in 0..8 {
            pass(&stage, 6).await;
            assert_eq!(stage.list().await.len(), 1);
        }
        let (refused, sign_ins) = {
            let world = stage.server.world();
            (world.refused_keys, world.sign_ins)
        };
        assert_eq!(refused, 0, "{face:?}: no request came too late");
        assert!((4..=9).contains(&sign_ins), "{face:?}: {sign_ins} sign-ins in 48 s, with keys that live for 20");
    }
}

#[tokio::test]
async fn states_that_the_list_tells_are_not_asked_for_one_by_one() {
    let stage = Stage::new(Face::Documented, &[("web", "RUNNING"), ("db", "PAUSED")]).await;
    let quick = stage.velocity.inventory(true).await.unwrap().vms.unwrap();
    let told: Vec<_> = quick.iter().map(|vm| (vm.name.as_str(), vm.power)).collect();
    assert_eq!(told, [("db", Some(PowerState::Paused)), ("web", Some(PowerState::Running))]);
    assert_eq!(stage.list().await.len(), 2);
    stage.velocity.figures(&[web(), "db".into()]).await.unwrap();
    assert_eq!(stage.server.count("POST /v/vm/state"), 0);
}

#[tokio::test]
async fn a_machine_tells_its_displays_and_networks() {
    for face in FACES {
        let stage = Stage::new(face, &[("web", "STOPPED")]).await;
        let display = json!({"name": "main", "width": 1920, "height": 1080, "ppi": 80});
        let nics = json!([{"type": "NAT"}, {"type": "BRIDGE", "host": 1}, {"type": "BRIDGE", "host": 9}]);
        {
            let mut world = stage.server.world();
            let made = &mut world.guests.get_mut(&1).unwrap().made;
            made["displays"] = json!([display]);
            made["nics"] = nics;
        }
        let (reply, _) = stage.run(Request::ListProperties(web())).await.unwrap();
        let Reply::Properties(all) = reply else { panic!("{reply:?}") };
        let value = |name: &str| all.iter().find(|p| p.spec.name == name).map(|p| p.value.as_str());
        assert_eq!(value("displays"), Some("main 1920×1080, 80 ppi"), "{face:?}");
        assert_eq!(value("network"), Some("NAT\nBRIDGE en0\nBRIDGE NIC 9"), "{face:?}");
        assert_eq!((value("type"), value("autostart"), value("rosetta")), (Some("EFI"), Some("yes"), Some("no")));
    }
}

#[tokio::test]
async fn where_groups_are_not_listed_the_users_own_are_used() {
    let server = FakeVelocity::new(Face::Head);
    server.world().uid = 7;
    server.world().groups = vec![(3, 0, "lab", vec!["velocity.vm.view"])];
    server.world().add("web", "RUNNING");
    let missing = Told::json(404, r#"{"error":true,"reason":"Not Found"}"#);
    server.world().odd.insert("POST /u/group/list", vec![missing; 2]);
    let stage = Stage::with(server).await;
    for _ in 0..2 {
        assert_eq!(stage.list().await, [("web".to_owned(), PowerState::Running, None)]);
    }
}

/// Every refusal that is documented, and what servers say in its place: each is a no that names what is wrong.
#[tokio::test]
async fn every_documented_refusal_is_understood() {
    use ErrorKind::{Conflict, NotFound, Refused};
    let create = || {
        let pairs = [("name", "new"), ("group", "lab")];
        Request::Create { values: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    };
    let own =
        |status, code: u32| Told::json(status, json!({"code": code, "message": format!("no {code}")}).to_string());
    let vapor = |status| Told::json(status, json!({"error": true, "reason": "no words"}).to_string());
    // What is asked, of which path, what is answered, and what comes of it.
    let rows = [
        (create(), "PUT /v/vm/efi", own(401, 12200), Refused, "this user may not do that: no 12200"),
        (create(), "PUT /v/vm/efi", own(403, 12200), Refused, "this user may not do that: no 12200"),
        (create(), "PUT /v/vm/efi", own(404, 12210), NotFound, "no 12210"),
        (create(), "PUT /v/vm/efi", own(406, 12221), Conflict, "no 12221"),
        (create(), "PUT /v/vm/efi", own(409, 12223), Conflict, "no 12223"),
        (create(), "PUT /v/vm/efi", vapor(400), Refused, "the server refuses with 400: no words"),
        (Request::Start(web()), "POST /v/vm/state", own(403, 13100), Refused, "this user may not see the state"),
        (Request::Start(web()), "POST /v/vm/state", own(404, 13110), Conflict, "has not loaded it"),
        (Request::Start(web()), "PUT /v/vm/state", own(403, 13200), Refused, "this user may not do that: no 13200"),
        (Request::Start(web()), "PUT /v/vm/state", own(404, 13110), Conflict, "has not loaded it"),
        (Request::Start(web()), "PUT /v/vm/state", own(406, 13220), Conflict, "no 13220"),
        (Request::Start(web()), "PUT /v/vm/state", vapor(500), Refused, "the server refuses with 500: no words"),
        (Request::ListDisks(web()), "POST /v/vm", own(404, 12210), Conflict, "has not loaded it"),
        (Request::ListDisks(web()), "POST /v/vm", own(403, 12200), Conflict, "has not loaded it"),
    ];
    for (request, path, told, kind, words) in rows {
        let stage = Stage::new(Face::Head, &[("web", "STOPPED")]).await;
        assert_eq!(stage.list().await.len(), 1);
        stage.server.world().odd.insert(path, vec![told]);
        pass(&stage, 10).await;
        stage.refused(request, kind, words).await;
        let changes = stage.server.count("PUT /v/vm/efi") + stage.server.count("PUT /v/vm/state");
        assert_eq!(changes, usize::from(path.starts_with("PUT")), "{path} {words}: it is sent once or not at all");
    }
    // A group that is gone, or shut, leaves the machines of the others.
    for no in [own(401, 17200), own(403, 12200), own(404, 17210)] {
        let stage = Stage::new(Face::Head, &[("web", "STOPPED")]).await;
        stage.server.world().add("mail", "RUNNING").gid = 0;
        stage.server.world().odd.insert("POST /v/vm/list", vec![no]);
        assert_eq!(stage.list().await.len(), 1);
        assert_eq!(stage.list().await.len(), 2);
    }
}

/// The document writes every number as a text.
#[tokio::test]
async fn answers_as_the_document_writes_them_are_read() {
    let stage = Stage::new(Face::Documented, &[]).await;
    let list = r#"{"vms":[{"vmid":"7","name":"web","cpus":"4","memory_mib":"8192","state":"RUNNING"}]}"#;
    let whole = r#"{"vmid":"7","name":"web","type":"EFI","state":"RUNNING","cpus":"4","memory_mib":"8192",
        "displays":[{"name":"main","width":"1280","height":"800","ppi":"80"}],
        "media":[{"mid":"AAAA-1","mode":"BLOCK","readonly":true}],"nics":[{"type":"BRIDGE","host":"1"}],
        "rosetta":true,"autostart":true}"#;
    {
        let mut world = stage.server.world();
        let empty = Told::json(200, r#"{"vms":[]}"#);
        world.odd.insert("POST /v/vm/list", vec![Told::json(200, list), empty.clone(), Told::json(200, list), empty]);
        world.odd.insert("POST /v/vm", vec![Told::json(200, whole)]);
    }
    let vms = stage.velocity.inventory(true).await.unwrap().vms.unwrap();
    let found: Vec<_> = vms.iter().map(|vm| (vm.name.as_str(), vm.power, vm.cpus, vm.memory)).collect();
    assert_eq!(found, [("web", Some(PowerState::Running), Some(4), Some(8 << 30))]);
    let (reply, _) = stage.run(Request::ListProperties(web())).await.unwrap();
    let Reply::Properties(all) = reply else { panic!("{reply:?}") };
    let value = |name: &str| all.iter().find(|p| p.spec.name == name).map(|p| p.value.as_str());
    assert_eq!((value("displays"), value("network")), (Some("main 1280×800, 80 ppi"), Some("BRIDGE en0")));
    let (reply, _) = stage.run(Request::ListDisks(web())).await.unwrap();
    let Reply::Disks(disks) = reply else { panic!("{reply:?}") };
    assert_eq!((disks[0].id.as_str(), disks[0].bus.as_deref(), disks[0].read_only), ("disk.img", Some("block"), true));
}
