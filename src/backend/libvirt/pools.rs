//! Storage pools: where disks and images are, and what is left there.
use super::{
    Libvirt,
    calls::PoolInfo,
    client::Client,
    reach::Scope,
    wire::{Pool, Volume},
};
use crate::{
    backend::domain_xml::{DiskFile, escape},
    domain::{Amount, ByteSize, Choice, DiskId, Error, ErrorKind, FieldKind, FieldSpec, Node, Result, clean_line},
};
use std::path::{Path, PathBuf};

/// The pool that libvirt's own programs put new things into.
const USUAL: &str = "default";

/// A pool with what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) pool: Pool,
    /// `dir`, `fs`, `logical`.
    kind: String,
    /// Where its volumes are, if that is a folder.
    pub(super) path: String,
    pub(super) info: PoolInfo,
}

impl Place {
    pub(super) async fn read(client: &Client, pool: Pool) -> Result<Self> {
        let (xml, info) = tokio::join!(client.pool_xml(&pool), client.pool_info(&pool));
        let (kind, path) = parse(&xml?);
        Ok(Self { pool, kind, path, info: info? })
    }

    /// Whether its volumes are files in a folder: images can be there, and disks of any format.
    pub(super) fn holds_files(&self) -> bool {
        matches!(self.kind.as_str(), "dir" | "fs" | "netfs") && !self.path.is_empty()
    }

    /// Why libvirt makes no disks in it; None: it does.
    pub(super) fn why_no_disks(&self) -> Option<&'static str> {
        match self.kind.as_str() {
            "logical" | "zfs" => None,
            _ if self.holds_files() => None,
            "disk" => Some("its disks are the partitions of a drive, which are made on that host"),
            "rbd" | "sheepdog" | "gluster" | "iscsi-direct" => {
                Some("its disks are on the network: a machine gets one by its description")
            }
            "iscsi" | "scsi" | "mpath" => Some("its disks are made on the storage itself, not by libvirt"),
            _ => Some("libvirt makes no disks there"),
        }
    }

    /// Refuses a pool whose disks stay as large as they are.
    pub(super) fn grows_disks(&self, disk: &DiskId) -> Result<()> {
        let tool = match self.kind.as_str() {
            "logical" => "lvextend",
            "zfs" => "zfs set volsize",
            _ => return Ok(()),
        };
        let name = clean_line(&self.pool.name);
        let why = format_args!("whose disks libvirt does not grow: `{tool}` does, on that host");
        Err(Error::conflict(format_args!("{disk} is in the pool {name}, {why}")))
    }

    /// Refuses a pool that no disk can be made in.
    pub(super) fn makes_disks(&self) -> Result<()> {
        let name = clean_line(&self.pool.name);
        let refused = |why| Error::conflict(format_args!("no disk can be made in the pool {name}: {why}"));
        self.why_no_disks().map_or(Ok(()), |why| Err(refused(why)))
    }

    /// The description of a disk in it.
    pub(super) fn volume_xml(&self, name: &str, format: &str, size: ByteSize) -> String {
        if self.holds_files() { disk_xml(name, format, size) } else { device_xml(name, size) }
    }

    /// As a place for a new disk.
    fn choice(&self) -> Choice {
        let raw = if self.holds_files() { "" } else { ", as raw disks" };
        Choice::new(&self.pool.name, &format!("{} free{raw}", ByteSize(self.info.available)))
    }

    /// What it is and what is left there.
    fn told(&self) -> String {
        let (free, all) = (ByteSize(self.info.available), ByteSize(self.info.capacity));
        let place = match (self.holds_files(), clean_line(&self.path)) {
            (true, path) => path.into_owned(),
            (false, path) if path.is_empty() => clean_line(&self.kind).into_owned(),
            (false, path) => format!("{}, {path}", clean_line(&self.kind)),
        };
        let not = self.why_no_disks().map(|why| format!("; {why}")).unwrap_or_default();
        format!("{place}, {free} free of {all}{not}")
    }

    /// Makes an empty disk, which takes no room yet where it is a file. Refused where the name is taken.
    pub(super) async fn make_disk(&self, client: &Client, name: &str, format: &str, size: ByteSize) -> Result<NewDisk> {
        self.makes_disks()?;
        let is_file = self.holds_files();
        let format = if is_file { format } else { "raw" };
        let name = format!("{name}.{format}");
        let volume = client.volume_make(&self.pool, &self.volume_xml(&name, format, size)).await?;
        // The key of a logical volume is no path.
        let path = if is_file { Ok(volume.key.clone()) } else { client.volume_path(&volume).await };
        match path {
            Ok(path) => Ok(NewDisk { volume, path, format: format.to_owned(), is_device: !is_file }),
            Err(error) => {
                let _ = client.volume_delete(&volume).await;
                Err(error)
            }
        }
    }
}

