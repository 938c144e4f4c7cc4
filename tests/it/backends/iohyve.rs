//! The `iohyve` command run by ourselves: a stand-in that prints what iohyve prints, and lies as it does.
use super::conformance::{World, check};
use crate::support::{
    answers::answering,
    freebsd::Rig,
    qemu::eventually,
    sshd::{HOST, Sshd},
};
use serde_json::{Value, json};
use std::{ffi::OsString, fs};
use tokio::sync::mpsc;
use vmdeck::{
    backend::{Backend, Call, Console, Disks, Images, Machines, Power, Properties, Setup, Snapshots, iohyve::Place},
    domain::{ByteSize, ErrorKind, Expect, HostEvent, Op, PowerState, QuestionKind, ResizePlan, Values, Verdict, VmId},
};

pub(super) fn create(name: &str) -> Values {
    [("name", name), ("disk", "8M")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

pub(super) fn web() -> VmId {
    "web".into()
}

#[tokio::test]
async fn iohyve_conforms() {
    let rig = Rig::new();
    let create = Values::from([("disk".to_owned(), "8M".to_owned())]);
    Box::pin(check(rig.here(), &World { create, grows_off: true, url: rig.image() })).await;
    assert_eq!(rig.world()["guests"], json!({}));
}

#[tokio::test]
async fn through_ssh_it_is_the_same() {
    let rig = Rig::new();
    let iohyve = rig.at(Place::Ssh { program: rig.path("ssh"), host: "root@bsd.example".to_owned() });
    iohyve.connect(mpsc::channel(8).0).await.unwrap();
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    iohyve.set_property(&web(), "description", "it's the web; not `id`").await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["settings"]["description"], "it's the web; not `id`");
    // What runs the machine holds its output open for ten minutes.
    iohyve.start(&web()).await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["running"], true);
    assert_eq!(iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap().name, "x.iso");
    assert_eq!(rig.world()["isos"], json!(["x.iso"]));
    let log = fs::read_to_string(rig.path("ssh.log")).unwrap();
    assert!(log.lines().all(|line| line.contains("ConnectTimeout=8") && line.contains(" root@bsd.example ")), "{log}");
}

#[tokio::test]
async fn a_yes_of_iohyve_is_not_believed() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    rig.set("lies", json!(["create", "delete", "add", "remove", "start", "cpiso", "resize"]));
    let made = iohyve.create(&create("db"), Call::new().0).await.unwrap_err();
    assert_eq!((made.kind, made.message.as_str()), (ErrorKind::Refused, "Creating db..."));
    let added = iohyve
        .add_disk(&web(), &Values::from([("size".to_owned(), "8M".to_owned())]), Call::new().0)
        .await
        .unwrap_err();
    assert_eq!(added.message, "web has no new disk; iohyve said: Creating new zvol for web...");
    let deleted = iohyve.delete(&web(), false).await.unwrap_err();
    assert_eq!(deleted.kind, ErrorKind::Differs);
    let image = iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap_err();
    assert!(image.message.starts_with("iohyve did not take x.iso"), "{image}");
    assert_eq!(rig.world()["isos"], json!([]), "half an image is not left in the library");
    iohyve.start(&web()).await.unwrap();
    let running = Expect::Power { vm: web(), state: PowerState::Running };
    assert_eq!(iohyve.look(&running).await, Verdict::NotMet("it is off".to_owned()));
    rig.set("lies", json!([]));
    assert_eq!(iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap().name, "x.iso");
}

#[tokio::test]
async fn a_command_that_never_ends_is_given_up_and_what_it_did_is_seen() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    rig.set("hangs", json!(["delete"]));
    let still_there = Verdict::NotMet("it is still there".to_owned());
    for (name, lies, verdict) in [("web", json!([]), Verdict::Met(None)), ("db", json!(["delete"]), still_there)] {
        iohyve.create(&create(name), Call::new().0).await.unwrap();
        rig.set("lies", lies);
        let patient = async {
            eventually("the deletion", async || rig.sent(&["delete"]).last().is_some_and(|call| call.ends_with(name)))
                .await;
            // What it waits for from here on is nothing but time.
            tokio::time::pause();
        };
        let vm = name.into();
        let (ended, ()) = tokio::join!(iohyve.delete(&vm, false), patient);
        tokio::time::resume();
        assert_eq!(ended.unwrap_err().kind, ErrorKind::Timeout, "{name}");
        assert_eq!(iohyve.look(&Expect::Gone(vm)).await, verdict);
    }
}

