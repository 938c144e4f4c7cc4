use crate::domain::{Error, Result, SCHEMES, Secret, address_rule, clean_line};
use std::{fmt, net::IpAddr, str::FromStr};
use url::{Host, ParseError, Url};

/// Where an image comes from. User and password are kept apart; shown are only scheme, host and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: Url,
    login: Option<(String, Secret)>,
}

impl Address {
    /// The address without user and password.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// User and password, for the one place that sends them.
    pub const fn login(&self) -> Option<&(String, Secret)> {
        self.login.as_ref()
    }

    /// Another address at the same server, with the same user and password.
    pub(super) fn with_url(&self, url: Url) -> Self {
        Self { url, login: self.login.clone() }
    }

    /// The same with another user and password.
    pub(super) fn with_login(self, login: Option<(String, Secret)>) -> Self {
        Self { login, ..self }
    }

    /// All of it but user and password, to be asked again; a token in it stays, so it is not for a screen.
    pub(super) fn without_secrets(&self) -> String {
        self.url.to_string()
    }

    /// What it ends with, decoded.
    pub(super) fn name(&self) -> Option<String> {
        super::name::last_segment(&self.url)
    }

    pub(super) fn is_ftp(&self) -> bool {
        self.url.scheme().starts_with("ftp")
    }

    /// The same without `;type=i` (RFC 1738, 3.2.2): an image is fetched as it is in any case.
    fn ftp(mut self) -> Result<Self> {
        if self.url.host_str().is_none_or(str::is_empty) {
            return Err(Error::invalid("url: the name of a server is missing"));
        }
        if let Some((path, kind)) = self.url.path().rsplit_once(";type=")
            && kind.len() == 1
        {
            let path = path.to_owned();
            self.url.set_path(&path);
        }
        Ok(self)
    }

    /// Who is asked: the server's name, or `this machine`.
    pub fn place(&self) -> String {
        self.url.host_str().map_or_else(|| "this machine".to_owned(), |host| clean_line(host).into_owned())
    }

    /// Whether the server is this machine: then no proxy stands between.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => {
                let is_ip = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
                is_ip || name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
            None => false,
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The text itself is not repeated: it may hold a password.
        let text = text.trim();
        let wrong = |what: &str| Error::invalid(format_args!("url: {what}: {}", address_rule()));
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        let home = || Some(std::env::home_dir()?.join(text.strip_prefix("~/")?));
        let path = if text.starts_with('/') { Some(text.into()) } else { home() };
        let own = path.and_then(|path| Url::from_file_path(path).ok());
        let mut url = own.map_or_else(|| Url::parse(text), Ok).map_err(|why| match why {
            ParseError::RelativeUrlWithoutBase => wrong("this is no address"),
            why => wrong(&why.to_string()),
        })?;
        if !SCHEMES.contains(&url.scheme()) {
            return Err(wrong(&format!("`{}` is not known here", clean_line(url.scheme()))));
        }
        if url.scheme() == "file" && url.host_str().is_some() {
            return Err(Error::invalid("url: a file of this machine is written file:///folder/name"));
        }
        let login = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let decoded = |text: &str| super::name::decoded(text).unwrap_or_else(|| text.to_owned());
            (decoded(url.username()), Secret::new(decoded(url.password().unwrap_or_default())))
        });
        let cleared = url.set_username("").and_then(|()| url.set_password(None));
        if login.is_some() && cleared.is_err() {
            return Err(Error::invalid("url: a user and a password do not belong there"));
        }
        url.set_fragment(None);
        let address = Self { url, login };
        if address.is_ftp() { address.ftp() } else { Ok(address) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.url.clone();
        shown.set_query(None);
        f.write_str(&clean_line(shown.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        text.parse::<Address>().unwrap_err().message
    }

    #[test]
    fn a_password_is_used_but_not_shown() {
        let address: Address = "https://me:s%40cret@example.org/a.iso?token=abc#x".parse().unwrap();
        assert_eq!(address.login().map(|(user, pass)| (user.as_str(), pass.expose())), Some(("me", "s@cret")));
        assert_eq!(address.to_string(), "https://example.org/a.iso");
        assert_eq!(address.url().as_str(), "https://example.org/a.iso?token=abc");
        assert!(!format!("{address:?}").contains("cret"));
        assert!(!why("http://me:hunter2@ex ample/").contains("hunter2"));
    }

    #[test]
    fn only_known_schemes_are_taken() {
        let rule =
            "an address begins with https://, http://, ftp://, ftps://, ftpes:// or file://, or is the path of a file";
        assert_eq!(why("gopher://x/y"), format!("url: `gopher` is not known here: {rule}"));
        assert_eq!(why("debian.iso"), format!("url: this is no address: {rule}"));
        assert_eq!(why(" "), format!("url: it is empty: {rule}"));
        assert_eq!(why("http://"), format!("url: empty host: {rule}"));
        assert!(why("file://server/x.iso").contains("file:///folder/name"));
        assert!("file:///x.iso".parse::<Address>().is_ok());
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for local in ["http://127.0.0.1:8000/x", "http://[::1]/x", "http://localhost/x", "http://[::ffff:127.0.0.1]/"] {
            assert!(local.parse::<Address>().unwrap().is_loopback(), "{local}");
        }
        for other in ["http://example.org/x", "http://127.example.org/", "file:///x"] {
            assert!(!other.parse::<Address>().unwrap().is_loopback(), "{other}");
        }
    }
}
