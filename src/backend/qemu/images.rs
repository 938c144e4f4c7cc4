//! The library of images: a folder of files, and nothing else.
use super::{ImageKind, Local, Qemu, backing};
use crate::{
    backend::{
        Call, Images,
        fetching::{Library, cancel, fetches, pause},
    },
    domain::{
        ByteSize, Error, Expect, Fetches, Image, Partial, Prospect, Result, Stamp, Verdict, VmId, clean_line,
        image_in_use,
    },
    fetch::{MISMATCH, Origin, check_library_name, move_to_free_name},
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
                let kind = ImageKind::read(&entry.path());
                let origin = Origin::read(folder, &name, &meta);
                Some(Image {
                    source: origin.as_ref().map(|origin| origin.url.clone()),
                    checked: origin.and_then(|origin| origin.checked),
                    kind: Some(kind.name().to_owned()),
                    disk_size: kind.disk_size(),
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

    /// The images, and what was kept apart because it is not what its checksum says.
    fn library(&self) -> Result<Vec<Image>> {
        let mut all = self.list_images()?;
        for entry in fs::read_dir(&self.settings.images).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Some(meta) = entry.metadata().ok().filter(|meta| meta.is_file() && is_kept_apart(&name)) else {
                continue;
            };
            let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            all.push(Image {
                size: Some(ByteSize(meta.len())),
                added: since.map(|since| Stamp(0).after(since)),
                partial: Some(Partial::Wrong),
                path: Some(entry.path().to_string_lossy().into_owned()),
                ..Image::new(name)
            });
        }
        Ok(all)
    }

    /// The machines that have an image of the library in their drive, or a disk that is a layer over it, by the image's
    /// name. Disks that were kept need theirs still.
    fn users(&self) -> HashMap<String, Vec<String>> {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        let library = [std::path::absolute(&self.settings.images).unwrap_or_default(), self.settings.images.clone()];
        let mut add = |image: &Path, vm: &str| {
            let name = library.iter().find_map(|folder| image.strip_prefix(folder).ok());
            if let Some(name) = name.filter(|name| !name.as_os_str().is_empty()) {
                let users = users.entry(name.to_string_lossy().into_owned()).or_default();
                if users.last().is_none_or(|last| last != vm) {
                    users.push(vm.to_owned());
                }
            }
        };
        for vm in self.store.names().unwrap_or_default() {
            let id = VmId::from(vm.as_str());
            let (Ok(record), Ok(folder)) = (self.store.read(&id), self.store.folder(&id)) else { continue };
            add(Path::new(&record.cdrom), &vm);
            for base in record.disks.iter().filter_map(|disk| backing(&folder.join(&disk.file))) {
                add(&base, &vm);
            }
        }
        for kept in fs::read_dir(self.kept_disks()).into_iter().flatten().flatten() {
            let name = format!("kept disks of {}", kept.file_name().to_string_lossy());
            for file in fs::read_dir(kept.path()).into_iter().flatten().flatten() {
                if let Some(base) = backing(&file.path()) {
                    add(&base, &name);
                }
            }
        }
        users
    }

    fn refuse_used(&self, image: &str) -> Result<()> {
        match self.users().remove(image) {
            Some(vms) => Err(Error::conflict(image_in_use(image, &vms))),
            None => Ok(()),
        }
    }
}

impl Local {
    /// An image that was fetched just now.
    fn brought(&self, name: &str) -> Result<Image> {
        let listed = self.list_images()?.into_iter().find(|image| image.name == name);
        listed.ok_or_else(|| Error::not_found(format_args!("{} is gone again", clean_line(name))))
    }
}

impl Library for Local {
    async fn whole(&self) -> Result<Vec<Image>> {
        std::future::ready(self.library()).await
    }
}

impl Images for Qemu {
    async fn images(&self) -> Result<Vec<Image>> {
        std::future::ready(self.local.library()).await
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        self.local.fetching.probe(&self.local.settings.images, url).await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let folder = &self.local.settings.images;
        let name = self.local.fetching.fetch(folder, url, name, |_| Ok(()), call).await?;
        self.local.brought(&name)
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(pause(&self.local.settings.images, image)).await
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        cancel(&self.local.settings.images, image).await
    }

    async fn resume_fetch(&self, image: &str, call: Call) -> Result<Image> {
        self.local.fetching.resume(&self.local.settings.images, image, call).await?;
        self.local.brought(image)
    }

    async fn fetches(&self) -> Result<Fetches> {
        std::future::ready(Ok(fetches(&self.local.settings.images))).await
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
        let apart = self.local.settings.images.join(image);
        let path = if is_kept_apart(image) { apart } else { self.local.image_path(image)? };
        self.local.refuse_used(image)?;
        fs::remove_file(&path).map_err(at(&path))?;
        Origin::remove(&self.local.settings.images, image);
        std::future::ready(Ok(())).await
    }
}

/// Whether `name` is that of something which is not what its checksum says.
fn is_kept_apart(name: &str) -> bool {
    name.strip_suffix(MISMATCH).is_some_and(|image| check_library_name(image).is_ok())
}

pub(super) fn look(local: &Local, expect: &Expect) -> Verdict {
    let images = match local.library() {
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
