//! Images that go to another computer's libvirt by way of this one, for real.
use crate::support::{libvirt::Daemon, program::vmdeck, qemu::eventually};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Images, libvirt::Libvirt},
    domain::{ErrorKind, Progress},
};

/// No two pieces of it are the same.
pub(super) fn content(size: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()
    });
    words.flatten().take(size).collect()
}

/// What is in a folder, hidden files too.
fn inside(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Nothing but what every fetch leaves: its history, and the folder for what is whole.
pub(super) fn is_swept(staging: &Path) -> bool {
    let of_images = |name: &String| name.contains("iso") || name.contains("img");
    !inside(staging).iter().any(of_images) && inside(&staging.join("whole")).is_empty()
}

async fn connected(daemon: &Daemon) -> (Libvirt, mpsc::Receiver<vmdeck::domain::HostEvent>) {
    let libvirt = daemon.seen_from_afar();
    let (events, heard) = mpsc::channel(1024);
    libvirt.connect(events).await.unwrap();
    (libvirt, heard)
}

fn source(daemon: &Daemon, bytes: &[u8]) -> (PathBuf, String) {
    let path = daemon.path("source.iso");
    fs::write(&path, bytes).unwrap();
    let url = format!("file://{}", path.display());
    (path, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_comes_to_another_computer_whole_and_leaves_nothing_here() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = connected(&daemon).await;
    // Not a whole number of pieces.
    let bytes = content((5 << 20) + 333);
    let (_, url) = source(&daemon, &bytes);
    let (call, mut latest) = Call::new();
    let mut told: Vec<Progress> = Vec::new();
    let fetch = libvirt.fetch_image(&url, Some("far.iso"), call);
    tokio::pin!(fetch);
    let image = loop {
        tokio::select! {
            image = &mut fetch => break image.unwrap(),
            Ok(()) = latest.changed() => told.push(latest.borrow_and_update().clone()),
        }
    };
    let size = bytes.len() as u64;
    assert_eq!((image.name.as_str(), image.size.unwrap().0), ("far.iso", size));
    assert!(fs::read(daemon.path("images/far.iso")).unwrap() == bytes, "it is another one now");
    assert_eq!(inside(&daemon.path("images")), ["far.iso"]);
    assert!(is_swept(&daemon.path("staging")), "{:?}", inside(&daemon.path("staging")));
    // Both ways count.
    let last = told.last().unwrap();
    assert_eq!((last.total.unwrap().0, last.job.as_ref().unwrap().as_str()), (2 * size, "far.iso"));
    assert!(told.iter().any(|p| p.note.as_deref() == Some("into the pool default")), "{told:?}");
    assert!(told.is_sorted_by_key(|p| p.done), "{told:?}");

    let error = libvirt.fetch_image(&url, Some("far.iso"), Call::new().0).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, "there is a far.iso already"));
    let error = libvirt.fetch_image(&url, Some("far.qcow2"), Call::new().0).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
    // What libvirt would take for a disk of its own and change.
    fs::write(daemon.path("disk.img"), [b"QFI\xfb\0\0\0\x03".as_slice(), &content(70_000)].concat()).unwrap();
    let disk = format!("file://{}", daemon.path("disk.img").display());
    let error = libvirt.fetch_image(&disk, None, Call::new().0).await.unwrap_err();
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("qcow2"), "{error}");
    assert_eq!(inside(&daemon.path("images")), ["far.iso"]);
    assert!(is_swept(&daemon.path("staging")), "{:?}", inside(&daemon.path("staging")));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_the_same_image_comes_to_one_end() {
    let daemon = Daemon::new().await;
    let (first, _heard) = connected(&daemon).await;
    let (second, _heard_too) = connected(&daemon).await;
    let bytes = content(3 << 20);
    let (_, url) = source(&daemon, &bytes);
    let (a, b) = tokio::join!(
        first.fetch_image(&url, Some("far.iso"), Call::new().0),
        second.fetch_image(&url, Some("far.iso"), Call::new().0)
    );
    // Whoever looks when it is there already is told so.
    for one in [a, b] {
        let is_late = |error: &vmdeck::domain::Error| error.message == "there is a far.iso already";
        assert!(one.as_ref().map_or_else(is_late, |image| image.name == "far.iso"), "{one:?}");
    }
    assert!(fs::read(daemon.path("images/far.iso")).unwrap() == bytes, "it is another one now");
    assert_eq!(inside(&daemon.path("images")), ["far.iso"]);
    assert!(is_swept(&daemon.path("staging")), "{:?}", inside(&daemon.path("staging")));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_came_while_the_host_was_away_is_sent_without_being_fetched_again() {
    let mut daemon = Daemon::new().await;
    let (libvirt, _heard) = connected(&daemon).await;
    let bytes = content(1 << 20);
    let (path, url) = source(&daemon, &bytes);
    // The daemon goes when the image has come.
    let (call, mut latest) = Call::new();
    let fetch = libvirt.fetch_image(&url, Some("far.iso"), call);
    let gone = async {
        latest.wait_for(|p| p.job.is_some()).await.unwrap();
        daemon.stop();
    };
    let (fetched, ()) = tokio::join!(fetch, gone);
    daemon.start().await;
    let (libvirt, _heard) = connected(&daemon).await;
    if let Err(error) = fetched {
        assert_eq!(error.kind, ErrorKind::Interrupted, "{error}");
        assert!(error.message.contains("waits"), "{error}");
        let open = libvirt.fetches().await.unwrap().open;
        assert_eq!(open.iter().map(|fetch| fetch.name.as_str()).collect::<Vec<_>>(), ["far.iso"]);
        assert_eq!(open[0].halt.as_deref(), Some("it is whole on this computer and waits to be sent"));
        fs::remove_file(path).unwrap();
        libvirt.resume_fetch("far.iso", Call::new().0).await.unwrap();
    }
    assert!(fs::read(daemon.path("images/far.iso")).unwrap() == bytes, "it is another one now");
    eventually("the end of it", async || is_swept(&daemon.path("staging"))).await;
    assert_eq!(inside(&daemon.path("images")), ["far.iso"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sending_that_is_stopped_leaves_all_or_nothing() {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = connected(&daemon).await;
    let bytes = content(48 << 20);
    let (_, url) = source(&daemon, &bytes);
    let (call, mut latest) = Call::new();
    let stop = call.cancel.clone();
    let fetch = libvirt.fetch_image(&url, Some("far.iso"), call);
    let stop = async {
        latest.wait_for(|p| p.note.as_deref() == Some("into the pool default")).await.unwrap();
        stop.cancel();
    };
    let (fetched, ()) = tokio::join!(fetch, stop);
    match fetched {
        Ok(_) => assert_eq!(inside(&daemon.path("images")), ["far.iso"]),
        Err(error) => {
            assert_eq!(error.kind, ErrorKind::Cancelled, "{error}");
            assert_eq!(inside(&daemon.path("images")), [""; 0]);
        }
    }
    assert!(is_swept(&daemon.path("staging")), "{:?}", inside(&daemon.path("staging")));
    // The connection is as good as before.
    assert!(libvirt.images().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_fetches_to_another_computer() {
    let daemon = Daemon::new().await;
    let bytes = content(300_000);
    let (_, url) = source(&daemon, &bytes);
    let home = daemon.path("vmdeck");
    fs::create_dir_all(&home).unwrap();
    let config = format!("[[host]]\nname = \"far\"\nbackend = \"libvirt\"\nuri = \"{}\"\n", daemon.far());
    fs::write(home.join("config.toml"), config).unwrap();
    let said = vmdeck(&home, &format!("call far fetch-image url={url} name=far.iso")).await;
    assert_eq!((said.code, said.out.as_str()), (0, "far.iso fetched, 293 KiB\n"), "{}", said.err);
    assert!(fs::read(daemon.path("images/far.iso")).unwrap() == bytes, "it is another one now");
}
