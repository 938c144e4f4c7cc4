//! Machines that grub-bhyve loads: it waits on the console, for as long as nobody answers there.
use super::iohyve::{create, web};
use crate::support::{
    freebsd::Rig,
    qemu::eventually,
    sshd::{HOST, Sshd},
};
use serde_json::json;
use std::fs;
use tokio::{io::AsyncWriteExt as _, sync::mpsc};
use vmdeck::{
    backend::{
        Backend, Call, Console, Machines, Power,
        iohyve::{Iohyve, Place},
    },
    domain::{ErrorKind, Expect, Op, PowerState, Reply, Verdict, Vm},
    transport::Program,
};

const LOADER: &str = "grub-bhyve is at work, and may wait for an answer on the console";

/// A machine that is off and that grub-bhyve loads, and an image to install it from.
async fn rig() -> (Rig, Iohyve) {
    let rig = Rig::new();
    let (iohyve, _) = rig.connected().await;
    iohyve.create(&create("web"), Call::new().0).await.unwrap();
    let mut guests = rig.world().get("guests").cloned().unwrap();
    *guests.pointer_mut("/web/settings/loader").unwrap() = json!("grub-bhyve");
    rig.set("guests", guests);
    rig.set("isos", json!(["x.iso"]));
    (rig, iohyve)
}

/// Installs it, with nothing but patience that ends.
async fn install(rig: &Rig, iohyve: &Iohyve) {
    let patient = async {
        eventually("the loader", async || rig.path("menu.web").exists()).await;
        tokio::time::pause();
    };
    let vm = web();
    let (ended, ()) = tokio::join!(iohyve.install(&vm, "x.iso"), patient);
    tokio::time::resume();
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Timeout);
}

async fn shown(iohyve: &Iohyve) -> (PowerState, Option<String>) {
    let Vm { power, remark, .. } = iohyve.find(&web()).await.unwrap();
    (power.unwrap(), remark)
}

fn running() -> Expect {
    Expect::Power { vm: web(), state: PowerState::Running }
}

/// Answers the loader on the machine's console.
async fn answer(iohyve: &Iohyve) {
    let Console::Program { program, .. } = iohyve.open_console(&web()).await.unwrap() else { panic!() };
    let mut console = program.pipe().unwrap();
    console.to.write_all(b"boot\n~.\n").await.unwrap();
    eventually("the machine", async || shown(iohyve).await.0 == PowerState::Running).await;
}

#[tokio::test]
async fn an_installation_that_waits_for_its_loader_goes_on_when_that_is_answered() {
    let (rig, iohyve) = rig().await;
    install(&rig, &iohyve).await;
    assert_eq!(shown(&iohyve).await, (PowerState::Starting, Some("in its loader".to_owned())));
    assert_eq!(iohyve.look(&running()).await, Verdict::Met(Some(Reply::Remark(LOADER.to_owned()))));
    // Whoever comes later has it go on just as well.
    drop(iohyve);
    let (later, _) = rig.connected().await;
    answer(&later).await;
    assert_eq!(later.look(&running()).await, Verdict::Met(None));
    assert_eq!(rig.sent(&["start", "install"]), ["install web x.iso"]);
}

#[tokio::test]
async fn a_start_tells_of_its_loader_and_nothing_comes_between() {
    let (rig, iohyve) = rig().await;
    iohyve.start(&web()).await.unwrap();
    assert_eq!(iohyve.look(&running()).await, Verdict::Met(Some(Reply::Remark(LOADER.to_owned()))));
    let refused = [
        iohyve.start(&web()).await,
        iohyve.install(&web(), "x.iso").await.map(drop),
        iohyve.shut_down(&web()).await,
        iohyve.rename(&web(), "db").await,
        iohyve.delete(&web(), false).await.map(drop),
    ];
    for refused in refused {
        let why = "web is in its loader: answer that on its console, or power it off";
        assert_eq!(refused.unwrap_err().message, why);
    }
    answer(&iohyve).await;
    assert_eq!(rig.sent(&["start", "install", "stop", "rename", "delete"]), ["start web"]);
}

#[tokio::test]
async fn what_waits_for_its_loader_is_powered_off_with_the_script_that_would_go_on() {
    let (rig, iohyve) = rig().await;
    install(&rig, &iohyve).await;
    iohyve.power_off(&web()).await.unwrap();
    assert_eq!(rig.sent(&["forcekill", "destroy"]), ["forcekill web"]);
    assert_eq!(shown(&iohyve).await, (PowerState::Off, None));
}

