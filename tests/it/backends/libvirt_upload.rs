//! What may happen to an image on its way into a pool, on a daemon that does what a test wants.
use super::libvirt_images::{content, is_swept};
use crate::support::{
    fake_libvirt::{FakeLibvirt, Upload},
    libvirt::staged_at,
    qemu::eventually,
};
use std::{fs, path::PathBuf, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};
use vmdeck::{
    backend::{
        Backend, Call, Images, Setup,
        libvirt::{Libvirt, wire::procedure},
    },
    domain::{ErrorKind, HostEvent, Image, Progress, Result, TaskState},
};

const M: usize = 1 << 20;

struct Rig {
    fake: FakeLibvirt,
    bytes: Vec<u8>,
    url: String,
}

impl Rig {
    fn new(size: usize) -> Self {
        let fake = FakeLibvirt::new("sock");
        let (path, bytes) = (fake.path("source.iso"), content(size));
        fs::write(&path, &bytes).unwrap();
        Self { url: format!("file://{}", path.display()), fake, bytes }
    }

    fn staging(&self) -> PathBuf {
        self.fake.path("staging")
    }

    async fn connected(&self) -> (Libvirt, mpsc::Receiver<HostEvent>) {
        let libvirt = staged_at(&self.fake.uri("sock"), self.staging());
        let (events, heard) = mpsc::channel(1024);
        libvirt.connect(events).await.unwrap();
        (libvirt, heard)
    }

    async fn fetch(&self) -> Result<Image> {
        let (libvirt, _heard) = self.connected().await;
        libvirt.fetch_image(&self.url, Some("a.iso"), Call::new().0).await
    }

    /// A fetch that goes on beside the test.
    async fn begin(&self) -> (JoinSet<Result<Image>>, Call, watch::Receiver<Progress>) {
        let (libvirt, heard) = self.connected().await;
        let ((call, latest), url) = (Call::new(), self.url.clone());
        let own = call.clone();
        let mut fetch = JoinSet::new();
        fetch.spawn(async move {
            let _heard = heard;
            libvirt.fetch_image(&url, Some("a.iso"), own).await
        });
        (fetch, call, latest)
    }

    fn names(&self) -> Vec<String> {
        self.fake.world().volumes.keys().cloned().collect()
    }

    /// The one that waited is sent, and is the image.
    async fn goes_on(&self) {
        fs::remove_file(self.fake.path("source.iso")).unwrap();
        self.fake.world().upload = Upload::Works;
        let (libvirt, _heard) = self.connected().await;
        libvirt.resume_fetch("a.iso", Call::new().0).await.unwrap();
        self.is_whole();
    }

    fn is_whole(&self) {
        assert_eq!(self.names(), ["a.iso"]);
        assert!(self.fake.world().volumes.get("a.iso") == Some(&self.bytes), "it is another one now");
        assert!(is_swept(&self.staging()));
    }
}

#[tokio::test]
async fn an_error_on_the_way_stops_it_at_once_and_what_came_waits() {
    let rig = Rig::new(20 * M);
    rig.fake.world().upload = Upload::Fails(M);
    let error = rig.fetch().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert_eq!(error.message, "cannot write: No space left on device; a.iso is whole on this computer and waits");
    assert_eq!(rig.names(), [""; 0], "the part is left");
    assert!(rig.fake.world().came < 4 * M, "it was sent on: {}", rig.fake.world().came);
    rig.goes_on().await;
}

#[tokio::test]
async fn a_daemon_that_goes_away_leaves_a_part_which_the_next_sending_replaces() {
    let rig = Rig::new(3 * M);
    rig.fake.world().upload = Upload::Dies(M);
    let error = rig.fetch().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted);
    assert!(error.message.starts_with("libvirt closed the connection"), "{error}");
    assert_eq!(rig.names(), ["a.iso.sent"]);
    // It is told as what it is, by this vmdeck and by others.
    let (libvirt, mut heard) = rig.connected().await;
    let job = async {
        loop {
            if let Some(HostEvent::Job(job)) = heard.recv().await {
                return job;
            }
        }
    };
    let job = timeout(Duration::from_secs(30), job).await.unwrap();
    assert!(job.request.is_some() && job.image.as_deref() == Some("a.iso"), "{job:?}");
    assert!(matches!(&job.state, TaskState::Unknown(why) if why.message.contains("waits to be sent")), "{job:?}");
    assert_eq!(libvirt.images().await.unwrap(), []);
    let error = libvirt.pause_fetch("a.iso").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    rig.goes_on().await;
}

