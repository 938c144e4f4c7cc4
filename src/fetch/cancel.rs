//! A fetch that somebody ends: it has ended when its process has thrown away what came.
use super::{
    Journal, Wish, ask_to, forget, history, is_live,
    worker::{LAST_DEED, wish, wish_path},
};
use crate::{
    domain::{Error, ErrorKind, PastFetch, Result, clean_line},
    transport::{Stopwatch, now},
};
use std::{fs, path::Path, time::Duration};
use tokio::time::sleep;

/// How long a process may take to end: what came is on its way to the disk. Shorter than what a change may take.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often it is asked to end: what is there after that cannot be removed.
const ROUNDS: u32 = 3;
/// How soon its end is seen.
const GLANCE: Duration = Duration::from_millis(20);

/// Ends the fetch of `name`, whoever began it; returns when nothing of it is left.
pub async fn cancel(folder: &Path, name: &str) -> Result<()> {
    let begun = now();
    let which = || Journal::read(folder, name).ok().flatten().map(|journal| journal.asked);
    let asked = which();
    let mut rounds = 0;
    loop {
        ask_to(folder, name, Wish::Cancel)?;
        until_cancelled(folder, name).await?;
        // The one before it may have taken the word for its own, which it had not put away yet.
        if asked.is_none() || which() != asked {
            break;
        }
        rounds += 1;
        if rounds == ROUNDS {
            let name = clean_line(name);
            return Err(Error::refused(format_args!("what is left of {name} cannot be removed from its folder")));
        }
        sleep(GLANCE).await;
    }
    let is_its_end = |past: &PastFetch| past.name == name && past.ended >= begun && past.is_cancelled();
    if folder.join(name).exists() && !history::history(folder).iter().any(is_its_end) {
        let name = clean_line(name);
        return Err(Error::conflict(format_args!("{name} had come whole before it could be cancelled")));
    }
    Ok(())
}

/// Whether somebody wants the fetch of `name` to end, and it has not yet.
pub fn is_being_cancelled(folder: &Path, name: &str) -> bool {
    wish(folder, name) == Some(Wish::Cancel) && is_there(folder, name)
}

/// Waits for the end of a fetch that is being cancelled. Where its process was ended meanwhile, does what that has not.
pub async fn until_cancelled(folder: &Path, name: &str) -> Result<()> {
    let since = Stopwatch::start();
    let mut gone: Option<Stopwatch> = None;
    while is_being_cancelled(folder, name) {
        let lives = is_live(folder, name);
        gone = gone.filter(|_| !lives);
        if !lives && gone.get_or_insert_with(Stopwatch::start).elapsed() >= LAST_DEED {
            history::note_cancelled(folder, name);
            return match forget(folder, name) {
                // Another does it at this moment.
                Err(error) if error.kind == ErrorKind::Conflict => continue,
                done => done.map(|()| drop(fs::remove_file(wish_path(folder, name)))),
            };
        }
        if since.elapsed() >= PATIENCE {
            let name = clean_line(name);
            let why = format_args!("{name} was asked to end, and has not within {} s", PATIENCE.as_secs());
            return Err(Error::new(ErrorKind::Timeout, why));
        }
        sleep(GLANCE).await;
    }
    Ok(())
}

/// Whether anything is left of it. First whether it lives: its journal goes before its lock.
fn is_there(folder: &Path, name: &str) -> bool {
    is_live(folder, name) || Journal::read(folder, name).map_or(true, |journal| journal.is_some())
}
