//! The whole description of a machine of a real libvirt: read without its passwords, checked, defined, read back.
use crate::support::libvirt::{Daemon, small};
use vmdeck::{
    backend::{Backend, Call, Machines, Power, Properties, libvirt::Libvirt},
    domain::{ErrorKind, Expect, Reply, Verdict, VmId},
};

const PASSWORD: &str = "guess me";

/// What the machine is kept as, with its passwords.
async fn kept(daemon: &Daemon, vm: &VmId) -> String {
    let connection = daemon.open().await;
    let domain = connection.client.lookup(vm).await.unwrap();
    connection.client.xml_text(&domain).await.unwrap()
}

/// A machine whose screen has a password.
async fn guarded() -> (Daemon, Libvirt, VmId) {
    let daemon = Daemon::new().await;
    let (libvirt, _heard) = daemon.connected().await;
    let vm = VmId::from("web");
    libvirt.create(&small("web"), Call::new().0).await.unwrap();
    let xml = kept(&daemon, &vm).await;
    let screen = format!("<graphics type='vnc' passwd='{PASSWORD}'");
    daemon.open().await.client.define(&xml.replace("<graphics type='vnc'", &screen)).await.unwrap();
    assert!(kept(&daemon, &vm).await.contains(PASSWORD));
    (daemon, libvirt, vm)
}

fn expected(vm: &VmId, before: &str, text: &str) -> Expect {
    Expect::Defined { vm: vm.clone(), before: Some(before.to_owned()), text: text.to_owned() }
}

/// Looks through a description and defines it; returns what is read back.
async fn defined(libvirt: &Libvirt, vm: &VmId, before: &str, text: &str) -> Verdict {
    libvirt.check_description(vm, Some(before), text).await.unwrap();
    libvirt.define(vm, text).await.unwrap();
    libvirt.look(&expected(vm, before, text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_is_edited_without_its_password_which_stays() {
    let (daemon, libvirt, vm) = guarded().await;
    let shown = libvirt.description(&vm).await.unwrap();
    assert!(!shown.contains(PASSWORD) && shown.contains("passwd='*****'"), "{shown}");
    assert_eq!(libvirt.description(&vm).await.unwrap(), shown);

    let text = shown.replace("<vcpu placement='static'>1</vcpu>", "<vcpu placement='static'>2</vcpu>");
    assert_ne!(text, shown);
    assert_eq!(defined(&libvirt, &vm, &shown, &text).await, Verdict::Met(None));
    assert_eq!(libvirt.description(&vm).await.unwrap(), text);
    let now = kept(&daemon, &vm).await;
    assert!(now.contains(&format!("passwd='{PASSWORD}'")) && now.contains(">2</vcpu>"), "{now}");
    assert_eq!(libvirt.find(&vm).await.unwrap().cpus, Some(2));

    // Written over what is not there any more.
    let error = libvirt.check_description(&vm, Some(&shown), &shown).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.starts_with("web was changed meanwhile"), "{error}");
    for (old, new, words) in [
        ("<name>web", "<name>db", "name: `db`"),
        ("<memory unit='KiB'>32768</memory>", "", "memory: it has to be there"),
        ("</domain>", "", "no XML"),
        ("passwd='*****'", "passwd='*****'/><graphics type='spice' passwd='*****'", "password of its spice screen"),
    ] {
        let wrong = text.replace(old, new);
        assert_ne!(wrong, text, "{old}");
        let error = libvirt.check_description(&vm, None, &wrong).await.unwrap_err();
        assert!(error.kind == ErrorKind::Invalid && error.message.contains(words), "{words}: {error}");
    }
    // What only libvirt can tell is told in its words, and nothing is changed.
    let odd = text.replace("bus='virtio'", "bus='odd'");
    libvirt.check_description(&vm, None, &odd).await.unwrap();
    let error = libvirt.define(&vm, &odd).await.unwrap_err();
    assert!(error.message.contains("odd") && !error.message.contains(PASSWORD), "{error}");
    assert_eq!(libvirt.description(&vm).await.unwrap(), text);
    // A change that is in nothing that is compared, of which nobody knows whether it was sent.
    let boots = text.replace("</os>", "<bootmenu enable='yes'/></os>");
    assert_ne!(boots, text);
    let as_it_was = Verdict::NotMet("its description is as it was".to_owned());
    assert_eq!(libvirt.look(&expected(&vm, &text, &boots)).await, as_it_was);
    assert_eq!(libvirt.look(&expected(&vm, &text, &text)).await, Verdict::Met(None));
    // Another password, and none any more.
    let unsent = text.replace("passwd='*****'", "passwd='other'");
    assert_eq!(libvirt.look(&expected(&vm, &text, &unsent)).await, as_it_was);
    let another = text.replace("passwd='*****'", "passwd='other'");
    assert_eq!(defined(&libvirt, &vm, &text, &another).await, Verdict::Met(None));
    assert!(kept(&daemon, &vm).await.contains("passwd='other'"));
    let none = text.replace(" passwd='*****'", "");
    assert_eq!(defined(&libvirt, &vm, &text, &none).await, Verdict::Met(None));
    assert!(!kept(&daemon, &vm).await.contains("passwd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_machine_is_described_for_its_next_start() {
    let (daemon, libvirt, vm) = guarded().await;
    libvirt.start(&vm).await.unwrap();
    let shown = libvirt.description(&vm).await.unwrap();
    assert!(!shown.contains(PASSWORD) && !shown.contains("<alias"), "{shown}");
    let text = shown.replace(">32768<", ">49152<");
    let told = Verdict::Met(Some(Reply::Remark("at the next start".to_owned())));
    assert_eq!(defined(&libvirt, &vm, &shown, &text).await, told);
    assert_eq!(libvirt.find(&vm).await.unwrap().memory, Some(32 << 20), "what it has now");
    libvirt.power_off(&vm).await.unwrap();
    assert_eq!(libvirt.find(&vm).await.unwrap().memory, Some(48 << 20));
    let is_so = expected(&vm, &shown, &text);
    assert_eq!(libvirt.look(&is_so).await, Verdict::Met(None));
    let was = expected(&vm, &text, &shown);
    assert_eq!(libvirt.look(&was).await, Verdict::NotMet("its description is as it was".to_owned()));
    let was = Expect::Defined { vm: vm.clone(), before: None, text: shown };
    assert_eq!(libvirt.look(&was).await, Verdict::NotMet("it has 48 MiB of memory".to_owned()));

    // One that is forgotten when it ends is not kept by this.
    let xml = "<domain type='qemu'><name>brief</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>\
        <features><acpi/></features></domain>";
    daemon.open().await.client.create(xml).await.unwrap();
    let brief = VmId::from("brief");
    let shown = libvirt.description(&brief).await.unwrap();
    let error = libvirt.check_description(&brief, Some(&shown), &shown).await.unwrap_err();
    assert_eq!(error.message, "brief is forgotten when it ends: it has no next start");
    libvirt.power_off(&brief).await.unwrap();
    assert!(libvirt.find(&brief).await.is_err());
}
