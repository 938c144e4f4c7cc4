//! What ZFS knows of what is iohyve's: what machines have and how large it is, the files of images, the room in its pool.
use super::{Iohyve, command::Shell};
use crate::domain::{Amount, ByteSize, Image, Stamp, Vm};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of every file system and every volume of iohyve, in one question.
const ASKED: &str = "iohyve:cpu,iohyve:ram,volsize,creation,mountpoint";
/// What is asked of its volumes alone. What one has `used` counts all that is reserved for it, be it empty.
const ASKED_OF_VOLUMES: &str = "volsize,referenced";
/// What is asked of its pools.
const ASKED_OF_POOLS: &str = "used,available";
const M: u64 = 1 << 20;

/// A disk as ZFS has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Volume<'a> {
    pub(super) pool: &'a str,
    pub(super) size: ByteSize,
    pub(super) referenced: Option<ByteSize>,
}

/// The pool of the dataset that this is the end of the name of. iohyve has its place right in a pool: what lies deeper is a
/// copy that somebody keeps, as `zfs receive` makes them, and nothing of iohyve's.
pub(super) fn pool_of<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    name.strip_suffix(ending).filter(|pool| !pool.is_empty() && !pool.contains('/'))
}

/// The only one; None: there is none, or it is not known which of them is meant.
pub(super) fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The properties of each file system and volume. One that is not set is not there.
#[derive(Debug, Default)]
pub(super) struct Datasets(BTreeMap<String, BTreeMap<String, String>>);

impl Datasets {
    /// Of `zfs get -H -p -o name,property,value`.
    pub(super) fn read(text: &str) -> Self {
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.splitn(3, '\t');
            if let (Some(name), Some(property), Some(value)) = (words.next(), words.next(), words.next())
                && value != "-"
            {
                all.entry(name.to_owned()).or_default().insert(property.to_owned(), value.to_owned());
            }
        }
        Self(all)
    }

    /// Those below this place in iohyve's file systems, which are one in each pool: what follows in the name, and its
    /// properties.
    fn below<'a>(&'a self, place: &'a str) -> impl Iterator<Item = (&'a str, &'a BTreeMap<String, String>)> {
        self.0.iter().filter_map(move |(name, own)| {
            let (pool, inside) = name.split_once("/iohyve/")?;
            Some((inside.strip_prefix(place)?, own)).filter(|_| !pool.contains('/'))
        })
    }

    /// Completes what the list tells of a machine.
    pub(super) fn complete(&self, vm: &mut Vm) {
        let place = format!("{}/", vm.name);
        let sizes = self.below(&place).filter(|(disk, _)| disk.starts_with("disk"));
        let sizes: Vec<(&str, u64)> =
            sizes.filter_map(|(disk, own)| Some((disk, own.get("volsize")?.parse().ok()?))).collect();
        let disks: BTreeSet<_> = sizes.iter().map(|(disk, _)| disk).collect();
        // One in two pools is there once, and which of them it is nobody knows.
        vm.disk = (!sizes.is_empty() && disks.len() == sizes.len()).then(|| sizes.iter().map(|(_, size)| size).sum());
        let named = self.below("").filter(|(name, own)| *name == vm.name && own.contains_key("iohyve:cpu"));
        let Some((_, own)) = only(named) else { return };
        let number = |property: &str| own.get(property)?.trim().parse::<ByteSize>().ok();
        vm.cpus = own.get("iohyve:cpu").and_then(|cpus| cpus.trim().parse().ok());
        // As bhyve reads it: a number without a unit is one of MiB, as long as it is small.
        vm.memory = number("iohyve:ram").map(|ram| if ram.0 < M { ram.0 * M } else { ram.0 });
    }

    /// A disk of a machine, by its number.
    pub(super) fn volume(&self, vm: &str, number: u32) -> Option<Volume<'_>> {
        let ending = format!("/iohyve/{vm}/disk{number}");
        let (pool, own) = only(self.0.iter().filter_map(|(name, own)| Some((pool_of(name, &ending)?, own))))?;
        let bytes = |property: &str| own.get(property)?.parse().ok().map(ByteSize);
        Some(Volume { pool, size: bytes("volsize")?, referenced: bytes("referenced") })
    }

    /// An image of iohyve's library: where it is, and since when.
    fn image(&self, name: &str) -> Image {
        let found = only(self.below("ISO/").filter(|(file, _)| *file == name)).map(|(_, own)| own);
        let mount = found.and_then(|own| own.get("mountpoint")).filter(|mount| mount.starts_with('/'));
        let seconds = found.and_then(|own| own.get("creation")?.parse::<u64>().ok());
        Image {
            path: mount.map(|mount| format!("{mount}/{name}")),
            added: seconds.map(|seconds| Stamp(seconds.saturating_mul(1000))),
            ..Image::new(name)
        }
    }

    /// The room in the pool that is offered first.
    pub(super) fn storage(&self) -> Option<Amount> {
        let mut homes = self.0.keys().filter_map(|name| pool_of(name, "/iohyve"));
        let pool = homes.find_map(|pool| self.0.get(pool))?;
        let bytes = |property: &str| pool.get(property)?.parse::<u64>().ok();
        let used = bytes("used")?;
        Some(Amount { used: ByteSize(used), total: ByteSize(used.saturating_add(bytes("available")?)) })
    }
}

