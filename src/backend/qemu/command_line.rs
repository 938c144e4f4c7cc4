//! From a machine's record to QEMU's arguments. Pure: what is on this host comes in as [`Host`].
use super::{Boot, Place, Record, exact, place::MONITORS};
use crate::domain::{Error, Result};
use std::path::{Path, PathBuf};

/// Free ports, so that so many devices can be added while the machine runs: q35 takes none without.
const FREE_PORTS: usize = 8;
/// More disks than this share no port with a number and are plugged into the root: those stay until the machine is off.
const MOST_PORTS: usize = 24;

/// What the arguments need to know about this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `kvm`, `hvf` or `tcg`.
    pub accel: String,
    /// The program can shut itself off from most system calls.
    pub sandbox: bool,
    /// The UEFI code, and the machine's own variables.
    pub uefi: Option<(PathBuf, PathBuf)>,
}

/// Arguments that are vmdeck's own, and where to set what they set.
const OWNED: &[(&[&str], &str)] = &[
    (&["qmp", "qmp-pretty", "mon", "monitor"], "the monitors are vmdeck's"),
    (
        &["pidfile", "daemonize", "D", "S", "chroot", "runas", "run-with", "preconfig", "no-shutdown"],
        "the process is vmdeck's",
    ),
    (&["incoming", "loadvm", "snapshot"], "a machine begins with what its disks hold, and keeps what it writes there"),
    (&["readconfig", "writeconfig"], "what a file brings could be any of vmdeck's own"),
    (&["name", "uuid", "serial", "vnc", "display", "nographic", "nodefaults", "sandbox"], "vmdeck sets it"),
    (&["m", "smp", "accel", "enable-kvm", "M", "machine"], "memory, cpus and accel are properties"),
    (&["bios", "pflash", "L"], "firmware is a property"),
    (&["hda", "hdb", "hdc", "hdd", "cdrom"], "disks and the CD drive are vmdeck's: add a disk, or insert an image"),
    (&["set"], "it changes what another argument has set: give that device all it needs at once"),
    (&["no-reboot"], POWER),
    (&["compat"], "the monitors are vmdeck's, and would refuse some of its commands"),
    (&["h", "help", "version", "audio-help", "dump-vmstate"], "QEMU would only print it and end"),
];

/// Options that take no value: a word behind one of them would be a disk to QEMU.
const FLAGS: [&str; 7] = ["s", "no-acpi", "no-hpet", "no-fd-bootchk", "only-migratable", "usb", "win2k-hack"];

const POWER: &str = "what a shutdown and a reset do is vmdeck's";

/// Kinds of devices that every machine has of vmdeck, and what they are kinds of: by how their names begin. A property
/// that is set for all of a kind changes these, too.
const DEVICES: [&str; 9] =
    ["virtio", "ide-", "ich9-ahci", "ahci", "cfi.pflash", "pcie-", "pci-device", "device", "VGA"];

/// Why an option with this value is vmdeck's own, where without it or with another it would not be.
fn owned_value(option: &str, value: &str) -> Option<&'static str> {
    let has = |keys: &[&str]| value.split(',').any(|part| keys.contains(&part.split('=').next().unwrap_or_default()));
    match option {
        "action" => has(&["shutdown", "reboot"]).then_some(POWER),
        // A value that begins without a key is the order.
        "boot" => (has(&["order", "once"]) || !value.split(',').next().unwrap_or_default().contains('='))
            .then_some("boot is a property"),
        "drive" => value.split(',').any(|part| part == "if=pflash").then_some("firmware is a property"),
        "global" => {
            // `kind.property=value`, or three keys in any order.
            let mut kinds = value.split(',').filter_map(|part| part.strip_prefix("driver=")).chain([value]);
            kinds
                .any(|kind| DEVICES.iter().any(|ours| kind.starts_with(ours)))
                .then_some("it would change the disks, cards and firmware that are vmdeck's")
        }
        _ => None,
    }
}

/// Whether these words may follow vmdeck's own.
pub fn check_arguments(arguments: &[String]) -> Result<()> {
    let owned = |word: &str, why: &str| Err(Error::invalid(format_args!("arguments: `{word}` cannot be given: {why}")));
    // Whether the next word may be the value of the option before it.
    let mut takes = false;
    for (i, word) in arguments.iter().enumerate() {
        let option = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).unwrap_or_default();
        if let Some((_, why)) = OWNED.iter().find(|(names, _)| names.contains(&option)) {
            return owned(word, why);
        }
        let value = arguments.get(i + 1).map_or("", String::as_str);
        if let Some(why) = owned_value(option, value) {
            return owned(&format!("{word} {value}"), why);
        }
        if word.is_empty() || word.contains('\0') {
            return Err(Error::invalid("arguments: an argument is empty or holds a zero byte"));
        }
        if !takes && option.is_empty() {
            return owned(word, "no option before it takes it, and QEMU would make a disk of it");
        }
        if !takes && option.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)) {
            return owned(word, "an option and its value are two items");
        }
        takes = !option.is_empty() && !FLAGS.contains(&option);
    }
    Ok(())
}

