use super::{CHANGE, Iohyve, differs, names};
use crate::{
    backend::{
        Call, Images,
        fetching::{fetches, wish},
    },
    domain::{Error, Fetches, Image, Progress, Prospect, Result, clean_line},
    fetch::{Origin, Wish},
    transport::at,
};
use std::{fs, path::PathBuf, sync::OnceLock, time::Duration};

/// A whole image is copied, on a slow disk or through ssh.
const COPY: Duration = Duration::from_secs(3600);

pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format_args!("no image is called {}", clean_line(image)))
}

fn taken(name: &str) -> Error {
    Error::conflict(format_args!("{} is there already", clean_line(name)))
}

impl Iohyve {
    /// Where what is whole waits for iohyve to take it.
    fn whole(&self, name: &str) -> PathBuf {
        self.settings.images.join("whole").join(name)
    }

    /// Whether it has come whole, and iohyve has not taken it yet.
    fn waits(&self, name: &str) -> bool {
        self.whole(name).is_file() || self.settings.images.join(name).is_file()
    }

    /// Fetches it into a folder of ours with the engine of all hosts; returns its name there.
    async fn fetched(&self, url: &str, name: Option<&str>, isos: &[String], call: &Call) -> Result<String> {
        let waiting = OnceLock::new();
        let check = |name: &str| {
            names::check_iso(name)?;
            if !isos.iter().any(|iso| iso == name) && self.waits(name) {
                let _ = waiting.set(name.to_owned());
            }
            let is_free = !isos.iter().any(|iso| iso == name) && waiting.get().is_none();
            if is_free { Ok(()) } else { Err(taken(name)) }
        };
        let fetched = self.fetching.fetch(&self.settings.images, url, name, check, call.clone()).await;
        fetched.or_else(|error| waiting.into_inner().ok_or(error))
    }

    /// Has iohyve copy what has come into its library, and throws ours away then.
    async fn hand_over(&self, name: &str, call: &Call) -> Result<Image> {
        let (folder, whole) = (&self.settings.images, self.whole(name));
        let fetched = folder.join(name);
        if fetched.is_file() {
            fs::create_dir_all(folder.join("whole")).and_then(|()| fs::rename(&fetched, &whole)).map_err(at(&whole))?;
        }
        call.progress(Progress::note("iohyve copies it into its library"));
        let output = self.shell.copy_image(&whole, name, COPY).await?;
        let is_there = self.isos().await?.iter().any(|iso| iso == name);
        if !is_there || !output.is_success() {
            // An entry that holds half an image looks like any other.
            let kept = format!("{} is whole and tried again next time", whole.display());
            if is_there {
                self.shell.run(&["rmiso", name], CHANGE).await?;
            }
            return Err(differs(&output, format_args!("iohyve did not take {name}; {kept}")));
        }
        let checked = fs::metadata(&whole).ok().and_then(|meta| Origin::read(folder, name, &meta)?.checked);
        fs::remove_file(&whole).map_err(at(&whole))?;
        Origin::remove(folder, name);
        Ok(Image { checked, ..Image::new(name) })
    }
}

impl Images for Iohyve {
    async fn images(&self) -> Result<Vec<Image>> {
        Ok(self.isos().await?.into_iter().map(Image::new).collect())
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        self.fetching.probe(&self.settings.images, url).await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        if let Some(name) = name {
            names::check_iso(name)?;
        }
        let isos = self.isos().await?;
        if let Some(name) = name.filter(|name| isos.iter().any(|iso| iso == name)) {
            return Err(taken(name));
        }
        let name = self.fetched(url, name, &isos, &call).await?;
        self.hand_over(&name, &call).await
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(wish(&self.settings.images, image, Wish::Pause)).await
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(wish(&self.settings.images, image, Wish::Cancel)).await
    }

    async fn resume_fetch(&self, image: &str, call: Call) -> Result<Image> {
        names::check_iso(image)?;
        if self.isos().await?.iter().any(|iso| iso == image) {
            return Err(taken(image));
        }
        if !self.waits(image) {
            self.fetching.resume(&self.settings.images, image, call.clone()).await?;
        }
        self.hand_over(image, &call).await
    }

    async fn fetches(&self) -> Result<Fetches> {
        std::future::ready(Ok(fetches(&self.settings.images))).await
    }

    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        names::check_iso(image)?;
        names::check_iso(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let isos = self.isos().await?;
        if !isos.iter().any(|iso| iso == image) {
            return Err(missing(image));
        }
        if isos.iter().any(|iso| iso == name) {
            return Err(taken(name));
        }
        self.shell.run(&["renameiso", image, name], CHANGE).await.map(drop)
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        names::check_iso(image)?;
        if !self.isos().await?.iter().any(|iso| iso == image) {
            return Err(missing(image));
        }
        self.shell.run(&["rmiso", image], CHANGE).await.map(drop)
    }
}
