//! Lists of checksums, as projects put them beside their images.
use super::{
    Address, Options, Sum, ftp,
    http::{self, Way},
    proxy, source,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// The longest list that is read, in bytes.
const LIST: usize = 1 << 20;
/// How long all lists together may take: a fetch does not wait for them longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A sum that a file should have, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub sum: Sum,
    /// `given`, or the name of the list that it stands in.
    pub source: String,
}

/// What a list is called beside a file called `name`, the closest first.
fn lists(name: &str) -> [String; 5] {
    let fixed = |list: &str| list.to_owned();
    [format!("{name}.sha256"), format!("{name}.sha512"), fixed("SHA256SUMS"), fixed("SHA512SUMS"), fixed("CHECKSUM")]
}

/// The sum that stands beside the file at `address`; None: there is none, or it did not come in time.
pub(super) async fn find(address: &Address, options: &Options) -> Option<Expected> {
    let segments: Vec<&str> = address.url().path_segments()?.collect();
    let name = super::name::decoded(segments.last().filter(|last| !last.is_empty())?)?;
    let options =
        Options { stall: options.stall.min(PATIENCE), connect: options.connect.min(PATIENCE), ..options.clone() };
    let way = match address.url().scheme() {
        "file" => None,
        _ if address.is_ftp() => match proxy::find(address).ok()? {
            Some(proxy) => Some(Way::Proxy(proxy)),
            None => return timeout(PATIENCE, find_over_ftp(address, &name, &options)).await.ok()?,
        },
        _ => Some(Way::Client(http::client(address, &options).ok()?)),
    };
    let asked = lists(&name).map(|list| {
        let (name, options, way) = (&name, &options, way.as_ref());
        async move {
            let beside = address.beside(&list)?;
            let text = source::text(way, &beside, options, LIST).await?;
            let sum = stands_in(&text, name)?;
            Some(Expected { sum, source: list })
        }
    });
    let found = timeout(PATIENCE, futures_util::future::join_all(asked)).await.ok()?;
    found.into_iter().flatten().next()
}

/// One connection for all lists: many servers give nobody more.
async fn find_over_ftp(address: &Address, name: &str, options: &Options) -> Option<Expected> {
    let mut session = ftp::Session::open(address, options).await.ok()?;
    for list in lists(name) {
        let text = session.text(&address.beside(&list)?, LIST).await.ok()?;
        if let Some(sum) = text.and_then(|text| stands_in(&text, name)) {
            return Some(Expected { sum, source: list });
        }
    }
    None
}

/// The sum of the file called `name` in a list, GNU (`SUM  NAME`, `SUM *NAME`) or BSD (`SHA256 (NAME) = SUM`) style; or
/// the only word there is.
fn stands_in(text: &str, name: &str) -> Option<Sum> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let own = |path: &str| path.rsplit('/').next() == Some(name);
    let gnu = |line: &str| {
        let (sum, path) = line.split_once([' ', '\t'])?;
        own(path.trim_start().trim_start_matches('*')).then(|| sum.parse().ok())?
    };
    let bsd = |line: &str| {
        let (head, sum) = line.rsplit_once('=')?;
        let (kind, path) = head.trim().split_once('(')?;
        let known = ["SHA256", "SHA512"].iter().any(|known| kind.trim().eq_ignore_ascii_case(known));
        (known && own(path.strip_suffix(')')?)).then(|| sum.parse().ok())?
    };
    lines().find_map(|line| bsd(line).or_else(|| gnu(line))).or_else(|| {
        let mut all = lines();
        let only = all.next()?;
        all.next().is_none().then(|| only.parse().ok())?
    })
}

impl Address {
    /// The address of a file in the same folder, with the same user and password.
    fn beside(&self, name: &str) -> Option<Self> {
        let mut url: Url = self.url().clone();
        url.set_query(None);
        url.path_segments_mut().ok()?.pop().push(name);
        Some(self.with_url(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_styles_are_read() {
        let (a, b) = ("a".repeat(64), "b".repeat(128));
        let found = |text: &str| stands_in(text, "x.iso").map(|sum| sum.to_string());
        let (a_sum, b_sum) = (Some(format!("sha256:{a}")), Some(format!("sha512:{b}")));
        assert_eq!(found(&format!("{b}  y.iso\n{a}  x.iso\n")), a_sum);
        assert_eq!(found(&format!("{a} *./folder/x.iso\r\n")), a_sum);
        assert_eq!(found(&format!("# Fedora\nSHA256 (y.iso) = {b}\nSHA512 (x.iso) = {b}\n")), b_sum);
        assert_eq!(found(&format!("SHA256 (x.iso)={a}")), a_sum);
        assert_eq!(found(&format!("\n{a}\n")), a_sum, "a file with the sum alone");
        for none in [
            format!("{a}  y.iso\n"),
            format!("MD5 (x.iso) = {}", "a".repeat(32)),
            format!("{a}\n{b}\n"),
            format!("{a}  x.iso.asc"),
            "<html>x.iso</html>".to_owned(),
            String::new(),
        ] {
            assert_eq!(found(&none), None, "{none}");
        }
    }

    #[test]
    fn a_list_stands_in_the_same_folder() {
        let address: Address = "https://me:pw@h/iso/x%20y.iso?token=1".parse().unwrap();
        let beside = address.beside("x y.iso.sha256").unwrap();
        assert_eq!(beside.url().as_str(), "https://h/iso/x%20y.iso.sha256");
        assert_eq!(beside.login(), address.login());
    }
}
