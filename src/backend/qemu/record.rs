//! `machine.toml`: what a machine is, readable and writable by hand. Keys and comments that are not ours stay.
use crate::domain::{ByteSize, Error, Result, clean_line};
use serde::{Deserialize, Deserializer, de};
use std::{fmt::Write, path::Path};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

/// Starts the machine with the BIOS or with UEFI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}

impl Firmware {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
        }
    }
}

/// What the firmware tries first. An empty disk falls through to the CD in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Boot {
    #[default]
    Disk,
    Cdrom,
}

impl Boot {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Cdrom => "cdrom",
        }
    }
}

/// A disk of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DiskRecord {
    /// `disk0`: also the name of its node and its device in QEMU.
    pub id: String,
    /// A file name in the machine's folder, or an absolute path.
    pub file: String,
    /// `qcow2` or `raw`.
    pub format: String,
    /// `virtio` or `sata`.
    #[serde(default = "virtio")]
    pub bus: String,
    /// It is being removed, and waits for the guest to let go: `keep` its file then or `delete` it. Empty: it stays.
    #[serde(default)]
    pub leaving: String,
}

fn virtio() -> String {
    "virtio".to_owned()
}

/// As many processors as a machine without an IOMMU can have.
pub(super) const MOST_CPUS: u32 = 255;

/// What `machine.toml` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Record {
    pub version: u32,
    pub uuid: String,
    #[serde(default)]
    pub description: String,
    pub cpus: u32,
    #[serde(deserialize_with = "size")]
    pub memory: ByteSize,
    #[serde(default)]
    pub firmware: Firmware,
    #[serde(default)]
    pub boot: Boot,
    /// `user`, `none`, or the name of a bridge of the host.
    #[serde(default = "user")]
    pub network: String,
    pub mac: String,
    #[serde(default)]
    pub autostart: bool,
    /// `auto`, `kvm`, `hvf` or `tcg`.
    #[serde(default = "auto")]
    pub accel: String,
    /// Further arguments for QEMU, one each.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// The image in the CD drive: an absolute path; empty: nothing.
    #[serde(default)]
    pub cdrom: String,
    #[serde(default, rename = "disk")]
    pub disks: Vec<DiskRecord>,
}

fn user() -> String {
    "user".to_owned()
}

fn auto() -> String {
    "auto".to_owned()
}

fn size<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<ByteSize, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}

/// The size as it stands in the file: exact, in the largest unit that divides it.
pub fn exact(size: ByteSize) -> String {
    [(40, "T"), (30, "G"), (20, "M"), (10, "K")]
        .iter()
        .find(|(bits, _)| size.0 > 0 && size.0.trailing_zeros() >= *bits)
        .map_or_else(|| size.0.to_string(), |(bits, unit)| format!("{}{unit}", size.0 >> bits))
}

/// An address for a network card, of QEMU's own range, made from the machine's uuid.
fn mac(uuid: uuid::Uuid) -> String {
    let [a, b, c, ..] = *uuid.as_bytes();
    format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")
}

impl Record {
    /// A new machine with a new identity and no disks.
    pub fn new(cpus: u32, memory: ByteSize) -> Self {
        let uuid = uuid::Uuid::new_v4();
        Self {
            version: 1,
            uuid: uuid.to_string(),
            description: String::new(),
            cpus,
            memory,
            firmware: Firmware::Bios,
            boot: Boot::Disk,
            network: user(),
            mac: mac(uuid),
            autostart: false,
            accel: auto(),
            arguments: Vec::new(),
            cdrom: String::new(),
            disks: Vec::new(),
        }
    }

