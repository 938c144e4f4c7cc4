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

pub(super) fn number(device: Element<'_>) -> Option<u32> {
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

/// What is tried before the CD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// The disks, by their names.
    pub disks: Vec<String>,
    /// The network, a floppy: what is no disk.
    pub has_others: bool,
}

/// What is tried before the CD. None: the CD is never tried.
pub(super) fn before_cd(root: Element<'_>) -> Option<Before> {
    let os = child(root, "os").filter(|os| child(*os, "kernel").is_none())?;
    let name = |drive: Element<'_>| child(drive, "target")?.attribute("dev").map(str::to_owned);
    let order = numbered(root);
    if order.is_empty() {
        let kinds = kinds(os);
        let cdrom = kinds.iter().position(|kind| *kind == "cdrom")?;
        let has = |is_disk: bool| kinds.iter().take(cdrom).any(|kind| (*kind == "hd") == is_disk);
        // Of several disks only the first is tried.
        let disks = drives(root, false).take(usize::from(has(true))).filter_map(name).collect();
        return Some(Before { disks, has_others: has(false) });
    }
    let cdrom = order.iter().position(|device| drives(root, true).any(|cdrom| cdrom == *device))?;
    let all: Vec<_> = drives(root, false).collect();
    let (disks, others): (Vec<_>, Vec<_>) = order.into_iter().take(cdrom).partition(|device| all.contains(device));
    Some(Before { disks: disks.into_iter().filter_map(name).collect(), has_others: !others.is_empty() })
}

/// Where the CD is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdPlace {
    /// Before anything else.
    First,
    /// Before the disks; what is tried before these stays there.
    BeforeDisks,
    AfterDisks,
}

/// Moves `what` right before `mark`, or to where it comes first.
fn moved<T: PartialEq>(order: &mut Vec<T>, what: T, mark: impl Fn(&T) -> bool) {
    order.retain(|entry| *entry != what);
    let place = order.iter().position(mark).unwrap_or(0);
    order.insert(place, what);
}

/// What orders the boot of a machine; refused where it boots what its description names.
fn ordering(root: Element<'_>) -> Result<Element<'_>> {
    let os = child(root, "os").ok_or_else(|| Error::invalid("the description has no <os>"))?;
    match child(os, "kernel") {
        Some(_) => Err(Error::conflict("boot: it boots a kernel that its description names: edit the description")),
        None => Ok(os),
    }
}

/// Refuses a machine whose boot has no order, whatever drives it has.
pub fn check_boots_in_order(xml: &str) -> Result<()> {
    ordering(parsed(xml)?.root_element()).map(drop)
}

/// The description with the CD tried there, from the next start on.
pub fn with_cd(xml: &str, place: CdPlace) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let os = ordering(root)?;
    let is_so = match (before_cd(root), place) {
        (None, place) => place == CdPlace::AfterDisks,
        (Some(before), CdPlace::First) => before.disks.is_empty() && !before.has_others,
        (Some(before), _) => before.disks.is_empty() == (place == CdPlace::BeforeDisks),
    };
    if is_so {
        return Ok(xml.to_owned());
    }
    let mut order = numbered(root);
    if order.is_empty() {
        let mut kinds = kinds(os);
        match place {
            CdPlace::First => moved(&mut kinds, "cdrom", |_| true),
            CdPlace::BeforeDisks => moved(&mut kinds, "cdrom", |kind| *kind == "hd"),
            CdPlace::AfterDisks => moved(&mut kinds, "hd", |kind| *kind == "cdrom"),
        }
        return with_kinds(xml, os, &kinds);
    }
    let first = |is_cdrom| {
        let of_kind = |device: &&Element<'_>| drives(root, is_cdrom).any(|drive| drive == **device);
        order.iter().find(of_kind).copied().or_else(|| drives(root, is_cdrom).next())
    };
    let cdrom = first(true).ok_or_else(|| missing("CD drive: insert an image before"))?;
    let disk = first(false);
    match place {
        CdPlace::First => moved(&mut order, cdrom, |_| true),
        CdPlace::BeforeDisks => moved(&mut order, cdrom, |device| Some(*device) == disk),
        CdPlace::AfterDisks => {
            moved(&mut order, disk.ok_or_else(|| missing("disk"))?, |device| *device == cdrom);
        }
    }
    with_numbers(xml, &order)
}

fn missing(what: &str) -> Error {
    Error::conflict(format!("boot: it has no {what}"))
}

