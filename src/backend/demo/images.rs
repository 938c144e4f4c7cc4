//! The library, and downloads that move at the speed of a good line. What an address ends with decides how it goes:
//! `broken` breaks off on the way, `stream` does not tell how much there will be.
use super::{Demo, Shared, world::STORAGE};
use crate::{
    backend::{Call, Images},
    domain::{
        ByteSize, Error, ErrorKind, Fetches, HostEvent, Image, Inventory, Job, JobId, Op, PastFetch, Progress,
        Prospect, Result, TaskState, check_image_name, image_in_use,
    },
    transport::Stopwatch,
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

const STEP: Duration = Duration::from_secs(1);
/// Bytes in a step.
const CHUNK: u64 = 49_807_360;
const SIZE: u64 = 735_051_776;

pub(super) fn missing(image: &str) -> Error {
    Error::not_found(format_args!("no image is called {}", crate::domain::clean_line(image)))
}

/// What an address is called for.
fn named(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// How far it is after `steps`. The rate sways, as rates do.
fn progress(steps: u32, done: u64, total: Option<u64>) -> Progress {
    let sway = super::figures::wave(STEP * steps, STEP * 57) * 2e6;
    Progress { rate: Some(ByteSize(CHUNK).as_f64() / STEP.as_secs_f64() + sway), ..Progress::bytes(done, total) }
}

/// The download that goes on since before the program began.
pub(super) async fn job(shared: Arc<Shared>) {
    let Some((name, total)) = shared.world().job.clone() else { return };
    let job = |state| {
        let id = JobId::from("demo-fetch");
        HostEvent::Job(Box::new(Job {
            id,
            vm: None,
            title: format!("fetch {name}"),
            image: Some(name.clone()),
            state,
            begun: None,
            request: None,
        }))
    };
    let (mut steps, mut done) = (0, total / 3);
    while done < total {
        shared.tell(job(TaskState::Running(progress(steps, done, Some(total))))).await;
        sleep(STEP).await;
        done += CHUNK;
        steps += 1;
    }
    let images = {
        let mut world = shared.world();
        world.job = None;
        let image = Image { size: Some(ByteSize(total)), added: Some(world.stamp()), ..Image::new(name.clone()) };
        world.library.insert(name.clone(), image);
        world.images()
    };
    shared.tell(HostEvent::Inventory(Inventory { images: Some(images), ..Inventory::default() })).await;
    shared.tell(job(TaskState::Succeeded(None))).await;
}

impl Demo {
    /// Changes the library, unless a machine uses the image.
    fn change_image(&self, op: Op, image: &str, new_name: Option<&str>) -> Result<()> {
        let mut world = self.world(op)?;
        let found = world.images().into_iter().find(|i| i.name == image).ok_or_else(|| missing(image))?;
        if !found.used_by.is_empty() {
            return Err(Error::conflict(image_in_use(image, &found.used_by)));
        }
        if let Some(name) = new_name {
            check_image_name(name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
            if world.library.contains_key(name) {
                return Err(Error::conflict(format_args!("{name} is there already")));
            }
            world.library.insert(name.to_owned(), Image { name: name.to_owned(), ..found });
        }
        world.library.remove(image);
        Ok(())
    }
}

impl Images for Demo {
    async fn images(&self) -> Result<Vec<Image>> {
        Ok(self.world(Op::ListImages)?.images())
    }

    async fn probe_image(&self, url: &str) -> Result<Prospect> {
        let world = self.world(Op::ProbeImage)?;
        let name = named(url);
        check_image_name(&name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        if name.ends_with("html") {
            return Err(Error::refused("the server answered with a web page and not with an image"));
        }
        Ok(Prospect {
            is_taken: world.library.contains_key(&name),
            size: (!name.ends_with("stream")).then_some(ByteSize(SIZE)),
            is_resumable: !name.ends_with("stream"),
            checksum: name.ends_with("iso").then(|| "SHA-256 in SHA256SUMS".to_owned()),
            free: Some(ByteSize(STORAGE.saturating_sub(world.used()))),
            name: Some(name),
        })
    }

    async fn fetch_image(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let begun = Stopwatch::start();
        let ended = self.fetch(url, name, call).await;
        let mut world = self.shared.world();
        let received = ByteSize(CHUNK * u64::try_from(begun.elapsed().as_millis() / STEP.as_millis()).unwrap_or(0));
        let past = PastFetch {
            name: name.map_or_else(|| named(url), str::to_owned),
            source: url.split(['?', '#']).next().unwrap_or(url).to_owned(),
            ended: world.stamp(),
            took: begun.elapsed(),
            received: ended.as_ref().ok().and_then(|image| image.size).unwrap_or(received),
            why: ended.as_ref().err().map(|error| error.message.clone()),
            checked: None,
        };
        world.past.push(past);
        ended
    }

    async fn fetches(&self) -> Result<Fetches> {
        let past = self.world(Op::ListFetches)?.past.iter().rev().cloned().collect();
        Ok(Fetches { open: Vec::new(), past })
    }

    async fn rename_image(&self, image: &str, name: &str) -> Result<()> {
        self.change_image(Op::RenameImage, image, Some(name))
    }

    async fn remove_image(&self, image: &str) -> Result<()> {
        self.change_image(Op::RemoveImage, image, None)
    }
}

impl Demo {
    async fn fetch(&self, url: &str, name: Option<&str>, call: Call) -> Result<Image> {
        let path = url.split(['?', '#']).next().unwrap_or(url);
        let name = name.map_or_else(|| named(url), str::to_owned);
        check_image_name(&name).map_err(|why| Error::invalid(format_args!("name: {why}")))?;
        let is_there = || Error::conflict(format_args!("{name} is there already"));
        if self.world(Op::FetchImage)?.library.contains_key(&name) {
            return Err(is_there());
        }
        let total = (!path.ends_with("stream")).then_some(SIZE);
        let breaks = path.ends_with("broken");
        let (mut steps, mut done) = (0, 0);
        while done < SIZE {
            call.progress(progress(steps, done, total));
            if breaks && done > SIZE / 100 * 61 {
                return Err(Error::refused("the connection was lost at 61 %"));
            }
            tokio::select! {
                () = sleep(STEP) => {}
                () = call.cancel.cancelled() => return Err(Error::new(ErrorKind::Cancelled, "cancelled")),
            }
            done += CHUNK;
            steps += 1;
        }
        let mut world = self.shared.world();
        if world.library.contains_key(&name) {
            return Err(is_there());
        }
        let image = Image { size: Some(ByteSize(SIZE)), added: Some(world.stamp()), ..Image::new(name.clone()) };
        world.library.insert(name, image.clone());
        Ok(image)
    }
}
