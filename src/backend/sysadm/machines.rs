use super::{Sysadm, names, sizes, wire};
use crate::{
    backend::{Call, Machines},
    domain::{ByteSize, Error, ErrorKind, FieldKind, FieldSpec, Op, Result, Values, Vm, VmId, clean_line},
};

/// The size of a disk, of a new machine or beside others.
pub(super) fn size_field(name: &'static str, label: &'static str) -> FieldSpec {
    FieldSpec::new(name, label, FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 50) })
}

pub(super) fn size_of(values: &Values, field: &str) -> Result<ByteSize> {
    let text = values.get(field).map(String::as_str).unwrap_or_default();
    text.parse().map_err(|why| Error::invalid(format_args!("{field}: {why}")))
}

impl Machines for Sysadm {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        Ok(self.vm(&self.row(vm).await?.0))
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let name = FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits and _");
        Ok(vec![name, size_field("disk", "Disk").default("10G").help("the size of its first disk")])
    }

    async fn create(&self, values: &Values, _: Call) -> Result<()> {
        self.check(Op::Create)?;
        let name = values.get("name").map(String::as_str).unwrap_or_default();
        let size = size_of(values, "disk")?;
        names::check_new(name, &self.rows().await?)?;
        self.iohyve("create", &[("name", name), ("size", &sizes::sent(size))]).await?;
        // The server says yes without a word on what failed: the machine may be missing, or its disk.
        let made = VmId::from(name);
        self.row(&made).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::refused(format_args!("the server said yes, but made no machine {name}")),
            _ => error,
        })?;
        let disks = wire::disks(&self.iohyve("listdisks", &[("name", name)]).await?)?;
        match disks.get(&0) {
            Some(found) if sizes::fits(found, size) => Ok(()),
            found => {
                let has = found.map_or_else(|| "no disk".to_owned(), |f| format!("a disk of {}", clean_line(f)));
                let why = format_args!("{name} was made with {has}, not with {size}: delete it and create it anew");
                Err(Error::new(ErrorKind::Differs, why))
            }
        }
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<()> {
        self.check(Op::Delete)?;
        if keep_disks {
            let why = "SysAdm deletes a machine with its disks: they cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let version = self.session()?.facts.version;
        let (row, others) = self.row(vm).await?;
        names::check_deletion(vm.as_str(), &others, version)?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: the server would delete it all the same")));
        }
        self.iohyve("delete", &[("name", vm.as_str())]).await.map(drop)
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<()> {
        self.check(Op::Install)?;
        names::check(vm.as_str())?;
        names::check_iso(image)?;
        let ((row, _), isos) = tokio::try_join!(self.row(vm), self.isos())?;
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running already")));
        }
        if !isos.iter().any(|iso| iso == image) {
            return Err(super::images::missing(image));
        }
        self.iohyve("install", &[("name", vm.as_str()), ("iso", image)]).await.map(drop)
    }
}