/// A volume that was made for a disk.
#[derive(Clone, Debug)]
pub(super) struct NewDisk {
    pub(super) volume: Volume,
    path: String,
    format: String,
    is_device: bool,
}

impl NewDisk {
    /// As a machine has it.
    pub(super) fn plugged(&self, target: String) -> DiskFile {
        DiskFile { path: self.path.clone(), format: self.format.clone(), target, is_device: self.is_device }
    }
}

/// The kind of a pool and the folder of its volumes.
fn parse(xml: &str) -> (String, String) {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Default::default() };
    let root = document.root_element();
    let target = root.children().find(|node| node.has_tag_name("target"));
    let path = target.and_then(|target| target.children().find(|node| node.has_tag_name("path")));
    let path = path.and_then(|path| path.text()).unwrap_or_default();
    (root.attribute("type").unwrap_or_default().to_owned(), path.trim().to_owned())
}

/// All pools: those of files first, of these the usual one, then the roomier ones.
pub(super) async fn all(client: &Client) -> Result<Vec<Place>> {
    let pools = client.pools().await?;
    let read = futures_util::future::join_all(pools.into_iter().map(|pool| Place::read(client, pool))).await;
    // One that is stopped meanwhile is left out.
    let mut places: Vec<_> = read.into_iter().flatten().collect();
    places
        .sort_by_key(|place| (!place.holds_files(), place.pool.name != USUAL, std::cmp::Reverse(place.info.available)));
    Ok(places)
}

/// The pools that files can be made in, in that order.
pub(super) async fn places(client: &Client) -> Result<Vec<Place>> {
    let mut places = all(client).await?;
    places.retain(Place::holds_files);
    Ok(places)
}

/// The field of the pool for a new disk: only where there is a choice, or where the disk would be no file.
pub(super) fn field(places: &[Place]) -> Option<FieldSpec> {
    let places: Vec<_> = places.iter().filter(|place| place.why_no_disks().is_none()).collect();
    let first = places.first().filter(|first| places.len() > 1 || !first.holds_files())?;
    let choices = FieldKind::Choice(places.iter().map(|place| place.choice()).collect());
    Some(FieldSpec::new("pool", "Pool", choices).default(first.pool.name.as_str()))
}

/// The volume behind a path. Libvirt knows what it saw when it last looked, so where it knows none it looks again.
pub(super) async fn volume_at(client: &Client, path: &str) -> Result<Volume> {
    match client.volume_at(path).await {
        Err(error) if error.kind == ErrorKind::NotFound => {}
        found => return found,
    }
    let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
    for place in all(client).await? {
        if Path::new(&place.path) == folder {
            client.pool_refresh(&place.pool).await?;
            return client.volume_at(path).await;
        }
    }
    Err(Error::not_found(format_args!("{} is in no storage pool of libvirt", clean_line(path))))
}

/// The description of a disk file that takes no room yet.
pub(super) fn disk_xml(name: &str, format: &str, size: ByteSize) -> String {
    format!(
        "<volume><name>{}</name><capacity unit='bytes'>{}</capacity><allocation unit='bytes'>0</allocation>\
        <target><format type='{}'/></target></volume>",
        escape(name),
        size.0,
        escape(format)
    )
}

/// The description of a disk that is a device of its host, with all of its room: one that takes it by and by fails its
/// machine when the pool is full.
fn device_xml(name: &str, size: ByteSize) -> String {
    format!("<volume><name>{}</name><capacity unit='bytes'>{}</capacity></volume>", escape(name), size.0)
}

/// The format of a volume's file, as libvirt sees it; empty: it tells none.
pub(super) fn format(xml: &str) -> String {
    let Ok(document) = roxmltree::Document::parse(xml) else { return String::new() };
    let target = document.root_element().children().find(|node| node.has_tag_name("target"));
    let format = target.and_then(|target| target.children().find(|node| node.has_tag_name("format")));
    format.and_then(|format| format.attribute("type")).unwrap_or_default().to_owned()
}