#[tokio::test]
async fn what_was_interrupted_can_be_thrown_away_on_both_sides() {
    let rig = Rig::new(3 * M);
    rig.fake.world().upload = Upload::Dies(M);
    rig.fetch().await.unwrap_err();
    let (libvirt, _heard) = rig.connected().await;
    libvirt.cancel_fetch("a.iso").await.unwrap();
    assert_eq!(rig.names(), [""; 0]);
    assert!(is_swept(&rig.staging()));
    assert_eq!(libvirt.cancel_fetch("a.iso").await.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn one_who_takes_nothing_is_waited_for_and_little_is_held_for_them() {
    let rig = Rig::new(30 * M);
    rig.fake.world().upload = Upload::Halts(M);
    let (mut fetch, call, mut latest) = rig.begin().await;
    let whole = 30 * M as u64;
    latest.wait_for(|p| p.done.is_some_and(|done| done.0 > whole) && p.rate.is_some()).await.unwrap();
    // The rate falls while nothing is taken.
    let mut best = 0.0_f64;
    let falls = |p: &Progress| {
        best = p.rate.map_or(best, |rate| rate.max(best));
        p.rate.is_some_and(|rate| rate < best / 3.0)
    };
    latest.wait_for(falls).await.unwrap();
    let sent = latest.borrow().done.unwrap().0 - whole;
    assert!(sent < 3 * M as u64, "{sent} bytes were read ahead of who takes them");
    call.cancel.cancel();
    rig.fake.open_gate();
    let error = timeout(Duration::from_secs(30), fetch.join_next()).await.unwrap().unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert_eq!((rig.names(), rig.fake.world().aborted), (Vec::new(), 1));
    assert!(is_swept(&rig.staging()));
}

#[tokio::test]
async fn another_vmdeck_stops_a_sending_and_it_leaves_nothing() {
    let rig = Rig::new(30 * M);
    rig.fake.world().upload = Upload::Halts(M);
    let (mut fetch, _call, mut latest) = rig.begin().await;
    latest.wait_for(|p| p.done.is_some_and(|done| done.0 > 30 * M as u64)).await.unwrap();
    let other = rig.connected().await;
    let open = other.0.fetches().await.unwrap().open;
    assert_eq!(open[0].outcome(), "under way: 99 %  it is being sent from this computer");
    let stop = async { other.0.cancel_fetch("a.iso").await.unwrap() };
    let gate = async {
        eventually("the file is taken away", async || !rig.staging().join("whole/a.iso").exists()).await;
        rig.fake.open_gate();
    };
    tokio::join!(stop, gate);
    assert_eq!(fetch.join_next().await.unwrap().unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(rig.names(), [""; 0]);
    assert!(is_swept(&rig.staging()));
}

#[tokio::test]
async fn a_pool_with_the_name_or_without_room_gets_no_bytes() {
    let rig = Rig::new(M);
    rig.fake.world().volumes.insert("a.iso".to_owned(), vec![1]);
    let error = rig.fetch().await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, "there is a a.iso already"));
    rig.fake.world().volumes.clear();
    rig.fake.world().volumes.insert("a.iso.sent".to_owned(), vec![1]);
    let error = rig.fetch().await.unwrap_err();
    assert!(error.message.contains("another computer sends it") && error.kind == ErrorKind::Conflict, "{error}");
    assert_eq!(rig.names(), ["a.iso.sent"], "it is not ours");
    rig.fake.world().volumes.clear();
    rig.fake.world().available = 2 * M as u64 - 1;
    let error = rig.fetch().await.unwrap_err();
    assert!(error.message.contains("free of the 2 MiB"), "{error}");
    assert_eq!((rig.names(), rig.fake.world().came), (Vec::new(), 0));
}

#[tokio::test]
async fn a_copy_that_was_refused_or_cut_short_shows_no_image() {
    let rig = Rig::new(M);
    rig.fake.world().refuses.insert(procedure::VOLUME_COPY, (38, "cannot fsync: Input/output error"));
    let error = rig.fetch().await.unwrap_err();
    assert!(error.message.starts_with("cannot fsync"), "{error}");
    assert_eq!(rig.names(), [""; 0]);
    // A daemon that dies in the middle of the copy: half an image, and its part beside it.
    rig.fake.world().refuses.clear();
    rig.fake.world().upload = Upload::Dies(M);
    rig.fetch().await.unwrap_err();
    let trace = r#"{"pool":"default","copying":true}"#;
    fs::write(rig.staging().join("whole/.a.iso.sent"), trace).unwrap();
    rig.fake.world().volumes.insert("a.iso".to_owned(), vec![0; M]);
    assert_eq!(rig.names(), ["a.iso", "a.iso.sent"]);
    let (libvirt, _heard) = rig.connected().await;
    assert_eq!(libvirt.images().await.unwrap(), [], "half an image counts for one");
    rig.goes_on().await;
    // Where only the last word was lost, nothing is sent again.
    let again = Rig::new(M);
    again.fake.world().upload = Upload::Dies(M);
    again.fetch().await.unwrap_err();
    fs::write(again.staging().join("whole/.a.iso.sent"), trace).unwrap();
    again.fake.world().volumes = [("a.iso".to_owned(), again.bytes.clone())].into();
    let came = again.fake.world().came;
    again.goes_on().await;
    assert_eq!(again.fake.world().came, came);
}

/// A daemon for machines alone passes calls on to those for storage and for networks itself; where they do not run, it
/// says so of every such call.
#[tokio::test]
async fn machines_are_shown_where_nobody_answers_for_storage() {
    use procedure as p;
    let fake = FakeLibvirt::new("virtqemud-sock");
    let words = "Failed to connect socket to '/run/libvirt/virtstoraged-sock': No such file or directory";
    for call in [p::LIST_POOLS, p::LIST_NETWORKS] {
        fake.world().refuses.insert(call, (38, words));
    }
    let libvirt = staged_at(&fake.uri("virtqemud-sock"), fake.path("staging"));
    let (events, _heard) = mpsc::channel(1024);
    let capabilities = libvirt.connect(events).await.unwrap();
    assert_eq!(capabilities.version, "libvirt 9.0.0");
    let inventory = libvirt.inventory(false).await.unwrap();
    let names: Vec<_> = inventory.vms.unwrap().into_iter().map(|vm| vm.name).collect();
    assert_eq!((names, inventory.images), (vec!["web".to_owned()], None), "what is unknown is not empty");
    let error = libvirt.fetch_image("file:///x.iso", None, Call::new().0).await.unwrap_err();
    assert_eq!(error.message, words);
    let report = libvirt.check_setup().await.unwrap();
    assert!(report.items.iter().any(|item| !item.present && item.detail == words), "{report:?}");
    // It runs now: the same connection serves.
    fake.world().refuses.clear();
    assert_eq!(libvirt.inventory(false).await.unwrap().images, Some(Vec::new()));
}
