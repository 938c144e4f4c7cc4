//! A libvirt daemon of our own behind a real socket: one machine, one pool whose volumes are in memory, and whatever
//! trouble a test wants.
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::{
    io::AsyncWriteExt,
    net::{UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};
use vmdeck::backend::libvirt::{
    packet::{Kind, Packet, Status},
    wire::{Domain, Pool, Volume, procedure as p},
    xdr::{Reader, Writer},
};

/// What becomes of an upload after so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Upload {
    #[default]
    Works,
    /// It is refused.
    Fails(usize),
    /// The daemon goes away.
    Dies(usize),
    /// Nothing more is read until the gate is open.
    Halts(usize),
}

#[derive(Debug)]
pub(crate) struct World {
    /// Of the pool `default`; a volume that was only made has as many zeros as it is to hold.
    pub volumes: BTreeMap<String, Vec<u8>>,
    /// Other pools, each of a kind that holds no files, with a volume `trap.iso`.
    pub devices: Vec<(&'static str, &'static str)>,
    /// The pools of what was made in those, and how it was described; how machines were.
    pub made: Vec<(String, String)>,
    pub defined: Vec<String>,
    /// The interfaces of the host, each with its kind; None: it tells of none.
    pub interfaces: Option<Vec<(&'static str, &'static str)>>,
    /// Machines with the volume `tiny.iso` in their drive, and this volume of a pool as their disk.
    pub machines: Vec<&'static str>,
    pub disk: Option<(&'static str, &'static str)>,
    pub available: u64,
    pub upload: Upload,
    /// These are refused, with this number and these words.
    pub refuses: HashMap<u32, (i32, &'static str)>,
    /// The bytes that came by all uploads.
    pub came: usize,
    pub aborted: usize,
    pub called: Vec<u32>,
}

pub(crate) struct FakeLibvirt {
    folder: tempfile::TempDir,
    world: Arc<Mutex<World>>,
    gate: watch::Sender<bool>,
    _server: JoinSet<()>,
}

impl FakeLibvirt {
    /// Listens behind a socket of this name.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("vd").tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        let world = World {
            volumes: BTreeMap::new(),
            interfaces: None,
            devices: Vec::new(),
            made: Vec::new(),
            defined: Vec::new(),
            machines: Vec::new(),
            disk: None,
            available: 1 << 30,
            upload: Upload::Works,
            refuses: HashMap::new(),
            came: 0,
            aborted: 0,
            called: Vec::new(),
        };
        let world = Arc::new(Mutex::new(world));
        let (gate, is_open) = watch::channel(false);
        let mut server = JoinSet::new();
        let shared = world.clone();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let client = Served { world: shared.clone(), gate: is_open.clone(), streams: HashMap::new() };
                connections.spawn(client.serve(stream));
            }
        });
        Self { folder, world, gate, _server: server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn uri(&self, name: &str) -> String {
        format!("qemu:///session?socket={}", self.path(name).display())
    }
}

/// One connection.
struct Served {
    world: Arc<Mutex<World>>,
    gate: watch::Receiver<bool>,
    /// The volume that each open stream writes.
    streams: HashMap<u32, (String, Vec<u8>)>,
}

const FILES: &str = "default";
/// Of every disk.
const SIZE: u64 = 16 << 20;

fn pool(name: &str) -> Pool {
    Pool { name: name.to_owned(), uuid: [5; 16] }
}

/// A volume of a pool that holds no files; its key is no path, as that of a logical volume.
fn device(pool: &str, name: &str) -> Volume {
    Volume { pool: pool.to_owned(), name: name.to_owned(), key: "N84Cy2-9pXM-Uxer".to_owned() }
}

fn volume(name: &str) -> Volume {
    Volume { pool: FILES.to_owned(), name: name.to_owned(), key: format!("/nonexistent/pool/{name}") }
}

fn refused(code: i32, words: &str) -> Vec<u8> {
    Writer::default().i32(code).i32(0).maybe(Some(words)).done()
}

fn missing() -> (i32, String) {
    (50, "Storage volume not found".to_owned())
}

/// Name and capacity of a description.
fn described(xml: &str) -> (String, usize) {
    let between = |from: &str, to: &str| xml.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    (between("<name>", "</name>"), between("<capacity unit='bytes'>", "<").parse().unwrap())
}

impl Served {
    async fn serve(mut self, mut stream: UnixStream) {
        while let Ok(Some(packet)) = Packet::read(&mut stream).await {
            let halts = match packet.kind {
                Kind::Stream => self.piece(&packet),
                _ => Ok((Some(self.answer(&packet)), false)),
            };
            let Ok((reply, halts)) = halts else { return };
            if let Some(reply) = reply
                && stream.write_all(&reply.encode().unwrap()).await.is_err()
            {
                return;
            }
            if halts && self.gate.wait_for(|is_open| *is_open).await.is_err() {
                return;
            }
        }
    }