    /// Reads the text of `path`, which is named in the error with the line and the reason.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let at = |line: Option<usize>, why: &str| {
            let line = line.map(|l| format!(":{l}")).unwrap_or_default();
            Error::refused(format_args!("{}{line}: {}", path.display(), clean_line(why)))
        };
        let record: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            // Where a value is wrong, its key stands before it.
            let key = before.and_then(|before| before.lines().last()?.trim().strip_suffix('='));
            let key = key.map(|key| format!("{}: ", key.trim())).unwrap_or_default();
            at(before.map(|b| b.matches('\n').count() + 1), &format!("{key}{}", error.message()))
        })?;
        let line = |key: &str| text.lines().position(|l| l.trim_start().starts_with(key)).map(|n| n + 1);
        if record.version != 1 {
            let why = format!("version is {}: this vmdeck knows version 1", record.version);
            return Err(at(line("version"), &why));
        }
        if !(1..=MOST_CPUS).contains(&record.cpus) {
            return Err(at(line("cpus"), &format!("cpus is {}: from 1 to {MOST_CPUS}", record.cpus)));
        }
        if uuid::Uuid::parse_str(&record.uuid).is_err() {
            return Err(at(line("uuid"), "uuid is no UUID"));
        }
        for (n, disk) in record.disks.iter().enumerate() {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let starts = disk.id.starts_with(|c: char| c.is_ascii_alphabetic());
            if !starts || disk.id.len() > 31 || !disk.id.chars().all(plain) {
                let why =
                    format!("disk id `{}`: a letter, then letters, digits, `.`, `_` and `-`, at most 31", disk.id);
                return Err(at(line("id"), &why));
            }
            if record.disks.iter().take(n).any(|d| d.id == disk.id) {
                return Err(at(line("id"), &format!("two disks are called `{}`", disk.id)));
            }
            if !["qcow2", "raw"].contains(&disk.format.as_str()) {
                return Err(at(line("format"), &format!("disk format `{}`: qcow2 or raw", disk.format)));
            }
            if !["virtio", "sata"].contains(&disk.bus.as_str()) {
                return Err(at(line("bus"), &format!("disk bus `{}`: virtio or sata", disk.bus)));
            }
        }
        Ok(record)
    }

    /// The text of a new file.
    pub fn to_toml(&self) -> String {
        let mut out = String::from("# A machine of vmdeck. Changes take effect at its next start.\n");
        let mut document = DocumentMut::new();
        self.write(&mut document, None);
        let _ = write!(out, "{document}");
        out
    }

    /// `text` with what differs from `old` changed; all else stays as the person wrote it.
    pub fn edit(&self, old: &Self, text: &str, path: &Path) -> Result<String> {
        let mut document: DocumentMut =
            text.parse().map_err(|error| Error::refused(format_args!("{}: {error}", path.display())))?;
        self.write(&mut document, Some(old));
        Ok(document.to_string())
    }

    fn write(&self, document: &mut DocumentMut, old: Option<&Self>) {
        let mut set = |key: &str, changed: bool, new: Item| {
            if changed {
                put(document.as_table_mut(), key, new);
            }
        };
        macro_rules! set {
            ($($field:ident: $make:expr;)*) => {$(
                set(stringify!($field), old.is_none_or(|o| o.$field != self.$field), value($make));
            )*};
        }
        set! {
            version: i64::from(self.version);
            uuid: &self.uuid;
            description: &self.description;
            cpus: i64::from(self.cpus);
            memory: exact(self.memory);
            firmware: self.firmware.name();
            boot: self.boot.name();
            network: &self.network;
            mac: &self.mac;
            autostart: self.autostart;
            accel: &self.accel;
            arguments: self.arguments.iter().collect::<Array>();
            cdrom: &self.cdrom;
        }
        if old.is_none_or(|o| o.disks != self.disks) {
            self.write_disks(document);
        }
    }

    fn write_disks(&self, document: &mut DocumentMut) {
        let before = match document.remove("disk") {
            Some(Item::ArrayOfTables(tables)) => tables,
            // Inline tables are legal too: they become sections.
            Some(Item::Value(v)) => Item::Value(v).into_array_of_tables().unwrap_or_default(),
            _ => ArrayOfTables::new(),
        };
        let mut after = ArrayOfTables::new();
        for disk in &self.disks {
            let known = before.iter().find(|t| t.get("id").and_then(Item::as_str) == Some(&disk.id));
            let mut table = known.cloned().unwrap_or_else(Table::new);
            for (key, new) in [("id", &disk.id), ("file", &disk.file), ("format", &disk.format), ("bus", &disk.bus)] {
                if table.get(key).and_then(Item::as_str) != Some(new) {
                    put(&mut table, key, value(new));
                }
            }
            if disk.leaving.is_empty() {
                table.remove("leaving");
            } else {
                put(&mut table, "leaving", value(&disk.leaving));
            }
            after.push(table);
        }
        if !after.is_empty() {
            document.insert("disk", Item::ArrayOfTables(after));
        }
    }
}