/// The file that a volume is based on.
pub(super) fn backing(xml: &str) -> Option<String> {
    let document = roxmltree::Document::parse(xml).ok()?;
    let backing = document.root_element().children().find(|node| node.has_tag_name("backingStore"))?;
    let path = backing.children().find(|node| node.has_tag_name("path"))?.text()?.trim();
    (!path.is_empty()).then(|| path.to_owned())
}

impl Libvirt {
    /// The pool called `name`; without a name the usual one for files, made where there is none yet.
    pub(super) async fn pool(&self, client: &Client, name: &str) -> Result<Place> {
        let mut places = all(client).await?;
        if !name.is_empty() {
            let found = places.into_iter().find(|place| place.pool.name == name);
            return found
                .ok_or_else(|| Error::not_found(format_args!("there is no active pool called {}", clean_line(name))));
        }
        if places.first().is_some_and(Place::holds_files) {
            return Ok(places.swap_remove(0));
        }
        let folder = self.usual_folder().ok_or_else(|| {
            Error::conflict("there is no storage pool: make one on that host with `virsh pool-define-as`")
        })?;
        let xml = format!(
            "<pool type='dir'><name>{USUAL}</name><target><path>{}</path></target></pool>",
            escape(&folder.to_string_lossy())
        );
        Place::read(client, client.pool_make(&xml).await?).await
    }

    /// Where libvirt's own programs make the first pool; None: not known from here.
    fn usual_folder(&self) -> Option<PathBuf> {
        match (self.settings.uri.scope, self.settings.uri.is_local()) {
            (Scope::System, _) => Some("/var/lib/libvirt/images".into()),
            (Scope::Session, true) => Some(directories::BaseDirs::new()?.data_dir().join("libvirt/images")),
            (Scope::Session, false) => None,
        }
    }

    /// The folder of the images, if this program may write there; else why not.
    pub(super) async fn own_folder(&self, client: &Client) -> Result<PathBuf, String> {
        if !self.settings.uri.is_local() {
            return Err("libvirt renames no volumes: rename the file on its own host, and refresh its pool".into());
        }
        let places = places(client).await.map_err(|error| error.message)?;
        let Some(place) = places.first() else {
            return Err("there is no storage pool yet: the first machine or image makes one".into());
        };
        let folder = PathBuf::from(&place.path);
        let access = rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
        match access {
            Ok(()) => Ok(folder),
            Err(error) => Err(format!("the folder of the images, {}, cannot be written to: {error}", place.path)),
        }
    }

    /// The computer that libvirt runs on.
    pub(super) async fn node(&self, client: &Client) -> Result<Node> {
        let (name, node, memory, places) =
            tokio::join!(client.hostname(), client.node(), client.node_memory(), all(client));
        let (name, (cpus, kib)) = (name?, node?);
        let total = ByteSize(kib.saturating_mul(1024));
        // What the system keeps files in is given back when it is needed.
        let free = memory.ok().map(|figures| {
            let of_use = figures.iter().filter(|(name, _)| ["free", "buffers", "cached"].contains(&name.as_str()));
            of_use.map(|(_, kib)| kib.saturating_mul(1024)).sum::<u64>()
        });
        let amount = |used: u64, total: u64| Amount { used: ByteSize(used), total: ByteSize(total) };
        let places = places.unwrap_or_default();
        let storage = places
            .first()
            .map(|place| amount(place.info.capacity.saturating_sub(place.info.available), place.info.capacity));
        Ok(Node {
            id: name.as_str().into(),
            name,
            cpus: Some(cpus),
            memory: free.map(|free| amount(total.0.saturating_sub(free), total.0)),
            storage,
            details: places.iter().map(|place| (format!("Pool {}", place.pool.name), place.told())).collect(),
            ..Node::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pools_kind_and_folder_are_read() {
        let xml = "<pool type='dir'><name>p</name><target><path>/a&amp;b</path></target></pool>";
        assert_eq!(parse(xml), ("dir".to_owned(), "/a&b".to_owned()));
        assert_eq!(parse("<pool type='rbd'/>"), ("rbd".to_owned(), String::new()));
        assert_eq!(parse("no xml"), Default::default());
    }

    #[test]
    fn what_a_volume_is_based_on_is_read() {
        let over =
            "<volume><target><path>/o</path></target><backingStore><path>/a&amp;b</path></backingStore></volume>";
        assert_eq!(backing(over).as_deref(), Some("/a&b"));
        for alone in ["<volume><target><path>/o</path></target></volume>", "<volume><backingStore/></volume>"] {
            assert_eq!(backing(alone), None);
        }
    }
}
