//! Images that come into a pool by way of this computer: fetched here, sent over the connection as `NAME.sent`, and
//! copied there to their names. Libvirt renames no volumes, and half an image must not look like a whole one: as long as
//! its part is beside it, it counts for none.
use super::{
    Libvirt,
    client::Client,
    images, locked,
    pools::{self, Place},
    staged::{self, Staged, Trace},
    stream::PIECE,
    wire::{Pool, Volume},
};
use crate::{
    backend::Call,
    domain::{ByteSize, Error, ErrorKind, Image, Progress, Result, clean_line},
    fetch::Meter,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt as _,
    sync::oneshot,
    time::{sleep, timeout},
};

/// How often it is told that nothing goes on.
const STILL: Duration = Duration::from_secs(1);
/// How long somebody who only looks may have a file.
const MOMENT: Duration = Duration::from_millis(500);
/// How long who sends it may take to stop.
const GRACE: Duration = Duration::from_secs(10);

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "cancelled")
}

fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Refuses what the pool has no room for: for a moment it has the image twice.
fn check_room(name: &str, size: u64, available: u64, pool: &str) -> Result<()> {
    let needed = size.saturating_mul(2);
    if needed <= available {
        return Ok(());
    }
    let (name, free) = (clean_line(name), ByteSize(available));
    let why = format_args!(
        "{name} has {}, and libvirt copies it to its name: the pool {} has {free} free of the {} that it takes",
        ByteSize(size),
        clean_line(pool),
        ByteSize(needed)
    );
    Err(Error::refused(why))
}

/// What libvirt would not copy as it is: it takes the file for a disk in a format of its own.
fn check_format(name: &str, xml: &str) -> Result<()> {
    let format = pools::format(xml);
    if matches!(format.as_str(), "" | "raw" | "iso") {
        return Ok(());
    }
    let (name, format) = (clean_line(name), clean_line(&format));
    let why = format_args!("{name} is a {format} disk inside, which libvirt would change while it copies it");
    Err(Error::invalid(format_args!("{why}: fetch it on that host itself")))
}

/// One image on its way.
#[derive(Debug)]
struct Sending {
    client: Arc<Client>,
    /// Where new images go.
    place: Place,
    folder: PathBuf,
    name: String,
    /// What has come to this computer for it.
    come: u64,
    call: Call,
}

impl Libvirt {
    /// Has `work` bring an image to this computer, and counts what is to be sent as well. Returns its name, and what came.
    pub(super) async fn stage(
        &self,
        place: &Place,
        folder: &Path,
        is_packed: bool,
        call: &Call,
        work: impl AsyncFnOnce(Call) -> Result<String>,
    ) -> Result<(String, u64)> {
        let (inner, mut latest) = call.part();
        let half = call.first_half(is_packed, "to this computer first");
        let stop = inner.cancel.clone();
        let work = work(inner);
        tokio::pin!(work);
        let (mut come, mut name, mut too_large) = (0, String::new(), None);
        loop {
            tokio::select! {
                result = &mut work => {
                    name = latest.borrow().job.as_ref().map_or(name, |job| job.as_str().to_owned());
                    let is_elsewhere = |error: &Error| {
                        error.kind == ErrorKind::Cancelled && !call.cancel.is_cancelled() && !name.is_empty()
                    };
                    let name = match (too_large, result) {
                        (None, Ok(name)) => name,
                        // Another vmdeck that follows it may have been first to take it away.
                        (None, Err(error)) if is_elsewhere(&error) => name,
                        (Some(error), _) | (None, Err(error)) => return Err(error),
                    };
                    let all = staged::size(folder, &name).filter(|_| !is_packed);
                    return Ok((name, all.unwrap_or(come)));
                }
                Ok(()) = latest.changed() => {
                    let now = latest.borrow_and_update().clone();
                    come = now.done.map_or(come, |done| done.0);
                    name = now.job.as_ref().map_or(name, |job| job.as_str().to_owned());
                    if let Some(total) = now.total && too_large.is_none() {
                        too_large = check_room(&name, total.0, place.info.available, &place.pool.name).err();
                        if too_large.is_some() {
                            stop.cancel();
                        }
                    }
                    half.progress(now);
                }
            }
        }
    }