    /// Takes a piece of an upload. `Err`: the daemon dies.
    fn piece(&mut self, packet: &Packet) -> Result<(Option<Packet>, bool), ()> {
        let mut world = self.world.lock().unwrap();
        let Some((name, bytes)) = self.streams.get_mut(&packet.serial) else { return Ok((None, false)) };
        let said = |status, body| Packet { status, body, ..packet.clone() };
        match packet.status {
            Status::More => {
                bytes.extend(&packet.body);
                world.came += packet.body.len();
                match world.upload {
                    Upload::Fails(at) if bytes.len() >= at => {
                        self.streams.remove(&packet.serial);
                        let why = refused(38, "cannot write: No space left on device");
                        Ok((Some(said(Status::Bad, why)), false))
                    }
                    Upload::Dies(at) if bytes.len() >= at => Err(()),
                    Upload::Halts(at) => Ok((None, bytes.len() >= at)),
                    _ => Ok((None, false)),
                }
            }
            status => {
                world.aborted += usize::from(status == Status::Bad);
                if status == Status::Good && world.volumes.contains_key(name) {
                    world.volumes.insert(name.clone(), bytes.clone());
                }
                self.streams.remove(&packet.serial);
                Ok((Some(said(Status::Good, Vec::new())), false))
            }
        }
    }

    fn answer(&mut self, packet: &Packet) -> Packet {
        let told = {
            let mut world = self.world.lock().unwrap();
            world.called.push(packet.procedure);
            let refusal = world.refuses.get(&packet.procedure).map(|(code, words)| (*code, (*words).to_owned()));
            refusal.map_or_else(|| told(&mut world, packet), Err)
        };
        if packet.procedure == p::VOLUME_UPLOAD && told.is_ok() {
            let name = Volume::read(&mut Reader::new(&packet.body)).unwrap().name;
            self.streams.insert(packet.serial, (name, Vec::new()));
        }
        let (status, body) = match told {
            Ok(body) => (Status::Good, body.done()),
            Err((code, words)) => (Status::Bad, refused(code, &words)),
        };
        Packet { kind: Kind::Reply, status, body, ..packet.clone() }
    }
}

