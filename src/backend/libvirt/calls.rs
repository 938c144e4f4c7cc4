//! Libvirt's procedures as functions: what goes in, what comes out.
use super::{
    client::Client,
    hints::{EVENTS, POOL_EVENTS},
    stream::Stream,
    wire::{Domain, Interface, Pool, Stats, Volume, procedure as p},
    xdr::{Reader, Writer},
};
use crate::{
    backend::domain_xml::Description,
    domain::{Error, ErrorKind, Result, VmId},
};
use futures_util::future::join_all;
use std::sync::Arc;

/// What a change of a machine applies to: the running machine, what it starts with next time.
pub const LIVE: u32 = 1;
pub const CONFIG: u32 = 2;
/// Beside those, of CPUs and memory: the most that it can have.
pub const MAXIMUM: u32 = 4;

/// Which figures to ask for.
pub mod group {
    pub const STATE: u32 = 1;
    pub const CPU: u32 = 2;
    pub const BALLOON: u32 = 4;
    pub const INTERFACE: u32 = 16;
    pub const BLOCK: u32 = 32;
}
/// Only of machines in memory.
const ACTIVE: u32 = 1;
/// Of a list: only machines whose memory is saved.
const WITH_MANAGED_SAVE: u32 = 256;
/// Figures that would have to wait for a machine are left out.
const NO_WAIT: u32 = 1 << 29;

/// What a disk has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// What the guest sees.
    pub capacity: u64,
    /// What it takes of the storage.
    pub allocation: u64,
}

/// What a pool has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolInfo {
    pub capacity: u64,
    pub allocation: u64,
    pub available: u64,
}

/// `9.0.0` of 9000000.
fn version(number: u64) -> String {
    format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000)
}

impl Client {
    async fn text(&self, procedure: u32, args: Writer) -> Result<String> {
        Reader::new(&self.call(procedure, args).await?).text()
    }

    async fn done(&self, procedure: u32, args: Writer) -> Result<()> {
        self.call(procedure, args).await.map(drop)
    }

    /// Signs in and opens `driver`: a daemon takes no other call before.
    pub async fn open(&self, driver: &str) -> Result<()> {
        let offered = Reader::new(&self.call(p::AUTH_LIST, Writer::default()).await?).list(Reader::u32)?;
        match offered.first() {
            None | Some(0) => {}
            Some(2) => {
                let asked = self.call(p::AUTH_POLKIT, Writer::default()).await;
                let hint =
                    "members of the group libvirt need no leave: `sudo usermod -aG libvirt $USER`, then sign in again";
                let why = |error: Error| format!("polkit lets you not in ({}): {hint}", error.message);
                asked.map_err(|error| Error::new(ErrorKind::Unauthorized, why(error)))?;
            }
            Some(_) => {
                let why = "this daemon wants a user and password (SASL), which cannot be given here";
                return Err(Error::new(ErrorKind::Unauthorized, why));
            }
        }
        self.done(p::CONNECT_OPEN, Writer::default().maybe(Some(driver)).u32(0)).await
    }

    /// Asks for the events that make a machine or the pools worth a look. One that an old libvirt does not know, or that
    /// has no storage daemon behind it, is done without.
    pub async fn register(&self) -> Result<()> {
        let of_machines = EVENTS.iter().map(|event| (p::REGISTER_EVENT, event.id));
        let of_pools = POOL_EVENTS.iter().map(|(id, _)| (p::REGISTER_POOL_EVENT, *id));
        let ask = |(procedure, id)| self.call(procedure, Writer::default().u32(id).u32(0));
        let mut answers = join_all(of_machines.chain(of_pools).map(ask)).await;
        answers.swap_remove(0).map(drop)
    }

    /// The versions of libvirt and QEMU.
    pub async fn versions(&self) -> Result<(String, String)> {
        let ask = async |procedure| Reader::new(&self.call(procedure, Writer::default()).await?).u64().map(version);
        let (lib, qemu) = tokio::join!(ask(p::LIB_VERSION), ask(p::VERSION));
        // Where QEMU is not installed, libvirt cannot tell its version.
        Ok((lib?, qemu.unwrap_or_default()))
    }

    pub async fn hostname(&self) -> Result<String> {
        self.text(p::HOSTNAME, Writer::default()).await
    }

    /// The XML that says what machines this host can run.
    pub async fn capabilities(&self) -> Result<String> {
        self.text(p::CAPABILITIES, Writer::default()).await
    }

