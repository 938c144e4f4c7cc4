//! Several fetches at once: as many as there are slots, the oldest first, and never the same one twice.
use super::image;
use crate::support::{
    fetches::{HALF, Rig, begun, half_of_it, halting, killed, processes},
    http::Http,
    qemu::eventually,
};
use std::fs;
use tokio::task::JoinSet;
use vmdeck::{
    backend::{Call, Images},
    domain::{Image, Result},
    fetch::{Journal, State, is_live},
};

#[tokio::test]
async fn a_fetch_waits_for_its_turn() {
    let (server, _gate) = halting(&image(400_000));
    let rig = Rig::new();
    let (folder, url) = (rig.folder(), server.url("/a.iso"));
    begun(&rig, &url).await;
    let one = rig.with_slots(1);
    let (call, progress) = Call::new();
    let waits = || progress.borrow().note.as_deref() == Some("waiting for other fetches");
    let works = || fs::metadata(folder.join("b.iso.part")).is_ok_and(|meta| meta.len() > 0);
    tokio::select! {
        ended = one.fetch_image(&url, Some("b.iso"), call) => panic!("{ended:?}"),
        () = async {
            eventually("its wait", async || waits()).await;
            assert!(!works(), "it did not wait");
            killed(&folder).await;
            eventually("its turn", async || works()).await;
        } => {}
    }
}

/// Asks for images one after the other; returns when `slots` of them are half there and the others wait.
async fn asked(rig: &Rig, server: &Http, slots: usize, names: &[&str]) -> JoinSet<Result<Image>> {
    let folder = rig.folder();
    let came = |name: &str| fs::metadata(folder.join(format!("{name}.part"))).map_or(0, |meta| meta.len());
    let mut calls = JoinSet::new();
    for (number, name) in names.iter().enumerate() {
        let (qemu, url) = (rig.with_slots(slots), server.url(&format!("/{name}")));
        calls.spawn(async move { qemu.fetch_image(&url, None, Call::new().0).await });
        let state = || Journal::read(&folder, name).ok().flatten().map(|journal| journal.state);
        let waits = || is_live(&folder, name) && state() == Some(State::Waiting);
        let stands = || if number < slots { came(name) == HALF as u64 } else { waits() };
        eventually(name, async || stands()).await;
    }
    assert!(names.iter().skip(slots).all(|name| came(name) == 0), "more than {slots} at once");
    calls
}

#[tokio::test]
async fn no_more_come_at_once_than_there_are_slots() {
    let (server, gate) = halting(&image(400_000));
    let rig = Rig::new();
    let calls = asked(&rig, &server, 2, &["a.iso", "b.iso", "c.iso"]).await;
    gate.open();
    let ends = calls.join_all().await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
}

#[tokio::test]
async fn the_oldest_goes_first() {
    let (server, gate) = halting(&image(400_000));
    let rig = Rig::new();
    // Neither by name nor as a folder lists them.
    let order = ["z.iso", "m.iso", "q.iso", "b.iso"];
    let calls = asked(&rig, &server, 1, &order).await;
    gate.open();
    let ends = calls.join_all().await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    let requests = server.requests();
    let last = |name: &&str| requests.iter().rposition(|head| head.starts_with(&format!("GET /{name} "))).unwrap();
    assert!(order.is_sorted_by_key(last), "asked for in another order: {requests:?}");
}

#[tokio::test]
async fn many_who_ask_for_the_same_have_one_fetch() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    let (mut calls, mut seen) = (JoinSet::new(), Vec::new());
    for _ in 0..6 {
        let (qemu, url) = (rig.another(), server.url("/a.iso"));
        let (call, progress) = Call::new();
        seen.push(progress);
        calls.spawn(async move { qemu.fetch_image(&url, None, call).await });
    }
    half_of_it(&folder).await;
    let follow = || seen.iter().all(|progress| progress.borrow().done.is_some());
    eventually("all of them", async || follow()).await;
    // Who came second looks, finds it taken, and goes.
    eventually("one process", async || processes(&folder, "a.iso").len() == 1).await;
    gate.open();
    let ends = calls.join_all().await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    assert!(fs::read(folder.join("a.iso")).unwrap() == body, "the image is wrong");
}