fn told(world: &mut World, packet: &Packet) -> Result<Writer, (i32, String)> {
    let (mut args, out) = (Reader::new(&packet.body), Writer::default());
    let named = |args: &mut Reader<'_>| Volume::read(args).unwrap().name;
    let write_pool = |out: Writer, pool: &Pool| out.text(&pool.name).fixed(&pool.uuid);
    let of_pool = |args: &mut Reader<'_>| Pool::read(args).unwrap().name;
    Ok(match packet.procedure {
        p::AUTH_LIST => out.list(&[0], |out, way| out.u32(*way)),
        p::LIST_POOLS => {
            let all = [FILES].into_iter().chain(world.devices.iter().map(|(name, _)| *name));
            out.list(&all.map(pool).collect::<Vec<_>>(), write_pool)
        }
        p::POOL_XML => {
            let name = of_pool(&mut args);
            let kind = world.devices.iter().find(|(device, _)| *device == name).map(|(_, kind)| *kind);
            let (kind, path) =
                kind.map_or(("dir", "/nonexistent/pool".to_owned()), |kind| (kind, format!("/dev/{name}")));
            out.text(&format!("<pool type='{kind}'><target><path>{path}</path></target></pool>"))
        }
        p::POOL_INFO => out.i32(2).u64(1 << 40).u64(0).u64(world.available),
        p::LIST_VOLUMES if of_pool(&mut args) != FILES => {
            let pool = Pool::read(&mut Reader::new(&packet.body)).unwrap().name;
            out.list(&[device(&pool, "trap.iso")], |out, volume| volume.write(out))
        }
        p::LIST_VOLUMES => {
            let volumes: Vec<_> = world.volumes.keys().map(|name| volume(name)).collect();
            out.list(&volumes, |out, volume| volume.write(out))
        }
        p::LIST_DOMAINS => {
            let machine = |name: &&str| Domain { name: (*name).to_owned(), uuid: [2; 16], id: -1 };
            out.list(&world.machines, |out, name| machine(name).write(out))
        }
        p::XML => {
            let name = Domain::read(&mut args).unwrap().name;
            let drive = "<disk type='volume' device='cdrom'><source pool='default' volume='tiny.iso'/><target dev='sda'/></disk>";
            let disk = world.disk.map(|(pool, volume)| {
                format!(
                    "<disk type='volume' device='disk'><driver name='qemu' type='raw'/>\
                    <source pool='{pool}' volume='{volume}'/><target dev='vda'/></disk>"
                )
            });
            let disk = disk.unwrap_or_default();
            out.text(&format!("<domain><name>{name}</name><devices>{drive}{disk}</devices></domain>"))
        }
        p::LIST_NETWORKS => out.u32(0),
        p::DEFINE => {
            world.defined.push(args.text().unwrap());
            Domain { name: "new".to_owned(), uuid: [3; 16], id: -1 }.write(out)
        }
        p::STATS => {
            let machine = Domain { name: "web".to_owned(), uuid: [1; 16], id: 1 };
            let state = |out: Writer, name: &str| out.text(name).u32(1).i32(1);
            out.list(&[machine], |out, machine| machine.write(out).list(&["state.state"], |out, name| state(out, name)))
        }
        p::VOLUME_CREATE => {
            let (pool, xml) = (of_pool(&mut args), args.text().unwrap());
            let (name, size) = described(&xml);
            if pool != FILES {
                world.made.push((pool.clone(), xml));
                return Ok(device(&pool, &name).write(out));
            }
            if world.volumes.contains_key(&name) {
                return Err((90, format!("storage volume '{name}' exists already")));
            }
            world.volumes.insert(name.clone(), vec![0; size]);
            volume(&name).write(out)
        }
        p::VOLUME_COPY => {
            let (pool, xml) = (of_pool(&mut args), args.text().unwrap());
            let (name, size) = described(&xml);
            let from = world.volumes.get(&named(&mut args)).ok_or_else(missing)?.clone();
            assert_eq!(from.len(), size);
            world.volumes.insert(name.clone(), from);
            if pool != FILES {
                world.made.push((pool.clone(), xml));
                return Ok(device(&pool, &name).write(out));
            }
            volume(&name).write(out)
        }
        p::VOLUME_BY_NAME => {
            let (pool, name) = (of_pool(&mut args), args.text().unwrap());
            world.volumes.get(&name).ok_or_else(missing)?;
            if pool == FILES { volume(&name) } else { device(&pool, &name) }.write(out)
        }
        p::VOLUME_PATH => {
            let volume = Volume::read(&mut args).unwrap();
            out.text(&format!("/dev/{}/{}", volume.pool, volume.name))
        }
        p::VOLUME_INFO => {
            let size = world.volumes.get(&named(&mut args)).ok_or_else(missing)?.len() as u64;
            out.i32(0).u64(size).u64(size)
        }
        p::VOLUME_XML => out.text("<volume><target><format type='raw'/></target></volume>"),
        p::VOLUME_DELETE => {
            world.volumes.remove(&named(&mut args)).ok_or_else(missing)?;
            out
        }
        _ => return told_of_other(world, packet.procedure, args, out),
    })
}

fn told_of_other(world: &World, procedure: u32, mut args: Reader<'_>, out: Writer) -> Result<Writer, (i32, String)> {
    Ok(match procedure {
        p::LOOKUP_BY_NAME => {
            let name = args.text().unwrap();
            let gone = || (42, "Domain not found".to_owned());
            let found = world.machines.iter().find(|machine| **machine == name).ok_or_else(gone)?;
            Domain { name: (*found).to_owned(), uuid: [2; 16], id: -1 }.write(out)
        }
        p::STATE => out.i32(5).i32(0),
        p::BLOCK_INFO => out.u64(SIZE).u64(SIZE).u64(SIZE),
        p::POOL_OF_VOLUME => {
            let pool = pool(&Volume::read(&mut args).unwrap().pool);
            out.text(&pool.name).fixed(&pool.uuid)
        }
        p::LIB_VERSION => out.u64(9_000_000),
        p::CAPABILITIES => out.text("<capabilities/>"),
        p::VERSION => out.u64(10_000_002),
        p::LIST_INTERFACES => {
            let unsupported = || (3, "this function is not supported by the connection driver".to_owned());
            let interfaces = world.interfaces.as_ref().ok_or_else(unsupported)?;
            out.list(interfaces, |out, (name, _)| out.text(name).text("52:54:00:00:00:01")).u32(0)
        }
        p::INTERFACE_XML => {
            let name = args.text().unwrap();
            let (name, kind) = world.interfaces.iter().flatten().find(|(known, _)| *known == name).unwrap();
            out.text(&format!("<interface type='{kind}' name='{name}'/>"))
        }
        p::NODE_INFO => (0..32).fold(out, |out, _| out.u32(0)).u64(8 << 20).u32(4),
        p::HOSTNAME => out.text("far"),
        _ => out.i32(1),
    })
}
