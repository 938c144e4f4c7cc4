//! What every backend must do: each operation it declares works and is seen by `look`; each one that it does not
//! declare is refused as unsupported.
use super::{conformance_copies as more, one_of_each::one_of_each};
use crate::support::libvirt::{Daemon, small};
use std::time::Duration;
use tokio::sync::mpsc;
use vmdeck::{
    app::{Effect, Message},
    backend::{
        Backend, Call, Prepared,
        demo::{Demo, Scene},
        dispatch, prepare,
        qemu::{Qemu, Settings},
    },
    domain::{
        ByteSize, Capabilities, DiskKind, ErrorKind, Expect, HostEvent, Link, OPS, Op, OpSet, PowerState, Reply,
        Request, ResizePlan, Result, SizeChange, Stamp, TaskId, Values, Verdict, VmId,
    },
    runtime::{Hosts, Policy},
    transport::find_program,
};

/// What the check may use on the host.
pub(crate) struct World {
    /// The answers for a machine called `conform`, where its form's defaults do not do.
    pub(crate) create: Values,
    /// Disks grow while the machine is off only.
    pub(crate) grows_off: bool,
    /// An address from which an image called `conform.iso` can be fetched.
    pub(crate) url: String,
}

pub(super) struct Check<B> {
    pub(super) backend: B,
    pub(super) capabilities: Capabilities,
}

