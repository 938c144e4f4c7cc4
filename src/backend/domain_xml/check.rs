//! Descriptions that a person wrote: looked through before they are sent, compared with what came of them.
use super::{Description, edit::parsed};
use crate::domain::{Error, Result, clean_line};

/// Whether `xml` can take the place of the description of the machine `name`. What libvirt would refuse for sure is told
/// here, with the line where it can be; the rest is libvirt's to judge.
pub fn check_edited(xml: &str, name: &str, uuid: &str) -> Result<Description> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let read = Description::parse(xml)?;
    let shown = |text: &str| clean_line(text).into_owned();
    let wrong = match () {
        () if read.accelerator.is_empty() => "domain: it has no type: type='kvm'".to_owned(),
        () if read.name != name => {
            format!("name: `{}`: that would be another machine: leave it {}", shown(&read.name), shown(name))
        }
        () if !uuid.is_empty() && !read.uuid.eq_ignore_ascii_case(uuid) => {
            format!("uuid: `{}`: libvirt knows this machine by another: leave it {uuid}", shown(&read.uuid))
        }
        () if read.memory.is_none_or(|size| size.0 == 0) => {
            "memory: it has to be there, a number with its unit: <memory unit='MiB'>512</memory>".to_owned()
        }
        () if read.cpus.is_none_or(|cpus| cpus == 0) => "vcpu: it has to be a number from 1: <vcpu>2</vcpu>".to_owned(),
        () if !root
            .descendants()
            .any(|n| n.has_tag_name("type") && n.parent().is_some_and(|p| p.has_tag_name("os"))) =>
        {
            "os: it says no <type>: <os><type>hvm</type></os>".to_owned()
        }
        () => return Ok(read),
    };
    Err(Error::invalid(wrong))
}

/// Refuses what was written over `before` where the machine `name` is described by something else `now`.
pub fn check_begun(name: &str, before: &str, now: &str) -> Result<()> {
    match before == now {
        true => Ok(()),
        false => Err(Error::conflict(format_args!(
            "{} was changed meanwhile: look at what it has now and what you wrote",
            clean_line(name)
        ))),
    }
}

/// What is not there of what was described, in words; what libvirt adds of its own is no difference.
pub fn differences(wanted: &Description, found: &Description) -> Option<String> {
    let number = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
    let size = |s: Option<crate::domain::ByteSize>| s.map_or_else(|| "unknown".to_owned(), |s| s.to_string());
    if wanted.cpus != found.cpus {
        return Some(format!("its number of CPUs is {}", number(found.cpus)));
    }
    if wanted.memory != found.memory {
        return Some(format!("it has {} of memory", size(found.memory)));
    }
    let source = |description: &Description, target: &str| description.drive(target).map(|drive| drive.source.clone());
    let drive = wanted.drives.iter().find(|d| source(found, &d.target) != Some(d.source.clone()));
    if let Some(drive) = drive {
        return Some(format!("its drive {} is another", clean_line(&drive.target)));
    }
    if wanted.drives.len() != found.drives.len() {
        return Some(format!("it has {} drives", found.drives.len()));
    }
    let places = |description: &Description| description.networks.iter().map(|n| n.place.clone()).collect::<Vec<_>>();
    let has = places(found);
    (places(wanted) != has).then(|| match has.is_empty() {
        true => "it has no network".to_owned(),
        false => format!("its networks are {}", clean_line(&has.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "<domain type='kvm'><name>web</name><uuid>u-1</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
        <os><type>hvm</type></os><devices><disk><source file='/a'/><target dev='vda'/></disk>
        <interface type='bridge'><source bridge='br0'/></interface></devices></domain>";

    #[test]
    fn what_libvirt_would_refuse_is_told_by_its_field() {
        assert!(check_edited(WEB, "web", "U-1").is_ok());
        for (old, new, words) in [
            ("<name>web", "<name>db", "name: `db`: that would be another machine: leave it web"),
            ("u-1", "u-2", "uuid: `u-2`"),
            ("<memory unit='MiB'>64</memory>", "", "memory: it has to be there"),
            ("64", "much", "memory: it has to be there"),
            ("<vcpu>1", "<vcpu>0", "vcpu: it has to be a number from 1"),
            ("type='kvm'", "", "domain: it has no type"),
            ("<type>hvm</type>", "", "os: it says no <type>"),
            ("</os>", "</so>", "no XML"),
            ("<domain", "<!DOCTYPE d [<!ENTITY a 'b'>]><domain", "no XML"),
        ] {
            let error = check_edited(&WEB.replace(old, new), "web", "u-1").unwrap_err();
            assert!(error.message.contains(words), "{words}: {error}");
        }
    }

    #[test]
    fn what_came_of_a_description_is_compared_where_it_counts() {
        let read = |xml: &str| Description::parse(xml).unwrap();
        let wanted = read(WEB);
        let with_mac = WEB.replace("<source bridge", "<mac address='52:54:00:00:00:01'/><source bridge");
        assert_eq!(differences(&wanted, &read(&with_mac)), None, "libvirt gives addresses of its own");
        for (old, new, words) in [
            ("<vcpu>1", "<vcpu>2", "its number of CPUs is 2"),
            (">64<", ">32<", "it has 32 MiB of memory"),
            ("file='/a'", "file='/b'", "its drive vda is another"),
            ("br0", "br1", "its networks are bridge br1"),
        ] {
            assert_eq!(differences(&wanted, &read(&WEB.replace(old, new))).as_deref(), Some(words));
        }
    }
}