/// A path inside an option, where a comma ends a value unless it is doubled.
fn path(path: &Path) -> Result<String> {
    let text = path.to_str().ok_or_else(|| {
        Error::refused(format_args!("the path {} is not UTF-8, which QEMU's options must be", path.display()))
    })?;
    Ok(text.replace(',', ",,"))
}

struct Arguments(Vec<String>);

impl Arguments {
    fn add(&mut self, option: &str, value: impl Into<String>) {
        self.0.extend([format!("-{option}"), value.into()]);
    }
}

/// The arguments, without the program's name.
pub fn arguments(name: &str, record: &Record, place: &Place, host: &Host) -> Result<Vec<String>> {
    // They were checked when they were set: these a hand has written into the file, and no word of a request.
    check_arguments(&record.arguments)
        .map_err(|error| Error::refused(error.message).context(place.folder.join("machine.toml").display()))?;
    let mut a = Arguments(Vec::new());
    a.add("name", format!("{name},debug-threads=on"));
    a.add("uuid", &record.uuid);
    a.0.extend(["-nodefaults".to_owned(), "-no-user-config".to_owned()]);
    a.add("display", "none");
    firmware_and_processor(&mut a, record, host)?;
    for slot in 0..MONITORS {
        a.add("qmp", format!("unix:{},server=on,wait=off", path(&place.monitor(slot))?));
    }
    let (serial, log) = (path(&place.serial())?, path(&place.serial_log())?);
    a.add("chardev", format!("socket,id=serial0,path={serial},server=on,wait=off,logfile={log},logappend=on"));
    a.add("serial", "chardev:serial0");
    drives(&mut a, record, place)?;
    network(&mut a, record);
    a.add("device", "virtio-balloon-pci,id=balloon0");
    a.add("device", "VGA,id=video0");
    a.add("vnc", format!("unix:{}", path(&place.vnc())?));
    if host.sandbox {
        // No stricter: going to the background forks and makes a session, which `spawn` and `elevateprivileges` forbid.
        a.add("sandbox", "on,obsolete=deny");
    }
    a.add("pidfile", place.pidfile().to_str().unwrap_or_default());
    a.0.push("-daemonize".to_owned());
    a.0.extend(record.arguments.iter().cloned());
    Ok(a.0)
}

fn firmware_and_processor(a: &mut Arguments, record: &Record, host: &Host) -> Result<()> {
    match &host.uefi {
        Some((code, variables)) => {
            a.add("machine", "q35,pflash0=uefi-code,pflash1=uefi-variables");
            let code = path(code)?;
            let variables = path(variables)?;
            a.add(
                "blockdev",
                format!("driver=raw,node-name=uefi-code,read-only=on,file.driver=file,file.filename={code}"),
            );
            a.add(
                "blockdev",
                format!("driver=raw,node-name=uefi-variables,file.driver=file,file.filename={variables}"),
            );
        }
        None => a.add("machine", "q35"),
    }
    a.add("accel", &host.accel);
    a.add("cpu", if host.accel == "tcg" { "max" } else { "host" });
    a.add("smp", record.cpus.to_string());
    let memory = exact(record.memory);
    // A bare number would be MiB here.
    let unit = if memory.ends_with(|c: char| c.is_ascii_digit()) { "B" } else { "" };
    a.add("m", format!("{memory}{unit}"));
    Ok(())
}

