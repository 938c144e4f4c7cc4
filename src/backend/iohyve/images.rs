use super::{CHANGE, Iohyve, names};
use crate::{
    backend::{Call, Images, fetching},
    domain::{Error, ErrorKind, Fetches, Image, Prospect, Result, clean_line},
    fetch::{self, Journal, Order},
};
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// What is told of the way to this computer.
const FIRST: &str = "to this computer, before iohyve copies it";

pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format_args!("no image is called {}", clean_line(image)))
}

fn taken(name: &str) -> Error {
    Error::conflict(format_args!("{} is there already", clean_line(name)))
}

/// A name that a fetch may have: neither that of its part nor of what a checksum spoke against, which lie beside it.
fn check_fetch(image: &str) -> Result<()> {
    names::check_iso(image)?;
    fetch::check_library_name(image).map_err(|why| Error::invalid(format_args!("image: {why}")))
}

impl Iohyve {
    /// Fetches it into a folder of ours with the engine of all hosts; returns its name there.
    async fn fetched(&self, url: &str, name: Option<&str>, isos: &[String], call: &Call) -> Result<String> {
        let (named, is_waiting) = (OnceLock::new(), AtomicBool::new(false));
        let check = |name: &str| {
            names::check_iso(name)?;
            let _ = named.set(name.to_owned());
            let is_iso = isos.iter().any(|iso| iso == name);
            is_waiting.store(!is_iso && self.incoming.waits(name), Ordering::Relaxed);
            if is_iso || is_waiting.load(Ordering::Relaxed) { Err(taken(name)) } else { Ok(()) }
        };
        let call = &call.first_half(Order::new(url, name)?.unpack, FIRST);
        let fetched = self.fetching.fetch(&self.settings.images, url, name, check, call.clone()).await;
        let fetched = fetched.inspect(|name| self.incoming.tell_whole(name, call));
        match (fetched, named.into_inner()) {
            (Err(_), Some(name)) if is_waiting.into_inner() => Ok(name),
            (Err(error), Some(name)) => self.unless_moved_on(&name, error, call).await.map(|()| name),
            (fetched, _) => fetched,
        }
    }

    /// Another vmdeck that waited for the same image may have handed it over by now: it was not cancelled then.
    async fn unless_moved_on(&self, name: &str, error: Error, call: &Call) -> Result<()> {
        let is_gone = error.kind == ErrorKind::Cancelled && !call.cancel.is_cancelled();
        match is_gone && (self.incoming.waits(name) || self.isos().await?.iter().any(|iso| iso == name)) {
            true => Ok(()),
            false => Err(error),
        }
    }

    /// Whether it is fetched no more, and iohyve has not taken it yet. A journal that cannot be read is one.
    fn has_come(&self, image: &str) -> Result<bool> {
        check_fetch(image)?;
        let is_over = Journal::read(&self.settings.images, image).is_ok_and(|journal| journal.is_none());
        Ok(is_over && self.incoming.waits(image))
    }

    /// What has come becomes iohyve's.
    async fn hand_over(&self, name: &str, call: &Call) -> Result<Image> {
        let _ours = self.fetching.is_ours(name);
        self.incoming.hand_over(name, call).await
    }
}

impl Images for Iohyve {
    async fn images(&self) -> Result<Vec<Image>> {
        let (isos, datasets) = tokio::join!(self.isos(), self.datasets());
        Ok(self.shell.images(isos?, &datasets).await)
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
        std::future::ready(match self.has_come(image)? {
            true => Err(Error::conflict(format_args!("{image} has come whole: it cannot rest, only be thrown away"))),
            false => fetching::pause(&self.settings.images, image),
        })
        .await
    }

    async fn cancel_fetch(&self, image: &str) -> Result<()> {
        match self.has_come(image)? {
            true => self.incoming.drop_waiting(image).await,
            false => fetching::cancel(&self.settings.images, image).await,
        }
    }

    async fn resume_fetch(&self, image: &str, call: Call) -> Result<Image> {
        check_fetch(image)?;
        let waited = self.incoming.waits(image);
        if self.isos().await?.iter().any(|iso| iso == image) {
            // It may have come whole while nobody heard of it, and be seen only now.
            let is_ours = waited && !self.incoming.waits(image);
            return if is_ours { Ok(Image::new(image)) } else { Err(taken(image)) };
        }
        if !self.incoming.waits(image) {
            let is_packed = Journal::read(&self.settings.images, image)?.is_some_and(|journal| journal.unpack);
            let first = call.first_half(is_packed, FIRST);
            let resumed = self.fetching.resume(&self.settings.images, image, first.clone()).await;
            match resumed {
                Ok(()) => self.incoming.tell_whole(image, &first),
                Err(error) => self.unless_moved_on(image, error, &call).await?,
            }
        }
        self.hand_over(image, &call).await
    }

    async fn fetches(&self) -> Result<Fetches> {
        std::future::ready(Ok(self.incoming.fetches())).await
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
