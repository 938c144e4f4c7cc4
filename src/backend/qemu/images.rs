//! The library of images: a folder of files, and nothing else.
use super::{Local, Qemu, Settings};
use crate::{
    backend::{Call, Images},
    domain::{ByteSize, Error, Expect, Image, Prospect, Result, Stamp, Verdict, VmId, clean_line},
    fetch::{Order, Origin, Wish, check_library_name, move_to_free_name},
    transport::at,
};
use std::{collections::HashMap, fs, io, path::Path, time::UNIX_EPOCH};

impl Local {
    /// Whole images by name. What is hidden, unfinished or no file is not listed.
    pub(super) fn list_images(&self) -> Result<Vec<Image>> {
        let folder = &self.settings.images;
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(folder)(error)),
        };
        let mut users = self.users();
        let mut images: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let meta = entry.path().metadata().ok().filter(fs::Metadata::is_file)?;
                check_library_name(&name).ok()?;
                let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                Some(Image {
                    checked: Origin::read(folder, &name, &meta).and_then(|origin| origin.checked),
                    size: Some(ByteSize(meta.len())),
                    added: since.map(|since| Stamp(0).after(since)),
                    used_by: users.remove(&name).unwrap_or_default(),
                    path: Some(entry.path().to_string_lossy().into_owned()),
                    ..Image::new(name)
                })
            })
            .collect();
        images.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// The machines that have an image of the library in their drive, by the image's name.
    fn users(&self) -> HashMap<String, Vec<String>> {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for vm in self.store.names().unwrap_or_default() {
            let Ok(record) = self.store.read(&VmId::from(vm.as_str())) else { continue };
            let path = Path::new(&record.cdrom);
            if let Ok(name) = path.strip_prefix(&self.settings.images) {
                users.entry(name.to_string_lossy().into_owned()).or_default().push(vm);
            }
        }
        users
    }

    fn refuse_used(&self, image: &str) -> Result<()> {
        match self.users().remove(image) {
            Some(vms) => Err(Error::conflict(format_args!(
                "{} is in the drive of {}: eject it first",
                clean_line(image),
                vms.join(", ")
            ))),
            None => Ok(()),
        }
    }
}

impl Images for Qemu {
    async fn images(&self) -> Result<Vec<Image>> {
        std::future::ready(self.local.list_images()).await
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        let Settings { images, fetch, .. } = &self.local.settings;
        crate::fetch::probe(&Order::new(url, None)?.address, images, fetch).await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        self.local.fetch_image(url, name, call).await
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(self.local.wish(image, Wish::Pause)).await
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(self.local.wish(image, Wish::Cancel)).await
    }

    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        let from = self.local.image_path(image)?;
        check_library_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        self.local.refuse_used(image)?;
        let to = self.local.settings.images.join(name);
        let renamed = move_to_free_name(&from, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::conflict(format_args!("{} is in the library already", clean_line(name)))
            }
            _ => at(&from)(error),
        });
        if renamed.is_ok() {
            Origin::rename(&self.local.settings.images, image, name);
        }
        std::future::ready(renamed).await
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        let path = self.local.image_path(image)?;
        self.local.refuse_used(image)?;
        fs::remove_file(&path).map_err(at(&path))?;
        Origin::remove(&self.local.settings.images, image);
        std::future::ready(Ok(())).await
    }
}

pub(super) fn look(local: &Local, expect: &Expect) -> Verdict {
    let images = match local.list_images() {
        Ok(images) => images,
        Err(error) => return Verdict::Unknown(error),
    };
    let holds = |name: &str| images.iter().any(|image| image.name == name);
    match expect {
        Expect::ImagePresent(name) if !holds(name) => Verdict::NotMet("it is not in the library".to_owned()),
        Expect::ImageGone(name) if holds(name) => Verdict::NotMet("it is still in the library".to_owned()),
        _ => Verdict::Met(None),
    }
}
