//! Fetching, against a server on loopback that keeps the rules, and breaks them.
mod file;
mod refusals;
mod whole;

use std::{fs, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{Progress, Result},
    fetch::{Fetched, Options, fetch},
};

/// Fetches, and keeps all that was told on the way.
async fn fetch_into(folder: &Path, url: &str, name: Option<&str>) -> (Result<Fetched>, Vec<Progress>) {
    fetch_with(folder, url, name, &Options { stall: Duration::from_millis(300), ..Options::default() }).await
}

async fn fetch_with(
    folder: &Path,
    url: &str,
    name: Option<&str>,
    options: &Options,
) -> (Result<Fetched>, Vec<Progress>) {
    let mut told = Vec::new();
    let done = fetch(url, folder, name, options, &CancellationToken::new(), |p| told.push(p)).await;
    (done, told)
}

/// The names of all files in a folder, hidden and unfinished ones too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