    /// Sends what has come whole into `folder`. `come`: how much came for it in this call.
    pub(super) async fn hand_over(
        &self,
        place: Place,
        folder: PathBuf,
        name: &str,
        come: u64,
        call: Call,
    ) -> Result<Image> {
        let _ours = self.fetching.is_ours(name);
        let (client, name) = (self.client()?, name.to_owned());
        let sending = Sending { client, place, folder, name, come, call };
        let (told, ended) = oneshot::channel();
        {
            // Who does not wait for it to clean up lets it do so all the same.
            let mut session = locked(&self.session);
            let session = session.as_mut().ok_or_else(|| Error::new(ErrorKind::Unreachable, "not connected"))?;
            session.tasks.spawn(async move { drop(told.send(sending.run().await)) });
            while session.tasks.try_join_next().is_some() {}
        }
        let gone = |_| Error::new(ErrorKind::Interrupted, "the connection was given up: it waits on this computer");
        ended.await.map_err(gone)?
    }

    /// Throws away what waits to be sent, and what of it is there already.
    pub(super) async fn drop_staged(&self, folder: PathBuf, name: &str) -> Result<()> {
        let (client, name) = (self.client()?, name.to_owned());
        let place = self.pool(&client, "").await?;
        let sending = Sending { client, place, folder, name, come: 0, call: Call::new().0 };
        // Somebody may look whether it is held.
        match timeout(MOMENT, Staged::take(&sending.folder, &sending.name, &sending.call)).await {
            Ok(staged) => {
                let Some(staged) = staged? else { return Ok(()) };
                sending.clean(&staged).await?;
                staged.discard();
                Ok(())
            }
            // Who sends it cleans up.
            Err(_) => staged::stop(&sending.folder, &sending.name, GRACE).await,
        }
    }
}

