//! Running machines that move between two real daemons, each a host of its own.
use crate::support::{
    guests::{BUSY, TINY},
    hosts::Stage,
    libvirt::at,
    libvirt_pair::{Disk, Pair},
    qemu::eventually,
};
use std::{fs, path::Path};
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};
use vmdeck::{
    app::Message,
    backend::{Backend, Call, Machines, Power, Properties, libvirt::Libvirt},
    domain::{ErrorKind, Expect, PowerState, Progress, Reply, Request, TaskState, Verdict},
    runtime::{Hosts, Policy},
};

const M: u64 = 1 << 20;

impl Pair {
    async fn refused(&self, to: &str, kind: ErrorKind, words: &[&str]) {
        let error = self.from.migrate(&self.vm, to, false, Call::new().0).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        for words in words {
            assert!(error.message.contains(words), "{words}: {error}");
        }
        assert_eq!(self.both().await, (Some(PowerState::Running), None), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_machine_moves_to_another_libvirt_with_its_disks() {
    let pair = Pair::new(TINY, Disk::Volume).await;
    assert_eq!(pair.from.look(&pair.left()).await, Verdict::NotMet("it still runs here".to_owned()));
    pair.from.migrate(&pair.vm, &pair.there.peer_uri(), true, Call::new().0).await.unwrap();
    assert_eq!(pair.both().await, (None, Some(PowerState::Running)));
    assert_eq!(pair.from.look(&pair.left()).await, Verdict::Met(None));
    assert_eq!(fs::read(pair.there.path("images/web.raw")).unwrap(), vec![b'x'; 1 << 20]);
    assert!(pair.here.path("images/web.raw").exists(), "the files here stay");
    // It is defined there, not only running.
    pair.to.power_off(&pair.vm).await.unwrap();
    assert_eq!(pair.both().await, (None, Some(PowerState::Off)));
    let error = pair.to.migrate(&pair.vm, &pair.here.peer_uri(), false, Call::new().0).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Conflict, "web: it is off: a machine moves while it runs")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_starts_with_its_host_starts_with_the_other_one() {
    let pair = Pair::new(TINY, Disk::None).await;
    let starts = async |on: &Libvirt| {
        let wanted = Expect::PropertyIs { vm: pair.vm.clone(), name: "autostart".into(), value: "yes".into() };
        on.look(&wanted).await == Verdict::Met(None)
    };
    pair.from.set_property(&pair.vm, "autostart", "yes").await.unwrap();
    let told = pair.from.migrate(&pair.vm, &pair.there.peer_uri(), false, Call::new().0).await;
    assert_eq!((told, starts(&pair.to).await), (Ok(None), true));
    // Where the other one cannot, it has moved all the same.
    let folder = pair.here.path("home/.config/libvirt/qemu/autostart");
    let _ = fs::remove_dir_all(&folder);
    fs::write(&folder, "").unwrap();
    let told = pair.to.migrate(&pair.vm, &pair.here.peer_uri(), false, Call::new().0).await.unwrap().unwrap();
    assert!(told.starts_with("it started with this host, and does not start with the other one: "), "{told}");
    assert_eq!((pair.both().await, starts(&pair.from).await), ((Some(PowerState::Running), None), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_tells_how_far_it_is_and_stops_when_it_is_cancelled() {
    let pair = Pair::new(BUSY, Disk::None).await;
    pair.refused(&pair.here.peer_uri(), ErrorKind::Refused, &["to the same host"]).await;
    pair.refused(
        "qemu+unix:///session?socket=/nowhere",
        ErrorKind::Refused,
        &["/nowhere", "has to sign in to the other one"],
    )
    .await;
    pair.here.limit_moves("web", 1).await;
    let (call, progress) = Call::new();
    let cancel = call.cancel.clone();
    let peer = pair.there.peer_uri();
    let moving = pair.from.migrate(&pair.vm, &peer, false, call);
    let watching = async {
        let is_told = |p: &Progress| p.done.is_some_and(|done| done.0 > M) && p.rate.is_some() && p.percent().is_some();
        eventually("how far it is", async || is_told(&progress.borrow())).await;
        assert_eq!(pair.from.look(&pair.left()).await, on_its_way());
        // Other calls go on beside it.
        assert_eq!(pair.power(&pair.from).await, Some(PowerState::Running));
        cancel.cancel();
    };
    let (ended, ()) = tokio::join!(moving, watching);
    let error = ended.unwrap_err();
    let told = (ErrorKind::Cancelled, "cancelled: web is running here, as before");
    assert_eq!((error.kind, error.message.as_str()), told);
    let total = progress.borrow().total.unwrap().0;
    assert!(total > M && total < 4096 * M, "{total}");
    assert_eq!(pair.both().await, (Some(PowerState::Running), None));
    // It can go all the same.
    pair.here.limit_moves("web", 4000).await;
    pair.from.migrate(&pair.vm, &peer, false, Call::new().0).await.unwrap();
    assert_eq!(pair.both().await, (None, Some(PowerState::Running)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_cannot_be_is_refused_in_libvirts_words_and_the_machine_runs_on() {
    let pair = Pair::new(TINY, Disk::File).await;
    pair.refused("qemu:///system", ErrorKind::Invalid, &["to: `qemu:///system`", "names no other computer"]).await;
    pair.refused(&pair.there.peer_uri(), ErrorKind::Refused, &["shared storage", "copy them along"]).await;
}

fn on_its_way() -> Verdict {
    Verdict::NotMet("it is still on its way".to_owned())
}

/// A socket that leads to another, and whose connections can be cut.
fn relay(path: &Path, to: &Path, cuts: watch::Receiver<u32>) -> JoinSet<()> {
    let listener = UnixListener::bind(path).unwrap();
    let to = to.to_owned();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut ways = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = UnixStream::connect(&to).await.unwrap();
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            ways.spawn(async move {
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    });
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_whose_connection_is_lost_goes_on_and_is_looked_for() {
    let pair = Pair::new(BUSY, Disk::None).await;
    pair.here.limit_moves("web", 1).await;
    pair.from.set_property(&pair.vm, "autostart", "yes").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("relay");
    let (cut, cuts) = watch::channel(0);
    let _relay = relay(&socket, &pair.here.socket(), cuts);
    let (mut hosts, inbox) = Hosts::new();
    hosts.add("lab".into(), at(&format!("qemu:///session?socket={}", socket.display())), Policy::default());
    let mut stage = Stage::of(hosts, inbox);
    stage.up().await;
    let task =
        stage.call("lab", Request::Migrate { vm: pair.vm.clone(), to: pair.there.peer_uri(), copy_disks: false });
    eventually("the machine on its way", async || pair.from.look(&pair.left()).await == on_its_way()).await;
    cut.send_replace(1);
    let is_looking = |told: &Message| matches!(told, Message::TaskState(_, TaskState::Looking(_)));
    stage.until(|told| is_looking(told).then_some(())).await;
    pair.here.limit_moves("web", 4000).await;
    // What would have been done then is said.
    let told = "it started with this host, and does not start with the other one: the connection was lost on the way";
    assert_eq!(stage.end(task).await, Ok(Reply::Remark(told.to_owned())));
    // It is off here for a moment before it is gone.
    eventually("the machine there alone", async || pair.both().await == (None, Some(PowerState::Running))).await;
    stage.hosts.stop().await;
}
