//! The library of images: the volumes of all pools that are called like one.
use super::{Libvirt, client::Client, pools, wire::Volume};
use crate::{
    backend::{
        Call, Images,
        fetching::{Library, fetches, wish},
    },
    domain::{
        ByteSize, Error, ErrorKind, Expect, Fetches, Image, Prospect, Result, Verdict, check_image_name, clean_line,
    },
    fetch::{Origin, Wish, check_library_name, move_to_free_name},
    transport::at,
};
use futures_util::future::join_all;
use std::{collections::HashMap, fs, io, path::PathBuf};

/// What an image is called: libvirt tells disks of machines and images apart in no other way.
fn is_image(name: &str) -> bool {
    let ends = |end: &str| name.len() > end.len() && name.to_ascii_lowercase().ends_with(end);
    (ends(".iso") || ends(".img")) && check_image_name(name).is_ok()
}

/// Refuses a name under which an image would not be found again.
fn check_name(name: &str) -> Result<()> {
    if is_image(name) {
        return Ok(());
    }
    let why = "of a volume of libvirt, the end .iso or .img tells that it is an image";
    Err(Error::invalid(format_args!("name: `{}`: {why}", clean_line(name))))
}

/// All images, by name; of two that have one name the one in the pool that is named first.
async fn volumes(client: &Client) -> Result<Vec<Volume>> {
    let places = pools::places(client).await?;
    let listed = join_all(places.iter().map(|place| client.volumes(&place.pool))).await;
    let mut found: Vec<Volume> = Vec::new();
    for volume in listed.into_iter().flatten().flatten() {
        if is_image(&volume.name) && !found.iter().any(|other| other.name == volume.name) {
            found.push(volume);
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The machines that have a file in a CD drive, by the file's path.
async fn users(client: &Client) -> Result<HashMap<String, Vec<String>>> {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    let domains = client.domains().await?;
    let read = join_all(domains.iter().map(|domain| client.xml(domain, false))).await;
    for description in read.into_iter().flatten() {
        for path in description.drives.iter().filter_map(|drive| drive.path()) {
            users.entry(path.to_owned()).or_default().push(description.name.clone());
        }
    }
    Ok(users)
}

pub(super) async fn list(client: &Client) -> Result<Vec<Image>> {
    let (volumes, users) = tokio::join!(volumes(client), users(client));
    let (volumes, mut users) = (volumes?, users?);
    let extents = join_all(volumes.iter().map(|volume| client.volume_extent(volume))).await;
    let described = volumes.iter().zip(extents).map(|(volume, extent)| Image {
        size: extent.ok().map(|extent| ByteSize(extent.capacity)),
        used_by: users.remove(&volume.key).unwrap_or_default(),
        path: Some(volume.key.clone()),
        ..Image::new(volume.name.as_str())
    });
    Ok(described.collect())
}

async fn volume(client: &Client, image: &str) -> Result<Volume> {
    check_image_name(image).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
    let found = volumes(client).await?.into_iter().find(|volume| volume.name == image);
    found.ok_or_else(|| Error::not_found(format_args!("no pool has an image `{}`", clean_line(image))))
}

/// Where an image of the library is.
pub(super) async fn path(client: &Client, image: &str) -> Result<String> {
    volume(client, image).await.map(|volume| volume.key)
}

/// The volume of an image that no machine has in its drive.
async fn unused(client: &Client, image: &str) -> Result<Volume> {
    let volume = volume(client, image).await?;
    match users(client).await?.remove(&volume.key) {
        Some(vms) => Err(Error::conflict(format_args!(
            "{} is in the drive of {}: eject it first",
            clean_line(image),
            vms.join(", ")
        ))),
        None => Ok(volume),
    }
}

impl Libvirt {
    async fn refresh(&self, client: &Client) -> Result<()> {
        let place = self.pool(client, "").await?;
        client.pool_refresh(&place.pool).await
    }

    /// The image that has come into the folder of the pool.
    async fn fetched(&self, client: &Client, name: &str) -> Result<Image> {
        self.refresh(client).await?;
        let listed = list(client).await?.into_iter().find(|image| image.name == name);
        listed.ok_or_else(|| Error::not_found(format_args!("{} is not among the images of libvirt", clean_line(name))))
    }

    async fn folder(&self, client: &Client) -> Result<PathBuf> {
        self.own_folder(client).await.map_err(Error::refused)
    }
}

impl Library for Client {
    async fn whole(&self) -> Result<Vec<Image>> {
        list(self).await
    }
}

impl Images for Libvirt {
    async fn images(&self) -> Result<Vec<Image>> {
        list(&*self.client()?).await
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        let folder = self.folder(&*self.client()?).await?;
        self.fetching.probe(&folder, url).await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let client = self.client()?;
        let folder = self.folder(&client).await?;
        let name = self.fetching.fetch(&folder, url, name, check_name, call).await?;
        self.fetched(&client, &name).await
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        let folder = self.folder(&*self.client()?).await?;
        wish(&folder, image, Wish::Pause)
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        let folder = self.folder(&*self.client()?).await?;
        wish(&folder, image, Wish::Cancel)
    }

    async fn resume_fetch(&self, image: &str, call: Call) -> Result<Image> {
        let client = self.client()?;
        let folder = self.folder(&client).await?;
        self.fetching.resume(&folder, image, call).await?;
        self.fetched(&client, image).await
    }

    async fn fetches(&self) -> Result<Fetches> {
        Ok(fetches(&self.folder(&*self.client()?).await?))
    }

    /// Libvirt renames no volumes: the file is renamed, and libvirt looks again.
    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        let client = self.client()?;
        check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        check_name(name)?;
        let from = PathBuf::from(unused(&client, image).await?.key);
        let folder = from.parent().unwrap_or(&from).to_owned();
        let to = folder.join(name);
        move_to_free_name(&from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Error::conflict(format_args!("there is a {} already", clean_line(name))),
            _ => at(&from)(error),
        })?;
        Origin::rename(&folder, image, name);
        for place in pools::places(&client).await? {
            if fs::canonicalize(&place.path).ok() == fs::canonicalize(&folder).ok() {
                client.pool_refresh(&place.pool).await?;
            }
        }
        Ok(())
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        let client = self.client()?;
        let volume = unused(&client, image).await?;
        client.volume_delete(&volume).await?;
        if self.settings.uri.is_local() {
            let path = PathBuf::from(&volume.key);
            Origin::remove(path.parent().unwrap_or(&path), image);
        }
        Ok(())
    }
}

pub(super) async fn look(client: &Client, expect: &Expect) -> Result<Verdict> {
    let volumes = volumes(client).await?;
    let holds = |name: &str| volumes.iter().any(|volume| volume.name == name);
    Ok(match expect {
        Expect::ImagePresent(name) if !holds(name) => Verdict::NotMet("no pool has it".to_owned()),
        Expect::ImageGone(name) if holds(name) => Verdict::NotMet("it is still in a pool".to_owned()),
        _ => Verdict::Met(None),
    })
}

/// Whether a machine's CD drive holds `image`.
pub(super) async fn medium(libvirt: &Libvirt, vm: &crate::domain::VmId, image: Option<&str>) -> Result<Verdict> {
    let (client, domain) = libvirt.domain(vm).await?;
    let description = client.xml(&domain, false).await?;
    let found = description.cdrom().and_then(|drive| drive.path());
    let wanted = match image {
        Some(image) => match path(&client, image).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Verdict::Failed(error)),
            path => Some(path?),
        },
        None => None,
    };
    Ok(match (found == wanted.as_deref(), found) {
        (true, _) => Verdict::Met(None),
        (false, Some(other)) => Verdict::NotMet(format!("{} is in the drive", clean_line(other))),
        (false, None) => Verdict::NotMet("the drive is empty".to_owned()),
    })
}
