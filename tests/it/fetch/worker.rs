//! Fetches that belong to the host: processes of their own, seen and steered by every vmdeck.
use super::{image, names};
use crate::support::{
    http::{Http, Step, answer, range, resumable},
    qemu::{World, eventually},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::mpsc, task::JoinSet};
use vmdeck::{
    backend::{
        Backend, Call, Images,
        qemu::{Qemu, Settings},
    },
    domain::{ErrorKind, HostEvent, Job, TaskState},
    fetch::{Journal, State, is_live},
};

const TAG: &str = "\"v1\"";
pub(super) const HALF: usize = 150_000;

/// A server that stops talking in the middle of `/a.iso`, until it `may` give the rest.
pub(super) fn halting(body: &[u8]) -> (Http, Arc<AtomicBool>) {
    let (body, may) = (body.to_vec(), Arc::new(AtomicBool::new(false)));
    let allowed = may.clone();
    let server = Http::serve_heads(move |head| {
        if !head.starts_with("GET /a.iso ") {
            return answer("404 Not Found", "", b"");
        }
        if allowed.load(Ordering::Relaxed) {
            return resumable(head, &body, TAG, usize::MAX);
        }
        let mut steps = resumable(head, &body, TAG, HALF - range(head).unwrap_or(0).min(HALF));
        steps.push(Step::Stall);
        steps
    });
    (server, may)
}

/// Folders of this computer; fetches outlive their programs by design, so they end with the test, also when it fails.
pub(super) struct Rig(pub(super) World);

impl Rig {
    pub(super) fn new() -> Self {
        Self(World::new())
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.0.path("images")
    }

    /// Another vmdeck on the same folders.
    pub(super) fn another(&self) -> Qemu {
        self.0.another(false)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for name in Journal::names(&self.folder()) {
            kill(&self.folder(), &name);
        }
    }
}

/// The process of a fetch, by what the system knows of its words.
fn process(folder: &Path, name: &str) -> Option<i32> {
    let folder = folder.to_string_lossy().into_owned();
    fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = words.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
        (words.iter().any(|w| w == "fetch-worker")
            && words.ends_with(&[folder.as_str().into(), name.into(), "".into()]))
        .then_some(pid)
    })
}

fn kill(folder: &Path, name: &str) {
    if let Some(pid) = process(folder, name).and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Kills it; returns when it is gone.
async fn killed(folder: &Path) {
    kill(folder, "a.iso");
    eventually("the death", async || !is_live(folder, "a.iso")).await;
}

/// Begins the fetch in one vmdeck, which then goes away; returns when half of it is there.
async fn begun(rig: &Rig, url: &str) {
    let part = rig.folder().join("a.iso.part");
    let first = rig.another();
    let (call, _) = Call::new();
    tokio::select! {
        ended = first.fetch_image(url, None, call) => panic!("{ended:?}"),
        () = eventually("half of it", async || fs::metadata(&part).is_ok_and(|meta| meta.len() == HALF as u64)) => {}
    }
    let noted = || Journal::read(&rig.folder(), "a.iso").ok().flatten().is_some_and(|j| j.done == HALF as u64);
    eventually("the word of it", async || noted()).await;
}

/// What `qemu` tells of the fetch until `wanted` says that it is enough.
async fn told(qemu: &Qemu, wanted: impl Fn(&TaskState) -> bool) -> Job {
    let (sink, mut events) = mpsc::channel(64);
    qemu.connect(sink).await.unwrap();
    let mut last = None;
    let wait = async {
        while let Some(event) = events.recv().await {
            if let HostEvent::Job(job) = event {
                let is_wanted = wanted(&job.state);
                last = Some(*job);
                if is_wanted {
                    return;
                }
            }
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(10), wait).await;
    assert!(in_time.is_ok(), "the last that was told: {last:?}");
    last.unwrap()
}

#[tokio::test]
async fn a_fetch_outlives_its_vmdeck_and_another_shows_and_joins_it() {
    let body = image(400_000);
    let (server, may) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    begun(&rig, &server.url("/a.iso")).await;
    assert!(is_live(&folder, "a.iso"), "nobody works on it");
    let second = rig.another();
    let seen = |state: &TaskState| matches!(state, TaskState::Running(p) if p.done.is_some_and(|done| done.0 > 0));
    let job = told(&second, seen).await;
    assert_eq!((job.id.as_str(), job.title.as_str()), ("a.iso", "fetch a.iso"));
    let pid = process(&folder, "a.iso");
    // The same fetch twice is one fetch.
    let (mut calls, mut seen_by) = (JoinSet::new(), Vec::new());
    for qemu in [second, rig.another()] {
        let url = server.url("/a.iso");
        let (call, progress) = Call::new();
        seen_by.push(progress);
        calls.spawn(async move { qemu.fetch_image(&url, None, call).await });
    }
    eventually("both", async || seen_by.iter().all(|progress| progress.borrow().done.is_some())).await;
    assert_eq!(process(&folder, "a.iso"), pid);
    may.store(true, Ordering::Relaxed);
    killed(&folder).await;
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
    let (server, may) = halting(&body);
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
    may.store(true, Ordering::Relaxed);
    let done = other.fetch_image(&server.url("/a.iso"), None, Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
}

#[tokio::test]
async fn wherever_the_process_is_killed_the_image_is_right() {
    let body = image(3_000_000);
    let bytes = body.clone();
    let server = Http::serve_heads(move |head| match head.starts_with("GET /a.iso ") {
        true => resumable(head, &bytes, TAG, usize::MAX),
        false => answer("404 Not Found", "", b""),
    });
    let rig = Rig::new();
    let folder = rig.folder();
    let url = format!("{}#sha256={}", server.url("/a.iso"), super::sums::sha256(&body));
    for turn in 0..8_u64 {
        let qemu = rig.another();
        let part = folder.join("a.iso.part");
        let until = async || fs::metadata(&part).is_ok_and(|meta| meta.len() > turn * 200_000);
        tokio::select! {
            ended = qemu.fetch_image(&url, None, Call::new().0) => { ended.unwrap(); break; }
            () = eventually("some more", until) => {}
        }
        killed(&folder).await;
        if folder.join("a.iso").exists() {
            break;
        }
    }
    if !folder.join("a.iso").exists() {
        rig.another().fetch_image(&url, None, Call::new().0).await.unwrap();
    }
    assert!(fs::read(folder.join("a.iso")).unwrap() == body, "the image is wrong");
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
    let past = rig.another().fetches().await.unwrap().past;
    assert_eq!((past.len(), &past[0].source), (1, &server.url("/a.iso")));
    for entry in fs::read_dir(rig.folder()).unwrap().flatten() {
        let text = fs::read(entry.path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"), "{:?}", entry.path());
    }
}

#[tokio::test]
async fn a_fetch_waits_for_its_turn() {
    let (server, _) = halting(&image(400_000));
    let rig = Rig::new();
    let (folder, url) = (rig.folder(), server.url("/a.iso"));
    begun(&rig, &url).await;
    let one = Qemu::new(Settings { fetch_at_once: 1, ..rig.0.settings() });
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
