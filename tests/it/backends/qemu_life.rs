//! Real machines: from start to end, and what others do to them.
use crate::support::guests::{TINY, iso};
use crate::support::qemu::{World, converse, eventually};
use tokio::{
    sync::mpsc,
    time::{Duration, timeout},
};
use vmdeck::{
    backend::{Backend, Console, Machines, Power, Properties, qemu::Qemu},
    domain::{ErrorKind, Expect, HostEvent, PowerState, Reply, Verdict, VmId},
};

pub(super) async fn power(qemu: &Qemu, vm: &VmId) -> PowerState {
    qemu.find(vm).await.unwrap().power()
}

/// Waits for the event that says that `vm` is in this state.
pub(super) async fn told(events: &mut mpsc::Receiver<HostEvent>, vm: &VmId, state: PowerState) {
    let wait = async {
        while let Some(event) = events.recv().await {
            if matches!(event, HostEvent::Vm(found) if found.id == *vm && found.power() == state) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(10), wait).await.unwrap_or_else(|_| panic!("{vm} was not told to be {}", state.name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_lives_from_start_to_shut_down() {
    let world = World::new();
    let (sink, mut events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", true).await;
    told(&mut events, &vm, PowerState::Off).await;

    world.qemu.start(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;
    world.hear("web", "TINYBOOT-READY").await;
    let error = world.qemu.start(&vm).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, "web is running already"));
    assert_eq!(world.qemu.delete(&vm, false).await.unwrap_err().kind, ErrorKind::Conflict);

    world.qemu.pause(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Paused).await;
    world.qemu.resume(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;

    let Console::Unix { socket, history } = world.qemu.open_console(&vm).await.unwrap() else { panic!() };
    assert_eq!(converse(&socket, "hello"), "hello");
    assert!(std::fs::read_to_string(history.unwrap()).unwrap().contains("TINYBOOT-READY"));

    let found = world.qemu.find(&vm).await.unwrap();
    assert_eq!((found.cpus, found.memory, found.disk), (Some(1), Some(32 << 20), Some(1 << 20)));
    assert!(found.started.is_some());

    world.qemu.shut_down(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Off).await;
    assert!(std::fs::read_to_string(world.place("web").serial_log()).unwrap().contains("TINYBOOT-OFF"));
    let expect = Expect::Power { vm: vm.clone(), state: PowerState::Off };
    assert_eq!(world.qemu.look(&expect).await, Verdict::Met(None));
    assert_eq!(world.qemu.pause(&vm).await.unwrap_err().message, "web is off");
    assert_eq!(world.qemu.power_off(&vm).await.unwrap_err().message, "web is off");
    let nobody = world.qemu.power_off(&"nobody".into()).await.unwrap_err();
    assert_eq!(nobody.message, "there is no machine called nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_starts_the_guest_again_and_power_off_ends_it() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    world.hear("web", "TINYBOOT-READY").await;
    world.qemu.reset(&vm).await.unwrap();
    let log = world.place("web").serial_log();
    let twice = || std::fs::read_to_string(&log).unwrap().matches("TINYBOOT-READY").count() == 2;
    eventually("the second start", async || twice()).await;
    world.qemu.power_off(&vm).await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Off);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_machine_is_off_and_starts_over_what_it_left() {
    let world = World::new();
    let (sink, mut events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;
    let pid = rustix::process::Pid::from_raw(world.pid("web")).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    told(&mut events, &vm, PowerState::Off).await;
    let place = world.place("web");
    assert!(place.pidfile().exists() && place.monitor(0).exists(), "nothing was left over to start over");
    // By another program, so that only the folder tells.
    world.another(true).start(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_programs_and_a_command_drive_one_machine_and_a_fourth_watches() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    let (second, third, fourth, command) =
        (world.another(false), world.another(false), world.another(false), world.another(true));
    let (sink, mut events) = mpsc::channel(256);
    second.connect(sink).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;
    world.qemu.pause(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Paused).await;
    third.resume(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Running).await;
    command.pause(&vm).await.unwrap();
    told(&mut events, &vm, PowerState::Paused).await;

    let found = fourth.find(&vm).await.unwrap();
    assert_eq!((found.power(), found.remark.as_deref()), (PowerState::Unknown, Some("watched by others")));
    drop(third);
    assert_eq!(power(&fourth, &vm).await, PowerState::Paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_outlives_the_program_that_started_it() {
    let world = World::new();
    let vm = world.make("web", true).await;
    let starter = world.another(false);
    starter.start(&vm).await.unwrap();
    let pid = world.pid("web");
    drop(starter);
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
    assert_eq!(world.pid("web"), pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_brings_qemus_words() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.set_property(&vm, "arguments", "-device\nno-such-device").await.unwrap();
    let error = world.qemu.start(&vm).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("'no-such-device' is not a valid device model name"), "{error}");
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Off);
    world.qemu.set_property(&vm, "arguments", "").await.unwrap();
    world.qemu.start(&vm).await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_running_machine_wait_and_figures_are_told() {
    let world = World::new();
    let vm = world.make("web", true).await;
    world.qemu.start(&vm).await.unwrap();
    world.qemu.set_property(&vm, "cpus", "2").await.unwrap();
    let properties = world.qemu.properties(&vm).await.unwrap();
    let waiting: Vec<_> =
        properties.iter().filter_map(|p| p.current.as_deref().map(|c| (p.spec.name, p.value.as_str(), c))).collect();
    assert_eq!(waiting, [("cpus", "2", "1")]);
    assert_eq!(world.qemu.find(&vm).await.unwrap().cpus, Some(1), "the list tells what it has now");
    let is_so = Expect::PropertyIs { vm: vm.clone(), name: "cpus".to_owned(), value: "2".to_owned() };
    let Verdict::Met(Some(Reply::Remark(remark))) = world.qemu.look(&is_so).await else { panic!() };
    assert_eq!(remark, "at the next start; until then it is 1");

    let first = world.qemu.figures(std::slice::from_ref(&vm)).await.unwrap();
    assert!(first[0].1.memory.unwrap() > 1 << 20);
    assert_eq!(first[0].1.cpu, None, "one look cannot tell a share");
    eventually("a share of the processor", async || {
        world.qemu.figures(std::slice::from_ref(&vm)).await.unwrap()[0]
            .1
            .cpu
            .is_some_and(|cpu| (0.0..=100.0).contains(&cpu))
    })
    .await;

    world.qemu.power_off(&vm).await.unwrap();
    assert!(world.qemu.properties(&vm).await.unwrap().iter().all(|p| p.current.is_none()));
    assert!(world.qemu.figures(&[vm]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_disk_falls_through_to_the_image() {
    let world = World::new();
    let vm = world.make("web", false).await;
    std::fs::write(world.path("images/tiny.iso"), iso(TINY)).unwrap();
    assert_eq!(world.qemu.install(&vm, "other.iso").await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(world.qemu.install(&vm, "../machines/x").await.unwrap_err().kind, ErrorKind::Invalid);
    world.qemu.install(&vm, "tiny.iso").await.unwrap();
    assert_eq!(power(&world.qemu, &vm).await, PowerState::Running);
    world.hear("web", "TINYBOOT-READY").await;
    let text = std::fs::read_to_string(world.place("web").folder.join("machine.toml")).unwrap();
    assert!(text.contains("images/tiny.iso\""), "{text}");
}
