use super::HostId;

/// A configured host as the screens know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub id: HostId,
    /// The backend's name in the configuration: `qemu`, `sysadm`.
    pub backend: &'static str,
    /// Where it is, without secrets: `wss://bsd1:12150`, a folder.
    pub address: String,
}

impl Host {
    /// The name or the number of the computer in its address, where it has one.
    pub fn computer(&self) -> Option<&str> {
        let (_, rest) = self.address.split_once("://")?;
        let place = rest.split(['/', '?', '#']).next()?;
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let name = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?.0,
            None => place.split_once(':').map_or(place, |(name, _)| name),
        };
        Some(name).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computer_is_the_part_between_scheme_and_port() {
        for (address, wanted) in [
            ("http://lab2.example:33345", Some("lab2.example")),
            ("https://10.0.0.2", Some("10.0.0.2")),
            ("https://[fe80::1]:33345/x", Some("fe80::1")),
            ("http://me@lab2/x", Some("lab2")),
            ("/var/lib/vmdeck", None),
            ("http://:33345", None),
        ] {
            let host = Host { id: "lab2".into(), backend: "govirthost", address: address.to_owned() };
            assert_eq!(host.computer(), wanted, "{address}");
        }
    }
}
