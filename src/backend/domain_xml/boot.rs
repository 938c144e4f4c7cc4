//! What a machine boots from, and in which order: by kinds of devices in `<os>`, or by numbers at the devices.
use super::edit::{child, parsed, replaced};
use crate::domain::{Error, Result};
use roxmltree::Node;

type Element<'a> = Node<'a, 'a>;

/// The drives in their order; disks are those that are neither for CDs nor floppies.
fn drives(root: Element<'_>, is_cdrom: bool) -> impl Iterator<Item = Element<'_>> {
    let devices = child(root, "devices");
    let drives = devices.into_iter().flat_map(|devices| devices.children()).filter(|node| node.has_tag_name("disk"));
    drives.filter(move |drive| match drive.attribute("device") {
        Some("cdrom") => is_cdrom,
        Some("floppy") => false,
        _ => !is_cdrom,
    })
}

fn number(device: Element<'_>) -> Option<u32> {
    child(device, "boot")?.attribute("order")?.parse().ok()
}

/// The devices that have a number, in its order.
fn numbered(root: Element<'_>) -> Vec<Element<'_>> {
    let devices = child(root, "devices").into_iter().flat_map(|devices| devices.children());
    let mut found: Vec<_> = devices.filter(|device| number(*device).is_some()).collect();
    found.sort_by_key(|device| number(*device));
    found
}

/// The kinds of devices, where nothing is numbered. libvirt takes disks where none is named.
fn kinds(os: Element<'_>) -> Vec<&str> {
    let all = os.children().filter(|node| node.has_tag_name("boot"));
    let named: Vec<_> = all.filter_map(|node| node.attribute("dev")).collect();
    if named.is_empty() { vec!["hd"] } else { named }
}

/// The disks that are tried before the CD, by their names. None: the CD is never tried.
pub(super) fn before_cd(root: Element<'_>) -> Option<Vec<String>> {
    let os = child(root, "os").filter(|os| child(*os, "kernel").is_none())?;
    let name = |drive: Element<'_>| child(drive, "target")?.attribute("dev").map(str::to_owned);
    let order = numbered(root);
    if order.is_empty() {
        let kinds = kinds(os);
        let cdrom = kinds.iter().position(|kind| *kind == "cdrom")?;
        let has_disk = kinds.iter().take(cdrom).any(|kind| *kind == "hd");
        // Of several disks only the first is tried.
        return Some(drives(root, false).take(usize::from(has_disk)).filter_map(name).collect());
    }
    let cdrom = order.iter().position(|device| drives(root, true).any(|cdrom| cdrom == *device))?;
    let disks: Vec<_> = drives(root, false).collect();
    Some(order.into_iter().take(cdrom).filter(|device| disks.contains(device)).filter_map(name).collect())
}

/// Moves `what` right before `mark`, or to where it comes first.
fn moved<T: PartialEq>(order: &mut Vec<T>, what: T, mark: impl Fn(&T) -> bool) {
    order.retain(|entry| *entry != what);
    let place = order.iter().position(mark).unwrap_or(0);
    order.insert(place, what);
}

/// The description with the CD tried before the disks, or after them, from the next start on.
pub fn with_cd_first(xml: &str, is_first: bool) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let os = child(root, "os").ok_or_else(|| Error::invalid("the description has no <os>"))?;
    if child(os, "kernel").is_some() {
        return Err(Error::conflict("boot: it boots a kernel that its description names: edit the description"));
    }
    if is_first == before_cd(root).is_some_and(|disks| disks.is_empty()) {
        return Ok(xml.to_owned());
    }
    let mut order = numbered(root);
    if order.is_empty() {
        let mut kinds = kinds(os);
        let [what, mark] = if is_first { ["cdrom", "hd"] } else { ["hd", "cdrom"] };
        moved(&mut kinds, what, |kind| *kind == mark);
        let text: Vec<_> = kinds.iter().map(|kind| format!("<boot dev='{}'/>", super::escape(kind))).collect();
        let text = text.concat();
        let old = os.children().filter(|node| node.has_tag_name("boot"));
        let mut parts: Vec<_> = old.map(|node| (node.range(), String::new())).collect();
        match (parts.first_mut(), child(os, "type")) {
            (Some(first), _) => first.1 = text,
            (None, Some(kind)) => parts.push((kind.range().end..kind.range().end, text)),
            (None, None) => return Err(Error::invalid("os: it says no <type>")),
        }
        return Ok(replaced(xml, parts));
    }
    let first = |is_cdrom| {
        let of_kind = |device: &&Element<'_>| drives(root, is_cdrom).any(|drive| drive == **device);
        order.iter().find(of_kind).copied().or_else(|| drives(root, is_cdrom).next())
    };
    let missing = |what: &str| Error::conflict(format!("boot: it has no {what}"));
    let cdrom = first(true).ok_or_else(|| missing("CD drive: insert an image before"))?;
    let disk = first(false).ok_or_else(|| missing("disk"))?;
    let [what, mark] = if is_first { [cdrom, disk] } else { [disk, cdrom] };
    moved(&mut order, what, |device| *device == mark);
    let mut parts = Vec::new();
    for (index, device) in order.iter().enumerate() {
        let number = (index + 1).to_string();
        let old = child(*device, "boot").and_then(|boot| boot.attribute_node("order"));
        match (old, child(*device, "target")) {
            (Some(old), _) => parts.push((old.range_value(), number)),
            (None, Some(at)) => parts.push((at.range().end..at.range().end, format!("<boot order='{number}'/>"))),
            (None, None) => return Err(missing("name for a drive")),
        }
    }
    Ok(replaced(xml, parts))
}

#[cfg(test)]
mod tests {
    use super::super::Description;
    use super::*;

    fn machine(os: &str, [disk, data, cdrom, card]: [&str; 4]) -> String {
        format!(
            "<domain><name>web</name><os><type>hvm</type>{os}</os><devices>\
            <disk device='disk'><target dev='vda'/>{disk}</disk><disk><target dev='vdb'/>{data}</disk>\
            <disk device='cdrom'><target dev='sda'/>{cdrom}</disk><interface type='user'>{card}</interface>\
            </devices></domain>"
        )
    }

    fn before(xml: &str) -> Option<String> {
        Description::parse(xml).unwrap().before_cd.map(|disks| disks.join(","))
    }

    #[test]
    fn the_cd_comes_first_and_goes_back_however_the_order_is_written() {
        let [one, two, three] = ["<boot order='1'/>", "<boot order='2'/>", "<boot order='3'/>"];
        let plain = [""; 4];
        for (os, devices, disks) in [
            ("<boot dev='hd'/><boot dev='cdrom'/>", plain, Some("vda")),
            ("<boot dev='network'/><boot dev='cdrom'/><boot dev='hd'/>", plain, Some("")),
            // As virt-install leaves it.
            ("<boot dev='hd'/>", plain, None),
            ("", plain, None),
            ("", [two, one, three, ""], Some("vdb,vda")),
            ("", [two, "", one, ""], Some("")),
            ("", [one, "", "", two], None),
        ] {
            let xml = machine(os, devices);
            assert_eq!(before(&xml).as_deref(), disks, "{xml}");
            let first = with_cd_first(&xml, true).unwrap();
            assert_eq!(before(&first).as_deref(), Some(""), "{first}");
            assert_eq!(with_cd_first(&first, true).unwrap(), first);
            let back = with_cd_first(&first, false).unwrap();
            assert!(before(&back).is_some_and(|disks| !disks.is_empty()), "{back}");
            for kept in ["<type>hvm</type>", "<interface type='user'>", "network"] {
                assert_eq!(back.contains(kept), xml.contains(kept), "{kept}: {back}");
            }
        }
    }

    #[test]
    fn an_order_that_cannot_be_is_refused() {
        let kernel = machine("<kernel>/k</kernel><boot dev='cdrom'/>", [""; 4]);
        assert_eq!(before(&kernel), None);
        assert!(with_cd_first(&kernel, true).unwrap_err().message.contains("boots a kernel"));
        let none = machine("", ["<boot order='1'/>", "", "", ""]).replace("device='cdrom'", "device='floppy'");
        assert!(with_cd_first(&none, true).unwrap_err().message.contains("has no CD drive"));
    }
}
