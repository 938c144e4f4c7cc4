use super::{CHANGE, Iohyve, Row, datasets::pool_of, differs, missing, names, sizes};
use crate::{
    backend::{Call, Machines},
    domain::{ByteSize, Error, ErrorKind, FieldKind, FieldSpec, Progress, Result, Values, Vm, VmId},
};
use std::{slice, time::Duration};

/// iohyve waits ten seconds before it deletes.
const DELETE: Duration = Duration::from_secs(50);
const INSTALL: Duration = Duration::from_secs(45);
/// All that is on its disks is copied.
pub(super) const CLONE: Duration = Duration::from_secs(3600);

/// The size of a disk, of a new machine or beside others.
pub(in crate::backend) fn size_field(name: &'static str, label: &'static str) -> FieldSpec {
    FieldSpec::new(name, label, FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 50) })
}

pub(in crate::backend) fn size_of(values: &Values, field: &str) -> Result<ByteSize> {
    let text = values.get(field).map(String::as_str).unwrap_or_default();
    text.parse().map_err(|why| Error::invalid(format_args!("{field}: {why}")))
}

/// That a machine is on its way up.
pub(super) fn loading(vm: &VmId) -> Error {
    Error::conflict(format_args!("{vm} is in its loader: answer that on its console, or power it off"))
}

impl Iohyve {
    /// Refuses a machine that runs, or that has ended and is still in memory under its name.
    pub(super) fn check_off(vm: &VmId, row: &Row) -> Result<()> {
        match (row.is_running, row.is_loaded) {
            _ if row.is_loading() => Err(loading(vm)),
            (true, _) => Err(Error::conflict(format_args!("{vm} is running: shut it down first"))),
            (false, true) => {
                Err(Error::conflict(format_args!("{vm} is still in the host's memory: power it off first")))
            }
            (false, false) => Ok(()),
        }
    }

    /// Refuses a machine that is up or on its way, or that iohyve would start with another one's disk.
    pub(super) async fn check_start(&self, vm: &VmId, row: &Row, others: &[Row]) -> Result<()> {
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running already")));
        }
        if row.is_loading() {
            return Err(loading(vm));
        }
        names::check_meant(vm.as_str(), others, self.version())?;
        match names::seeks_by_part(self.version()) {
            true => names::check_disks(vm.as_str(), &self.datasets_beside(vm).await?),
            false => Ok(()),
        }
    }

    /// All file systems and volumes of the host but the machine's own: what looks for a part of a name may find any.
    async fn datasets_beside(&self, vm: &VmId) -> Result<Vec<String>> {
        let output = self.shell.other(&["zfs", "list", "-H", "-o", "name"]).await?;
        let listed = String::from_utf8_lossy(&output.stdout);
        let names: Vec<_> = listed.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
        let ending = format!("/iohyve/{vm}");
        let home = names.iter().find(|name| pool_of(name, &ending).is_some()).filter(|_| output.is_success());
        let home = *home.ok_or_else(|| {
            let why = "iohyve before 0.7.6 looks for parts of names, and zfs does not tell what that would find";
            Error::refused(format_args!("{why}: nothing was sent; zfs said: {}", super::command::words(&output)))
        })?;
        let is_own =
            |name: &str| name.strip_prefix(home).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']));
        Ok(names.into_iter().filter(|name| !is_own(name)).map(str::to_owned).collect())
    }
}

impl Machines for Iohyve {
    async fn find(&self, vm: &VmId) -> Result<Vm> {
        let (row, datasets) = tokio::join!(self.row(vm), self.datasets());
        let mut vm = self.seen.vm(&row?.0);
        datasets.complete(&mut vm);
        Ok(vm)
    }

    async fn create_form(&self) -> Result<Vec<FieldSpec>> {
        let name = FieldSpec::new("name", "Name", FieldKind::VmName).help("letters, digits and _");
        let disk = size_field("disk", "Disk").default("10G").help("the size of its first disk");
        Ok(vec![name, disk, self.pool_of_machine().await])
    }