#[tokio::test]
async fn a_disk_never_shrinks_and_a_machine_that_stays_in_memory_is_taken_out() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    let mib = |n: u64| ByteSize(n << 20);
    let shrink = ResizePlan { from: mib(8), to: mib(4) };
    assert!(iohyve.resize_disk(&web(), &"disk0".into(), shrink).await.is_err());
    assert_eq!(rig.world()["guests"]["web"]["disks"]["disk0"], "8M");
    rig.set("stays", json!(true));
    iohyve.start(&web()).await.unwrap();
    iohyve.shut_down(&web()).await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["loaded"], true);
    iohyve.power_off(&web()).await.unwrap();
    assert_eq!(rig.world()["guests"]["web"]["loaded"], false);
}

#[tokio::test]
async fn without_root_machines_are_only_shown() {
    let rig = Rig::new();
    rig.set("user", json!(1001));
    let (iohyve, capabilities) = rig.connected().await;
    assert_eq!(capabilities.check(Op::Start), Err("iohyve does this for root only"));
    assert_eq!((capabilities.check(Op::List), capabilities.version.as_str()), (Ok(()), "iohyve v0.7.9 2017"));
    assert!(iohyve.properties(&web()).await.is_err());
}

#[tokio::test]
async fn a_host_is_set_up_with_a_pool_and_a_device() {
    let rig = Rig::new();
    rig.set("home", Value::Null);
    let iohyve = rig.here();
    let (events, mut heard) = mpsc::channel(8);
    let told = iohyve.connect(events).await.unwrap();
    assert_eq!(told.is_set_up, Some(false), "a bare host lists no images, and says that all is well");
    let report = iohyve.check_setup().await.unwrap();
    assert!(!report.is_ready());
    let answers =
        |pool: &str, nic: &str| [("pool", pool), ("nic", nic)].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let command = report.command_with(&answers("tank", "em0")).unwrap();
    let kept = "sysrc iohyve_enable=YES iohyve_flags=\"kmod=1 net=em0\"";
    assert_eq!(command, format!("iohyve setup pool=tank kmod=1 net=em0 && {kept}"));
    let wrong = iohyve.set_up(&answers("nopool", "em0"), Call::new().0).await.unwrap_err();
    assert_eq!(wrong.message, "There are errors with the pool or pool name.");
    // iohyve says yes to a device that is not there.
    let wrong = iohyve.set_up(&answers("tank", "em9"), Call::new().0).await.unwrap_err();
    assert!(wrong.message.starts_with("no bridge has em9"), "{wrong}");
    assert_eq!(rig.world()["rc.conf"], "kmod=1 net=em9", "what iohyve has done, it does again at the next start");
    let report = iohyve.check_setup().await.unwrap();
    let lacks: Vec<_> = report.items.iter().filter(|item| !item.present).map(|item| item.detail.as_str()).collect();
    assert_eq!(lacks, ["no bridge has em9: machines will not reach the network"]);
    assert!(report.is_ready() && report.command.is_some(), "it can be mended: {report:?}");
    rig.set("rc.conf", "".into());
    rig.set("is_read_only", true.into());
    let wrong = iohyve.set_up(&answers("tank", "em0"), Call::new().0).await.unwrap_err();
    assert!(wrong.message.contains("until the host restarts") && wrong.message.contains("Read-only"), "{wrong}");
    assert!(iohyve.check_setup().await.unwrap().command.is_some());
    rig.set("is_read_only", false.into());
    iohyve.set_up(&answers("tank", "em0"), Call::new().0).await.unwrap();
    assert_eq!(rig.world()["rc.conf"], "kmod=1 net=em0");
    let report = iohyve.check_setup().await.unwrap();
    assert!(report.is_ready() && report.command.is_none(), "{report:?}");
    // What is set up is not set up again where it is not enabled.
    for (enable, told) in [(json!("NO"), "iohyve_enable=\"NO\""), (Value::Null, "no iohyve_enable")] {
        rig.set("iohyve_enable", enable);
        let report = iohyve.check_setup().await.unwrap();
        let start = report.items.iter().find(|item| item.name == "start").unwrap();
        let wanted = format!("rc.conf has {told}: it is not set up again when the host restarts");
        assert_eq!((start.present, &start.detail), (false, &wanted));
        assert!(report.is_ready() && report.command.is_some(), "it can be mended: {report:?}");
    }
    rig.set("iohyve_enable", "on".into());
    assert!(iohyve.check_setup().await.unwrap().command.is_none(), "as FreeBSD reads it");
    let news = async || match heard.recv().await {
        Some(HostEvent::Capabilities(capabilities)) => capabilities.is_set_up == Some(true),
        _ => false,
    };
    eventually("the news that it is set up", news).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_asks_is_asked_once_and_the_connection_serves_all_commands() {
    let rig = Rig::new();
    let there = format!("PATH={}:$PATH exec sh -c \"$SSH_ORIGINAL_COMMAND\"", rig.path("").display());
    let sshd = Sshd::running(&there).await;
    let iohyve = rig.at(Place::Ssh { program: sshd.path("ssh"), host: HOST.to_owned() });
    let (connected, asked) = answering(&iohyve, QuestionKind::Confirm, "no").await;
    assert_eq!((connected.unwrap_err().kind, asked.len()), (ErrorKind::NeedsAnswer, 1));
    let (connected, asked) = answering(&iohyve, QuestionKind::Confirm, "yes").await;
    connected.unwrap();
    assert!(asked.len() == 1 && asked[0].contains("ED25519 SHA256:"), "{asked:?}");
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    assert_eq!(iohyve.inventory(false).await.unwrap().vms.unwrap().len(), 1);
}

#[tokio::test]
async fn names_snapshots_and_copies_are_sent_as_iohyve_takes_them() {
    let rig = Rig::new();
    let (iohyve, capabilities) = rig.connected().await;
    assert_eq!([Op::Rename, Op::Clone, Op::TakeSnapshot].map(|op| capabilities.check(op)), [Ok(()); 3]);
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    iohyve.take_snapshot(&web(), "fresh").await.unwrap();
    iohyve.take_snapshot(&web(), "later").await.unwrap();
    let all = iohyve.snapshots(&web()).await.unwrap();
    let told: Vec<_> = all.iter().map(|s| (s.name.as_str(), s.parent.as_deref(), s.is_current)).collect();
    assert_eq!(told, [("fresh", None, false), ("later", Some("fresh"), true)]);
    iohyve.revert_snapshot(&web(), "later").await.unwrap();
    iohyve.remove_snapshot(&web(), "later").await.unwrap();
    iohyve.clone_machine(&web(), "twin", Call::new().0).await.unwrap();
    iohyve.rename(&"twin".into(), "other").await.unwrap();
    let told = rig.sent(&["snap", "roll", "rmsnap", "clone", "rename"]);
    let wanted = ["snap web@fresh", "snap web@later", "roll web@later", "rmsnap -f web@later", "clone -r web twin"];
    assert_eq!(told, [&wanted[..], &["rename twin other"]].concat());
    let world = rig.world();
    assert_ne!(world["guests"]["other"]["settings"]["con"], world["guests"]["web"]["settings"]["con"]);
}

#[tokio::test]
async fn no_snapshot_and_no_machine_goes_with_another_one() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    for name in ["fresh", "later"] {
        iohyve.take_snapshot(&web(), name).await.unwrap();
    }
    let older = iohyve.revert_snapshot(&web(), "fresh").await.unwrap_err();
    assert_eq!(older.message, "iohyve would remove what is newer than fresh: later; remove that first");
    for name in ["", "a@b", "-f", "a b", "$x"] {
        assert_eq!(iohyve.remove_snapshot(&web(), name).await.unwrap_err().kind, ErrorKind::Invalid, "{name}");
    }
    let hidden = iohyve.take_snapshot(&web(), "disk-full").await.unwrap_err();
    assert_eq!(hidden.message, "name: with `disk` in it `disk-full` vanishes from iohyve's list");
    let copy = iohyve.clone_machine(&web(), "later", Call::new().0).await.unwrap_err();
    assert!(copy.message.contains("would remove the snapshot later of web"), "{copy}");
    for name in ["mydisk", "a b", "-f"] {
        assert_eq!(iohyve.rename(&web(), name).await.unwrap_err().kind, ErrorKind::Invalid, "{name}");
    }
    rig.set("stays", json!(true));
    iohyve.start(&web()).await.unwrap();
    let running = iohyve.revert_snapshot(&web(), "later").await.unwrap_err();
    assert_eq!(running.message, "web is running: shut it down first");
    iohyve.shut_down(&web()).await.unwrap();
    let stale = iohyve.rename(&web(), "db").await.unwrap_err();
    assert_eq!(stale.message, "web is still in the host's memory: power it off first");
    let mut guests = rig.world()["guests"].clone();
    guests["web2"] = guests["web"].clone();
    rig.set("guests", guests);
    let near = iohyve.remove_snapshot(&web(), "later").await.unwrap_err();
    assert!(near.message.contains("would mix up web with web2"), "{near}");
    assert_eq!(rig.sent(&["roll", "rmsnap", "clone"]), [""; 0]);
}

