//! Fetches that belong to this computer: the processes that work on them, and a server that holds them in the middle.
use super::{
    http::{Gate, Http, Step, answer, range, resumable},
    qemu::{World, eventually},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{
        Backend, Call, Images,
        qemu::{Qemu, Settings},
    },
    domain::{HostEvent, Job, TaskState},
    fetch::{Journal, is_live},
};

/// Which version of its files a server has.
pub(crate) const TAG: &str = "\"v1\"";
/// Where it holds them.
pub(crate) const HALF: usize = 150_000;

/// A server that stops talking in the middle of every `.iso` until the gate is open.
pub(crate) fn halting(body: &[u8]) -> (Http, Arc<Gate>) {
    let (body, gate) = (body.to_vec(), Arc::new(Gate::default()));
    let closed = Arc::clone(&gate);
    let server = Http::serve_heads(move |head| {
        if !head.contains(".iso HTTP/1.1\r\n") {
            return answer("404 Not Found", "", b"");
        }
        let mut steps = resumable(head, &body, TAG, usize::MAX);
        let Some(Step::Send(all)) = steps.pop() else { return steps };
        let (first, rest) = all.split_at(HALF.saturating_sub(range(head).unwrap_or(0)).min(all.len()));
        steps.extend([Step::Send(first.to_vec()), Step::Wait(Arc::clone(&closed)), Step::Send(rest.to_vec())]);
        steps
    });
    (server, gate)
}

/// Folders of this computer; fetches outlive their programs by design, so they end with the test, also when it fails.
pub(crate) struct Rig(pub(crate) World);

impl Rig {
    pub(crate) fn new() -> Self {
        Self(World::new())
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.0.path("")
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path("images")
    }

    /// Another vmdeck on the same folders.
    pub(crate) fn another(&self) -> Qemu {
        self.0.another(false)
    }

    /// Another one that lets so many come at once.
    pub(crate) fn with_slots(&self, fetch_at_once: usize) -> Qemu {
        Qemu::new(Settings { fetch_at_once, ..self.0.settings() })
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for name in Journal::names(&self.folder()) {
            kill(&self.folder(), &name);
        }
    }
}

/// The processes of a fetch, by what the system knows of their words.
pub(crate) fn processes(folder: &Path, name: &str) -> Vec<i32> {
    let folder = folder.to_string_lossy().into_owned();
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = words.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
        (words.iter().any(|w| w == "fetch-worker")
            && words.ends_with(&[folder.as_str().into(), name.into(), "".into()]))
        .then_some(pid)
    });
    found.collect()
}

pub(crate) fn kill(folder: &Path, name: &str) {
    signal(folder, name, Signal::KILL);
}

/// Lets the process of a fetch stand still, or go on.
pub(crate) fn signal(folder: &Path, name: &str, signal: Signal) {
    for pid in processes(folder, name).into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Kills the fetch of `a.iso`; returns when it is gone.
pub(crate) async fn killed(folder: &Path) {
    kill(folder, "a.iso");
    eventually("the death", async || !is_live(folder, "a.iso")).await;
}

/// Returns when half of `a.iso` is there, and its journal says so.
pub(crate) async fn half_of_it(folder: &Path) {
    let part = folder.join("a.iso.part");
    eventually("half of it", async || fs::metadata(&part).is_ok_and(|meta| meta.len() == HALF as u64)).await;
    let noted = || Journal::read(folder, "a.iso").ok().flatten().is_some_and(|j| j.done == HALF as u64);
    eventually("the word of it", async || noted()).await;
}

/// Begins the fetch in one vmdeck, which then goes away; returns when half of it is there.
pub(crate) async fn begun(rig: &Rig, url: &str) {
    let first = rig.another();
    let (call, _) = Call::new();
    let folder = rig.folder();
    tokio::select! {
        ended = first.fetch_image(url, None, call) => panic!("{ended:?}"),
        () = half_of_it(&folder) => {}
    }
}

/// What `host` tells of the fetch until `wanted` says that it is enough.
pub(crate) async fn told(host: &impl Backend, wanted: impl Fn(&TaskState) -> bool) -> Job {
    let (sink, mut events) = mpsc::channel(64);
    host.connect(sink).await.unwrap();
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
    let in_time = timeout(Duration::from_secs(20), wait).await;
    assert!(in_time.is_ok(), "the last that was told: {last:?}");
    last.unwrap()
}
