//! Who has a volume besides the machine that is to lose it: asked before a file is deleted, and answered whole or not at
//! all, since what cannot be read may have any file.
use super::{
    client::Client,
    disks::is_active,
    pools,
    wire::{Domain, Pool, Volume},
};
use crate::{
    backend::domain_xml::{Description, Source},
    domain::{Error, ErrorKind, Result, clean_line},
};
use futures_util::{
    StreamExt, TryStreamExt,
    future::{join_all, try_join_all},
    stream::iter,
};
use std::{collections::HashSet, fs};

/// How many volumes are asked for at a time.
const SIDE_BY_SIDE: usize = 32;

/// One file under all names that are known of it.
type Names = HashSet<String>;

/// A drive of a machine, as it is now or at the next start.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) vm: String,
    pub(super) target: String,
    file: Names,
    /// What the file is based on, and that in turn.
    below: Names,
}

/// What the machines of a host have in their drives, and which volumes are based on others.
#[derive(Debug)]
pub(super) struct Holders {
    held: Vec<Held>,
    /// Each volume that is based on a file, and that file.
    based: Vec<(Volume, Names)>,
    is_local: bool,
}

/// The names of a path that need no asking. Links are seen through where the file is on this computer.
fn names(path: &str, is_local: bool) -> Names {
    let real = is_local.then(|| fs::canonicalize(path).ok()).flatten();
    let real = real.map(|real| real.to_string_lossy().into_owned());
    [path.to_owned()].into_iter().chain(real).collect()
}

/// What is there, or `None` where it has gone meanwhile.
fn unless_gone<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn untold(what: &str, name: &str, error: &Error) -> Error {
    let why = format_args!("nothing was sent, since {what} {} cannot be told: {}", clean_line(name), error.message);
    // Nothing has begun, whatever it was that failed.
    Error::new(if error.leaves_unknown() { ErrorKind::Refused } else { error.kind }, why)
}

/// Finds the file behind a source.
struct Finder<'a> {
    client: &'a Client,
    pools: Vec<Pool>,
    is_local: bool,
}

impl Finder<'_> {
    async fn at(&self, path: &str) -> Result<Names> {
        let mut found = names(path, self.is_local);
        if let Some(volume) = unless_gone(self.client.volume_at(path).await)? {
            found.extend(names(&volume.key, self.is_local));
        }
        Ok(found)
    }

    async fn behind(&self, source: &Source) -> Result<Names> {
        match source {
            Source::Path(path) => self.at(path).await,
            Source::Volume { pool, volume } => {
                // A pool that is not active has none of the volumes that can be deleted.
                let Some(pool) = self.pools.iter().find(|known| known.name == *pool) else { return Ok(Names::new()) };
                let found = unless_gone(self.client.volume_named(pool, volume).await)?;
                Ok(found.map(|volume| names(&volume.key, self.is_local)).unwrap_or_default())
            }
            Source::Other(_) => Ok(Names::new()),
        }
    }

    async fn drives(&self, description: &Description) -> Result<Vec<Held>> {
        try_join_all(description.drives.iter().map(|drive| async move {
            let below = try_join_all(drive.backing.iter().map(|source| self.behind(source))).await?;
            let file = match &drive.source {
                Some(source) => self.behind(source).await?,
                None => Names::new(),
            };
            let (vm, target) = (description.name.clone(), drive.target.clone());
            Ok::<_, Error>(Held { vm, target, file, below: below.into_iter().flatten().collect() })
        }))
        .await
    }

    /// The drives of a machine: those of its next start, and while it runs those that it has now.
    async fn machine(&self, domain: &Domain) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        for next in [true, false] {
            if (next || is_active(domain))
                && let Some(description) = unless_gone(self.client.xml(domain, next).await)?
            {
                held.extend(self.drives(&description).await?);
            }
        }
        Ok(held)
    }

    async fn base(&self, volume: Volume) -> Result<Option<(Volume, Names)>> {
        let Some(xml) = unless_gone(self.client.volume_xml(&volume).await)? else { return Ok(None) };
        match pools::backing(&xml) {
            Some(path) => Ok(Some((volume, self.at(&path).await?))),
            None => Ok(None),
        }
    }
}

impl Holders {
    pub(super) async fn read(client: &Client, is_local: bool) -> Result<Self> {
        let (domains, pools) = tokio::try_join!(client.domains(), client.pools())?;
        // A disk that another program made is known once libvirt has looked; a pool that is busy has to do without.
        join_all(pools.iter().map(|pool| client.pool_refresh(pool))).await;
        let finder = &Finder { client, pools, is_local };
        let held = domains.iter().map(|domain| async move {
            finder.machine(domain).await.map_err(|error| untold("what is in the drives of", &domain.name, &error))
        });
        let held = try_join_all(held).await?.into_iter().flatten().collect();
        let mut volumes = Vec::new();
        for found in join_all(finder.pools.iter().map(|pool| client.volumes(pool))).await {
            volumes.extend(unless_gone(found)?.into_iter().flatten());
        }
        let based = iter(volumes).map(|volume| async move {
            let name = volume.name.clone();
            finder.base(volume).await.map_err(|error| untold("what is below", &name, &error))
        });
        let based: Vec<_> = based.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(Self { held, based: based.into_iter().flatten().collect(), is_local })
    }

    /// The machines that have it in a drive.
    pub(super) fn machines(&self, volume: &Volume) -> Vec<String> {
        let names = names(&volume.key, self.is_local);
        let mut vms: Vec<_> = self.held.iter().filter(|held| !held.file.is_disjoint(&names)).collect();
        vms.dedup_by(|a, b| a.vm == b.vm);
        vms.into_iter().map(|held| clean_line(&held.vm).into_owned()).collect()
    }

    /// Why a volume cannot be deleted: what has it that is neither an `own` drive nor one of the volumes that `go` too.
    pub(super) fn why_not(&self, volume: &Volume, own: impl Fn(&Held) -> bool, go: &[Volume]) -> Option<String> {
        let names = names(&volume.key, self.is_local);
        let others = || self.held.iter().filter(|held| !own(held));
        if let Some(held) = others().find(|held| !held.file.is_disjoint(&names)) {
            return Some(format!("is a disk of {} too", clean_line(&held.vm)));
        }
        if let Some(held) = others().find(|held| !held.below.is_disjoint(&names)) {
            return Some(format!("is what a disk of {} is based on", clean_line(&held.vm)));
        }
        let above = self.based.iter().filter(|(above, _)| above != volume && !go.contains(above));
        let above = above.map(|(above, below)| (&above.name, below)).find(|(_, below)| !below.is_disjoint(&names));
        above.map(|(name, _)| format!("is what {} is based on", clean_line(name)))
    }
}
