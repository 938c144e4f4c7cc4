//! A host whose every answer a test decides.
use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, time::sleep};
use vmdeck::{
    backend::{Backend, Call, Console, Disks, EventSink, Images, Machines, Nodes, Power, Properties, Setup, Snapshots},
    domain::{
        Capabilities, Disk, DiskId, Error, ErrorKind, Expect, FieldSpec, Figures, HostEvent, Image, Inventory, Limits,
        Node, Op, OpSet, PowerState, Progress, Prospect, Reply, Result, Values, Verdict, Vm, VmId,
    },
    transport::answered_after,
};

/// How a method behaves.
#[derive(Clone, Debug, Default)]
pub(crate) enum Way {
    #[default]
    Works,
    /// Answers well after this time.
    After(Duration),
    /// Does it, and answers only after this time.
    DoesThenAnswers(Duration),
    /// Says yes and does nothing.
    Lies,
    Fails(ErrorKind),
    Hangs,
    Panics,
}

#[derive(Debug)]
pub(crate) struct World {
    pub vms: HashMap<String, PowerState>,
    pub capabilities: Capabilities,
    pub connect: Way,
    pub list: Way,
    pub start: Way,
    pub console: Way,
    pub look: Way,
    pub node: Way,
    pub load: f32,
    /// Its machines tell neither what they do nor how they stand.
    pub is_mute: bool,
    /// The disks of each machine.
    pub disks: Vec<&'static str>,
    /// How long its server takes to answer each request, where it has one.
    pub latency: Option<Duration>,
    pub log: Vec<String>,
    pub sink: Option<EventSink>,
    /// How many starts run at once, and the most that did.
    pub at_once: (usize, usize),
}

impl World {
    fn set_power(&mut self, vm: String, power: PowerState) {
        self.vms.insert(vm, power);
    }
}

/// A backend over a world that the test keeps a hand on.
#[derive(Clone, Debug)]
pub(crate) struct Fake(pub Arc<Mutex<World>>);

pub(crate) const OPS: &[Op] = &[
    Op::List,
    Op::Show,
    Op::Start,
    Op::PowerOff,
    Op::OpenConsole,
    Op::ListDisks,
    Op::AddDisk,
    Op::ProbeImage,
    Op::FetchImage,
];

impl Fake {
    pub(crate) fn new(vms: &[(&str, PowerState)]) -> Self {
        let vms = vms.iter().map(|(name, power)| ((*name).to_owned(), *power)).collect();
        let limits = Limits { changes_at_once: None, ..Limits::default() };
        let capabilities = Capabilities { ops: OpSet::of(OPS), limits, ..Capabilities::default() };
        Self(Arc::new(Mutex::new(World {
            vms,
            capabilities,
            connect: Way::Works,
            list: Way::Works,
            start: Way::Works,
            look: Way::Works,
            node: Way::Works,
            load: 0.4,
            is_mute: false,
            disks: Vec::new(),
            latency: None,
            console: Way::Fails(ErrorKind::Conflict),
            log: Vec::new(),
            sink: None,
            at_once: (0, 0),
        })))
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.0.lock().unwrap());
    }

    /// How often the log holds `word`.
    pub(crate) fn count(&self, word: &str) -> usize {
        self.0.lock().unwrap().log.iter().filter(|l| l.as_str() == word).count()
    }

    pub(crate) fn sink(&self) -> EventSink {
        self.0.lock().unwrap().sink.clone().unwrap()
    }

    async fn go(&self, deed: &str, way: impl Fn(&World) -> Way, effect: impl FnOnce(&mut World)) -> Result<()> {
        let way = {
            let mut world = self.0.lock().unwrap();
            world.log.push(deed.to_owned());
            world.latency.into_iter().for_each(answered_after);
            way(&world)
        };
        match way {
            Way::Works => self.set(effect),
            Way::After(time) => {
                sleep(time).await;
                self.set(effect);
            }
            Way::DoesThenAnswers(time) => {
                self.set(effect);
                sleep(time).await;
            }
            Way::Lies => {}
            Way::Fails(kind) => return Err(Error::new(kind, format_args!("{deed} fails"))),
            Way::Hangs => pending().await,
            Way::Panics => panic!("{deed} panics"),
        }
        Ok(())
    }

    fn vm(&self, name: &str, power: PowerState) -> Vm {
        let power = (!self.0.lock().unwrap().is_mute).then_some(power);
        Vm { power, ..Vm::named(name) }
    }
}

impl Backend for Fake {
    async fn connect(&self, events: EventSink) -> Result<Capabilities> {
        self.set(|w| w.sink = Some(events));
        self.go("connect", |w| w.connect.clone(), |_| ()).await?;
        Ok(self.0.lock().unwrap().capabilities.clone())
    }

    async fn inventory(&self, quick: bool) -> Result<Inventory> {
        let vms = self.0.lock().unwrap().vms.clone();
        let vms = vms.iter().map(|(name, power)| self.vm(name, *power)).collect();
        self.go(if quick { "quick" } else { "list" }, |w| w.list.clone(), |_| ()).await?;
        Ok(Inventory { vms: Some(vms), ..Inventory::default() })
    }

