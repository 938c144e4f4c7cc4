//! A libvirt daemon whose every answer to a move a test decides, behind a real socket. It has one machine, `web`.
use super::libvirt::at;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
};
use vmdeck::backend::{
    Backend,
    libvirt::{
        Libvirt,
        packet::{Kind, Packet, Status},
        wire::{Domain, procedure as p},
        xdr::{Reader, Writer},
    },
};

const UUID: [u8; 16] = [7; 16];
/// How large every disk of the machine is.
pub(crate) const DISK: u64 = 1 << 20;

/// What a call comes to.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Yes,
    /// With libvirt's code and words.
    No(i32, &'static str),
    /// The connection is closed.
    Nothing,
}

/// What the daemon has and does.
#[derive(Debug)]
pub(crate) struct World {
    /// State and reason of the machine; None: it is not here.
    pub machine: Option<(i32, i32)>,
    /// What its description says of its devices.
    pub devices: String,
    /// How often that is read yet before they are gone, from the moment on when they are to be unplugged; None: there is no
    /// unplugging.
    pub unplugs: Option<usize>,
    unplugging: bool,
    /// What a move comes to at once; None: it goes on.
    pub moved: Option<Says>,
    /// What the next attempts to stop it come to, each; a move that goes on then ends as the second says.
    pub stops: Vec<(Says, Option<Says>)>,
    /// How far the move is.
    pub job: Vec<(&'static str, u64)>,
    /// Where a move goes, and how: address and flags.
    pub sent: Vec<(String, u32)>,
    pub aborts: usize,
    /// What a call to have the machine start with the host comes to; None: there is no such setting.
    pub autostart: Option<Says>,
    /// What the daemon says then of whether it does; None: an answer that breaks off.
    pub starts: Option<bool>,
}

pub(crate) struct FakeMover {
    folder: tempfile::TempDir,
    world: Arc<Mutex<World>>,
    _server: JoinSet<()>,
}

impl FakeMover {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("sock")).unwrap();
        let world = World {
            machine: Some((1, 1)),
            devices: String::new(),
            unplugs: None,
            unplugging: false,
            moved: None,
            stops: Vec::new(),
            job: Vec::new(),
            sent: Vec::new(),
            aborts: 0,
            autostart: None,
            starts: None,
        };
        let world = Arc::new(Mutex::new(world));
        let mut server = JoinSet::new();
        let of_server = world.clone();
        server.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((way, _)) = listener.accept().await {
                ways.spawn(serve(way, of_server.clone()));
            }
        });
        Self { folder, world, _server: server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Where a machine of another daemon on this computer goes, to come here.
    pub(crate) fn peer_uri(&self) -> String {
        format!("qemu+unix:///session?socket={}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("sock")
    }

    pub(crate) async fn connected(&self) -> Libvirt {
        let libvirt = at(&format!("qemu:///session?socket={}", self.socket().display()));
        libvirt.connect(mpsc::channel(64).0).await.unwrap();
        libvirt
    }
}

/// The message that a call comes to; None: the connection ends.
fn said(serial: u32, says: &Says, body: Writer) -> Option<Packet> {
    let reply = |status, body: Writer| Packet { kind: Kind::Reply, status, ..Packet::call(0, serial, body.done()) };
    match says {
        Says::Yes => Some(reply(Status::Good, body)),
        Says::No(code, words) => Some(reply(Status::Bad, Writer::default().i32(*code).i32(10).maybe(Some(words)))),
        Says::Nothing => None,
    }
}

/// What `call` comes to: the answers, in their order. `moving`: the call of the move that goes on.
fn answers(world: &mut World, call: &Packet, moving: &mut Option<u32>) -> Vec<Option<Packet>> {
    let domain = Domain { name: "web".to_owned(), uuid: UUID, id: 1 };
    let empty = Writer::default;
    let (says, body) = match call.procedure {
        p::AUTH_LIST | p::CONNECT_OPEN => (Says::Yes, empty().u32(0)),
        p::LIB_VERSION | p::VERSION => (Says::Yes, empty().u64(9_000_000)),
        p::REGISTER_EVENT => (Says::Yes, empty().i32(1)),
        p::LOOKUP_BY_NAME | p::STATE if world.machine.is_none() => (Says::No(42, "Domain not found"), empty()),
        p::LOOKUP_BY_NAME => (Says::Yes, domain.arg()),
        p::STATE => {
            let (state, reason) = world.machine.unwrap();
            (Says::Yes, empty().i32(state).i32(reason))
        }
        p::DETACH_FLAGS if world.unplugs.is_some() => {
            world.unplugging = true;
            (Says::Yes, empty())
        }
        p::XML => {
            let mut reader = Reader::new(&call.body);
            Domain::read(&mut reader).unwrap();
            let is_next = reader.u32().unwrap() & 2 != 0;
            let is_gone = world.unplugging && (is_next || world.unplugs == Some(0));
            if let (true, false, Some(left)) = (world.unplugging, is_next, &mut world.unplugs) {
                *left = left.saturating_sub(1);
            }
            let devices = if is_gone { "" } else { &world.devices };
            let xml = format!(
                "<domain type='qemu'><name>web</name><memory unit='MiB'>32</memory><devices>{devices}</devices></domain>"
            );
            (Says::Yes, empty().text(&xml))
        }
        p::BLOCK_INFO => (Says::Yes, empty().u64(DISK).u64(DISK).u64(DISK)),
        p::JOB_STATS => {
            let kind = if moving.is_some() { 2 } else { 0 };
            let told = empty().i32(kind).list(&world.job, |w, (name, number)| w.text(name).u32(4).u64(*number));
            (Says::Yes, told)
        }
        p::MIGRATE_PERFORM => {
            let mut reader = Reader::new(&call.body);
            assert_eq!(Domain::read(&mut reader).unwrap(), domain);
            let to = reader.maybe().unwrap().unwrap();
            assert_eq!((reader.u32().unwrap(), reader.u32().unwrap()), (0, 0), "no parameters, no cookie");
            world.sent.push((to, reader.u32().unwrap()));
            let Some(says) = world.moved.clone() else {
                *moving = Some(call.serial);
                return Vec::new();
            };
            (says, empty().u32(0))
        }
        p::SET_AUTOSTART if world.autostart.is_some() => (world.autostart.clone().unwrap(), empty()),
        p::GET_AUTOSTART if world.autostart.is_some() => {
            (Says::Yes, world.starts.map_or_else(empty, |starts| empty().i32(starts.into())))
        }
        p::ABORT_JOB => {
            world.aborts += 1;
            let (says, end) = world.stops.remove(0);
            let ended = end.and_then(|end| Some(said(moving.take()?, &end, empty().u32(0))));
            return [said(call.serial, &says, empty())].into_iter().chain(ended).collect();
        }
        _ => (Says::No(3, "this function is not supported"), empty()),
    };
    vec![said(call.serial, &says, body)]
}

async fn serve(mut way: UnixStream, world: Arc<Mutex<World>>) {
    let mut moving = None;
    while let Ok(Some(call)) = Packet::read(&mut way).await {
        let answers = answers(&mut world.lock().unwrap(), &call, &mut moving);
        for answer in answers {
            let Some(answer) = answer else { return };
            if way.write_all(&answer.encode().unwrap()).await.is_err() {
                return;
            }
        }
    }
}