fn drives(a: &mut Arguments, record: &Record, place: &Place) -> Result<()> {
    let on_ports = record.disks.iter().filter(|d| d.bus == "virtio").count();
    for port in 1..=(on_ports + FREE_PORTS).min(MOST_PORTS) {
        a.add("device", format!("pcie-root-port,id=hp{port},chassis={port},slot={port}"));
    }
    let cd_first = record.boot == Boot::Cdrom;
    let (mut next_port, mut next_sata) = (1, 1);
    for (n, disk) in record.disks.iter().enumerate() {
        let (id, format) = (&disk.id, &disk.format);
        let file = path(&place.folder.join(&disk.file))?;
        a.add(
            "blockdev",
            format!("driver={format},node-name={id},discard=unmap,file.driver=file,file.filename={file}"),
        );
        let boot = n + usize::from(cd_first);
        let device = if disk.bus == "sata" {
            next_sata += 1;
            format!("ide-hd,drive={id},id={id},bus=ide.{},bootindex={boot}", next_sata - 1)
        } else {
            let bus = if next_port < MOST_PORTS { format!(",bus=hp{next_port}") } else { String::new() };
            next_port += 1;
            format!("virtio-blk-pci,drive={id},id={id}{bus},bootindex={boot}")
        };
        a.add("device", device);
    }
    let boot = if cd_first { 0 } else { record.disks.len() };
    let mut drive = "";
    if !record.cdrom.is_empty() {
        let file = path(Path::new(&record.cdrom))?;
        a.add("blockdev", format!("driver=raw,node-name=medium0,read-only=on,file.driver=file,file.filename={file}"));
        drive = ",drive=medium0";
    }
    a.add("device", format!("ide-cd,id=cd0,bus=ide.0{drive},bootindex={boot}"));
    Ok(())
}