impl<B: Backend> Check<B> {
    /// Sends one request as the actor does, and waits until what it should bring about is seen.
    async fn run(&self, request: Request) -> Result<Reply> {
        let op = request.op();
        let prepared = prepare(&self.backend, request).await?;
        let reply = dispatch(&self.backend, &prepared, Call::new().0).await?;
        let patience = self.capabilities.limits.settle(op) + Duration::from_secs(20);
        let seen = tokio::time::timeout(patience, async {
            loop {
                match self.backend.look(&prepared.expect).await {
                    Verdict::Met(told) => break told,
                    Verdict::NotMet(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => panic!("{}: {other:?}", op.name()),
                }
            }
        });
        let told = seen.await.unwrap_or_else(|_| panic!("{}: {} was not seen", op.name(), prepared.expect));
        Ok(told.unwrap_or(reply))
    }

    pub(super) async fn good(&self, request: Request) -> Reply {
        let title = request.title();
        self.run(request).await.unwrap_or_else(|e| panic!("{title}: {e}"))
    }

    /// [`Check::good`], where the host declares the operation.
    async fn offered(&self, request: Request) {
        if self.capabilities.ops.contains(request.op()) {
            self.good(request).await;
        }
    }

    /// Brings the machine down, by force where the host has it.
    async fn off(&self) {
        let by_force = self.capabilities.ops.contains(Op::PowerOff);
        self.good(if by_force { Request::PowerOff(vm()) } else { Request::ShutDown(vm()) }).await;
    }

    pub(super) async fn bad(&self, request: Request, kind: ErrorKind) {
        let title = request.title();
        let Err(error) = self.run(request).await else { panic!("{title}: it should have been refused") };
        assert_eq!(error.kind, kind, "{title}: {error}");
    }
}

/// Checks a backend that offers all operations of this list or fewer.
pub(crate) async fn check<B: Backend>(backend: B, world: &World) {
    check_made(backend, world, || {}).await;
}

/// [`check`], for a host on which something has to happen before a machine that was made can be used.
pub(crate) async fn check_made<B: Backend>(backend: B, world: &World, made: impl Fn()) {
    let (events, mut heard) = mpsc::channel(1024);
    let capabilities = backend.connect(events).await.unwrap();
    let mut listener = tokio::task::JoinSet::new();
    listener.spawn(async move { while heard.recv().await.is_some() {} });
    let check = Check { backend, capabilities };
    refusals(&check).await;
    life(&check, world, made).await;
    let offers = |op| check.capabilities.ops.contains(op);
    if world.grows_off {
        check.off().await;
    }
    if offers(Op::AddDisk) {
        disks(&check, world).await;
    }
    if offers(Op::SetProperty) {
        settings(&check).await;
    }
    if offers(Op::FetchImage) {
        images(&check, world).await;
    }
    if offers(Op::TakeSnapshot) {
        more::snapshots(&check).await;
    }
    if offers(Op::Rename) {
        more::names(&check).await;
    }
    if offers(Op::Clone) {
        more::copies(&check).await;
    }
    if offers(Op::Delete) {
        end(&check).await;
    }
}

pub(super) fn vm() -> VmId {
    VmId::from("conform")
}

/// What is not declared is not there behind the guard of the actor either, and has a reason.
async fn refusals<B: Backend>(check: &Check<B>) {
    for request in one_of_each() {
        let op = request.op();
        let Err(why) = check.capabilities.check(op) else { continue };
        assert!(!why.contains("this kind of host"), "{}: why not is not told", op.name());
        let plan = ResizePlan { from: ByteSize(1 << 20), to: ByteSize(2 << 20) };
        let told = match &request {
            Request::ResizeDisk { vm, disk, .. } => {
                check.backend.resize_disk(vm, disk, plan).await.map(|()| Reply::Done)
            }
            _ => dispatch(&check.backend, &Prepared { request, expect: Expect::Nothing }, Call::new().0).await,
        };
        assert_eq!(told.unwrap_err().kind, ErrorKind::Unsupported, "{}", op.name());
    }
}

async fn life<B: Backend>(check: &Check<B>, world: &World, made: impl Fn()) {
    let mut values = world.create.clone();
    values.insert("name".to_owned(), "conform".to_owned());
    check.bad(Request::Show(vm()), ErrorKind::NotFound).await;
    check.good(Request::Create { values: values.clone() }).await;
    assert!(check.run(Request::Create { values }).await.is_err(), "a name is taken once");
    made();
    let Reply::Vms(all) = check.good(Request::List).await else { panic!("a list is wanted") };
    assert!(all.iter().any(|m| m.id == vm()));
    check.good(Request::Start(vm())).await;
    check.offered(Request::Pause(vm())).await;
    check.offered(Request::Resume(vm())).await;
    check.offered(Request::Reset(vm())).await;
    check.offered(Request::Reboot(vm())).await;
    if check.capabilities.ops.contains(Op::Save) {
        check.good(Request::Save(vm())).await;
        check.good(Request::Start(vm())).await;
    }
    assert!(check.run(Request::Delete { vm: vm(), keep_disks: false }).await.is_err(), "it is running");
    let figures = check.backend.figures(&[vm()]).await.unwrap();
    assert!(figures.iter().all(|(id, _)| *id == vm()));
}

async fn disks<B: Backend>(check: &Check<B>, world: &World) {
    let size = Values::from([("size".to_owned(), "8M".to_owned())]);
    let Reply::DiskAdded(disk) = check.good(Request::AddDisk { vm: vm(), values: size }).await else {
        panic!("the new disk is wanted")
    };
    let resize =
        |size: &str| Request::ResizeDisk { vm: vm(), disk: disk.clone(), size: size.parse::<SizeChange>().unwrap() };
    check.good(resize("+8M")).await;
    check.bad(resize("8M"), ErrorKind::Invalid).await;
    check.bad(resize("16M"), ErrorKind::Invalid).await;
    let Reply::Disks(found) = check.good(Request::ListDisks(vm())).await else { panic!("disks are wanted") };
    let found = found.iter().find(|d| d.id == disk && d.kind == DiskKind::Disk).unwrap();
    assert_eq!(found.virtual_size.unwrap().0, 16 << 20);
    if !world.grows_off {
        check.off().await;
    }
    check.good(Request::RemoveDisk { vm: vm(), disk, delete: true }).await;
}

async fn settings<B: Backend>(check: &Check<B>) {
    let set = |name: &str, value: &str| Request::SetProperty { vm: vm(), name: name.into(), value: value.into() };
    check.good(set("cpus", "2")).await;
    let known = check.backend.properties(&vm()).await.unwrap();
    if known.iter().any(|property| property.spec.name == "description") {
        check.good(set("description", "of the check")).await;
    }
    check.bad(set("cpus", "none"), ErrorKind::Invalid).await;
    check.bad(set("no-such-setting", "1"), ErrorKind::Invalid).await;
}

async fn images<B: Backend>(check: &Check<B>, world: &World) {
    let image = "conform.iso".to_owned();
    let fetch = || Request::FetchImage { url: world.url.clone(), name: Some("conform.iso".to_owned()) };
    check.good(fetch()).await;
    let library = check.backend.inventory(false).await.unwrap().images.unwrap();
    assert!(library.iter().any(|found| found.name == image), "{library:?}");
    check.bad(fetch(), ErrorKind::Conflict).await;
    if check.capabilities.ops.contains(Op::InsertImage) {
        check.good(Request::InsertImage { vm: vm(), image: image.clone() }).await;
        check.bad(Request::RemoveImage { image: image.clone() }, ErrorKind::Conflict).await;
        check.good(Request::EjectImage { vm: vm() }).await;
    }
    let renames = check.capabilities.ops.contains(Op::RenameImage);
    let name = if renames { "other.iso".to_owned() } else { image.clone() };
    check.offered(Request::RenameImage { image, name: name.clone() }).await;
    check.good(Request::Install { vm: vm(), image: name.clone() }).await;
    check.off().await;
    check.offered(Request::EjectImage { vm: vm() }).await;
    check.good(Request::RemoveImage { image: name }).await;
}

async fn end<B: Backend>(check: &Check<B>) {
    if check.capabilities.ops.contains(Op::PowerOff) {
        check.backend.power_off(&vm()).await.ok();
    }
    let keep_disks = check.capabilities.keeps_disks.unwrap_or(false);
    check.good(Request::Delete { vm: vm(), keep_disks }).await;
    check.bad(Request::Show(vm()), ErrorKind::NotFound).await;
}

#[tokio::test(start_paused = true)]
async fn the_demo_conforms() {
    let world = World { create: Values::new(), grows_off: false, url: "https://example.com/x.iso".to_owned() };
    check(Demo::new(Scene::Home), &world).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_demo_does_without_is_refused_and_changes_nothing() {
    let all = OPS.iter().fold(OpSet::default(), |set, row| set.with(row.op));
    let demo = Demo::limited(Scene::Home, all.without(Op::List), Stamp(1_000_000_000_000));
    let (events, _heard) = mpsc::channel(1024);
    let capabilities = demo.connect(events).await.unwrap();
    assert_eq!(capabilities.ops.iter().collect::<Vec<_>>(), [Op::List]);
    let before = demo.inventory(false).await.unwrap();
    let check = Check { backend: demo, capabilities };
    for request in one_of_each() {
        assert!(check.capabilities.check(request.op()).is_err());
        check.bad(request, ErrorKind::Unsupported).await;
    }
    assert_eq!(check.backend.inventory(false).await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn the_demos_guests_have_their_tempers() {
    let demo = Demo::new(Scene::Lab);
    let (events, _heard) = mpsc::channel(1024);
    let capabilities = demo.connect(events).await.unwrap();
    let check = Check { backend: demo, capabilities };
    let broken = VmId::from("desktop-of-the-accounting-department-second-floor");
    check.bad(Request::Start(broken), ErrorKind::Refused).await;
    let deaf = || VmId::from("legacy");
    let prepared = prepare(&check.backend, Request::ShutDown(deaf())).await.unwrap();
    dispatch(&check.backend, &prepared, Call::new().0).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let off = Expect::Power { vm: deaf(), state: PowerState::Off };
    assert_eq!(check.backend.look(&off).await, Verdict::NotMet("it is running".to_owned()));
    for (url, kind) in [("https://x/a-broken", Some(ErrorKind::Refused)), ("https://x/a-stream", None)] {
        let got = check.run(Request::FetchImage { url: url.to_owned(), name: None }).await;
        assert_eq!(got.err().map(|e| e.kind), kind, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn qemu_conforms() {
    let world = crate::support::qemu::World::new();
    std::fs::write(world.path("x.iso"), vec![0; 4096]).unwrap();
    let answers = [("cpus", "1"), ("memory", "32M"), ("disk", "1M"), ("network", "none")];
    let create = answers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let url = format!("file://{}", world.path("x.iso").display());
    check(world.another(false), &World { create, grows_off: false, url }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libvirt_conforms() {
    let daemon = Daemon::new().await;
    std::fs::write(daemon.path("x.iso"), vec![0; 4096]).unwrap();
    let url = format!("file://{}", daemon.path("x.iso").display());
    check(daemon.backend(), &World { create: small("conform"), grows_off: true, url }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn libvirt_of_another_computer_conforms() {
    let daemon = Daemon::new().await;
    std::fs::write(daemon.path("x.iso"), vec![0; 4096]).unwrap();
    let url = format!("file://{}", daemon.path("x.iso").display());
    check(daemon.seen_from_afar(), &World { create: small("conform"), grows_off: true, url }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_qemu_is_installed_no_machine_is_made_and_afterwards_the_host_says_so() {
    let world = crate::support::qemu::World::new();
    let program = world.path("qemu");
    let qemu = Qemu::new(Settings { program: Some(program.clone()), ..world.settings() });
    let (mut hosts, mut inbox) = Hosts::new();
    hosts.add("local".into(), qemu, Policy::default());
    let patience = Duration::from_secs(30);
    let mut next = async || tokio::time::timeout(patience, inbox.recv()).await.unwrap().unwrap();
    let capabilities = loop {
        if let Message::Host(_, HostEvent::Link(Link::Up(capabilities))) = next().await {
            break capabilities;
        }
    };
    let of_nodes =
        [Op::ShowNode, Op::AddNode, Op::UpdateNode, Op::RemoveNode, Op::SetConfig, Op::SetSubnet, Op::RemoveSubnet];
    let of_others = [Op::Migrate, Op::ShowDescription, Op::Define, Op::Reboot, Op::Save, Op::Rename, Op::Clone];
    let of_snapshots = [Op::ListSnapshots, Op::TakeSnapshot, Op::RevertSnapshot, Op::RemoveSnapshot];
    let all =
        OPS.iter().map(|row| row.op).filter(|op| ![&of_nodes[..], &of_others, &of_snapshots].concat().contains(op));
    let lacking: Vec<_> = all.filter(|op| capabilities.check(*op).is_err()).collect();
    assert_eq!((capabilities.is_set_up, lacking), (Some(false), vec![Op::Start, Op::Create, Op::Install]));
    let values = Values::from([("name".to_owned(), "conform".to_owned())]);
    let install = Request::Install { vm: vm(), image: "x.iso".to_owned() };
    for (number, request) in [Request::Create { values }, Request::Start(vm()), install].into_iter().enumerate() {
        let task = TaskId(u64::try_from(number).unwrap());
        assert!(hosts.execute(Effect::Call { host: "local".into(), task, request }).is_none());
        let error = loop {
            if let Message::TaskEnded(_, result) = next().await {
                break result.unwrap_err();
            }
        };
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains("QEMU is missing: set up this host"), "{error}");
    }
    assert!(!world.path("machines").exists(), "nothing was written");
    std::os::unix::fs::symlink(find_program("qemu-system-x86_64").unwrap(), &program).unwrap();
    let now = loop {
        if let Message::Host(_, HostEvent::Capabilities(now)) = next().await {
            break now;
        }
    };
    assert_eq!((now.is_set_up, now.check(Op::Create)), (Some(true), Ok(())));
    assert!(now.version.starts_with("QEMU ") && now.version.len() > 5, "{}", now.version);
    hosts.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_demo_that_is_set_up_says_so() {
    let demo = Demo::new(Scene::Home).bare();
    let (events, mut heard) = mpsc::channel(1024);
    let capabilities = demo.connect(events).await.unwrap();
    assert!(capabilities.check(Op::Start).is_err());
    let check = Check { backend: demo, capabilities };
    check.bad(Request::Start(VmId::from("web2")), ErrorKind::Unsupported).await;
    check.good(Request::SetUp { values: Values::new() }).await;
    let told = std::iter::from_fn(|| heard.try_recv().ok()).find_map(|event| match event {
        HostEvent::Capabilities(now) => Some(now),
        _ => None,
    });
    assert_eq!(told.unwrap().check(Op::Start), Ok(()));
    check.good(Request::Start(VmId::from("web2"))).await;
}
