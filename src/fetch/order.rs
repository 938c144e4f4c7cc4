//! What is asked for, and the journal that makes a fetch of it.
use super::{Address, Journal, Look, Origin, Sum, is_live, part::Part, refuse_existing, unpack};
use crate::{
    domain::{ErrorKind, Result, wishes},
    transport::{Stopwatch, now},
};
use std::{path::Path, time::Duration};
use tokio::time::sleep;

/// How long between a lock and the journal that tells of it.
const MOMENT: Duration = Duration::from_secs(1);

/// What to fetch, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub address: Address,
    /// What to call it; None: what the server or the address calls it.
    pub name: Option<String>,
    /// The checksum that a person gave; None: one is looked for beside the image.
    pub sum: Option<Sum>,
    /// What comes is packed, and the image is what is in it. The checksum is that of what comes.
    pub unpack: bool,
}

impl Order {
    /// Reads an address as people write it, with what is wished of it behind `#`: see [`wishes`].
    pub fn new(url: &str, name: Option<&str>) -> Result<Self> {
        let (url, wishes) = wishes(url);
        let sum = wishes.sum.map(str::parse).transpose()?;
        Ok(Self { address: url.parse()?, name: name.map(str::to_owned), sum, unpack: wishes.unpack })
    }

    /// The name of the same fetch that runs, or was left unfinished, in `folder`.
    pub fn find(&self, folder: &Path) -> Option<String> {
        let url = self.address.without_secrets();
        Journal::names(folder).into_iter().find(|name| {
            let is_named = self.name.as_ref().is_none_or(|wanted| wanted == name);
            let journal = || Journal::read(folder, name).ok().flatten();
            is_named
                && journal().is_some_and(|journal| {
                    let is_same = journal.url == url && journal.unpack == self.unpack;
                    is_same && (self.sum.is_none() || journal.expected.map(|e| e.sum) == self.sum)
                })
        })
    }
}

/// Writes the journal of a fetch that nothing is done for yet. Refused while another makes the same name.
pub fn ask(order: &Order, look: &Look, folder: &Path) -> Result<()> {
    let part = Part::open(folder, &look.name)?;
    begin(order, look, folder, &part).map(drop)
}

/// The journal of a new fetch; one that was left is thrown away with its part, unless it is the same.
pub(super) fn begin(order: &Order, look: &Look, folder: &Path, part: &Part) -> Result<Journal> {
    let name = &look.name;
    refuse_existing(folder, name)?;
    let url = order.address.without_secrets();
    if let Ok(Some(left)) = Journal::read(folder, name)
        && left.url == url
        && left.unpack == order.unpack
        && (order.sum.is_none() || left.expected == look.expected)
    {
        return Ok(left);
    }
    part.file().set_len(0).map_err(|error| part.error(error))?;
    let journal = Journal {
        url,
        has_login: order.address.login().is_some(),
        asked: now().0,
        expected: look.expected.clone(),
        unpack: order.unpack,
        ..Journal::default()
    };
    journal.write(folder, name)?;
    Ok(journal)
}

/// [`ask`], or nothing where another asked for the same a moment ago: then there is one fetch, which belongs to both.
pub async fn join(order: &Order, look: &Look, folder: &Path) -> Result<()> {
    let since = Stopwatch::start();
    let is_taken = |asked: &Result<()>| asked.as_ref().is_err_and(|error| error.kind == ErrorKind::Conflict);
    let join = || {
        let asked = ask(order, look, folder);
        let is_ours = is_taken(&asked) && order.find(folder).as_ref() == Some(&look.name);
        if is_ours { Ok(()) } else { asked }
    };
    loop {
        let joined = join();
        if !is_taken(&joined) || since.elapsed() > MOMENT {
            return joined;
        }
        if !is_live(folder, &look.name) {
            // Whoever had the part has written the journal since, or only looked whether it was locked.
            return join();
        }
        // Whoever has the part writes the journal next.
        sleep(Duration::from_millis(20)).await;
    }
}

/// Puts away what is left of a fetch whose image has its name already, where its process was ended between the two.
/// Returns whether that was so.
pub fn settle(folder: &Path, name: &str) -> Result<bool> {
    let (Some(journal), Ok(meta)) = (Journal::read(folder, name)?, folder.join(name).metadata()) else {
        return Ok(false);
    };
    let is_its_image = Origin::read(folder, name, &meta).is_some_and(|origin| origin.url == journal.source());
    if !is_its_image || is_live(folder, name) {
        return Ok(false);
    }
    match forget(folder, name) {
        // Another puts it away at the same moment, or only looks whether it is live.
        Err(error) if error.kind == ErrorKind::Conflict => Ok(false),
        done => done.map(|()| true),
    }
}

/// Removes all of a fetch: its part and its journal. Refused while it runs.
pub fn forget(folder: &Path, name: &str) -> Result<()> {
    let part = Part::open(folder, name)?;
    let _ = std::fs::remove_file(unpack::path(folder, name));
    Journal::remove(folder, name);
    part.discard();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        sync::atomic::{AtomicBool, Ordering},
        thread,
    };

    #[test]
    fn several_that_see_an_image_whole_put_its_fetch_away_without_a_quarrel() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, name) = (folder.path(), "a.iso");
        for _ in 0..200 {
            fs::write(folder.join(name), "whole").unwrap();
            let journal = Journal { url: "http://a.example/a.iso".to_owned(), ..Journal::default() };
            journal.write(folder, name).unwrap();
            let meta = folder.join(name).metadata().unwrap();
            Origin::new(journal.source(), None, now(), &meta).write(folder, name).unwrap();
            let settled: Vec<_> = thread::scope(|scope| {
                let all: Vec<_> = (0..4).map(|_| scope.spawn(|| settle(folder, name))).collect();
                all.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(settled.iter().all(Result::is_ok), "{settled:?}");
            // The last that saw it has taken it along.
            assert!(settle(folder, name).is_ok() && Journal::names(folder).is_empty());
        }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "programs that other threads start")]
    async fn what_was_asked_for_is_not_held_by_programs_that_begin_at_that_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, source) = (folder.path(), folder.path().join("source"));
        fs::write(&source, "whole").unwrap();
        let order = Order::new(&format!("file://{}", source.display()), Some("a.iso")).unwrap();
        let look = crate::fetch::look(&order, folder, &crate::fetch::Options::default()).await.unwrap();
        let is_over = AtomicBool::new(false);
        let live = thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let _ = std::process::Command::new("true").status();
                    }
                });
            }
            let is_held = |_: &u32| ask(&order, &look, folder).is_err() || is_live(folder, "a.iso");
            let live = (0..300).filter(is_held).count();
            is_over.store(true, Ordering::Relaxed);
            live
        });
        assert_eq!(live, 0);
    }

    #[test]
    fn a_fetch_that_rests_is_thrown_away_while_others_look_at_it() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, name) = (folder.path(), "a.iso");
        let is_over = AtomicBool::new(false);
        let dropped: Vec<_> = thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        is_live(folder, name);
                    }
                });
            }
            let drop = |_| {
                Journal { url: "http://a.example/a.iso".to_owned(), ..Journal::default() }.write(folder, name).unwrap();
                fs::write(folder.join("a.iso.part"), "half").unwrap();
                crate::fetch::ask_to(folder, name, crate::fetch::Wish::Cancel)
            };
            let dropped = (0..500).map(drop).collect();
            is_over.store(true, Ordering::Relaxed);
            dropped
        });
        assert!(dropped.iter().all(Result::is_ok), "{:?}", dropped.iter().find(|one| one.is_err()));
        assert!(Journal::names(folder).is_empty());
    }
}
