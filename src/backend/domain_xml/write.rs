//! A new machine in libvirt's words. Every text from outside goes through [`escape`].
use crate::domain::ByteSize;
use std::{borrow::Cow, fmt::Write};

/// How many disks and cards a machine can be given while it runs: ports for those of the start, and for more.
const PORTS: usize = 12;

/// `text` as it stands in XML: between tags, or between apostrophes. What XML cannot hold is left out.
pub fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>' | '\'' | '"') && is_fit(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars().filter(|c| is_fit(*c)) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_fit(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// A file or a device of the host as a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFile {
    pub path: String,
    /// `qcow2`, `raw`.
    pub format: String,
    /// Its name in the machine: `vda`.
    pub target: String,
    /// It is a device of the host: a logical volume.
    pub is_device: bool,
}

/// A new machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMachine {
    pub name: String,
    pub description: String,
    /// `kvm`, `qemu`.
    pub accelerator: String,
    pub cpus: u32,
    pub memory: ByteSize,
    pub is_uefi: bool,
    /// `user`, `none`, `network NAME`, `bridge NAME`.
    pub network: String,
    pub disk: DiskFile,
    /// The file in the CD drive.
    pub cdrom: Option<String>,
}

/// A disk, as it is attached and detached.
pub fn disk(file: &DiskFile) -> String {
    let DiskFile { path, format, target, is_device } = file;
    let (kind, source) = if *is_device { ("block", "dev") } else { ("file", "file") };
    format!(
        "<disk type='{kind}' device='disk'><driver name='qemu' type='{}' discard='unmap'/><source {source}='{}'/>\
        <target dev='{}' bus='virtio'/></disk>",
        escape(format),
        escape(path),
        escape(target)
    )
}

/// A CD drive, empty or with an image in it, with the number that it is booted by if it has one.
pub fn cdrom(target: &str, bus: &str, path: Option<&str>, boot_order: Option<u32>) -> String {
    let order = boot_order.map(|order| format!("<boot order='{order}'/>")).unwrap_or_default();
    let source = path.map(|path| format!("<source file='{}'/>", escape(path))).unwrap_or_default();
    format!(
        "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>{source}<target dev='{}' bus='{}'/>\
        <readonly/>{order}</disk>",
        escape(target),
        escape(bus)
    )
}

fn network(place: &str) -> String {
    let card =
        |kind: &str, source: &str| format!("<interface type='{kind}'>{source}<model type='virtio'/></interface>");
    match place.split_once(' ') {
        Some((kind @ ("network" | "bridge"), name)) => card(kind, &format!("<source {kind}='{}'/>", escape(name))),
        _ if place == "user" => card("user", ""),
        _ => String::new(),
    }
}

impl NewMachine {
    /// Its description. Disks come before the CD, so an empty disk falls through to it.
    pub fn to_xml(&self) -> String {
        let mut xml = format!("<domain type='{}'><name>{}</name>", escape(&self.accelerator), escape(&self.name));
        if !self.description.is_empty() {
            let _ = write!(xml, "<description>{}</description>", escape(&self.description));
        }
        let _ = write!(xml, "<memory unit='b'>{}</memory><vcpu>{}</vcpu>", self.memory.0, self.cpus);
        // Without secure boot: such firmware wants a system management mode, and starts signed systems alone.
        let firmware =
            if self.is_uefi { "<firmware><feature enabled='no' name='secure-boot'/></firmware>" } else { "" };
        let kind = if self.is_uefi { " firmware='efi'" } else { "" };
        let _ = write!(
            xml,
            "<os{kind}><type arch='x86_64' machine='q35'>hvm</type>{firmware}<boot dev='hd'/><boot dev='cdrom'/></os>\
            <features><acpi/><apic/></features>"
        );
        if self.accelerator == "kvm" {
            xml.push_str("<cpu mode='host-model'/>");
        }
        xml.push_str(
            "<clock offset='utc'/><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>\
            <on_crash>restart</on_crash><devices><controller type='pci' index='0' model='pcie-root'/>",
        );
        xml.push_str(&"<controller type='pci' model='pcie-root-port'/>".repeat(PORTS));
        xml.push_str(&disk(&self.disk));
        xml.push_str(&cdrom("sda", "sata", self.cdrom.as_deref(), None));
        xml.push_str(&network(&self.network));
        xml.push_str(
            "<serial type='pty'/><console type='pty'/><graphics type='vnc'><listen type='socket'/></graphics>\
            <video><model type='vga'/></video><memballoon model='virtio'/>\
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices></domain>",
        );
        xml
    }
}

#[cfg(test)]
mod tests {
    use super::super::Description;
    use super::*;

    fn machine() -> NewMachine {
        NewMachine {
            name: "web".into(),
            description: "a <b> & 'c' \"d\"\u{1}".into(),
            accelerator: "kvm".into(),
            cpus: 3,
            memory: ByteSize(1 << 30),
            is_uefi: true,
            network: "bridge br'0".into(),
            disk: DiskFile {
                path: "/p/it's.qcow2".into(),
                format: "qcow2".into(),
                target: "vda".into(),
                is_device: false,
            },
            cdrom: Some("/iso/a&b.iso".into()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let read = Description::parse(&machine().to_xml()).unwrap();
        assert_eq!((read.name.as_str(), read.description.as_str()), ("web", "a <b> & 'c' \"d\""));
        assert_eq!((read.cpus, read.memory, read.is_uefi), (Some(3), Some(ByteSize(1 << 30)), true));
        assert_eq!(read.drives[0].path(), Some("/p/it's.qcow2"));
        assert_eq!(read.cdrom().unwrap().path(), Some("/iso/a&b.iso"));
        assert_eq!(read.networks[0].place, "bridge br'0");
        let device = DiskFile { path: "/dev/vg/web".into(), is_device: true, ..machine().disk };
        let read = Description::parse(&NewMachine { disk: device, ..machine() }.to_xml()).unwrap();
        assert_eq!(read.drives[0].path(), Some("/dev/vg/web"));
        let plain = NewMachine { is_uefi: false, network: "none".into(), cdrom: None, ..machine() };
        let read = Description::parse(&plain.to_xml()).unwrap();
        assert_eq!((read.is_uefi, read.networks.len(), read.cdrom().unwrap().path()), (false, 0, None));
    }
}
