//! Fetching, against a server on loopback that keeps the rules, and breaks them.
mod again;
mod calls;
mod cancelled;
mod file;
mod ftp;
mod hostile;
mod killed;
mod look;
mod proxy;
mod queue;
mod refusals;
mod resume;
mod sums;
mod unpack;
mod whole;
mod worker;

use std::{fs, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;
use vmdeck::{
    domain::{Progress, Result},
    fetch::{Fetched, Options, Order, fetch},
};

/// Options for servers that are close and machines that are busy.
fn impatient() -> Options {
    Options { stall: Duration::from_secs(20), pause: Duration::from_millis(1), ..Options::default() }
}

/// The same for servers that stall.
fn hasty() -> Options {
    Options { stall: Duration::from_millis(300), ..impatient() }
}

/// Bytes that are different everywhere, so that a wrong place shows.
fn image(size: usize) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n * 7 % 251).unwrap()).collect()
}

fn order(url: &str, name: Option<&str>) -> Result<Order> {
    Ok(Order { address: url.parse()?, name: name.map(str::to_owned), sum: None, unpack: false })
}

/// Fetches, and keeps all that was told on the way.
async fn fetch_into(folder: &Path, url: &str, name: Option<&str>) -> (Result<Fetched>, Vec<Progress>) {
    fetch_with(folder, url, name, &Options { tries: 1, ..impatient() }).await
}

async fn fetch_with(
    folder: &Path,
    url: &str,
    name: Option<&str>,
    options: &Options,
) -> (Result<Fetched>, Vec<Progress>) {
    let mut told = Vec::new();
    let order = match order(url, name) {
        Ok(order) => order,
        Err(error) => return (Err(error), told),
    };
    let done = fetch(&order, folder, options, &CancellationToken::new(), |p| told.push(p)).await;
    (done, told)
}

/// The names of all files in a folder, unfinished ones too, without the stories of whole images.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name: &String| !name.ends_with(".origin"));
    names.sort();
    names
}
