use super::{
    Govirthost, check,
    wire::{self, Build},
};
use crate::{
    backend::{
        Call, Machines,
        domain_xml::{Description, DiskFile, NewMachine},
    },
    domain::{ByteSize, Choice, Error, ErrorKind, FieldKind, FieldSpec, Op, Result, Values, Vm, VmId, clean_line},
    transport::http::Method,
};
use serde_json::json;
use std::time::Duration;

/// How long a move may take: all that the machine has in memory goes through the network.
pub(super) const MOVE: Duration = Duration::from_secs(600);

/// `network default`, `bridge br0`, `user`, `none`.
fn check_network(text: &str) -> Result<()> {
    let is_named = matches!(text.split_once(' '), Some(("network" | "bridge", name)) if !name.trim().is_empty());
    if is_named || matches!(text, "user" | "none") {
        return Ok(());
    }
    let shown = crate::domain::clean(text, 40);
    Err(Error::invalid(format_args!("network: `{shown}`: write `network NAME`, `bridge NAME`, user or none")))
}

fn check_path(field: &str, text: &str) -> Result<()> {
    match text.starts_with('/') || text.is_empty() {
        true => Ok(()),
        false => {
            Err(Error::invalid(format_args!("{field}: `{}`: the whole path there", crate::domain::clean(text, 60))))
        }
    }
}

/// A MAC address of QEMU's own range.
fn mac() -> String {
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")
}

/// The description of the machine that `values` stand for.
fn description(values: &Values) -> Result<(NewMachine, String)> {
    let value = |key: &str| values.get(key).map(String::as_str).unwrap_or_default().trim();
    let wrong = |field: &str| Error::invalid(format_args!("{field}: `{}`", crate::domain::clean(value(field), 40)));
    check_network(value("network"))?;
    check_path("disk", value("disk"))?;
    check_path("image", value("image"))?;
    let machine = NewMachine {
        name: value("name").to_owned(),
        description: String::new(),
        accelerator: value("accelerator").to_owned(),
        cpus: value("cpus").parse().map_err(|_| wrong("cpus"))?,
        memory: value("memory").parse().map_err(|_| wrong("memory"))?,
        is_uefi: value("firmware") == "uefi",
        network: value("network").to_owned(),
        disk: DiskFile {
            path: value("disk").to_owned(),
            format: value("format").to_owned(),
            target: "vda".to_owned(),
            is_device: false,
        },
        cdrom: Some(value("image").to_owned()).filter(|path| !path.is_empty()),
    };
    let xml = machine.to_xml();
    // What the server could not read would cost more than an error.
    let read = Description::parse(&xml)?;
    if read.name != machine.name || read.cpus != Some(machine.cpus) {
        return Err(Error::invalid("the machine cannot be written as libvirt reads it"));
    }
    Ok((machine, xml))
}

impl Machines for Govirthost {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        let session = self.session()?;
        let row = session.row(vm).await?;
        // Without its description the machine is there all the same.
        if let Err(error) = session.describe(vm, row.run).await {
            tracing::debug!("{vm} was not described: {error}");
        }
        Ok(session.vm(&row))
    }

    /// The server answers when the machine has left, which mostly is after the ten seconds that it may take to answer:
    /// then the connection ends in silence, and the list tells.
    async fn migrate(&self, vm: &VmId, to: &str, copy_disks: bool, _: Call) -> Result<Option<String>> {
        if copy_disks {
            let why = "govirthost copies no disks: they have to be on storage that both hosts see";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let to = to.trim();
        let is_address = !to.is_empty() && to.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:[]%".contains(c));
        if !is_address || to.starts_with('-') {
            let shown = crate::domain::clean(to, 60);
            return Err(Error::invalid(format_args!("to: `{shown}`: the name or number of a computer: lab2.example")));
        }
        let session = self.session()?;
        check(&session.row(vm).await?, Op::Migrate)?;
        let body = json!({"domain": vm.as_str(), "action": "migrate", "target": to});
        session.client.change_within(MOVE, Method::POST, &body, session.build).await.map(|()| None)
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let choice = |names: [&str; 2]| FieldKind::Choice(names.map(|name| Choice::new(name, "")).to_vec());
        let size = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 46) };
        Ok(vec![
            FieldSpec::new("name", "Name", FieldKind::VmName),
            FieldSpec::new("cpus", "CPUs", FieldKind::Number { least: 1, most: 512 }).default("1"),
            FieldSpec::new("memory", "Memory", size).default("2G"),
            FieldSpec::new("disk", "Disk", FieldKind::Text)
                .help("the path of a file that is there: /var/lib/../a.qcow2"),
            FieldSpec::new("format", "Format", choice(["qcow2", "raw"])).default("qcow2").help("of that file"),
            FieldSpec::new("image", "Image", FieldKind::Text)
                .optional()
                .help("the path of an ISO there, for its CD drive"),
            FieldSpec::new("network", "Network", FieldKind::Text)
                .default("network default")
                .help("network NAME, bridge NAME, user or none"),
            FieldSpec::new("firmware", "Firmware", choice(["bios", "uefi"])).default("bios"),
            FieldSpec::new("accelerator", "Accelerator", choice(["kvm", "qemu"])).default("kvm"),
        ])
    }

    /// Defines a machine and does not start it. `define` takes the place of a machine of the same name, so the name has
    /// to be free.
    async fn create(&self, values: &Values, _: Call) -> Result<()> {
        let session = self.session()?;
        let (machine, xml) = description(values)?;
        let rows = session.rows().await?;
        if rows.iter().any(|row| row.name == machine.name) {
            return Err(Error::conflict(format_args!("a machine is called {} already", machine.name)));
        }
        let body = match session.build {
            // What it looks at beside the description: none of it is used.
            Build::First => json!({"domain": machine.name, "action": "create", "createvmform": {
                "hostname": machine.name,
                "mac": mac(),
                "ip": "",
                "cpucount": machine.cpus,
                "memorycount": machine.memory.0.div_ceil(1 << 30).max(2),
                "image": machine.cdrom.as_deref().unwrap_or("none"),
                "xml": wire::encoded(&xml),
                "leasetime": 0,
            }}),
            Build::Last => json!({"domain": machine.name, "action": "define", "xml": wire::encoded(&xml)}),
        };
        session.client.change(Method::POST, &body, session.build).await
    }

    /// Undefines a machine that is off. The files of its disks are never touched.
    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        if !keep_disks {
            let why = "govirthost deletes no files: a machine goes, and the files of its disks stay";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let session = self.session()?;
        let row = session.row(vm).await?;
        check(&row, Op::Delete)?;
        // What has crashed is not "off" to the server, which then has to cut the power first.
        let (method, body) = match row.state.as_str() {
            "shutoff" => (Method::POST, json!({"domain": vm.as_str(), "action": "undefine"})),
            "crashed" => (Method::DELETE, json!({"domain": vm.as_str()})),
            state => {
                let why = format_args!(
                    "{vm} is in the state `{}`: it is not known to be off",
                    crate::domain::clean(state, 20)
                );
                return Err(Error::conflict(why));
            }
        };
        let (found, _) = session.describe(vm, row.run).await?;
        if found.has_nvram {
            let why = format_args!(
                "{} has UEFI variables, and govirthost deletes no machine with those: run `virsh undefine --nvram NAME` \
                 on its host",
                clean_line(vm.as_str())
            );
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        session.client.change(method, &body, session.build).await.map(|()| None)
    }
}
