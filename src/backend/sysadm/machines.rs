use super::{Sysadm, names, setup::granted, sizes, wire};
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

impl Sysadm {
    /// Why a machine was not made, and whether it is there all the same.
    async fn not_made(&self, vm: &VmId, error: Error) -> Error {
        if error.kind != ErrorKind::Refused {
            return error;
        }
        if self.row(vm).await.is_ok() {
            let left = format_args!("{}; {vm} is there all the same, and not whole: delete it", error.message);
            return Error::new(ErrorKind::Differs, left);
        }
        match self.is_bare() {
            true => Error::refused(format_args!("the server is not set up yet; it says {}", error.message)),
            false => error,
        }
    }

    /// What is in the pools besides machines.
    async fn datasets(&self) -> Result<Vec<String>> {
        let (isos, pools) = tokio::try_join!(self.isos(), async { granted(self.pools().await) })?;
        let pools = pools.into_iter().flatten().map(|pool| pool.value);
        let isos = isos.into_iter().map(|iso| format!("iohyve/ISO/{iso}"));
        Ok(pools.chain(["iohyve/ISO".to_owned(), "iohyve/Firmware".to_owned()]).chain(isos).collect())
    }
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
        let made = VmId::from(name);
        if let Err(error) = self.iohyve("create", &[("name", name), ("size", &sizes::sent(size))]).await {
            return Err(self.not_made(&made, error).await);
        }
        // The server says yes without a word on what failed: the machine may be missing, or its disk.
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

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        self.check(Op::Delete)?;
        if keep_disks {
            let why = "SysAdm deletes a machine with its disks: they cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let version = self.session()?.facts.version;
        let (row, others) = self.row(vm).await?;
        names::check_deletion(vm.as_str(), &others, version)?;
        if names::seeks_by_part(version) {
            names::check_datasets(vm.as_str(), &self.datasets().await?)?;
        }
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: the server would delete it all the same")));
        }
        self.iohyve("delete", &[("name", vm.as_str())]).await.map(|_| None)
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
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
        self.iohyve("install", &[("name", vm.as_str()), ("iso", image)]).await.map(|_| None)
    }
}
