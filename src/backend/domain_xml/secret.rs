//! What is secret in a description: not shown to anybody who reads or edits it, and put back before it is sent.
use super::edit::{parsed, replaced};
use crate::domain::{Error, Result, clean_line};
use roxmltree::{Document, Node};
use std::ops::Range;

/// What stands in the place of a secret.
const MASK: &str = "*****";

/// A secret by what it is the secret of, and where it stands.
type Secret = (String, Range<usize>);

fn secret(node: Node<'_, '_>) -> Option<Secret> {
    match node.tag_name().name() {
        "graphics" => {
            let password = node.attribute_node("passwd")?;
            let of = format!("graphics: the password of its {} screen", node.attribute("type").unwrap_or("first"));
            Some((of, password.range_value()))
        }
        "cookie" => {
            let text = node.children().find(roxmltree::Node::is_text)?;
            // Two disks of two servers may each have one of that name.
            let disk = node.ancestors().find(|node| node.has_tag_name("disk"));
            let target = disk.and_then(|disk| disk.children().find(|node| node.has_tag_name("target")));
            let disk = target.and_then(|target| target.attribute("dev")).unwrap_or("the disk");
            let name = node.attribute("name").unwrap_or("one");
            Some((format!("cookie: the value of {name} of {disk}"), text.range()))
        }
        _ => None,
    }
}

/// The secrets in their order, each with how many of its kind stand before it.
fn secrets(document: &Document<'_>) -> Vec<(Secret, usize)> {
    let found: Vec<_> = document.root_element().descendants().filter_map(secret).collect();
    let before = |at: usize, of: &str| found.iter().take(at).filter(|(other, _)| other == of).count();
    let numbers: Vec<_> = found.iter().enumerate().map(|(at, (of, _))| before(at, of)).collect();
    found.into_iter().zip(numbers).collect()
}

/// The description without what is secret in it.
pub fn masked(xml: &str) -> Result<String> {
    let found = secrets(&parsed(xml)?);
    Ok(replaced(xml, found.into_iter().map(|((_, range), _)| (range, MASK.to_owned())).collect()))
}

/// The description `xml` with the secrets of `own` in it, where it was left as [`masked`] showed it.
pub fn unmasked(xml: &str, own: &str) -> Result<String> {
    let known = secrets(&parsed(own)?);
    let mut parts = Vec::new();
    for ((of, range), number) in secrets(&parsed(xml)?) {
        if xml.get(range.clone()) != Some(MASK) {
            continue;
        }
        let is_it = |((other, _), count): &&(Secret, usize)| *other == of && *count == number;
        let secret = known.iter().find(is_it).and_then(|((_, at), _)| own.get(at.clone()));
        let Some(secret) = secret else {
            let of = clean_line(&of);
            return Err(Error::invalid(format_args!("{of}: {MASK} stands for the one that it has, and it has none")));
        };
        parts.push((range, secret.to_owned()));
    }
    Ok(replaced(xml, parts))
}

/// Refuses `*****` where nobody knows what it stands for: it would be the password from then on.
pub fn check_unmasked(xml: &str) -> Result<()> {
    let of = secrets(&parsed(xml)?).into_iter().find(|((_, range), _)| xml.get(range.clone()) == Some(MASK));
    of.map_or(Ok(()), |((of, _), _)| {
        let of = clean_line(&of).into_owned();
        Err(Error::invalid(format_args!("{of}: {MASK} would be its words: write them, or take them away")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = "<domain type='kvm'><name>web</name><devices>
        <graphics type='vnc' passwd='a&amp;&apos;b' passwdValidTo='2030-01-01T00:00:00'/>
        <graphics type=\"spice\" passwd=\"open\"/><graphics type='vnc' passwd='second'/>
        <disk><source><cookies><cookie name='id'>sweet</cookie></cookies></source></disk></devices></domain>";

    #[test]
    fn what_is_secret_is_not_shown_and_is_there_again_when_it_was_left_alone() {
        let shown = masked(WEB).unwrap();
        for secret in ["a&amp;", "open", "second", "sweet"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert_eq!(shown.matches(MASK).count(), 4);
        assert_eq!(masked(&shown).unwrap(), shown);
        assert_eq!(unmasked(&shown, WEB).unwrap(), WEB);
        // Another one, none any more, and a screen that goes.
        let other = shown.replacen(MASK, "new", 1);
        assert_eq!(unmasked(&other, WEB).unwrap(), WEB.replace("a&amp;&apos;b", "new"));
        let none = shown.replace(" passwd=\"*****\"", "");
        assert_eq!(unmasked(&none, WEB).unwrap(), WEB.replace(" passwd=\"open\"", ""));
    }

    #[test]
    fn a_cookie_stays_with_its_disk() {
        let disk = |dev: &str, value: &str| {
            let cookie = format!("<cookies><cookie name='id'>{value}</cookie></cookies>");
            format!("<disk><source>{cookie}</source><target dev='{dev}'/></disk>")
        };
        let domain = |disks: [&str; 2]| format!("<domain><devices>{}</devices></domain>", disks.concat());
        let (first, second) = (disk("vda", "one"), disk("vdb", "two"));
        let own = domain([&first, &second]);
        let (hidden, other) = (disk("vda", MASK), disk("vdb", MASK));
        assert_eq!(masked(&own).unwrap(), domain([&hidden, &other]));
        for (written, wanted) in [
            (domain([&hidden, &other]), domain([&first, &second])),
            (domain([&other, &hidden]), domain([&second, &first])),
            (domain([&other, ""]), domain([&second, ""])),
        ] {
            assert_eq!(unmasked(&written, &own).unwrap(), wanted);
        }
        let error = unmasked(&domain([&disk("vdc", MASK), ""]), &own).unwrap_err();
        assert!(error.message.starts_with("cookie: the value of id of vdc: "), "{error}");
    }

    #[test]
    fn a_secret_that_nobody_has_is_not_made_up() {
        let plain = "<domain><name>web</name><devices><graphics type='vnc'/></devices></domain>";
        assert_eq!((masked(plain).unwrap(), unmasked(plain, WEB).unwrap()), (plain.to_owned(), plain.to_owned()));
        let asks = plain.replace("'vnc'/>", "'vnc' passwd='*****'/>");
        let error = unmasked(&asks, plain).unwrap_err();
        assert!(error.message.starts_with("graphics: the password of its vnc screen: "), "{error}");
        let error = check_unmasked(&asks).unwrap_err();
        assert!(error.message.starts_with("graphics: the password of its vnc screen: "), "{error}");
        assert!(check_unmasked(plain).is_ok() && check_unmasked(WEB).is_ok());
        assert!(masked("no xml").is_err());
    }
}
