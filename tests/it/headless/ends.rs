//! How the real program ends where the host does not do as it was told: its exit codes, and its sentences.
use crate::support::{
    program::{Said, vmdeck, vmdeck_in},
    qemu::World,
};
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt};

const STAND_IN: &str = include_str!("../support/fake_qemu.py");

/// A machine that runs on a QEMU with a fault.
async fn faulty(fault: &str) -> World {
    let world = World::new();
    let program = world.path("qemu-10.0.2");
    fs::write(&program, STAND_IN).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = format!("[[host]]\nname = \"local\"\naccel = \"tcg\"\nprogram = \"{}\"\n", program.display());
    fs::write(world.path("config.toml"), config).unwrap();
    world.make("web", false).await;
    let started = vmdeck_in(&world.path(""), "call local start vm=web", &[("FAULT", fault)]).await;
    assert_eq!(started.code, 0, "{started:?}");
    world
}

fn kind(said: &Said) -> (bool, Value) {
    let end = said.json();
    (end.pointer("/ok").unwrap().as_bool().unwrap(), end.pointer("/error/kind").cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_refuses_or_did_not_do_after_all_is_1() {
    let world = faulty("lie").await;
    let home = world.path("");
    let twice = vmdeck(&home, "call local start vm=web").await;
    assert_eq!((twice.code, twice.out.as_str(), twice.err.as_str()), (1, "", "vmdeck: web is running already\n"));
    let gone = vmdeck(&home, "call local pause vm=gone --json").await;
    assert_eq!((gone.code, kind(&gone)), (1, (false, "not-found".into())), "{gone:?}");
    let lie = vmdeck(&home, "call local pause vm=web").await;
    assert_eq!((lie.code, lie.out.as_str()), (1, ""), "{lie:?}");
    assert!(
        lie.err.starts_with("vmdeck: the host said yes, but it is running; expected that web is paused"),
        "{lie:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answers_is_5_and_not_a_failure() {
    let world = faulty("mute").await;
    let mute = vmdeck(&world.path(""), "call local pause vm=web --json").await;
    assert_eq!((mute.code, kind(&mute)), (5, (false, "timeout".into())), "{mute:?}");
}