impl Shell {
    /// The images of these names with what can be seen of their files.
    pub(super) async fn images(&self, names: Vec<String>, datasets: &Datasets) -> Vec<Image> {
        let mut images: Vec<_> = names.iter().map(|name| datasets.image(name)).collect();
        let paths: Vec<_> = images.iter().filter_map(|image| image.path.clone()).collect();
        if paths.is_empty() {
            return images;
        }
        let words: Vec<_> = ["wc", "-c"].into_iter().chain(paths.iter().map(String::as_str)).collect();
        let Ok(counted) = Box::pin(self.other(&words)).await else { return images };
        let counted = String::from_utf8_lossy(&counted.stdout).into_owned();
        let sizes = counted.lines().filter_map(|line| line.trim().split_once(' '));
        let sizes: BTreeMap<_, _> = sizes.map(|(size, path)| (path.trim(), size)).collect();
        for image in &mut images {
            let size = image.path.as_ref().and_then(|path| sizes.get(path.as_str())?.parse().ok());
            image.size = size.map(ByteSize);
        }
        images
    }
}

impl Iohyve {
    /// What ZFS tells now; nothing where it does not.
    pub(super) async fn datasets(&self) -> Datasets {
        let homes = self.homes().await.unwrap_or_default();
        let pools: Vec<_> = homes.iter().filter_map(|home| home.strip_suffix("/iohyve")).collect();
        let homes: Vec<_> = homes.iter().map(String::as_str).collect();
        let (mut all, pools) = tokio::join!(
            self.asked_of(&homes, &["-r", "-t", "filesystem,volume"], ASKED),
            self.asked_of(&pools, &[], ASKED_OF_POOLS)
        );
        all.0.extend(pools.0);
        all
    }

    /// The same of volumes alone.
    pub(super) async fn volumes_of_zfs(&self) -> Datasets {
        let homes = self.homes().await.unwrap_or_default();
        let homes: Vec<_> = homes.iter().map(String::as_str).collect();
        self.asked_of(&homes, &["-r", "-t", "volume"], ASKED_OF_VOLUMES).await
    }

    /// Of these alone, or of what is below them: a host may have thousands of others.
    async fn asked_of(&self, names: &[&str], how: &[&str], asked: &str) -> Datasets {
        // Without a name it would tell of all that there is.
        if names.is_empty() {
            return Datasets::default();
        }
        let words = [&["zfs", "get", "-H", "-p"], how, &["-o", "name,property,value", asked], names].concat();
        Datasets::read(&Box::pin(self.told(&words)).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "tank\tused\t1000\n\
        tank\tavailable\t3000\n\
        tank/iohyve\tused\t900\n\
        tank/iohyve/ISO/x.iso\tcreation\t1763700000\n\
        tank/iohyve/ISO/x.iso\tmountpoint\t/iohyve/ISO/x.iso\n\
        tank/iohyve/ISO/y.iso\tmountpoint\tnone\n\
        tank/iohyve/web\tiohyve:cpu\t2\n\
        tank/iohyve/web\tiohyve:ram\t1536M\n\
        tank/iohyve/web\tvolsize\t-\n\
        tank/iohyve/web/disk0\tiohyve:cpu\t2\n\
        tank/iohyve/web/disk0\tvolsize\t10737418240\n\
        fast/iohyve/web\tmountpoint\t/iohyve/fast/web\n\
        fast/iohyve/web/disk1\tvolsize\t1000\n\
        tank/iohyve/web2\tiohyve:ram\t512\n\
        tank/iohyve/web2\tiohyve:cpu\t1\n\
        tank/iohyve/web2/disk0\tvolsize\t7\n";

    #[test]
    fn what_zfs_tells_completes_the_lists() {
        let all = Datasets::read(TOLD);
        let told = |name: &str| {
            let mut vm = Vm::named(name);
            all.complete(&mut vm);
            (vm.cpus, vm.memory, vm.disk)
        };
        assert_eq!(told("web"), (Some(2), Some(1536 * M), Some(10_737_419_240)));
        assert_eq!(told("web2"), (Some(1), Some(512 * M), Some(7)));
        assert_eq!(told("we"), (None, None, None));
        let volume = Volume { pool: "fast", size: ByteSize(1000), referenced: None };
        assert_eq!((all.volume("web", 1), all.volume("web", 2), all.volume("eb", 0)), (Some(volume), None, None));
        let image = all.image("x.iso");
        assert_eq!(
            (image.path.as_deref(), image.added),
            (Some("/iohyve/ISO/x.iso/x.iso"), Some(Stamp(1_763_700_000_000)))
        );
        assert_eq!((all.image("y.iso"), all.image("z.iso")), (Image::new("y.iso"), Image::new("z.iso")));
        let room = Amount { used: ByteSize(1000), total: ByteSize(4000) };
        assert_eq!((all.storage(), Datasets::read("zfs: not found\n").storage()), (Some(room), None));
    }

    #[test]
    fn a_copy_elsewhere_is_nothing_of_iohyves() {
        let deeper = |pool: &str, size: &str| {
            format!(
                "{pool}\tused\t1\n{pool}\tavailable\t2\n{pool}/iohyve\tused\t1\n\
                {pool}/iohyve/ISO/x.iso\tmountpoint\t/copy/x.iso\n{pool}/iohyve/web\tiohyve:cpu\t9\n\
                {pool}/iohyve/web/disk0\tvolsize\t{size}\n"
            )
        };
        let told = |more: &str| {
            let (all, mut vm) = (Datasets::read(&format!("{TOLD}{more}")), Vm::named("web"));
            all.complete(&mut vm);
            let size = all.volume("web", 0).map(|volume| (volume.pool.to_owned(), volume.size.0));
            (size, vm.disk, vm.cpus, all.image("x.iso").path, all.storage().unwrap().used)
        };
        assert_eq!(told(&deeper("backup/tank", "5")), told(""));
        // In a pool of its own nothing tells it apart.
        let (size, disk, cpus, path, _) = told(&deeper("zback", "5"));
        assert_eq!((size, disk, cpus, path), (None, None, None, None));
    }
}