#[tokio::test]
async fn a_name_a_snapshot_or_a_copy_that_did_not_come_to_be_is_no_success() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    iohyve.take_snapshot(&web(), "fresh").await.unwrap();
    rig.set("lies", json!(["rename", "snap", "roll", "rmsnap", "clone"]));
    let told = [
        iohyve.rename(&web(), "db").await,
        iohyve.take_snapshot(&web(), "later").await,
        iohyve.revert_snapshot(&web(), "fresh").await,
        iohyve.remove_snapshot(&web(), "fresh").await,
        iohyve.clone_machine(&web(), "twin", Call::new().0).await,
    ];
    let wanted = [
        "web has its old name; iohyve said: Renaming web to db...",
        "web@later: there is no such snapshot; iohyve said: Taking snapshot web@later",
        "cannot rollback to 'tank/iohyve/web@fresh': dataset is busy",
        "web@fresh: it is still there; iohyve said: Deleting snapshot web@fresh...",
        "Cloning web to twin",
    ];
    assert_eq!(told.map(|told| told.unwrap_err().message), wanted);
}

#[tokio::test]
async fn a_fetch_is_gone_on_with_by_its_name_and_its_history_is_told() {
    let rig = Rig::new();
    let (iohyve, capabilities) = rig.connected().await;
    assert_eq!([Op::ResumeFetch, Op::ListFetches].map(|op| capabilities.check(op)), [Ok(()); 2]);
    assert_eq!(iohyve.resume_fetch("x.iso", Call::new().0).await.unwrap_err().kind, ErrorKind::NotFound);
    rig.set("lies", json!(["cpiso"]));
    let image = iohyve.fetch_image(&rig.image(), None, Call::new().0).await.unwrap_err();
    assert!(image.message.contains("is whole and tried again next time"), "{image}");
    let past = iohyve.fetches().await.unwrap().past;
    assert_eq!(past.iter().map(|fetch| fetch.name.as_str()).collect::<Vec<_>>(), ["x.iso"]);
    rig.set("lies", json!([]));
    // What came is not fetched again.
    fs::remove_file(rig.path("x.iso")).unwrap();
    assert_eq!(iohyve.resume_fetch("x.iso", Call::new().0).await.unwrap().name, "x.iso");
    assert_eq!(rig.world()["isos"], json!(["x.iso"]));
    assert_eq!(iohyve.resume_fetch("x.iso", Call::new().0).await.unwrap_err().kind, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_console_is_a_command_line_for_the_terminal() {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    assert_eq!(iohyve.open_console(&web()).await.unwrap_err().message, "web is off");
    iohyve.start(&web()).await.unwrap();
    let Console::Program { program, leave } = iohyve.open_console(&web()).await.unwrap() else { panic!() };
    assert_eq!(
        (program.path(), program.arguments()),
        (&*rig.path("iohyve"), &["console", "web"].map(OsString::from)[..])
    );
    assert_eq!(leave, "Enter, then ~. leaves");
    let far = rig.at(Place::Ssh { program: rig.path("ssh"), host: "root@bsd.example".to_owned() });
    let Console::Program { program, .. } = far.open_console(&web()).await.unwrap() else { panic!() };
    let line = program.shown();
    assert!(line.contains("/ssh -x -t -e none -o ConnectTimeout=8 -o ServerAliveInterval=10"), "{line}");
    assert!(line.ends_with(" root@bsd.example 'iohyve console web'"), "{line}");
}