#[tokio::test]
async fn a_script_behind_ssh_is_the_machines_own() {
    let (rig, iohyve) = rig().await;
    iohyve.start(&web()).await.unwrap();
    let script = "/bin/sh -c o=$(mktemp) || exit 1; iohyve install web x.iso >$o 2>&1 </dev/null; c=$?; cat $o";
    let grub = "4721 /usr/local/sbin/grub-bhyve -M 512M ioh-web";
    let other = "4723 vi /root/iohyve install web x.iso notes";
    rig.set("processes", json!([format!("4720 {script}"), grub, other]));
    let refused = iohyve.power_off(&web()).await.unwrap_err();
    assert!(refused.message.contains("so also `4723 vi"), "{refused}");
    rig.set("processes", json!([format!("4720 {script}"), grub]));
    iohyve.power_off(&web()).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_has_ended_is_told_from_one_that_is_loaded() {
    let (rig, iohyve) = rig().await;
    let mut guests = rig.world()["guests"].clone();
    guests["web"]["loaded"] = json!(true);
    rig.set("guests", guests);
    let told = async |processes: &[&str]| {
        rig.set("processes", json!(processes));
        shown(&iohyve).await
    };
    let stale = (PowerState::Off, Some("stale".to_owned()));
    assert_eq!(told(&[]).await, stale);
    // What is asked for before it can be renamed or deleted can be done.
    let why = "web is still in the host's memory: power it off first";
    for refused in [iohyve.delete(&web(), false).await.map(drop), iohyve.rename(&web(), "db").await] {
        assert_eq!(refused.unwrap_err().message, why);
    }
    assert_eq!(iohyve.find(&web()).await.unwrap().allows(Op::PowerOff), Ok(()));
    // Another machine's loader, and what only speaks of one.
    assert_eq!(told(&["1 grub-bhyve -M 512M ioh-web2", "2 vi grub-bhyve ioh-web"]).await, stale);
    assert_eq!(told(&["1 bhyveload -m 512M -c /dev/nmdm0A ioh-web"]).await, (PowerState::Starting, None));
    assert_eq!(iohyve.look(&running()).await, Verdict::NotMet("it is starting".to_owned()));
    // Who is not root may see no processes of others, and both may be so.
    rig.set("user", json!(1001));
    let other = rig.at(Place::Here(rig.path("iohyve")));
    other.connect(mpsc::channel(8).0).await.unwrap();
    rig.set("processes", json!([]));
    assert_eq!(shown(&other).await, (PowerState::Off, Some("stale/loading".to_owned())));
    assert_eq!(other.find(&web()).await.unwrap().allows(Op::OpenConsole), Ok(()));
    let Console::Program { .. } = other.open_console(&web()).await.unwrap() else { panic!() };
    iohyve.power_off(&web()).await.unwrap();
    let vm = iohyve.find(&web()).await.unwrap();
    assert_eq!((vm.allows(Op::PowerOff), rig.sent(&["destroy"])), (Err("it is off"), vec!["destroy web".to_owned()]));
}

/// Through a real ssh.
#[tokio::test]
async fn what_waits_for_its_loader_behind_ssh_goes_on_after_the_time_out_and_the_end_of_the_connection() {
    let (rig, _here) = rig().await;
    fs::create_dir(rig.path("tmp")).unwrap();
    let there = format!("export TMPDIR={} PATH={}:$PATH", rig.path("tmp").display(), rig.path("").display());
    let sshd = Sshd::running(&format!("{there}\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"")).await;
    sshd.trust("host");
    let far = || rig.at(Place::Ssh { program: sshd.path("ssh"), host: HOST.to_owned() });
    let iohyve = far();
    iohyve.connect(mpsc::channel(8).0).await.unwrap();
    install(&rig, &iohyve).await;
    assert_eq!(shown(&iohyve).await, (PowerState::Starting, Some("in its loader".to_owned())));
    assert_eq!(iohyve.look(&running()).await, Verdict::Met(Some(Reply::Remark(LOADER.to_owned()))));
    let said = || fs::read_dir(rig.path("tmp")).unwrap().count();
    assert_eq!(said(), 1, "what it says goes to a file of its own");
    // The connection that all commands share is closed, with whatever hung on it.
    drop(iohyve);
    let kept = format!("ControlPath={}", rig.path("run/ssh-%C").display());
    let exit = Program::new(sshd.path("ssh")).args(["-o", &kept, "-O", "exit"]).operand(HOST).unwrap();
    assert!(exit.output().await.unwrap().is_success());
    let later = far();
    later.connect(mpsc::channel(8).0).await.unwrap();
    assert_eq!(later.look(&running()).await, Verdict::Met(Some(Reply::Remark(LOADER.to_owned()))));
    answer(&later).await;
    assert_eq!(later.look(&running()).await, Verdict::Met(None));
    eventually("the end of its file", async || said() == 0).await;
    assert_eq!(rig.sent(&["start", "install", "forcekill", "destroy"]), ["install web x.iso"]);
}

#[tokio::test]
async fn what_may_still_be_in_memory_is_not_told_to_be_out_of_it() {
    let rig = Rig::new();
    let (first, _) = rig.connected().await;
    first.create(&create("web"), Call::new().0).await.unwrap();
    rig.set("stays", json!(true));
    first.start(&web()).await.unwrap();
    first.shut_down(&web()).await.unwrap();
    // For this one it has ended long ago.
    let (iohyve, _) = rig.connected().await;
    let off = Expect::Power { vm: web(), state: PowerState::Off };
    assert_eq!(iohyve.look(&off).await, Verdict::Met(None), "as far as a shutdown goes");
    rig.set("hangs", json!(["destroy"]));
    let still = Verdict::NotMet("it is still in the host's memory".to_owned());
    for (sent, lies, verdict) in [(1, json!(["destroy"]), still), (2, json!([]), Verdict::Met(None))] {
        rig.set("lies", lies);
        let patient = async {
            eventually("the call", async || rig.sent(&["destroy"]).len() == sent).await;
            // What it waits for from here on is nothing but time.
            tokio::time::pause();
        };
        let vm = web();
        let (ended, ()) = tokio::join!(iohyve.power_off(&vm), patient);
        tokio::time::resume();
        assert_eq!(ended.unwrap_err().kind, ErrorKind::Timeout);
        assert_eq!(iohyve.look(&off).await, verdict);
    }
}