    async fn figures(&self, vms: &[VmId]) -> Result<Vec<(VmId, Figures)>> {
        for vm in vms {
            self.set(|w| w.log.push(format!("figures {vm}")));
        }
        let cpu = (!self.0.lock().unwrap().is_mute).then_some(7.0);
        Ok(vms.iter().map(|vm| (vm.clone(), Figures { cpu, ..Figures::default() })).collect())
    }

    async fn look(&self, expect: &Expect) -> Verdict {
        if let Err(error) = self.go("look", |w| w.look.clone(), |_| ()).await {
            return Verdict::Unknown(error);
        }
        if let Expect::NewDisk { .. } = expect {
            let disks = self.0.lock().unwrap().disks.clone();
            let new = disks.into_iter().map(DiskId::from).find(|disk| expect.is_new_disk(disk));
            return new.map_or_else(|| Verdict::NotMet("none".into()), |new| Verdict::Met(Some(Reply::DiskAdded(new))));
        }
        let Expect::Power { vm, state } = expect else { return Verdict::Met(None) };
        let found = self.0.lock().unwrap().vms.get(vm.as_str()).copied();
        found.map_or_else(|| Verdict::NotMet("it is gone".into()), |found| Verdict::power(*state, found))
    }
}

impl Power for Fake {
    async fn start(&self, vm: &VmId) -> Result<()> {
        self.set(|w| w.at_once = (w.at_once.0 + 1, w.at_once.1.max(w.at_once.0 + 1)));
        let name = vm.to_string();
        let ended = self.go("start", |w| w.start.clone(), |w| w.set_power(name, PowerState::Running)).await;
        self.set(|w| w.at_once.0 -= 1);
        ended
    }

    async fn power_off(&self, vm: &VmId) -> Result<()> {
        let name = vm.to_string();
        self.go("power-off", |_| Way::Works, |w| w.set_power(name, PowerState::Off)).await
    }

    async fn open_console(&self, _: &VmId) -> Result<Console> {
        self.go("console", |w| w.console.clone(), |_| ()).await?;
        Ok(Console::Unix { socket: "/nowhere".into(), history: None })
    }
}

impl Machines for Fake {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        let found = self.0.lock().unwrap().vms.get(vm.as_str()).copied();
        self.set(|w| w.log.push("find".into()));
        found.map(|power| self.vm(vm.as_str(), power)).ok_or_else(|| Error::not_found("no such machine"))
    }
}

impl Images for Fake {
    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        self.set(|w| w.log.push(format!("probe {url}")));
        Ok(Prospect { name: Some("x.iso".into()), ..Prospect::default() })
    }

    /// Reports 5,000 times in 5 s, and ends when told to.
    async fn fetch_image(&self, _: &str, _: Option<&str>, call: Call) -> Result<Image> {
        for i in 0..5_000 {
            call.progress(Progress::bytes(i, Some(5_000)));
            tokio::select! {
                () = sleep(Duration::from_millis(1)) => {}
                () = call.cancel.cancelled() => {
                    self.set(|w| w.log.push("cancelled".into()));
                    return Err(Error::new(ErrorKind::Cancelled, "cancelled"));
                }
            }
        }
        Ok(Image::new("x.iso"))
    }
}

impl Disks for Fake {
    async fn disks(&self, vm: &VmId) -> Result<Vec<Disk>> {
        self.set(|w| w.log.push(format!("disks {vm}")));
        Ok(self.0.lock().unwrap().disks.iter().map(|disk| Disk::new(*disk)).collect())
    }

    async fn add_disk_form(&self, _: &VmId) -> Result<Vec<FieldSpec>> {
        Ok(Vec::new())
    }

    /// Somebody else adds one a moment before.
    async fn add_disk(&self, _: &VmId, _: &Values, _: Call) -> Result<DiskId> {
        self.go("add-disk", |_| Way::Works, |w| w.disks.extend(["disk1", "disk2"])).await?;
        Ok("disk2".into())
    }
}
impl Properties for Fake {}
impl Nodes for Fake {
    async fn own_node(&self) -> Result<Option<Node>> {
        self.go("node", |w| w.node.clone(), |_| ()).await?;
        let load = Some(self.0.lock().unwrap().load);
        Ok(Some(Node { id: "here".into(), name: "here".into(), cpus: Some(4), load, ..Node::default() }))
    }
}
impl Setup for Fake {}
impl Snapshots for Fake {}

/// Floods `sink` with `many` states of one machine, the last of which is `Paused`.
pub(crate) async fn flood(sink: mpsc::Sender<HostEvent>, vm: &str, many: usize) {
    for i in 0..many {
        let power = if i + 1 == many { PowerState::Paused } else { PowerState::Running };
        sink.send(HostEvent::Power(vm.into(), power)).await.unwrap();
    }
}
