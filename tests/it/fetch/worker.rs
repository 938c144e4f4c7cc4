//! Fetches that belong to the host: processes of their own, seen and steered by every vmdeck.
use super::{image, names};
use crate::support::{
    fetches::{HALF, Rig, begun, half_of_it, halting, killed, processes, told},
    http::{Http, answer, range},
    qemu::eventually,
};
use std::fs;
use tokio::task::JoinSet;
use vmdeck::{
    backend::{Call, Images},
    domain::{ErrorKind, Stamp, TaskState},
    fetch::{Journal, State, is_live},
};

#[tokio::test]
async fn a_fetch_outlives_its_vmdeck_and_another_shows_and_joins_it() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    assert!(is_live(&folder, "a.iso"), "nobody works on it");
    let second = rig.another();
    let seen = |state: &TaskState| matches!(state, TaskState::Running(p) if p.done.is_some_and(|done| done.0 > 0));
    let job = told(&second, seen).await;
    assert_eq!((job.id.as_str(), job.title.as_str()), ("a.iso", "fetch a.iso"));
    let asked = Journal::read(&folder, "a.iso").unwrap().unwrap().asked;
    assert_eq!(job.begun, Some(Stamp(asked)), "it began before anybody looked");
    let pid = processes(&folder, "a.iso");
    // The same fetch twice is one fetch.
    let (mut calls, mut seen_by) = (JoinSet::new(), Vec::new());
    for qemu in [second, rig.another()] {
        let url = server.url("/a.iso");
        let (call, progress) = Call::new();
        seen_by.push(progress);
        calls.spawn(async move { qemu.fetch_image(&url, None, call).await });
    }
    eventually("both", async || seen_by.iter().all(|progress| progress.borrow().done.is_some())).await;
    assert_eq!(processes(&folder, "a.iso"), pid);
    killed(&folder).await;
    gate.open();
    let ends = calls.join_all().await;
    assert!(ends.iter().all(|end| end.as_ref().unwrap_err().message.starts_with("interrupted at ")), "{ends:?}");
    let done = rig.another().fetch_image(&server.url("/a.iso"), None, Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
    let ranges: Vec<_> =
        server.requests().iter().filter(|head| head.starts_with("GET /a.iso ")).map(|h| range(h)).collect();
    assert_eq!(ranges.last(), Some(&Some(HALF)), "{ranges:?}");
}

#[tokio::test]
async fn a_killed_fetch_is_shown_as_interrupted_and_can_be_thrown_away() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    killed(&folder).await;
    let watcher = rig.another();
    let job = told(&watcher, |state| matches!(state, TaskState::Unknown(_))).await;
    let TaskState::Unknown(why) = job.state else { unreachable!() };
    assert!(why.message.starts_with("interrupted at 146"), "{}", why.message);
    watcher.cancel_fetch("a.iso").await.unwrap();
    assert_eq!(watcher.cancel_fetch("a.iso").await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(!names(&folder).iter().any(|name| name.contains("a.iso")), "{:?}", names(&folder));
}

#[tokio::test]
async fn any_vmdeck_pauses_and_cancels_a_fetch() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    let other = rig.another();
    other.pause_fetch("a.iso").await.unwrap();
    let rests = || Journal::read(&folder, "a.iso").is_ok_and(|j| j.is_some_and(|j| j.state == State::Paused));
    eventually("the pause", async || !is_live(&folder, "a.iso") && rests()).await;
    begun(&rig, &server.url("/a.iso")).await;
    other.cancel_fetch("a.iso").await.unwrap();
    eventually("the end", async || !names(&folder).iter().any(|name| name.contains("a.iso"))).await;
    gate.open();
    let done = other.fetch_image(&server.url("/a.iso"), None, Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
}

#[tokio::test]
async fn a_password_reaches_the_process_and_is_kept_nowhere() {
    let server = Http::serve_heads(|head| {
        let is_known = head.contains("authorization: Basic bWU6aHVudGVyMg==\r\n");
        if is_known { answer("200 OK", "", b"iso") } else { answer("401 Unauthorized", "", b"") }
    });
    let rig = Rig::new();
    let url = format!("http://me:hunter2@127.0.0.1:{}/a.iso?token=hunter2", server.port());
    let done = rig.another().fetch_image(&url, None, Call::new().0).await.unwrap();
    assert_eq!(fs::read(done.path.unwrap()).unwrap(), b"iso");
    let past = async || rig.another().fetches().await.unwrap().past;
    eventually("its note", async || past().await.len() == 1).await;
    assert_eq!(past().await[0].source, server.url("/a.iso"));
    for entry in fs::read_dir(rig.folder()).unwrap().flatten() {
        let text = fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"), "{:?}", entry.path());
    }
}

#[tokio::test]
async fn who_only_watches_is_told_why_a_fetch_of_another_failed() {
    let (server, gate) = halting(&image(400_000));
    let rig = Rig::new();
    let folder = rig.folder();
    let (watcher, script) = (rig.another(), rig.another());
    let url = format!("{}#sha256={}", server.url("/a.iso"), "1".repeat(64));
    let seen = async {
        half_of_it(&folder).await;
        let is_seen = |state: &TaskState| {
            if matches!(state, TaskState::Running(_)) {
                gate.open();
            }
            state.is_ended() && !matches!(state, TaskState::Unknown(_))
        };
        told(&watcher, is_seen).await
    };
    let (failed, seen) = tokio::join!(script.fetch_image(&url, None, Call::new().0), seen);
    let why = failed.unwrap_err();
    assert!(why.message.contains("kept apart as a.iso.mismatch"), "{why}");
    assert_eq!(seen.state, TaskState::Failed(why));
}
