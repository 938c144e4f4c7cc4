use super::{
    Sysadm,
    jobs::{End, State},
    link::Link,
    names, wire,
};
use crate::{
    backend::{Call, Images},
    domain::{Error, ErrorKind, Image, Op, Partial, Progress, Result, clean_line},
};
use serde_json::json;
use tokio::sync::watch;

pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format_args!("no image is called {}", clean_line(image)))
}

/// The name that iohyve gives to what comes from `url`.
fn name_in(url: &str) -> Result<&str> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '"') {
        return Err(Error::invalid("url: the server would split it at its blanks: write %20"));
    }
    let name = url.rsplit('/').next().unwrap_or_default();
    names::check_iso(name).map_err(|why| Error::invalid(format_args!("url: its last part names the image: {why}")))?;
    Ok(name)
}

impl Sysadm {
    /// The images, with what is known of their downloads.
    pub(super) async fn library(&self) -> Result<Vec<Image>> {
        let names = self.isos().await?;
        self.jobs.lists(&names);
        let image = |name: String| Image { partial: self.jobs.partial(&name), ..Image::new(name) };
        Ok(names.into_iter().map(image).collect())
    }

    fn taken(&self, name: &str) -> Error {
        let shown = clean_line(name);
        match self.jobs.partial(name) {
            Some(Partial::Coming) => Error::conflict(format_args!("{shown} is being fetched already")),
            Some(Partial::Left(_)) => Error::conflict(format_args!(
                "what a fetch that came to nothing left of {shown} is in the way: remove it first"
            )),
            Some(Partial::Wrong) | None => Error::conflict(format_args!("{shown} is there already")),
        }
    }

    async fn rename(&self, image: &str, name: &str) -> Result<()> {
        self.iohyve("renameiso", &[("source", image), ("target", name)]).await?;
        self.jobs.renamed(image, name);
        Ok(())
    }

    /// What a download that ended has left.
    async fn fetched(&self, name: &str, wanted: &str, end: End, was_stopped: bool) -> Result<Image> {
        let is_there = self.isos().await?.iter().any(|iso| iso == name);
        let left =
            if is_there { format!("; what came of {name} is in the library: remove it first") } else { String::new() };
        match end.code {
            _ if end.is_unseen => {
                let why = format!("nobody saw how the download ended: whether {name} is whole is not known");
                return Err(Error::new(ErrorKind::Timeout, why));
            }
            Some(0) | None if is_there => {}
            Some(0) | None => {
                return Err(Error::new(
                    ErrorKind::Differs,
                    format_args!("the server said that it has {name}, but it is not in the library"),
                ));
            }
            Some(_) if was_stopped => return Err(Error::new(ErrorKind::Cancelled, format_args!("cancelled{left}"))),
            Some(_) => return Err(Error::refused(format_args!("{}{left}", end.words()))),
        }
        if name != wanted {
            self.rename(name, wanted).await?;
            if !self.isos().await?.iter().any(|iso| iso == wanted) {
                return Err(Error::new(ErrorKind::Differs, format_args!("it is there, but is still called {name}")));
            }
        }
        Ok(Image::new(wanted))
    }

    /// Follows a job to its end, also over connections that break. Returns whether it was asked to stop.
    async fn follow(
        &self,
        id: &str,
        mut state: watch::Receiver<State>,
        link: Link,
        call: &Call,
    ) -> Result<(End, bool)> {
        let (mut is_lost, mut is_stopped) = (false, false);
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Ended(end) => return Ok((end, is_stopped)),
                State::Running(progress) => call.progress(progress),
            }
            tokio::select! {
                changed = state.changed() => if changed.is_err() {
                    return Err(Error::new(ErrorKind::Timeout, "the server has too many jobs to follow this one"));
                },
                () = link.lost(), if !is_lost => {
                    is_lost = true;
                    call.progress(Progress::note("the connection is lost: it goes on there, and is looked for again"));
                }
                () = call.cancel.cancelled(), if !is_stopped => {
                    is_stopped = true;
                    self.stop(id).await?;
                    call.progress(Progress::note("asked to stop: the server may go on all the same"));
                }
            }
        }
    }

    /// Asks the dispatcher to end a job, which it may not do.
    async fn stop(&self, id: &str) -> Result<()> {
        if self.session()?.facts.may_run {
            self.call("rpc", "dispatcher", json!({"action": "kill", "job_id": id})).await?;
        }
        Ok(())
    }
}

impl Images for Sysadm {
    async fn images(&self) -> Result<Vec<Image>> {
        self.library().await
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        self.check(Op::FetchImage)?;
        let given = name_in(url)?;
        let wanted = name.unwrap_or(given);
        names::check_iso(wanted)?;
        let isos = self.isos().await?;
        if let Some(there) = [given, wanted].into_iter().find(|name| isos.iter().any(|iso| iso == name)) {
            return Err(self.taken(there));
        }
        let link = self.session()?.link.clone();
        // The first events come before the answer.
        let claim = self.jobs.claim();
        let answer = self.iohyve("fetchiso", &[("url", url)]).await?;
        let id = wire::text_of(answer.get("queueid")).ok_or_else(|| wire::odd("fetchiso"))?;
        let state = claim.take(&id);
        if link.rest().is_some() {
            call.progress(Progress::note("the server fetches: over https:// it does not tell how far it is"));
        }
        let (end, was_stopped) = self.follow(&id, state, link, &call).await?;
        self.fetched(given, wanted, end, was_stopped).await
    }

    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        self.check(Op::RenameImage)?;
        names::check_iso(image)?;
        names::check_iso(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let isos = self.isos().await?;
        if !isos.iter().any(|iso| iso == image) {
            return Err(missing(image));
        }
        if isos.iter().any(|iso| iso == name) {
            return Err(self.taken(name));
        }
        self.rename(image, name).await
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        self.check(Op::RemoveImage)?;
        names::check_iso(image)?;
        if !self.isos().await?.iter().any(|iso| iso == image) {
            return Err(missing(image));
        }
        self.iohyve("rmiso", &[("target", image)]).await.map(drop)
    }
}
