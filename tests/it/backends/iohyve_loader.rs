//! Machines that grub-bhyve loads: it waits on the console, for as long as nobody answers there.
use super::iohyve::{create, web};
use crate::support::{freebsd::Rig, qemu::eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use vmdeck::{
    backend::{
        Backend, Call, Console, Machines, Power,
        iohyve::{Iohyve, Place},
    },
    domain::{ErrorKind, Expect, PowerState, Reply, Verdict, Vm},
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
        iohyve.install(&web(), "x.iso").await,
        iohyve.shut_down(&web()).await,
        iohyve.rename(&web(), "db").await,
        iohyve.delete(&web(), false).await,
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
    // Another machine's loader, and what only speaks of one.
    assert_eq!(told(&["1 grub-bhyve -M 512M ioh-web2", "2 vi grub-bhyve ioh-web"]).await, stale);
    assert_eq!(told(&["1 bhyveload -m 512M -c /dev/nmdm0A ioh-web"]).await, (PowerState::Starting, None));
    assert_eq!(iohyve.look(&running()).await, Verdict::NotMet("it is starting".to_owned()));
    // Who is not root may see no processes of others, and both may be so.
    rig.set("user", json!(1001));
    let other = rig.at(Place::Here(rig.path("iohyve")));
    other.connect(tokio::sync::mpsc::channel(8).0).await.unwrap();
    rig.set("processes", json!([]));
    assert_eq!(shown(&other).await, (PowerState::Off, Some("stale/loading".to_owned())));
    let Console::Program { .. } = other.open_console(&web()).await.unwrap() else { panic!() };
}
