//! The library of images: the volumes of all pools that are called like one.
use super::{Libvirt, client::Client, holders::Holders, pools, staged, wire::Volume};
use crate::{
    backend::{
        Call, Images,
        fetching::{Library, cancel, fetches, pause},
    },
    domain::{
        ByteSize, Error, ErrorKind, Expect, Fetches, Image, Op, Prospect, Result, TaskState, Verdict, check_image_name,
        clean_line,
    },
    fetch::{Journal, Order, Origin, check_library_name, move_to_free_name},
    transport::at,
};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

/// The ending of what is being sent. Not that of a fetch: those of that host may have the same folder.
pub(super) const SENT: &str = ".sent";

/// What an image is called: libvirt tells disks of machines and images apart in no other way.
pub(super) fn is_image(name: &str) -> bool {
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

/// The volumes of all pools of files, pool by pool.
async fn all_volumes(client: &Client) -> Result<Vec<Vec<Volume>>> {
    let places = pools::places(client).await?;
    let listed = join_all(places.iter().map(|place| client.volumes(&place.pool))).await;
    Ok(listed.into_iter().flatten().collect())
}

/// All images, by name; of two that have one name the one in the pool that is named first. One that is still being
/// copied from its part is none.
async fn volumes(client: &Client) -> Result<Vec<Volume>> {
    let mut found: Vec<Volume> = Vec::new();
    for pool in all_volumes(client).await? {
        let parts: HashSet<String> =
            pool.iter().filter_map(|volume| Some(volume.name.strip_suffix(SENT)?.to_owned())).collect();
        for volume in pool.into_iter().filter(|volume| is_image(&volume.name) && !parts.contains(&volume.name)) {
            if !found.iter().any(|other| other.name == volume.name) {
                found.push(volume);
            }
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn taken(name: &str) -> Error {
    Error::conflict(format_args!("there is a {} already", clean_line(name)))
}

/// Refuses a name that a pool has already, or will have when another has sent it.
pub(super) async fn check_free(client: &Client, name: &str) -> Result<()> {
    for volume in all_volumes(client).await?.into_iter().flatten() {
        if volume.name == name {
            return Err(taken(name));
        }
        if volume.name.strip_suffix(SENT) == Some(name) {
            let (part, pool) = (clean_line(&volume.name), clean_line(&volume.pool));
            let why = format_args!("the pool {pool} has a {part}: another computer sends it, or was interrupted");
            return Err(Error::conflict(format_args!("{why}; `virsh vol-delete {part} {pool}` throws it away")));
        }
    }
    Ok(())
}

/// The machines that have a file in a drive, by the file's path, as far as they can be read.
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

/// The volume of an image that no machine has in its drive, and that no disk is based on.
async fn unused(client: &Client, image: &str, is_local: bool) -> Result<Volume> {
    let volume = volume(client, image).await?;
    let holders = Holders::read(client, is_local).await?;
    let (vms, shown) = (holders.machines(&volume), clean_line(image));
    if !vms.is_empty() {
        let why = format_args!("{shown} is in the drive of {}: eject it first", vms.join(", "));
        return Err(Error::conflict(why));
    }
    match holders.why_not(&volume, |_| false, &[]) {
        Some(why) => Err(Error::conflict(format_args!("{shown} {why}"))),
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

    /// Where fetches of this host are: in the folder of the images itself where that is ours, or in one of ours.
    async fn way(&self, client: &Client) -> Way {
        self.own_folder(client).await.map_or_else(|_| Way::Sent(self.settings.staging.clone()), Way::Folder)
    }

    /// Fetches it to this computer, if it has not come already, and sends it.
    async fn send_image(&self, folder: PathBuf, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let client = self.client()?;
        let order = Order::new(url, name)?;
        let place = self.pool(&client, "").await?;
        let images = volumes(&client).await?;
        let waiting = OnceLock::new();
        let check = |name: &str| {
            check_name(name)?;
            if images.iter().any(|image| image.name == name) {
                return Err(taken(name));
            }
            if !staged::waits(&folder, name) {
                return Ok(());
            }
            if staged::source(&folder, name) == Some(order.address.to_string()) {
                let _ = waiting.set(name.to_owned());
            }
            let why =
                format_args!("a {} from elsewhere waits to be sent: go on with it, or throw it away", clean_line(name));
            Err(Error::conflict(why))
        };
        if let Some(name) = name {
            check_free(&client, name)
                .await
                .or_else(|error| if staged::waits(&folder, name) { Ok(()) } else { Err(error) })?;
        }
        let fetch = async |call| self.fetching.fetch(&folder, url, name, check, call).await;
        let fetched = self.stage(&place, &folder, order.unpack, &call, fetch).await;
        let (name, come) = fetched.or_else(|error| waiting.into_inner().map(|name| (name, 0)).ok_or(error))?;
        self.hand_over(place, folder, &name, come, call).await
    }
}

/// How images come to libvirt.
enum Way {
    /// Straight into the folder of the pool.
    Folder(PathBuf),
    /// Into this folder of ours, and from there over the connection.
    Sent(PathBuf),
}

impl Way {
    fn folder(&self) -> &Path {
        let (Self::Folder(folder) | Self::Sent(folder)) = self;
        folder
    }
}

/// The images of libvirt, and those on their way to it.
#[derive(Debug)]
pub(super) struct Shelf {
    client: Arc<Client>,
    folder: PathBuf,
    is_sent: bool,
}

impl Shelf {
    /// `own`: the folder of the images, where that is ours.
    pub(super) fn new(client: Arc<Client>, own: Option<PathBuf>, staging: &Path) -> Self {
        Self { client, is_sent: own.is_none(), folder: own.unwrap_or_else(|| staging.to_owned()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Library for Shelf {
    async fn whole(&self) -> Result<Vec<Image>> {
        list(&self.client).await
    }

    fn on_the_way(&self) -> Vec<(String, Option<TaskState>)> {
        if self.is_sent { staged::states(&self.folder) } else { Vec::new() }
    }
}

impl Images for Libvirt {
    async fn images(&self) -> Result<Vec<Image>> {
        list(&*self.client()?).await
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        let way = self.way(&*self.client()?).await;
        self.fetching.probe(way.folder(), url).await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let client = self.client()?;
        // The first image may make the pool.
        self.pool(&client, "").await?;
        match self.way(&client).await {
            Way::Folder(folder) => {
                let name = self.fetching.fetch(&folder, url, name, check_name, call).await?;
                self.fetched(&client, &name).await
            }
            Way::Sent(folder) => self.send_image(folder, url, name, call).await,
        }
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        match self.way(&*self.client()?).await {
            Way::Sent(folder) if staged::waits(&folder, image) => {
                let image = clean_line(image);
                let why = format_args!("{image} has come and is being sent: that cannot rest, only be stopped");
                Err(Error::conflict(why))
            }
            way => pause(way.folder(), image),
        }
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        match self.way(&*self.client()?).await {
            Way::Sent(folder) if staged::waits(&folder, image) => self.drop_staged(folder, image).await,
            way => cancel(way.folder(), image).await,
        }
    }

    async fn resume_fetch(&self, image: &str, call: Call) -> Result<Image> {
        let client = self.client()?;
        match self.way(&client).await {
            Way::Folder(folder) => {
                self.fetching.resume(&folder, image, call).await?;
                self.fetched(&client, image).await
            }
            Way::Sent(folder) => {
                check_name(image)?;
                let place = self.pool(&client, "").await?;
                let mut come = 0;
                if !staged::waits(&folder, image) {
                    let is_packed = Journal::read(&folder, image)?.is_some_and(|journal| journal.unpack);
                    let resume =
                        async |call| self.fetching.resume(&folder, image, call).await.map(|()| image.to_owned());
                    come = self.stage(&place, &folder, is_packed, &call, resume).await?.1;
                }
                self.hand_over(place, folder, image, come, call).await
            }
        }
    }

    async fn fetches(&self) -> Result<Fetches> {
        let way = self.way(&*self.client()?).await;
        let mut found = fetches(way.folder());
        if let Way::Sent(folder) = &way {
            found.open.extend(staged::open(folder));
        }
        Ok(found)
    }

    /// Libvirt renames no volumes: the file is renamed, and libvirt looks again.
    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        let client = self.client()?;
        self.own_folder(&client).await.map_err(|why| Error::unsupported(Op::RenameImage, &why))?;
        check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        check_name(name)?;
        let from = PathBuf::from(unused(&client, image, self.settings.uri.is_local()).await?.key);
        let folder = from.parent().unwrap_or(&from).to_owned();
        let to = folder.join(name);
        move_to_free_name(&from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(name),
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
        let volume = unused(&client, image, self.settings.uri.is_local()).await?;
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
