//! The process of a fetch dies at any moment, or the whole machine does: what is there afterwards is right, or clearly
//! not an image.
use super::{image, names, sums::sha256};
use crate::support::{
    fetches::{HALF, Rig, TAG, begun, halting, killed, processes, told},
    http::{Http, Step, answer, range, raw, resumable},
    qemu::eventually,
};
use std::{fs, os::unix::fs::symlink, path::Path, process::Stdio, time::Duration};
use tokio::time::sleep;
use vmdeck::{
    backend::{
        Call, Images,
        qemu::{Qemu, Settings},
    },
    domain::TaskState,
    fetch::{Journal, Limit, Options, Origin, State},
};

/// Numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// A server that keeps the rules, of `a.iso` alone.
fn server(body: &[u8]) -> Http {
    let body = body.to_vec();
    Http::serve_heads(move |head| match head.starts_with("GET /a.iso ") {
        true => resumable(head, &body, TAG, usize::MAX),
        false => answer("404 Not Found", "", b""),
    })
}

#[tokio::test]
async fn killed_at_fifty_moments_the_image_is_right_each_time_it_is_there() {
    const KILLS: usize = 50;
    let body = image(3_000_000);
    let server = server(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    let url = format!("{}#sha256={}", server.url("/a.iso"), sha256(&body));
    // A fetch takes as long as two or three kills are apart.
    let fetch = Options { limit: Limit::new(Some(30_000_000)), ..Options::default() };
    let settings = Settings { fetch, ..rig.0.settings() };
    let (mut chance, mut kills, mut whole) = (Chance(0x1234_5678_9abc_def1), 0, 0);
    while kills < KILLS || whole == 0 {
        let qemu = Qemu::new(settings.clone());
        let moment = Duration::from_micros(chance.below(60_000));
        tokio::select! {
            ended = qemu.fetch_image(&url, None, Call::new().0) => drop(ended.unwrap()),
            () = async {
                eventually("its process", async || !processes(&folder, "a.iso").is_empty()).await;
                sleep(moment).await;
            }, if kills < KILLS => {
                kills += processes(&folder, "a.iso").len();
                killed(&folder).await;
            }
        }
        let image = folder.join("a.iso");
        if let Ok(found) = fs::read(&image) {
            assert!(found == body, "after {kills} kills the image is wrong");
            let story = Origin::read(&folder, "a.iso", &image.metadata().unwrap()).unwrap();
            assert_eq!(story.checked.as_deref(), Some("SHA-256 as given"));
            // What is whole is known as that, whatever was killed after it got its name.
            let done = qemu.fetch_image(&url, None, Call::new().0).await;
            if let Err(error) = done {
                assert_eq!(error.message, "a.iso is in the library already");
            }
            assert_eq!(names(&folder).iter().filter(|name| name.contains("a.iso")).count(), 1, "{:?}", names(&folder));
            fs::remove_file(image).unwrap();
            whole += 1;
        }
    }
    assert!(whole < KILLS, "no kill met a fetch");
}

/// Writes into the journal that it is of another run of the machine.
fn reboot(folder: &Path) {
    let path = folder.join(".a.iso.fetch");
    let mut journal: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    *journal.pointer_mut("/saved/boot").unwrap() = "another".into();
    fs::write(path, journal.to_string()).unwrap();
}

#[tokio::test]
async fn after_a_reboot_it_is_interrupted_and_goes_on_from_what_was_safe() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let (folder, url) = (rig.folder(), server.url("/a.iso"));
    begun(&rig, &url).await;
    let before = rig.another();
    before.pause_fetch("a.iso").await.unwrap();
    let rests = || Journal::read(&folder, "a.iso").is_ok_and(|j| j.is_some_and(|j| j.state == State::Paused));
    eventually("the pause", async || rests()).await;
    killed(&folder).await;
    // Bytes that never reached the disk: their place is there, what is in it is not theirs.
    let part = fs::File::options().write(true).open(folder.join("a.iso.part")).unwrap();
    part.set_len(300_000).unwrap();
    reboot(&folder);
    let watcher = rig.another();
    let job = told(&watcher, |state| matches!(state, TaskState::Unknown(_))).await;
    assert_eq!(job.id.as_str(), "a.iso");
    gate.open();
    // What the key for it asks: the request that came with the job.
    let Some(vmdeck::domain::Request::ResumeFetch { image }) = job.request else { panic!("{job:?}") };
    let done = watcher.resume_fetch(&image, Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
    let asked: Vec<_> = server.requests().iter().filter_map(|head| range(head)).collect();
    assert_eq!(asked, [HALF]);
}

#[tokio::test]
async fn a_storage_that_takes_no_more_is_told_and_what_came_stays() {
    const ROOM: usize = 204_800;
    let body = image(400_000);
    let server = server(&body);
    let rig = Rig::new();
    let (folder, url) = (rig.folder(), format!("{}#sha256={}", server.url("/a.iso"), sha256(&body)));
    let little = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/little_room.sh");
    symlink(little, rig.0.path("little")).unwrap();
    symlink(env!("CARGO_BIN_EXE_vmdeck"), rig.0.path("vmdeck")).unwrap();
    let small = Qemu::new(Settings { worker: rig.0.path("little"), ..rig.0.settings() });
    let error = small.fetch_image(&url, None, Call::new().0).await.unwrap_err();
    assert!(error.message.ends_with("a.iso.part: the storage takes no file as large as this"), "{error}");
    assert_eq!(fs::metadata(folder.join("a.iso.part")).unwrap().len(), ROOM as u64);
    assert!(!folder.join("a.iso").exists());
    let done = rig.another().fetch_image(&url, None, Call::new().0).await.unwrap();
    assert!(fs::read(done.path.unwrap()).unwrap() == body, "the image is wrong");
    let asked: Vec<_> = server.requests().iter().filter_map(|head| range(head)).collect();
    assert_eq!(asked, [ROOM]);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a storage of its own is the system's to give")]
async fn a_storage_that_is_full_is_told_and_goes_on_with_more_room() {
    let body = image(400_000);
    let bytes = body.clone();
    // Nobody is told how much comes: it is begun although there is no room for it.
    let server = Http::serve_heads(move |head| match (head.starts_with("GET /a.iso "), range(head)) {
        (false, _) => answer("404 Not Found", "", b""),
        (true, Some(_)) => resumable(head, &bytes, TAG, usize::MAX),
        (true, None) => {
            vec![
                raw(&format!("HTTP/1.1 200 OK\r\nETag: {TAG}\r\nConnection: close\r\n\r\n")),
                Step::Send(bytes.clone()),
            ]
        }
    });
    let home = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/full_storage.sh");
    let mut program = tokio::process::Command::new(script);
    program.arg(env!("CARGO_BIN_EXE_vmdeck")).arg(home.path()).arg(server.url("/a.iso")).stdin(Stdio::null());
    let done = program.output().await.unwrap();
    let told = String::from_utf8(done.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let why = ["no room left on the storage", "the storage takes no file as large as this"];
    assert!(why.iter().any(|why| lines[0].ends_with(&format!("a.iso.part: {why}"))), "{told}");
    assert_eq!(lines[1..3], ["code 1", "a.iso.part"], "{told}");
    let sum = format!("{}  -", sha256(&body));
    assert_eq!(lines[4..], ["code 0", ".a.iso.origin", ".fetches", ".fetching-0", "a.iso", &sum], "{told}");
    let asked: Vec<_> = server.requests().iter().filter_map(|head| range(head)).collect();
    assert!(matches!(asked[..], [begin] if (100_000..300_000).contains(&begin)), "{asked:?}");
}

#[tokio::test]
async fn what_was_hashed_is_not_read_again() {
    let body = image(400_000);
    let (server, gate) = halting(&body);
    let rig = Rig::new();
    let folder = rig.folder();
    let url = format!("{}#sha256={}", server.url("/a.iso"), sha256(&body));
    begun(&rig, &url).await;
    rig.another().pause_fetch("a.iso").await.unwrap();
    let rests = || Journal::read(&folder, "a.iso").is_ok_and(|j| j.is_some_and(|j| j.state == State::Paused));
    eventually("the pause", async || rests()).await;
    // Whoever read this again would get another sum.
    let part = folder.join("a.iso.part");
    let came = fs::read(&part).unwrap();
    fs::write(&part, vec![0; came.len()]).unwrap();
    gate.open();
    let done = rig.another().fetch_image(&url, None, Call::new().0).await.unwrap();
    assert_eq!(done.checked.as_deref(), Some("SHA-256 as given"));
}