    /// Its processors, and its memory in KiB.
    pub async fn node(&self) -> Result<(u32, u64)> {
        let body = self.call(p::NODE_INFO, Writer::default()).await?;
        let mut reader = Reader::new(&body);
        // The processor's name: 32 characters of four bytes each.
        for _ in 0..32 {
            reader.u32()?;
        }
        let memory = reader.u64()?;
        Ok((reader.u32()?, memory))
    }

    /// The memory of the host in KiB: `total`, `free`, `buffers`, `cached`.
    pub async fn node_memory(&self) -> Result<Vec<(String, u64)>> {
        // First how many there are, then those.
        let ask = |count: i32| Writer::default().i32(count).i32(-1).u32(0);
        let body = self.call(p::NODE_MEMORY, ask(0)).await?;
        let mut reader = Reader::new(&body);
        reader.list(|r| Ok((r.text()?, r.u64()?)))?;
        let count = reader.i32()?;
        let body = self.call(p::NODE_MEMORY, ask(count)).await?;
        Reader::new(&body).list(|r| Ok((r.text()?, r.u64()?)))
    }

    /// All machines, running or not.
    pub async fn domains(&self) -> Result<Vec<Domain>> {
        Reader::new(&self.call(p::LIST_DOMAINS, Writer::default().i32(1).u32(0)).await?).list(Domain::read)
    }

    /// The machines whose memory is saved.
    pub async fn saved(&self) -> Result<Vec<Domain>> {
        Reader::new(&self.call(p::LIST_DOMAINS, Writer::default().i32(1).u32(WITH_MANAGED_SAVE)).await?)
            .list(Domain::read)
    }

    pub async fn lookup(&self, vm: &VmId) -> Result<Domain> {
        let found = self.call(p::LOOKUP_BY_NAME, Writer::default().text(vm.as_str())).await;
        let body = found.map_err(|error| match error.kind {
            ErrorKind::NotFound => Error::not_found(format_args!("there is no machine called {vm}")),
            _ => error,
        })?;
        Domain::read(&mut Reader::new(&body))
    }

    /// State and its reason, as libvirt numbers them.
    pub async fn state(&self, domain: &Domain) -> Result<(i32, i32)> {
        let body = self.call(p::STATE, domain.arg().u32(0)).await?;
        let mut reader = Reader::new(&body);
        Ok((reader.i32()?, reader.i32()?))
    }

    /// Figures of these machines in one call; of none: of all.
    pub async fn stats(&self, groups: u32, of: &[Domain]) -> Result<Vec<Stats>> {
        let args = Writer::default().list(of, |writer, domain| domain.write(writer)).u32(groups).u32(NO_WAIT);
        Reader::new(&self.call(p::STATS, args).await?).list(Stats::read)
    }

    /// Figures of all machines in memory.
    pub async fn running(&self, groups: u32) -> Result<Vec<Stats>> {
        let args = Writer::default().list(&[], |writer, domain: &Domain| domain.write(writer)).u32(groups);
        Reader::new(&self.call(p::STATS, args.u32(NO_WAIT | ACTIVE)).await?).list(Stats::read)
    }

    /// The description of a machine as it is; with `next`, as it will start next time.
    pub async fn xml(&self, domain: &Domain, next: bool) -> Result<Description> {
        Description::parse(&self.text(p::XML, domain.arg().u32(if next { CONFIG } else { 0 })).await?)
    }

    /// What describes a machine at its next start, with all that is secret in it.
    pub async fn xml_text(&self, domain: &Domain) -> Result<String> {
        self.text(p::XML, domain.arg().u32(1 | CONFIG)).await
    }

    /// Does something to a machine that takes no argument.
    pub async fn act(&self, procedure: u32, domain: &Domain) -> Result<()> {
        let takes_flags = !matches!(procedure, p::SUSPEND | p::RESUME | p::SHUT_DOWN);
        self.done(procedure, if takes_flags { domain.arg().u32(0) } else { domain.arg() }).await
    }

    pub async fn rename(&self, domain: &Domain, name: &str) -> Result<()> {
        self.done(p::RENAME, domain.arg().maybe(Some(name)).u32(0)).await
    }

    pub async fn define(&self, xml: &str) -> Result<Domain> {
        let body = self.call(p::DEFINE, Writer::default().text(xml).u32(0)).await?;
        Domain::read(&mut Reader::new(&body))
    }

    /// Starts a machine as `xml` describes it. One that is there, with the same name and UUID, is kept as it was, and is
    /// that again once this run has ended.
    pub async fn create(&self, xml: &str) -> Result<()> {
        self.done(p::CREATE_XML, Writer::default().text(xml).u32(0)).await
    }

