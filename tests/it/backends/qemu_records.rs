//! The folders of machines: made, broken, deleted.
use crate::support::{program::vmdeck, qemu::World};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    time::{Duration, SystemTime},
};
use tokio::{sync::mpsc, time::timeout};
use vmdeck::{
    backend::{Backend, Call, Machines, Power, Properties},
    domain::{ErrorKind, Expect, HostEvent, PowerState, Values, Verdict, Vm},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_record_hides_nothing() {
    let world = World::new();
    let vm = world.make("web", false).await;
    world.make("db", false).await;
    let record = world.place("web").folder.join("machine.toml");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("cpus = 1", "cpus = \"many\"")).unwrap();
    let vms = world.qemu.inventory(false).await.unwrap().vms.unwrap();
    assert_eq!(vms.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["db", "web"]);
    assert_eq!((vms[1].power(), vms[1].remark.as_deref()), (PowerState::Off, Some(Vm::UNREADABLE)));
    let (_, why) = vms[1].details.iter().find(|(label, _)| label == "Problem").unwrap();
    assert!(why.starts_with(&format!("{}:", record.display())) && why.contains("expected u32"), "{why}");
    let refused = world.qemu.start(&vm).await.unwrap_err();
    assert_eq!((refused.kind, refused.message.as_str()), (ErrorKind::Refused, why.as_str()));
    // Nothing that was asked for is wrong: it is what the host has.
    let said = vmdeck(&world.path(""), "call local start vm=web").await;
    assert_eq!((said.code, said.err), (1, format!("vmdeck: {why}\n")));
    fs::write(&record, text.replace("arguments = []", "arguments = [\"-qmp\", \"stdio\"]")).unwrap();
    let said = vmdeck(&world.path(""), "call local start vm=web").await;
    let why = format!("{}: arguments: `-qmp` cannot be given: the monitors are vmdeck's", record.display());
    assert_eq!((said.code, said.err), (1, format!("vmdeck: {why}\n")));
    let said = vmdeck(&world.path(""), "call local set-property vm=web name=arguments value=-qmp").await;
    assert_eq!(said.code, 2, "{said:?}");
    fs::write(&record, "cpus = \"many\"").unwrap();
    assert!(world.qemu.properties(&vm).await.is_err());
    // What is broken can still be deleted.
    world.qemu.delete(&vm, false).await.unwrap();
    assert!(!world.place("web").folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_wrote_survives_a_change() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let record = world.place("web").folder.join("machine.toml");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, format!("rack = \"B3\" # third from above\n{text}\n[backup]\nevery = \"day\"\n")).unwrap();
    world.qemu.set_property(&vm, "description", "the web").await.unwrap();
    let text = fs::read_to_string(&record).unwrap();
    for kept in ["rack = \"B3\" # third from above\n", "description = \"the web\"\n", "[backup]\nevery = \"day\"\n"] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    let is = |value: &str| Expect::PropertyIs { vm: vm.clone(), name: "memory".into(), value: value.into() };
    assert_eq!(world.qemu.look(&is("32768K")).await, Verdict::Met(None));
    assert!(matches!(world.qemu.look(&is("64M")).await, Verdict::NotMet(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_made_whole_or_not_at_all() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let form = world.qemu.create_form().await.unwrap();
    let answers = |name: &str, image: &str| -> Values {
        let mut values: Values = form.iter().map(|f| (f.name.to_owned(), f.default.clone())).collect();
        values.insert("name".to_owned(), name.to_owned());
        values.insert("image".to_owned(), image.to_owned());
        values
    };
    let before = fs::read(world.place("web").folder.join("machine.toml")).unwrap();
    let error = world.qemu.create(&answers("web", ""), Call::new().0).await.unwrap_err();
    assert_eq!(error.message, "there is a machine called web already");
    assert!(world.qemu.create(&answers("new", "no.iso"), Call::new().0).await.is_err());
    let said = vmdeck(&world.path(""), "call local create vm=new image=no.iso").await;
    assert_eq!((said.code, said.err.as_str()), (2, "vmdeck: image: `no.iso`: there are no images on this host\n"));
    let entries: Vec<_> = fs::read_dir(world.path("machines")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(entries, ["web"]);
    assert_eq!(fs::read(world.place("web").folder.join("machine.toml")).unwrap(), before);
    assert_eq!(world.qemu.look(&Expect::Present(vm.clone())).await, Verdict::Met(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_disks_are_put_aside() {
    let world = World::new();
    for expected in ["disks/web/disk0.qcow2", "disks/web-2/disk0.qcow2"] {
        let vm = world.make("web", false).await;
        let told = world.qemu.delete(&vm, true).await.unwrap();
        let there = world.path(expected);
        assert_eq!(told, Some(format!("its disks are in {}", there.parent().unwrap().display())));
        assert!(world.path(expected).is_file(), "{expected}");
        assert_eq!(world.qemu.look(&Expect::Gone(vm.clone())).await, Verdict::Met(None));
        assert_eq!(world.qemu.find(&vm).await.unwrap_err().kind, ErrorKind::NotFound);
    }
    world.make("web", false).await;
    let said = vmdeck(&world.path(""), "call local delete vm=web keep-disks=yes yes=web").await;
    let told = format!("web is gone; its disks are in {}\n", world.path("disks/web-3").display());
    assert_eq!((said.code, said.out.as_str()), (0, told.as_str()), "{said:?}");
    let vm = world.make("web", false).await;
    assert_eq!(world.qemu.delete(&vm, false).await.unwrap(), None);
}

#[tokio::test]
async fn what_others_change_between_the_names_and_the_first_look_is_told() {
    let world = World::new();
    for name in ["edited", "gone", "old"] {
        world.make(name, false).await;
    }
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
    for name in ["edited", "old"] {
        let folder = world.place(name).folder;
        for path in [folder.join("machine.toml"), folder] {
            File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
    }
    let (sink, mut events) = mpsc::channel(256);
    world.qemu.connect(sink).await.unwrap();
    fs::remove_dir_all(world.place("gone").folder).unwrap();
    let record = world.place("edited").folder.join("machine.toml");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("cpus = 1", "cpus = 3")).unwrap();
    world.make("new", false).await;
    let mut told = BTreeSet::new();
    let wait = async {
        while told.len() < 3 {
            match events.recv().await.unwrap() {
                HostEvent::Vm(vm) => told.insert(format!("{} {}", vm.name, vm.cpus.unwrap())),
                HostEvent::Gone(vm) => told.insert(format!("{vm} gone")),
                _ => false,
            };
        }
    };
    let all = timeout(Duration::from_secs(60), wait).await;
    assert_eq!(told, ["edited 3", "gone gone", "new 1"].map(str::to_owned).into(), "{all:?}");
}
