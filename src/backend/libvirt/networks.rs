//! What the network card of a new machine can be connected to.
use super::{Libvirt, SIDE_BY_SIDE, client::Client, machines::answer};
use crate::domain::{Choice, Error, FieldKind, FieldSpec, Result, Values, clean_line};
use futures_util::{StreamExt, stream::iter};
use std::fs;

/// The kernel's limit for the name of an interface.
const LONGEST: usize = 15;

fn check_bridge(name: &str) -> Result<()> {
    let is_fit = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    match (1..=LONGEST).contains(&name.len()) && name.chars().all(is_fit) && !matches!(name, "." | "..") {
        true => Ok(()),
        false => Err(Error::invalid(format_args!(
            "bridge: `{}`: the name of a bridge is 1 to {LONGEST} letters, digits or signs, without blanks, / and :",
            clean_line(name)
        ))),
    }
}

/// Whether the description of an interface is that of a bridge.
fn is_bridge(xml: &str) -> bool {
    roxmltree::Document::parse(xml).is_ok_and(|document| document.root_element().attribute("type") == Some("bridge"))
}

/// The bridges of the host that libvirt runs on; None: it does not tell.
async fn bridges_there(client: &Client) -> Option<Vec<String>> {
    let interfaces = client.interfaces().await.ok()?;
    let bridges = iter(interfaces).map(|interface| async move {
        let xml = client.interface_xml(&interface).await;
        xml.is_ok_and(|xml| is_bridge(&xml)).then_some(interface.name)
    });
    Some(bridges.buffered(SIDE_BY_SIDE).filter_map(std::future::ready).collect().await)
}

fn bridges_here() -> Vec<String> {
    let entries = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let bridges = entries.filter(|entry| entry.path().join("bridge").is_dir());
    bridges.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

impl Libvirt {
    /// The field of the network; and that of a bridge, where nobody knows those of the host.
    pub(super) async fn network_fields(&self, client: &Client) -> Vec<FieldSpec> {
        let is_local = self.settings.uri.is_local();
        let there = async { if is_local { Some(bridges_here()) } else { bridges_there(client).await } };
        let (named, bridges) = tokio::join!(client.networks(), there);
        let named = named.unwrap_or_default();
        let mut choices: Vec<_> =
            named.iter().map(|name| Choice::new(&format!("network {name}"), "a network of libvirt")).collect();
        choices.push(Choice::new("user", "out through the host, not reachable from outside"));
        let of_host = if is_local { "a bridge of this host" } else { "a bridge of that host" };
        let known = bridges.iter().flatten().filter(|name| check_bridge(name).is_ok());
        choices.extend(known.map(|name| Choice::new(&format!("bridge {name}"), of_host)));
        choices.push(Choice::new("none", "no network card"));
        let usual = choices.first().map(|choice| choice.value.clone()).unwrap_or_default();
        let mut fields = vec![FieldSpec::new("network", "Network", FieldKind::Choice(choices)).default(usual)];
        if bridges.is_none() {
            let help = "one of that host, in place of the network: libvirt does not list them there";
            fields.push(FieldSpec::new("bridge", "Bridge", FieldKind::Text).optional().help(help));
        }
        fields
    }
}

/// What a form says of the network.
pub(super) fn chosen(values: &Values) -> Result<String> {
    match answer(values, "bridge") {
        "" => Ok(answer(values, "network").to_owned()),
        bridge => check_bridge(bridge).map(|()| format!("bridge {bridge}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_bridge_is_one_that_the_kernel_takes() {
        for name in ["br0", "virbr0-nic", "br0.100", "x"] {
            assert!(check_bridge(name).is_ok(), "{name}");
        }
        for name in ["", "br 0", "a/b", "..", "a:b", "sixteen-letters-", "br\u{e4}", "br\n0"] {
            assert_eq!(check_bridge(name).unwrap_err().kind, crate::domain::ErrorKind::Invalid, "{name}");
        }
    }

    #[test]
    fn a_bridge_is_told_from_other_interfaces() {
        assert!(is_bridge("<interface type='bridge' name='br0'><bridge/></interface>"));
        for other in ["<interface type='ethernet' name='eth0'/>", "<interface/>", "no xml"] {
            assert!(!is_bridge(other), "{other}");
        }
    }
}
