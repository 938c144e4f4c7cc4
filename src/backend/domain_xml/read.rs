//! What a description says. Foreign and of any version: what is missing or odd is unknown, never an error, as long as
//! it is a `<domain>` at all.
use super::boot::Before;
use crate::domain::{ByteSize, Error, ErrorKind, Result};
use roxmltree::{Document, Node, ParsingOptions};

/// What is behind a drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file or a block device of the host, by its path.
    Path(String),
    /// A volume of a pool.
    Volume { pool: String, volume: String },
    /// Something else, in its own word: `network`.
    Other(String),
}

/// A drive of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drive {
    /// Its name in the machine: `vda`, `sdb`.
    pub target: String,
    /// `disk`, `cdrom`, `floppy`, `lun`.
    pub device: String,
    /// `virtio`, `sata`.
    pub bus: Option<String>,
    /// `qcow2`, `raw`.
    pub format: Option<String>,
    /// None: nothing is in it.
    pub source: Option<Source>,
    /// What that is based on, and that in turn, as far as the description tells: that of a running machine tells all.
    pub backing: Vec<Source>,
    pub is_read_only: bool,
    /// Several machines may have it at once.
    pub is_shared: bool,
    /// When it is booted, where the machine's devices have numbers for that.
    pub boot_order: Option<u32>,
}

impl Drive {
    pub fn is_cdrom(&self) -> bool {
        self.device == "cdrom"
    }

    /// Whether what is behind it is the machine's alone, and goes with it.
    pub fn goes(&self) -> bool {
        self.device == "disk" && !self.is_read_only && !self.is_shared
    }

    /// The path of the file or device behind it.
    pub fn path(&self) -> Option<&str> {
        match &self.source {
            Some(Source::Path(path)) => Some(path),
            _ => None,
        }
    }
}

/// A network card of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// What it is connected to: `user`, `bridge br0`, `network default`.
    pub place: String,
    pub mac: Option<String>,
}

/// A machine as its description says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub uuid: String,
    pub title: String,
    pub description: String,
    /// `kvm`, `qemu`.
    pub accelerator: String,
    /// The most that it can have while it runs.
    pub memory: Option<ByteSize>,
    /// What it has of that.
    pub current_memory: Option<ByteSize>,
    /// The most that it can have while it runs.
    pub cpus: Option<u32>,
    /// What it has of those.
    pub current_cpus: Option<u32>,
    pub is_uefi: bool,
    /// A file keeps its UEFI variables, or will from its first start: libvirt undefines the machine only when told to
    /// delete or leave that file.
    pub has_nvram: bool,
    /// That file, where it is named.
    pub nvram: Option<String>,
    /// `pc-q35-7.2`.
    pub machine: String,
    /// `hd`, `cdrom`, in their order.
    pub boot: Vec<String>,
    /// What is booted before the CD. None: it never boots from a CD.
    pub before_cd: Option<Before>,
    pub drives: Vec<Drive>,
    pub networks: Vec<Network>,
    /// Where its screen can be had: `127.0.0.1:5900`, `unix:/path`. None: it has none, or is off.
    pub vnc: Option<String>,
    /// It has a serial line that libvirt connects to.
    pub has_console: bool,
}

type Element<'a> = Node<'a, 'a>;

fn child<'a>(node: Element<'a>, name: &str) -> Option<Element<'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn text(node: Element<'_>, name: &str) -> String {
    child(node, name).and_then(|found| found.text()).unwrap_or_default().trim().to_owned()
}

fn attribute(node: Option<Element<'_>>, name: &str) -> Option<String> {
    node?.attribute(name).map(str::to_owned)
}

