//! The description of a machine that is a copy of another: a name of its own, and disks of its own; what must not be
//! there twice is left for libvirt to make anew.
use super::{
    edit::{child, parsed, replaced},
    escape,
};
use crate::domain::{Error, Result};
use roxmltree::Node;
use std::{collections::BTreeMap, ops::Range};

/// `xml` as that of the machine `name`. `disks`: by their names in the machine, the file or volume behind each that is
/// the copy's own.
pub fn copied(xml: &str, name: &str, disks: &BTreeMap<String, String>) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let old = child(root, "name").ok_or_else(|| Error::invalid("the description has no <name>"))?;
    let mut parts = vec![(old.range(), format!("<name>{}</name>", escape(name)))];
    let mut gone = |node: Node<'_, '_>| parts.push((node.range(), String::new()));
    child(root, "uuid").map(&mut gone);
    // The path of its variables: the copy gets a file of its own.
    child(root, "os").and_then(|os| child(os, "nvram")).map(&mut gone);
    let devices = child(root, "devices");
    let devices = devices.iter().flat_map(Node::children).filter(Node::is_element);
    let (drives, others): (Vec<_>, Vec<_>) = devices.partition(|node| node.has_tag_name("disk"));
    for card in others.into_iter().filter(|node| node.has_tag_name("interface")) {
        child(card, "mac").map(&mut gone);
    }
    if let Some(found) = child(root, "genid") {
        // libvirt makes another.
        parts.push((found.range(), "<genid/>".to_owned()));
    }
    for drive in drives {
        let target = child(drive, "target").and_then(|target| target.attribute("dev"));
        let Some(own) = target.and_then(|target| disks.get(target)) else { continue };
        // A copy stands alone.
        parts.extend(child(drive, "backingStore").map(|base| (base.range(), String::new())));
        parts.push((source(drive)?, escape(own).into_owned()));
    }
    Ok(replaced(xml, parts))
}

/// Where it says what is behind a drive.
fn source(drive: Node<'_, '_>) -> Result<Range<usize>> {
    let source = child(drive, "source");
    let named = |name| source.and_then(|source| source.attribute_node(name));
    let found = named("file").or_else(|| named("dev")).or_else(|| named("volume"));
    found.map(|found| found.range_value()).ok_or_else(|| Error::invalid("the description has a disk without a file"))
}

#[cfg(test)]
mod tests {
    use super::super::Description;
    use super::*;

    const WEB: &str = "<domain type='kvm'>
  <name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid><title>web of the house</title>
  <genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>
  <os firmware='efi'><type>hvm</type><nvram template='/t'>/var/web_VARS.fd</nvram></os>
  <devices>
    <disk type='file'><source file='/pool/web.qcow2'/><backingStore type='file'><source file='/base'/></backingStore><target dev='vda'/></disk>
    <disk type='volume'><source pool='p' volume='web-1.raw'/><target dev='vdb'/></disk>
    <disk type='file' device='cdrom'><source file='/x.iso'/><target dev='sda'/><readonly/></disk>
    <interface type='user'><mac address='52:54:00:00:00:01'/></interface>
  </devices>
</domain>";

    #[test]
    fn a_copy_shares_nothing_that_must_not_be_there_twice() {
        let disks = [("vda", "/pool/a&b.qcow2"), ("vdb", "b-1.raw")];
        let disks = disks.map(|(target, file)| (target.to_owned(), file.to_owned())).into();
        let xml = copied(WEB, "a&b", &disks).unwrap();
        let copy = Description::parse(&xml).unwrap();
        assert_eq!((copy.name.as_str(), copy.uuid.as_str(), copy.title.as_str()), ("a&b", "", "web of the house"));
        assert_eq!(copy.networks.iter().map(|card| card.mac.clone()).collect::<Vec<_>>(), [None]);
        let paths: Vec<_> = copy.drives.iter().map(|drive| drive.path()).collect();
        assert_eq!(paths, [Some("/pool/a&b.qcow2"), None, Some("/x.iso")]);
        for word in ["web_VARS", "43dc0cf8", "/base", "web-1", "52:54"] {
            assert!(!xml.contains(word), "{word}: {xml}");
        }
        assert!(xml.contains("volume='b-1.raw'") && xml.contains("<genid/>"), "{xml}");
    }

    #[test]
    fn what_is_no_description_is_refused() {
        assert!(copied("<pool/>", "x", &BTreeMap::new()).is_err());
        assert!(copied("<domain/>", "x", &BTreeMap::new()).is_err());
    }
}
