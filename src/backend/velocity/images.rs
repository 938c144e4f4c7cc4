//! Media: disks and installation media that lie in the pools of the server and are lent to groups.
use super::{
    Velocity,
    catalogue::Catalogue,
    client::{AT_ONCE, Client, Said},
    locked, wire,
};
use crate::{
    backend::Images,
    domain::{ByteSize, Image, Result},
    transport::http::Method,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::collections::HashMap;
use wire::Medium;

/// What a list of media needs.
pub(super) const LIST: &str = "velocity.media.list";

/// The media of one group; None: this user may not see them, or this server knows no media.
async fn of_group(client: &Client, gid: i64) -> Result<(i64, Vec<Medium>)> {
    match client.ask(Method::POST, "/m/media/list", json!({"gid": gid})).await? {
        Said::Yes(answer) => Ok((gid, wire::media(&answer)?)),
        Said::No(refusal) if refusal.is_forbidden() || refusal.status == 404 => Ok((gid, Vec::new())),
        Said::No(refusal) => Err(refusal.error("/m/media/list")),
    }
}

/// The name of a medium where it is the only one of it, else its identity too.
pub(super) fn name(medium: &Medium, all: &HashMap<String, Medium>) -> String {
    let is_only = all.values().filter(|other| other.name == medium.name).count() < 2;
    if is_only { medium.name.clone() } else { format!("{} {}", medium.name, medium.mid) }
}

impl Velocity {
    /// The media of each group.
    pub(super) async fn media_by_group(&self, catalogue: &Catalogue) -> Result<Vec<(i64, Vec<Medium>)>> {
        let session = self.session()?;
        let groups = &catalogue.groups;
        let gids: Vec<i64> = groups.iter().map(|group| group.gid).filter(|gid| groups.may(*gid, LIST)).collect();
        let lists = gids.into_iter().map(|gid| of_group(&session.client, gid));
        let found: Vec<_> = stream::iter(lists).buffered(AT_ONCE).try_collect().await?;
        let media = found.iter().flat_map(|(_, media)| media).map(|m| (m.mid.clone(), m.clone()));
        *locked(&session.media) = media.collect();
        Ok(found)
    }

    /// All media that the user sees, each once.
    pub(super) async fn read_media(&self, catalogue: &Catalogue) -> Result<Vec<Image>> {
        self.media_by_group(catalogue).await?;
        let session = self.session()?;
        let media = locked(&session.media);
        let image = |medium: &Medium| Image {
            size: medium.size.map(ByteSize),
            path: Some(format!("{} {}", medium.kind, medium.mid).trim().to_owned()),
            ..Image::new(name(medium, &media))
        };
        let mut images: Vec<_> = media.values().map(image).collect();
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }
}

impl Images for Velocity {
    async fn images(&self) -> Result<Vec<Image>> {
        let catalogue = self.read_catalogue(None).await?;
        self.read_media(&catalogue).await
    }
}