/// Sets a value and keeps the comment that stood behind the old one.
fn put(table: &mut Table, key: &str, mut new: Item) {
    if let Some(old) = table.get(key).and_then(Item::as_value)
        && let Some(new) = new.as_value_mut()
    {
        *new.decor_mut() = old.decor().clone();
    }
    table.insert(key, new);
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# mine
version = 1
uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
cpus = 2 # enough
memory = "2G"
mac = "52:54:00:00:00:01"
shelf = "B3"

[[disk]]
id = "disk0"
file = "disk0.qcow2"
format = "qcow2"
note = "keep me"
"#;

    fn read(text: &str) -> Result<Record> {
        Record::parse(text, Path::new("/m/web/machine.toml"))
    }

    #[test]
    fn what_is_not_ours_stays() {
        let old = read(TEXT).unwrap();
        let mut new = old.clone();
        new.cpus = 4;
        new.disks.push(DiskRecord {
            id: "disk1".into(),
            file: "x".into(),
            format: "raw".into(),
            bus: "virtio".into(),
            leaving: String::new(),
        });
        let text = new.edit(&old, TEXT, Path::new("x")).unwrap();
        for kept in ["# mine\n", "cpus = 4 # enough\n", "shelf = \"B3\"\n", "note = \"keep me\"\n"] {
            assert!(text.contains(kept), "{kept} in {text}");
        }
        assert_eq!(read(&text).unwrap(), new);
        new.disks.clear();
        assert_eq!(read(&new.edit(&old, TEXT, Path::new("x")).unwrap()).unwrap(), new);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut new = Record::new(3, ByteSize(1_073_741_825));
        new.arguments = vec!["-device".into(), "a \"b\"\\,c".into()];
        assert_eq!(read(&new.to_toml()).unwrap(), new);
        assert_eq!([exact(ByteSize(3 << 29)), exact(ByteSize(1 << 40)), exact(ByteSize(0))], ["1536M", "1T", "0"]);
    }

    #[test]
    fn errors_name_file_line_and_reason() {
        let why = |from: &str, to: &str| read(&TEXT.replace(from, to)).unwrap_err().message;
        assert_eq!(why("cpus = 2 ", "cpus = 0 "), "/m/web/machine.toml:4: cpus is 0: from 1 to 255");
        assert_eq!(
            why("version = 1", "version = 2"),
            "/m/web/machine.toml:2: version is 2: this vmdeck knows version 1"
        );
        assert!(why("\"2G\"", "\"2X\"").starts_with("/m/web/machine.toml:5: memory: `2X` is not a size"));
        assert!(why("cpus = 2 ", "cpus = true ").starts_with("/m/web/machine.toml:4: cpus: invalid type: boolean"));
        assert!(why("cpus = 2 ", "# ").ends_with("machine.toml:1: missing field `cpus`"));
        assert!(why("cpus = 2 ", "cpus = = ").starts_with("/m/web/machine.toml:4: "));
        assert!(why("id = \"disk0\"", "id = \"a,b\"").contains("disk id `a,b`"));
    }
}
