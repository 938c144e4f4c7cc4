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