/// A size with its unit: libvirt means KiB where none is written.
fn size(node: Element<'_>) -> Option<ByteSize> {
    let number: u64 = node.text()?.trim().parse().ok()?;
    let scale: u64 = match node.attribute("unit").unwrap_or("KiB") {
        "b" | "bytes" => 1,
        "KB" => 1000,
        "k" | "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "M" | "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "G" | "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(scale).map(ByteSize)
}

/// The source of a drive, or of what it is based on.
fn source(node: Element<'_>) -> Option<Source> {
    let source = child(node, "source")?;
    let named = |name| source.attribute(name).map(str::to_owned);
    let path = || named("file").or_else(|| named("dev")).or_else(|| named("dir")).map(Source::Path);
    let volume = || Some(Source::Volume { pool: named("pool")?, volume: named("volume")? });
    let is_some = source.attributes().next().is_some();
    let other = || is_some.then(|| Source::Other(node.attribute("type").unwrap_or("?").to_owned()));
    path().or_else(volume).or_else(other)
}

fn drive(node: Element<'_>) -> Option<Drive> {
    let target = child(node, "target");
    let chain = std::iter::successors(child(node, "backingStore"), |below| child(*below, "backingStore"));
    Some(Drive {
        target: attribute(target, "dev")?,
        device: node.attribute("device").unwrap_or("disk").to_owned(),
        bus: attribute(target, "bus"),
        format: attribute(child(node, "driver"), "type"),
        source: source(node),
        backing: chain.filter_map(source).collect(),
        is_read_only: child(node, "readonly").is_some(),
        is_shared: child(node, "shareable").is_some(),
        boot_order: super::boot::number(node),
    })
}

fn network(node: Element<'_>) -> Network {
    let kind = node.attribute("type").unwrap_or("?");
    let source = child(node, "source");
    let place = [kind, "bridge", "dev"].into_iter().find_map(|name| attribute(source, name));
    let place = place.map_or_else(|| kind.to_owned(), |place| format!("{kind} {place}"));
    Network { place, mac: attribute(child(node, "mac"), "address") }
}

/// Where a VNC screen can be reached; a machine that is off has no port yet.
fn vnc(node: Element<'_>) -> Option<String> {
    let listens = child(node, "listen");
    if let Some(socket) = attribute(listens, "socket").or_else(|| attribute(Some(node), "socket")) {
        return Some(format!("unix:{socket}"));
    }
    let port: u16 = node.attribute("port")?.parse().ok()?;
    let address = attribute(listens, "address").or_else(|| attribute(Some(node), "listen"));
    let address = address.unwrap_or_else(|| "127.0.0.1".to_owned());
    Some(if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") })
}

impl Description {
    /// Reads a description. Entities are not expanded, so that a small text cannot become a large one.
    pub fn parse(xml: &str) -> Result<Self> {
        let options = ParsingOptions { allow_dtd: false, nodes_limit: 200_000, ..ParsingOptions::default() };
        let odd = |why: String| Error::new(ErrorKind::Protocol, format_args!("the description of a machine: {why}"));
        let document = Document::parse_with_options(xml, options).map_err(|error| odd(error.to_string()))?;
        let root = document.root_element();
        if !root.has_tag_name("domain") {
            return Err(odd(format!("<{}> where <domain> should be", root.tag_name().name())));
        }
        let os = child(root, "os");
        let loader = os.and_then(|os| child(os, "loader"));
        let devices = child(root, "devices");
        let of_kind = |name: &'static str| {
            let all = devices.into_iter().flat_map(|devices| devices.children());
            all.filter(move |device| device.has_tag_name(name))
        };
        let memory = child(root, "memory").and_then(size);
        let vcpu = child(root, "vcpu");
        let cpus = vcpu.and_then(|vcpu| vcpu.text()?.trim().parse().ok());
        let boot = os.into_iter().flat_map(|os| os.children()).filter(|node| node.has_tag_name("boot"));
        let is_uefi = attribute(os, "firmware").is_some_and(|firmware| firmware == "efi")
            || attribute(loader, "type").is_some_and(|kind| kind == "pflash");
        let is_stateless = attribute(loader, "stateless").is_some_and(|stateless| stateless == "yes");
        Ok(Self {
            name: text(root, "name"),
            uuid: text(root, "uuid"),
            title: text(root, "title"),
            description: text(root, "description"),
            accelerator: root.attribute("type").unwrap_or_default().to_owned(),
            memory,
            current_memory: child(root, "currentMemory").and_then(size).or(memory),
            cpus,
            current_cpus: attribute(vcpu, "current").and_then(|n| n.parse().ok()).or(cpus),
            is_uefi,
            nvram: os.map(|os| text(os, "nvram").trim().to_owned()).filter(|path| !path.is_empty()),
            has_nvram: os.and_then(|os| child(os, "nvram")).is_some() || (is_uefi && !is_stateless),
            machine: attribute(os.and_then(|os| child(os, "type")), "machine").unwrap_or_default(),
            boot: boot.filter_map(|node| attribute(Some(node), "dev")).collect(),
            before_cd: super::boot::before_cd(root),
            drives: of_kind("disk").filter_map(drive).collect(),
            networks: of_kind("interface").map(network).collect(),
            vnc: of_kind("graphics").filter(|node| node.attribute("type") == Some("vnc")).find_map(vnc),
            has_console: of_kind("console").next().is_some() || of_kind("serial").next().is_some(),
        })
    }

    /// A drive by its name in the machine.
    pub fn drive(&self, target: &str) -> Option<&Drive> {
        self.drives.iter().find(|drive| drive.target == target)
    }

    /// Whether it boots from a CD before its disks.
    pub fn is_cd_first(&self) -> bool {
        self.before_cd.as_ref().is_some_and(|before| before.disks.is_empty())
    }

    /// The CD drive that is booted: the one with the lowest number, where any has one, else the first.
    pub fn cdrom(&self) -> Option<&Drive> {
        let drives = self.drives.iter().filter(|drive| drive.is_cdrom());
        drives.min_by_key(|drive| drive.boot_order.unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "<domain type='kvm' id='3'><name>w&amp;b</name><uuid>u</uuid><description> two\nlines </description>
        <memory unit='MiB'>64</memory><currentMemory unit='KiB'>32768</currentMemory><vcpu current='1'>4</vcpu>
        <os><type machine='pc-q35-7.2'>hvm</type><loader type='pflash'>/x</loader><boot dev='hd'/><boot dev='cdrom'/></os>
        <devices>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/a b.qcow2' index='2'/>
            <backingStore type='file'><source file='/base'/>
              <backingStore type='volume'><source pool='p' volume='root'/><backingStore/></backingStore></backingStore><target dev='vda' bus='virtio'/></disk>
          <disk type='volume'><source pool='p' volume='v'/><target dev='vdb'/><shareable/></disk>
          <disk type='network'><source protocol='rbd' name='x'/><target dev='vdc'/></disk>
          <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
          <disk type='file'><source file='/no target'/></disk>
          <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default' bridge='virbr0'/></interface>
          <interface type='user'/>
          <console type='pty'/><graphics type='spice'/><graphics type='vnc' port='5901' listen='::1'/>
        </devices></domain>";

    #[test]
    fn what_a_description_says_is_read() {
        let read = Description::parse(LIVE).unwrap();
        assert_eq!((read.name.as_str(), read.description.as_str()), ("w&b", "two\nlines"));
        assert_eq!((read.memory, read.current_memory), (Some(ByteSize(64 << 20)), Some(ByteSize(32 << 20))));
        assert_eq!((read.cpus, read.current_cpus, read.is_uefi), (Some(4), Some(1), true));
        assert_eq!(read.boot, ["hd", "cdrom"]);
        let targets: Vec<_> = read.drives.iter().map(|drive| drive.target.as_str()).collect();
        assert_eq!(targets, ["vda", "vdb", "vdc", "sda"]);
        assert_eq!((read.drives[0].path(), read.drives[0].format.as_deref()), (Some("/a b.qcow2"), Some("qcow2")));
        let root = Source::Volume { pool: "p".into(), volume: "root".into() };
        assert_eq!(read.drives[0].backing, [Source::Path("/base".into()), root]);
        assert_eq!(read.drives[1].source, Some(Source::Volume { pool: "p".into(), volume: "v".into() }));
        assert_eq!(read.drives[2].source, Some(Source::Other("network".into())));
        assert!(read.drives[1].is_shared && read.drives[3].is_read_only && read.drives[3].source.is_none());
        assert_eq!(read.cdrom().unwrap().target, "sda");
        assert_eq!(read.networks[0].place, "network default");
        assert_eq!(read.networks[1].place, "user");
        assert_eq!(read.vnc.as_deref(), Some("[::1]:5901"));
        assert!(read.has_console);
    }

    #[test]
    fn uefi_variables_are_kept_by_every_uefi_but_a_stateless_one() {
        for (os, has_nvram) in [
            ("<os><nvram>/web_VARS.fd</nvram></os>", true),
            ("<os firmware='efi'/>", true),
            ("<os><loader type='pflash'/></os>", true),
            ("<os firmware='efi'><loader stateless='yes'/></os>", false),
            ("<os firmware='bios'/>", false),
            ("", false),
        ] {
            let read = Description::parse(&format!("<domain>{os}</domain>")).unwrap();
            assert_eq!(read.has_nvram, has_nvram, "{os}");
            assert_eq!(read.nvram.as_deref(), os.contains("_VARS").then_some("/web_VARS.fd"), "{os}");
        }
    }

    #[test]
    fn what_is_no_description_is_an_error_and_what_is_missing_is_unknown() {
        let empty = Description::parse("<domain/>").unwrap();
        assert_eq!((empty.memory, empty.cpus, empty.vnc), (None, None, None));
        for wrong in ["", "<pool/>", "<domain>", "<!DOCTYPE d [<!ENTITY a 'b'>]><domain/>", "\u{0}"] {
            assert_eq!(Description::parse(wrong).unwrap_err().kind, ErrorKind::Protocol, "{wrong}");
        }
    }
}