fn with_kinds(xml: &str, os: Element<'_>, kinds: &[&str]) -> Result<String> {
    let text: Vec<_> = kinds.iter().map(|kind| format!("<boot dev='{}'/>", super::escape(kind))).collect();
    let text = text.concat();
    let old = os.children().filter(|node| node.has_tag_name("boot"));
    let mut parts: Vec<_> = old.map(|node| (node.range(), String::new())).collect();
    match (parts.first_mut(), child(os, "type")) {
        (Some(first), _) => first.1 = text,
        (None, Some(kind)) => parts.push((kind.range().end..kind.range().end, text)),
        (None, None) => return Err(Error::invalid("os: it says no <type>")),
    }
    Ok(replaced(xml, parts))
}

fn with_numbers(xml: &str, order: &[Element<'_>]) -> Result<String> {
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
        Description::parse(xml).unwrap().before_cd.map(|before| before.disks.join(","))
    }

    fn with_cd_first(xml: &str, is_first: bool) -> Result<String> {
        with_cd(xml, if is_first { CdPlace::BeforeDisks } else { CdPlace::AfterDisks })
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
    fn the_cd_comes_before_the_network_too_where_nothing_else_is_to_be_tried() {
        let [one, two, three] = ["<boot order='1'/>", "<boot order='2'/>", "<boot order='3'/>"];
        let plain = [""; 4];
        let card = |first: &str| format!("<interface type='user'>{first}</interface>");
        for (os, devices, others, [kinds, disk, network]) in [
            ("<boot dev='network'/><boot dev='hd'/>", plain, None, ["cdrom,network,hd", "", ""]),
            ("<boot dev='network'/><boot dev='cdrom'/>", plain, Some(true), ["cdrom,network", "", ""]),
            ("<boot dev='cdrom'/><boot dev='network'/>", plain, Some(false), ["cdrom,network", "", ""]),
            ("<boot dev='hd'/><boot dev='cdrom'/>", plain, Some(false), ["cdrom,hd", "", ""]),
            ("", [two, "", "", one], None, ["", three, two]),
            ("", [three, "", two, one], Some(true), ["", three, two]),
            ("", [three, "", one, two], Some(false), ["", three, two]),
        ] {
            let xml = machine(os, devices);
            let before = Description::parse(&xml).unwrap().before_cd;
            assert_eq!(before.map(|before| before.has_others), others, "{xml}");
            let first = with_cd(&xml, CdPlace::First).unwrap();
            let nothing = Before { disks: Vec::new(), has_others: false };
            assert_eq!(Description::parse(&first).unwrap().before_cd, Some(nothing), "{first}");
            assert_eq!(with_cd(&first, CdPlace::First).unwrap(), first);
            assert_eq!(Description::parse(&first).unwrap().boot.join(","), kinds, "{first}");
            assert!(first.contains(&card(network)) && first.contains(&format!("<target dev='vda'/>{disk}")), "{first}");
        }
        // The other order is for good: the network stays where it was.
        let xml = machine("<boot dev='network'/><boot dev='hd'/>", plain);
        let kept = with_cd(&xml, CdPlace::BeforeDisks).unwrap();
        assert_eq!(Description::parse(&kept).unwrap().boot.join(","), "network,cdrom,hd");
    }

    #[test]
    fn the_drive_that_is_booted_is_the_one_that_gets_the_cd_and_a_machine_needs_no_disk_for_it() {
        let two = "<domain><name>web</name><os><type>hvm</type></os><devices>\
            <disk device='cdrom'><target dev='sda'/></disk>\
            <disk device='cdrom'><target dev='sdb'/><boot order='2'/></disk>\
            <interface type='user'><boot order='1'/></interface></devices></domain>";
        assert_eq!(Description::parse(two).unwrap().cdrom().unwrap().target, "sdb");
        assert_eq!(Description::parse(&two.replace("<boot order='2'/>", "")).unwrap().cdrom().unwrap().target, "sda");
        let first = with_cd(two, CdPlace::First).unwrap();
        assert!(first.contains("<target dev='sdb'/><boot order='1'/>"), "{first}");
        assert!(first.contains("<interface type='user'><boot order='2'/>"), "{first}");
        let error = with_cd(two, CdPlace::AfterDisks).map(|same| same == two);
        assert_eq!(error.unwrap_err().message, "boot: it has no disk");
    }

    #[test]
    fn an_order_that_cannot_be_is_refused() {
        let kernel = machine("<kernel>/k</kernel><boot dev='cdrom'/>", [""; 4]);
        assert_eq!(before(&kernel), None);
        assert!(with_cd_first(&kernel, true).unwrap_err().message.contains("boots a kernel"));
        assert!(check_boots_in_order(&kernel).unwrap_err().message.contains("boots a kernel"));
        assert!(check_boots_in_order(&machine("", [""; 4])).is_ok());
        let none = machine("", ["<boot order='1'/>", "", "", ""]).replace("device='cdrom'", "device='floppy'");
        assert!(with_cd_first(&none, true).unwrap_err().message.contains("has no CD drive"));
    }
}