    async fn create(&self, values: &Values, _: Call) -> Result<()> {
        let text = |field: &str| values.get(field).map(String::as_str).unwrap_or_default();
        let (name, pool, size) = (text("name"), text("pool"), size_of(values, "disk")?);
        names::check_new(name, &self.rows().await?)?;
        if !pool.is_empty() {
            names::check(pool).map_err(|_| Error::invalid(format_args!("pool: `{pool}` is no name of a pool")))?;
        }
        let sent = sizes::sent(size);
        let arguments: Vec<_> = ["create", name, &sent, pool].into_iter().filter(|word| !word.is_empty()).collect();
        let output = self.shell.run(&arguments, CHANGE).await?;
        let made = VmId::from(name);
        let (disks, _) = self.volumes(&made).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::refused(super::command::words(&output)),
            _ => error,
        })?;
        match disks.get(&0) {
            Some(found) if sizes::fits(found, size) => Ok(()),
            found => {
                let has =
                    found.map_or_else(|| "no disk".to_owned(), |found| format!("a disk of {}", sizes::told(found)));
                let what = format_args!("{name} was made with {has}, not with {size}: delete it and create it anew");
                Err(differs(&output, what))
            }
        }
    }

    async fn rename(&self, vm: &VmId, name: &str) -> Result<()> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        names::check_new(name, &others)?;
        Self::check_off(vm, &row)?;
        let output = self.shell.run(&["rename", vm.as_str(), name], CHANGE).await?;
        let rows = self.rows().await?;
        let has = |name: &str| rows.iter().any(|row| row.name == name);
        match (has(vm.as_str()), has(name)) {
            (false, true) => Ok(()),
            (true, false) => Err(differs(&output, format_args!("{vm} has its old name"))),
            (true, true) => Err(differs(&output, format_args!("there are both {vm} and {name} now"))),
            (false, false) => Err(differs(&output, format_args!("there is neither {vm} nor {name} now"))),
        }
    }

    async fn clone_machine(&self, vm: &VmId, name: &str, call: Call) -> Result<()> {
        let (row, others) = self.row(vm).await?;
        names::check_alone(vm.as_str(), &others)?;
        names::check_new(name, &[&others[..], slice::from_ref(&row)].concat())?;
        Self::check_off(vm, &row)?;
        let (snapshots, disks) = tokio::try_join!(self.snapshots_of(vm), self.disks_of(vm))?;
        // iohyve sends a snapshot that it calls as the copy, and removes it: also one that was there.
        if snapshots.iter().any(|snapshot| snapshot.name == name) {
            return Err(Error::conflict(format_args!(
                "iohyve would remove the snapshot {name} of {vm}: choose another name for the copy"
            )));
        }
        call.progress(Progress::note("iohyve copies its disks"));
        // -r: a tap and a console of its own.
        let output = self.shell.run(&["clone", "-r", vm.as_str(), name], CLONE).await?;
        let (copies, _) = self.volumes(&name.into()).await.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::refused(super::command::words(&output)),
            _ => error,
        })?;
        if copies == disks {
            return Ok(());
        }
        Err(differs(&output, format_args!("the copy {name} has other disks than {vm}: delete it and try again")))
    }

    async fn delete(&self, vm: &VmId, keep_disks: bool) -> Result<Option<String>> {
        if keep_disks {
            let why = "iohyve deletes a machine with its disks: they cannot be kept";
            return Err(Error::new(ErrorKind::Unsupported, why));
        }
        let (row, others) = self.row(vm).await?;
        names::check_deletion(vm.as_str(), &others, self.version())?;
        if names::seeks_by_part(self.version()) {
            names::check_datasets(vm.as_str(), &self.datasets_beside(vm).await?)?;
        }
        if row.is_running {
            return Err(Error::conflict(format_args!("{vm} is running: iohyve would delete it all the same")));
        }
        // What is in memory stays there, and nothing has its name any more that it could be taken out by.
        Self::check_off(vm, &row)?;
        let output = self.shell.run(&["delete", "-f", vm.as_str()], DELETE).await?;
        match self.row(vm).await {
            Ok(_) => Err(differs(&output, format_args!("{vm} is still there"))),
            Err(error) if error.message == missing(vm).message => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn install(&self, vm: &VmId, image: &str) -> Result<Option<String>> {
        names::check(vm.as_str())?;
        names::check_iso(image)?;
        let ((row, others), isos) = tokio::try_join!(self.row(vm), self.isos())?;
        self.check_start(vm, &row, &others).await?;
        if !isos.iter().any(|iso| iso == image) {
            return Err(super::images::missing(image));
        }
        let output = self.shell.leave(&["install", vm.as_str(), image], INSTALL).await?;
        if output.is_success() { Ok(None) } else { Err(Error::refused(super::command::words(&output))) }
    }
}