fn network(a: &mut Arguments, record: &Record) {
    match record.network.as_str() {
        "none" => return,
        "user" => a.add("netdev", "user,id=net0"),
        bridge => a.add("netdev", format!("bridge,id=net0,br={}", bridge.replace(',', ",,"))),
    }
    // Without its ROM the card does not try to boot, which would only slow down every start.
    a.add("device", format!("virtio-net-pci,netdev=net0,id=nic0,mac={},romfile=", record.mac.replace(',', ",,")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::qemu::{DiskRecord, Firmware};
    use crate::domain::ByteSize;

    fn record() -> Record {
        let disk = DiskRecord {
            id: "disk0".into(),
            file: "disk0.qcow2".into(),
            format: "qcow2".into(),
            bus: "virtio".into(),
            leaving: String::new(),
        };
        Record {
            uuid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427".into(),
            mac: "52:54:00:00:00:01".into(),
            disks: vec![disk],
            ..Record::new(2, ByteSize(2 << 30))
        }
    }

    fn place() -> Place {
        Place { folder: "/m/a,b/web".into(), run: "/r/1".into() }
    }

    fn host() -> Host {
        Host { accel: "tcg".into(), sandbox: true, uefi: None }
    }

    #[test]
    fn a_plain_machine() {
        let ports: String = ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
            .map(|n| format!("-device pcie-root-port,id=hp{n},chassis={n},slot={n} "))
            .concat();
        let monitors: String =
            ["0", "1", "2", "3"].map(|n| format!("-qmp unix:/r/1/mon{n},server=on,wait=off ")).concat();
        let expected = format!(
            "-name web,debug-threads=on -uuid 1b4e28ba-2fa1-11d2-883f-0016d3cca427 -nodefaults -no-user-config \
             -display none -machine q35 -accel tcg -cpu max -smp 2 -m 2G {monitors}\
             -chardev socket,id=serial0,path=/r/1/serial,server=on,wait=off,logfile=/m/a,,b/web/serial.log,logappend=on \
             -serial chardev:serial0 {ports}\
             -blockdev driver=qcow2,node-name=disk0,discard=unmap,file.driver=file,file.filename=/m/a,,b/web/disk0.qcow2 \
             -device virtio-blk-pci,drive=disk0,id=disk0,bus=hp1,bootindex=0 -device ide-cd,id=cd0,bus=ide.0,bootindex=1 \
             -netdev user,id=net0 -device virtio-net-pci,netdev=net0,id=nic0,mac=52:54:00:00:00:01,romfile= \
             -device virtio-balloon-pci,id=balloon0 -device VGA,id=video0 -vnc unix:/r/1/vnc \
             -sandbox on,obsolete=deny -pidfile /m/a,b/web/pid -daemonize"
        );
        assert_eq!(arguments("web", &record(), &place(), &host()).unwrap().join(" "), expected);
    }

    #[test]
    fn what_the_record_asks_for_is_there() {
        let mut record = record();
        record.firmware = Firmware::Uefi;
        record.boot = Boot::Cdrom;
        record.cdrom = "/iso/x,y.iso".into();
        record.network = "br0".into();
        record.memory = ByteSize(1000);
        record.disks[0].bus = "sata".into();
        record.arguments = vec!["-device".into(), "usb-ehci".into()];
        let host = Host { uefi: Some(("/fw/CODE.fd".into(), "/m/vars.fd".into())), ..host() };
        let line = arguments("web", &record, &place(), &host).unwrap().join(" ");
        for part in [
            "-machine q35,pflash0=uefi-code,pflash1=uefi-variables ",
            "node-name=uefi-code,read-only=on,file.driver=file,file.filename=/fw/CODE.fd",
            "-m 1000B ",
            "-device ide-hd,drive=disk0,id=disk0,bus=ide.1,bootindex=1 ",
            "file.filename=/iso/x,,y.iso -device ide-cd,id=cd0,bus=ide.0,drive=medium0,bootindex=0 ",
            "-netdev bridge,id=net0,br=br0 ",
            "-daemonize -device usb-ehci",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn what_is_ours_cannot_be_given() {
        let why = |word: &str| check_arguments(&[word.to_owned()]).unwrap_err().message;
        assert_eq!(why("-qmp"), "arguments: `-qmp` cannot be given: the monitors are vmdeck's");
        assert_eq!(why("--m"), "arguments: `--m` cannot be given: memory, cpus and accel are properties");
        assert!(check_arguments(&["-device".into(), "m,name=qmp".into()]).is_ok());
        assert!(check_arguments(&["-cpu".into(), "host,-vmx".into()]).is_ok());
        for word in ["-run-with", "--readconfig", "-writeconfig", "--snapshot", "-smp", "-incoming", "--loadvm", "-mon"]
        {
            assert!(why(word).starts_with(&format!("arguments: `{word}` cannot be given: ")), "{word}");
        }
        for (words, wrong) in [
            (&["foo"][..], "`foo` cannot be given: no option before it takes it, and QEMU would make a disk of it"),
            (&["-usb", "/x.img"], "`/x.img` cannot be given: no option before it takes it, and"),
            (&["-rtc", "base=utc", "x"], "`x` cannot be given: no option before it takes it"),
            (&["-monitor stdio"], "`-monitor stdio` cannot be given: an option and its value are two items"),
            (&["-usb", "-trace=x"], "`-trace=x` cannot be given: an option and its value are two items"),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let told = check_arguments(&words).unwrap_err().message;
            assert!(told.starts_with(&format!("arguments: {wrong}")), "{told}");
        }
        let fine =
            ["-kernel", "/boot/linux", "-append", "-v root=/dev/sda quiet", "-usb", "-fw_cfg", "name=opt/x,string=y"];
        assert_eq!(check_arguments(&fine.map(str::to_owned)), Ok(()));
        let why = |words: &str| {
            check_arguments(&words.split(' ').map(str::to_owned).collect::<Vec<_>>()).err().map(|error| error.message)
        };
        for (words, reason) in [
            ("-action shutdown=pause", "what a shutdown and a reset do is vmdeck's"),
            ("--action panic=none,reboot=shutdown", "what a shutdown and a reset do is vmdeck's"),
            ("-boot n", "boot is a property"),
            ("-boot menu=on,once=d", "boot is a property"),
            ("-drive if=pflash,file=x", "firmware is a property"),
            ("-global virtio-blk-pci.drive=other", "it would change the disks, cards and firmware that are vmdeck's"),
            (
                "-global driver=cfi.pflash01,property=secure,value=on",
                "it would change the disks, cards and firmware that are vmdeck's",
            ),
            (
                "-global property=drive,driver=virtio-blk-pci,value=x",
                "it would change the disks, cards and firmware that are vmdeck's",
            ),
        ] {
            assert_eq!(why(words), Some(format!("arguments: `{words}` cannot be given: {reason}")));
        }
        for words in ["-set device.disk0.drive=x", "-no-reboot", "-bios x", "-L x", "-cdrom x", "-hda x", "-version"] {
            assert!(why(words).is_some(), "{words}");
        }
        for words in [
            "-action panic=none,watchdog=pause",
            "-boot menu=on,splash-time=3000",
            "-drive if=none,id=more,file=x",
            "-global ICH9-LPC.disable_s3=1",
            "-global driver=mc146818rtc,property=lost_tick_policy,value=slew",
            "-global property=lost_tick_policy,value=slew,driver=mc146818rtc",
            "-rtc base=localtime",
            "-kernel x -append root=/dev/vda1",
        ] {
            assert_eq!(why(words), None);
        }
        // Options may stand in the list as often as QEMU likes, but for those that every machine has once.
        // The last processor counts: that of the record.
        let many = ["-device", "-blockdev", "-chardev", "-netdev", "-qmp", "-cpu"];
        let line = arguments("web", &record(), &place(), &host()).unwrap();
        for word in line.iter().filter(|word| word.starts_with('-') && !many.contains(&word.as_str())) {
            let is_harmless = ["-nodefaults", "-no-user-config"].contains(&word.as_str());
            assert!(is_harmless || check_arguments(std::slice::from_ref(word)).is_err(), "{word} could be given twice");
        }
    }
}