    /// Whether it is there after its end too.
    pub async fn is_kept(&self, domain: &Domain) -> Result<bool> {
        Ok(Reader::new(&self.call(p::IS_KEPT, domain.arg()).await?).i32()? != 0)
    }

    /// Whether its memory was saved, which it goes on with at its next start.
    pub async fn is_saved(&self, domain: &Domain) -> Result<bool> {
        Ok(Reader::new(&self.call(p::HAS_MANAGED_SAVE, domain.arg().u32(0)).await?).i32()? != 0)
    }

    /// Forgets a machine, its saved state, what is kept of its snapshots, and its UEFI variables.
    pub async fn undefine(&self, domain: &Domain) -> Result<()> {
        self.done(p::UNDEFINE, domain.arg().u32(1 | 2 | 4)).await
    }

    pub async fn autostart(&self, domain: &Domain) -> Result<bool> {
        Ok(Reader::new(&self.call(p::GET_AUTOSTART, domain.arg()).await?).i32()? != 0)
    }

    pub async fn set_autostart(&self, domain: &Domain, on: bool) -> Result<()> {
        self.done(p::SET_AUTOSTART, domain.arg().i32(on.into())).await
    }

    pub async fn set_cpus(&self, domain: &Domain, count: u32, to: u32) -> Result<()> {
        self.done(p::SET_CPUS, domain.arg().u32(count).u32(to)).await
    }

    pub async fn set_memory(&self, domain: &Domain, kib: u64, to: u32) -> Result<()> {
        self.done(p::SET_MEMORY, domain.arg().u64(kib).u32(to)).await
    }

    pub async fn set_description(&self, domain: &Domain, text: &str, to: u32) -> Result<()> {
        let text = Some(text).filter(|text| !text.is_empty());
        self.done(p::SET_METADATA, domain.arg().i32(0).maybe(text).maybe(None).maybe(None).u32(to)).await
    }

    /// [`p::ATTACH_FLAGS`], [`p::DETACH_FLAGS`] or [`p::UPDATE_DEVICE`].
    pub async fn device(&self, procedure: u32, domain: &Domain, xml: &str, to: u32) -> Result<()> {
        self.done(procedure, domain.arg().text(xml).u32(to)).await
    }

    /// What a drive has, by its name in the machine or its path.
    pub async fn extent(&self, domain: &Domain, drive: &str) -> Result<Extent> {
        let body = self.call(p::BLOCK_INFO, domain.arg().text(drive).u32(0)).await?;
        let mut reader = Reader::new(&body);
        let (allocation, capacity, physical) = (reader.u64()?, reader.u64()?, reader.u64()?);
        Ok(Extent { capacity, allocation: if allocation == 0 { physical } else { allocation } })
    }

    /// Makes a drive of a running machine this many bytes large. Libvirt would shrink without a word.
    pub async fn resize_live(&self, domain: &Domain, drive: &str, bytes: u64) -> Result<()> {
        self.done(p::BLOCK_RESIZE, domain.arg().text(drive).u64(bytes).u32(1)).await
    }

    /// Whether a drive stands still for want of room.
    pub async fn is_full(&self, domain: &Domain) -> Result<bool> {
        let body = self.call(p::DISK_ERRORS, domain.arg().u32(256).u32(0)).await?;
        let errors = Reader::new(&body).list(|reader| Ok((reader.text()?, reader.i32()?)))?;
        Ok(errors.iter().any(|(_, error)| *error == 2))
    }

    /// The pools that are active.
    pub async fn pools(&self) -> Result<Vec<Pool>> {
        Reader::new(&self.call(p::LIST_POOLS, Writer::default().i32(1).u32(2)).await?).list(Pool::read)
    }

    pub async fn pool_info(&self, pool: &Pool) -> Result<PoolInfo> {
        let body = self.call(p::POOL_INFO, pool.arg()).await?;
        let mut reader = Reader::new(&body);
        reader.u32()?;
        Ok(PoolInfo { capacity: reader.u64()?, allocation: reader.u64()?, available: reader.u64()? })
    }

    pub async fn pool_xml(&self, pool: &Pool) -> Result<String> {
        self.text(p::POOL_XML, pool.arg().u32(0)).await
    }

    pub async fn pool_refresh(&self, pool: &Pool) -> Result<()> {
        self.done(p::POOL_REFRESH, pool.arg().u32(0)).await
    }

