use super::HostId;

/// A configured host as the screens know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub id: HostId,
    /// The backend's name in the configuration: `qemu`, `sysadm`.
    pub backend: &'static str,
    /// Where it is, without secrets: `wss://bsd1:12150`, a folder.
    pub address: String,
    /// The URI by which other hosts reach its libvirt, where its address does not tell.
    pub peer: Option<String>,
}

impl Host {
    /// The name or the number of the computer in its address, as other hosts may know it too. None: it has none, or one
    /// by which every computer calls itself.
    pub fn computer(&self) -> Option<&str> {
        let (_, rest) = self.address.split_once("://")?;
        let place = rest.split(['/', '?', '#']).next()?;
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        let name = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?.0,
            None => place.split_once(':').map_or(place, |(name, _)| name),
        };
        Some(name).filter(|name| !name.is_empty() && !is_loopback(name))
    }

    /// The URI by which other hosts may reach it. None: its address is known to this computer alone.
    pub fn uri(&self) -> Option<&str> {
        self.peer.as_deref().or_else(|| self.computer().map(|_| self.address.as_str()))
    }
}

/// Whether every computer calls itself so.
fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
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
            ("http://localhost:33345", None),
            ("https://[::1]:33345", None),
        ] {
            let host = Host { id: "lab2".into(), backend: "govirthost", address: address.to_owned(), peer: None };
            assert_eq!(host.computer(), wanted, "{address}");
        }
    }

    #[test]
    fn other_hosts_reach_it_by_its_address_unless_that_is_for_this_computer_alone() {
        let host = |address: &str, peer: Option<&str>| Host {
            id: "lab2".into(),
            backend: "libvirt",
            address: address.to_owned(),
            peer: peer.map(str::to_owned),
        };
        assert_eq!(host("qemu+ssh://me@lab2/system", None).uri(), Some("qemu+ssh://me@lab2/system"));
        assert_eq!(host("qemu+ssh://127.0.0.1:2222/system", None).uri(), None);
        assert_eq!(host("qemu:///system", None).uri(), None);
        assert_eq!(host("qemu:///system", Some("qemu+ssh://here/system")).uri(), Some("qemu+ssh://here/system"));
    }
}
