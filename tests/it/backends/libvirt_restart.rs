//! A real daemon that is killed in the middle of a change, and started again: what became of the change is read.
use crate::support::{
    hosts::Stage,
    libvirt::{Daemon, at, small},
};
use std::path::Path;
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};
use vmdeck::{
    app::Message,
    backend::{
        Call, Disks, Machines,
        libvirt::{
            packet::{Kind, Packet},
            wire::procedure::VOLUME_RESIZE,
        },
    },
    domain::{ByteSize, ErrorKind, Reply, Request, TaskState, VmId},
    runtime::{Hosts, Policy},
};

const M: u64 = 1 << 20;

/// Where a change is held.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// Before the daemon hears of it.
    Call,
    /// When the daemon has done it, and before anybody hears of that.
    Answer,
}

/// A way to a daemon that holds the first change of a size, and all that comes after it, until it is cut.
struct Way {
    reached: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    _server: JoinSet<()>,
}

impl Way {
    fn new(socket: &Path, to: &Path, held: Held) -> Self {
        let (listener, to) = (UnixListener::bind(socket).unwrap(), to.to_owned());
        let (reached, cut) = (watch::Sender::new(false), watch::Sender::new(false));
        let (of_server, cuts) = (reached.clone(), cut.subscribe());
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = UnixStream::connect(&to).await else { continue };
                let (reached, mut cuts) = (of_server.clone(), cuts.clone());
                let is_first = !*cuts.borrow();
                ways.spawn(async move {
                    let ((mut calls, mut answers), (mut told, mut asked)) = (near.into_split(), far.into_split());
                    let serial = watch::Sender::new(None);
                    let held_at = |place| Some(held).filter(|held| is_first && *held == place);
                    tokio::select! {
                        () = pass(&mut calls, &mut asked, held_at(Held::Call), &serial, &reached) => {}
                        () = pass(&mut told, &mut answers, held_at(Held::Answer), &serial, &reached) => {}
                        _ = cuts.wait_for(|cut| *cut && is_first) => {}
                    }
                    // That the daemon is gone is heard of when the way is cut, and not before.
                    if is_first {
                        let _ = cuts.wait_for(|cut| *cut).await;
                    }
                });
            }
        });
        Self { reached, cut, _server: server }
    }
}

/// Passes packets on, until the one that is to be held here. `serial`: the number of the change.
async fn pass(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    held: Option<Held>,
    serial: &watch::Sender<Option<u32>>,
    reached: &watch::Sender<bool>,
) {
    while let Ok(Some(packet)) = Packet::read(from).await {
        if packet.kind == Kind::Call && packet.procedure == VOLUME_RESIZE {
            serial.send_replace(Some(packet.serial));
        }
        let is_it = match held {
            Some(Held::Call) => packet.kind == Kind::Call && packet.procedure == VOLUME_RESIZE,
            Some(Held::Answer) => packet.kind == Kind::Reply && *serial.borrow() == Some(packet.serial),
            None => false,
        };
        if is_it {
            reached.send_replace(true);
            std::future::pending::<()>().await;
        }
        if to.write_all(&packet.encode().unwrap()).await.is_err() {
            return;
        }
    }
}

/// Grows the disk of a machine that is off, and kills the daemon where the change is held; how the task ends, and how
/// large the disk is then.
async fn interrupted(held: Held) -> (vmdeck::domain::Result<Reply>, u64) {
    let mut daemon = Daemon::new().await;
    let vm = VmId::from("web");
    {
        let (libvirt, _heard) = daemon.connected().await;
        libvirt.create(&small("web"), Call::new().0).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("way");
    let way = Way::new(&socket, &daemon.socket(), held);
    let (mut hosts, inbox) = Hosts::new();
    hosts.add("lab".into(), at(&format!("qemu:///session?socket={}", socket.display())), Policy::default());
    let mut stage = Stage::of(hosts, inbox);
    stage.up().await;
    let size = vmdeck::domain::SizeChange::To(ByteSize(24 * M));
    let task = stage.call("lab", Request::ResizeDisk { vm: vm.clone(), disk: "vda".into(), size });
    way.reached.subscribe().wait_for(|reached| *reached).await.unwrap();
    daemon.kill();
    // What became of it is looked for during a few seconds, and a daemon may take longer to be up again.
    daemon.start().await;
    way.cut.send_replace(true);
    let is_looking = |told: &Message| matches!(told, Message::TaskState(_, TaskState::Looking(_)));
    stage.until(|told| is_looking(told).then_some(())).await;
    let ended = stage.end(task).await;
    stage.hosts.stop().await;
    let (libvirt, _heard) = daemon.connected().await;
    let disk = libvirt.disk(&vm, &"vda".into()).await.unwrap().unwrap();
    (ended, disk.virtual_size.unwrap().0 / M)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_died_with_the_daemon_is_done_as_is_read_then() {
    let (ended, size) = interrupted(Held::Answer).await;
    assert_eq!((ended.map(drop), size), (Ok(()), 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_died_with_the_daemon_is_told_with_what_is_read_and_not_sent_again() {
    let (ended, size) = interrupted(Held::Call).await;
    let error = ended.unwrap_err();
    let told = "libvirt closed the connection: it was stopped or restarted; so far it has 16 MiB";
    assert_eq!((error.kind, error.message.as_str(), size), (ErrorKind::Timeout, told, 16));
}