    pub async fn pool_of(&self, volume: &Volume) -> Result<Pool> {
        Pool::read(&mut Reader::new(&self.call(p::POOL_OF_VOLUME, volume.arg()).await?))
    }

    /// Makes a pool that is there after the next start too.
    pub async fn pool_make(&self, xml: &str) -> Result<Pool> {
        let body = self.call(p::POOL_DEFINE, Writer::default().text(xml).u32(0)).await?;
        let pool = Pool::read(&mut Reader::new(&body))?;
        let made = async {
            self.done(p::POOL_BUILD, pool.arg().u32(0)).await?;
            self.done(p::POOL_CREATE, pool.arg().u32(0)).await?;
            self.done(p::POOL_SET_AUTOSTART, pool.arg().i32(1)).await
        };
        let made = made.await;
        if made.as_ref().is_err_and(|error| !error.leaves_unknown()) {
            // What was only defined keeps the name from the next attempt; a pool that is active is not undefined.
            let _ = self.done(p::POOL_UNDEFINE, pool.arg()).await;
        }
        made.map(|()| pool)
    }

    pub async fn volumes(&self, pool: &Pool) -> Result<Vec<Volume>> {
        Reader::new(&self.call(p::LIST_VOLUMES, pool.arg().i32(1).u32(0)).await?).list(Volume::read)
    }

    pub async fn volume_make(&self, pool: &Pool, xml: &str) -> Result<Volume> {
        Volume::read(&mut Reader::new(&self.call(p::VOLUME_CREATE, pool.arg().text(xml).u32(0)).await?))
    }

    /// Makes a volume with what another has. Returns when all of it is copied.
    pub async fn volume_copy(&self, pool: &Pool, xml: &str, from: &Volume) -> Result<Volume> {
        let args = from.write(pool.arg().text(xml)).u32(0);
        Volume::read(&mut Reader::new(&self.call(p::VOLUME_COPY, args).await?))
    }

    pub async fn volume_xml(&self, volume: &Volume) -> Result<String> {
        self.text(p::VOLUME_XML, volume.arg().u32(0)).await
    }

    /// The file or device of the host that a volume is.
    pub async fn volume_path(&self, volume: &Volume) -> Result<String> {
        self.text(p::VOLUME_PATH, volume.arg()).await
    }

    /// Opens a stream that takes this many bytes of a volume, from its first on.
    pub(super) async fn volume_upload(self: Arc<Self>, volume: &Volume, bytes: u64) -> Result<Stream> {
        self.stream(p::VOLUME_UPLOAD, volume.arg().u64(0).u64(bytes).u32(0)).await
    }

    pub async fn volume_named(&self, pool: &Pool, name: &str) -> Result<Volume> {
        Volume::read(&mut Reader::new(&self.call(p::VOLUME_BY_NAME, pool.arg().text(name)).await?))
    }

    pub async fn volume_at(&self, path: &str) -> Result<Volume> {
        Volume::read(&mut Reader::new(&self.call(p::VOLUME_BY_PATH, Writer::default().text(path)).await?))
    }

    pub async fn volume_delete(&self, volume: &Volume) -> Result<()> {
        self.done(p::VOLUME_DELETE, volume.arg().u32(0)).await
    }

    pub async fn volume_extent(&self, volume: &Volume) -> Result<Extent> {
        let body = self.call(p::VOLUME_INFO, volume.arg()).await?;
        let mut reader = Reader::new(&body);
        reader.u32()?;
        Ok(Extent { capacity: reader.u64()?, allocation: reader.u64()? })
    }

    /// Makes a volume this many bytes large; libvirt refuses to shrink it.
    pub async fn volume_resize(&self, volume: &Volume, bytes: u64) -> Result<()> {
        self.done(p::VOLUME_RESIZE, volume.arg().u64(bytes).u32(0)).await
    }

    /// The networks of libvirt that are active.
    pub async fn networks(&self) -> Result<Vec<String>> {
        let body = self.call(p::LIST_NETWORKS, Writer::default().i32(1).u32(2)).await?;
        Ok(Reader::new(&body).list(Pool::read)?.into_iter().map(|network| network.name).collect())
    }

    /// The network interfaces of the host, up or down.
    pub async fn interfaces(&self) -> Result<Vec<Interface>> {
        Reader::new(&self.call(p::LIST_INTERFACES, Writer::default().i32(1).u32(0)).await?).list(Interface::read)
    }

    pub async fn interface_xml(&self, interface: &Interface) -> Result<String> {
        self.text(p::INTERFACE_XML, interface.arg().u32(0)).await
    }
}
