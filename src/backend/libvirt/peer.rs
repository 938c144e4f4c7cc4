//! The libvirt that a machine goes to, as far as this computer reaches it too: it is looked at over a connection of our
//! own, for which nobody is asked anything.
use super::{
    Libvirt,
    client::{Client, Connection},
    holders::Holders,
    pools,
    wire::{Domain, Volume},
};
use crate::{
    backend::{domain_xml::Source, ssh::Ssh},
    domain::{Error, ErrorKind, Result, clean_line},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Peer {
    connection: Connection,
    is_local: bool,
}

impl Peer {
    pub(super) fn client(&self) -> &Arc<Client> {
        &self.connection.client
    }

    /// Whether it has this machine, or another of its name.
    pub(super) async fn has(&self, domain: &Domain) -> Result<bool> {
        let known = self.client().domains().await?;
        Ok(known.iter().any(|known| known.name == domain.name || known.uuid == domain.uuid))
    }

    /// What is there under the name that a disk has here. None: nothing, as its pool says; an error: that cannot be told.
    pub(super) async fn volume(&self, source: &Source) -> Result<Option<Volume>> {
        let untold = || Error::not_found("there is no such pool");
        let client = self.client();
        let (pool, name) = match source {
            Source::Volume { pool, volume } => {
                let pools = client.pools().await?;
                (pools.into_iter().find(|known| known.name == *pool).ok_or_else(untold)?, volume.as_str())
            }
            Source::Path(path) => {
                let (folder, name) = path.rsplit_once('/').ok_or_else(untold)?;
                let mut places = pools::all(client).await?.into_iter();
                let place = places.find(|place| Path::new(&place.path) == Path::new(folder)).ok_or_else(untold)?;
                (place.pool, name)
            }
            Source::Other(_) => return Err(untold()),
        };
        client.pool_refresh(&pool).await?;
        match client.volume_named(&pool, name).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Removes volumes that nobody there has in a drive or below one. `Err`: at least one is there still.
    pub(super) async fn remove(&self, volumes: &[Volume]) -> Result<()> {
        let holders = Holders::read(self.client(), self.is_local).await?;
        for volume in volumes {
            if let Some(why) = holders.why_not(volume, |_| false, volumes) {
                return Err(Error::conflict(format_args!("{} {why}", clean_line(&volume.name))));
            }
        }
        for volume in volumes {
            self.client().volume_delete(volume).await?;
        }
        Ok(())
    }
}

/// Waits for a look at the other libvirt, not for ever.
pub(super) async fn in_time<T>(look: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::new(ErrorKind::Timeout, "the other libvirt does not answer");
    timeout(PATIENCE, look).await.unwrap_or_else(|_| Err(late()))
}

impl Libvirt {
    /// Connects to the libvirt behind the URI of a move.
    pub(super) async fn peer(&self, to: &str) -> Result<Peer> {
        let uri = self.settings.uri.of_peer(to)?;
        let ssh = Ssh::new(self.settings.ssh.clone());
        let connection = Self::open(&uri, &ssh, &mpsc::channel(1).0, None).await?;
        Ok(Peer { connection, is_local: uri.is_local() })
    }
}
