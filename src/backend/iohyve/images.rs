use super::{CHANGE, Iohyve, differs, names};
use crate::{
    backend::{Call, Images},
    domain::{Error, ErrorKind, Image, Progress, Prospect, Result, clean_line},
    fetch::{self, Order, Origin, Wish},
    transport::at,
};
use std::{fs, path::PathBuf, time::Duration};

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

    /// Fetches it into a folder of ours with the engine of all hosts; returns its name there.
    async fn fetched(&self, url: &str, name: Option<&str>, isos: &[String], call: &Call) -> Result<String> {
        let (folder, settings) = (&self.settings.images, &self.settings);
        let order = Order::new(url, name)?;
        fs::create_dir_all(folder).map_err(at(folder))?;
        call.progress(Progress::note(format!("asking {}", order.address.place())));
        let name = if let Some(name) = order.find(folder) {
            name
        } else {
            let look = tokio::select! {
                look = fetch::look(&order, folder, &settings.fetch) => look?,
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            };
            names::check_iso(&look.name)?;
            if isos.contains(&look.name) {
                return Err(taken(&look.name));
            }
            if self.whole(&look.name).is_file() {
                return Ok(look.name);
            }
            fetch::ask(&order, &look, folder)?;
            look.name
        };
        let login = order.address.login();
        fetch::start_with(&settings.worker, folder, &name, settings.fetch_at_once, &settings.fetch, login)?;
        fetch::follow(folder, &name, &call.cancel, |progress| call.progress(progress)).await?;
        let (fetched, whole) = (folder.join(&name), self.whole(&name));
        fs::create_dir_all(folder.join("whole")).and_then(|()| fs::rename(&fetched, &whole)).map_err(at(&whole))?;
        Origin::remove(folder, &name);
        Ok(name)
    }

    fn wish(&self, name: &str, wish: Wish) -> Result<()> {
        fetch::check_library_name(name).map_err(|why| Error::invalid(format_args!("image: {why}")))?;
        fetch::ask_to(&self.settings.images, name, wish)
    }
}

impl Images for Iohyve {
    async fn images(&self) -> Result<Vec<Image>> {
        Ok(self.isos().await?.into_iter().map(Image::new).collect())
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        fetch::probe(&Order::new(url, None)?.address, &self.settings.images, &self.settings.fetch).await
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
        call.progress(Progress::note("iohyve copies it into its library"));
        let path = self.whole(&name);
        let output = self.shell.copy_image(&path, &name, COPY).await?;
        let is_there = self.isos().await?.contains(&name);
        if !is_there || !output.is_success() {
            // An entry that holds half an image looks like any other.
            let kept = format!("{} is whole and tried again next time", path.display());
            if is_there {
                self.shell.run(&["rmiso", &name], CHANGE).await?;
            }
            return Err(differs(&output, format_args!("iohyve did not take {name}; {kept}")));
        }
        let checked =
            fs::metadata(&path).ok().and_then(|meta| Origin::read(&self.settings.images, &name, &meta)?.checked);
        fs::remove_file(&path).map_err(at(&path))?;
        Origin::remove(&self.settings.images, &name);
        Ok(Image { checked, ..Image::new(name) })
    }

    async fn pause_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(self.wish(image, Wish::Pause)).await
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        std::future::ready(self.wish(image, Wish::Cancel)).await
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