impl Sending {
    async fn run(self) -> Result<Image> {
        let Some(staged) = Staged::take(&self.folder, &self.name, &self.call).await? else {
            // Another vmdeck has sent it, or somebody has thrown it away.
            return self.listed().await.map_err(|_| cancelled());
        };
        match self.send(&staged).await {
            Ok(()) => {
                let checked = staged.checked.clone();
                staged.discard();
                self.listed().await.map(|image| Image { checked, ..image })
            }
            // What can never be sent is of no use here.
            Err(error) if matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Invalid) => {
                if let Err(error) = self.clean(&staged).await {
                    return Err(staged.kept(&error));
                }
                staged.discard();
                Err(error)
            }
            Err(error) => {
                let _ = self.clean(&staged).await;
                Err(staged.kept(&error))
            }
        }
    }

    async fn listed(&self) -> Result<Image> {
        let found = images::list(&self.client).await?.into_iter().find(|image| image.name == self.name);
        let missing = || Error::not_found(format_args!("{} is in no pool of libvirt", clean_line(&self.name)));
        found.ok_or_else(missing)
    }

    fn part_name(&self) -> String {
        format!("{}{}", self.name, images::SENT)
    }

    fn note(&self, note: &str) {
        self.tell(Progress::default(), note);
    }

    fn tell(&self, mut progress: Progress, note: &str) {
        (progress.note, progress.job) = (Some(note.to_owned()), Some(self.name.as_str().into()));
        self.call.progress(progress);
    }

    /// Whether somebody wants no more of it.
    fn goes_on(&self, staged: &Staged) -> Result<()> {
        if self.call.cancel.is_cancelled() || !staged.is_there() { Err(cancelled()) } else { Ok(()) }
    }

    async fn pool(&self, name: &str) -> Result<Pool> {
        if self.place.pool.name == name {
            return Ok(self.place.pool.clone());
        }
        let found = pools::places(&self.client).await?.into_iter().find(|place| place.pool.name == name);
        found.map(|place| place.pool).ok_or_else(|| {
            let why = format_args!("the pool {}, where it was begun, is not active", clean_line(name));
            Error::new(ErrorKind::Interrupted, why)
        })
    }

    /// Removes what an earlier sending, or this one, has left there. Returns whether it has come whole after all.
    async fn clean(&self, staged: &Staged) -> Result<bool> {
        let Some(trace) = staged.trace() else { return Ok(false) };
        let (client, pool) = (&self.client, self.pool(&trace.pool).await?);
        // It may be refused while something else is copied; then libvirt knows what it made itself.
        let _ = client.pool_refresh(&pool).await;
        let part = found(client.volume_named(&pool, &self.part_name()).await)?;
        let image = match trace.copying {
            true => found(client.volume_named(&pool, &self.name).await)?,
            false => None,
        };
        let mut is_whole = false;
        if let Some(image) = image {
            // Another of that name is not ours to judge.
            let is_its = client.volume_extent(&image).await?.capacity == staged.size;
            if is_its && part.is_some() {
                client.volume_delete(&image).await?;
            }
            is_whole = is_its && part.is_none();
        }
        if let Some(part) = part {
            client.volume_delete(&part).await?;
        }
        staged.clear();
        Ok(is_whole)
    }

    async fn send(&self, staged: &Staged) -> Result<()> {
        self.note("asking libvirt");
        if self.clean(staged).await? {
            return Ok(());
        }
        let (client, pool) = (&self.client, &self.place.pool);
        let _ = client.pool_refresh(pool).await;
        images::check_free(client, &self.name).await?;
        let info = client.pool_info(pool).await?;
        check_room(&self.name, staged.size, info.available, &pool.name)?;
        let size = ByteSize(staged.size);
        let part = client.volume_make(pool, &pools::disk_xml(&self.part_name(), "raw", size)).await?;
        let mut trace = Trace { pool: pool.name.clone(), copying: false };
        staged.note(&trace)?;
        self.transfer(staged, &part).await?;
        let _ = client.pool_refresh(pool).await;
        check_format(&self.name, &client.volume_xml(&part).await?)?;
        self.goes_on(staged)?;
        trace.copying = true;
        staged.note(&trace)?;
        self.note("libvirt copies it to its name");
        let copied = client.volume_copy(pool, &pools::disk_xml(&self.name, "raw", size), &part).await;
        if copied.as_ref().is_err_and(|error| !error.leaves_unknown()) {
            // What has the name now, if anything, is somebody else's.
            trace.copying = false;
            staged.note(&trace)?;
        }
        let image = copied?;
        self.goes_on(staged)?;
        let there = client.volume_extent(&image).await?.capacity;
        if there != staged.size {
            let why = format_args!("libvirt has {} of the {size} that were sent", ByteSize(there));
            return Err(Error::new(ErrorKind::Differs, why));
        }
        client.volume_delete(&part).await
    }

    /// Sends all bytes, one piece at a time.
    async fn transfer(&self, staged: &Staged, part: &Volume) -> Result<()> {
        let mut stream = self.client.clone().volume_upload(part, staged.size).await?;
        let mut file = tokio::fs::File::from_std(staged.open()?);
        let mut meter = Meter::start(self.come, Some(self.come.saturating_add(staged.size)));
        let note = format!("into the pool {}", clean_line(&part.pool));
        self.tell(meter.report(), &note);
        let mut sent = 0;
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let size = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await? as u64;
            if size == 0 {
                break;
            }
            self.waited(staged, &mut meter, &note, stream.put(piece)).await?;
            sent += size;
            if let Some(progress) = meter.add(size) {
                self.goes_on(staged)?;
                self.tell(progress, &note);
            }
        }
        if sent != staged.size {
            return Err(Error::conflict("the file has changed while it was sent"));
        }
        self.waited(staged, &mut meter, &note, stream.finish()).await
    }

    /// Waits for a step, as long as somebody wants it, and tells that nothing goes on.
    async fn waited(
        &self,
        staged: &Staged,
        meter: &mut Meter,
        note: &str,
        step: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        tokio::pin!(step);
        loop {
            tokio::select! {
                done = &mut step => return done,
                () = self.call.cancel.cancelled() => return Err(cancelled()),
                () = sleep(STILL) => {
                    self.goes_on(staged)?;
                    self.tell(meter.idle(), note);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_twice_is_refused_with_what_it_takes() {
        assert!(check_room("a.iso", 1 << 30, 2 << 30, "default").is_ok());
        let error = check_room("a.iso", 1 << 30, (2 << 30) - 1, "default").unwrap_err();
        assert!(error.message.contains("the pool default has") && error.message.contains("of the 2 GiB"), "{error}");
    }

    #[test]
    fn a_disk_in_the_clothes_of_an_image_is_refused() {
        let xml = |format: &str| format!("<volume><target><format type='{format}'/></target></volume>");
        assert!(check_format("a.img", &xml("raw")).is_ok() && check_format("a.iso", &xml("iso")).is_ok());
        assert!(check_format("a.img", "<volume/>").is_ok());
        assert!(check_format("a.img", &xml("qcow2")).unwrap_err().message.contains("a qcow2 disk inside"));
    }
}
