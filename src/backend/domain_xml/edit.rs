//! A description changed in one place, with all else left as it was written: comments, order, what nobody here knows.
use crate::domain::{ByteSize, Error, Result};
use roxmltree::{Document, Node, ParsingOptions};
use std::ops::Range;

pub(super) fn parsed(xml: &str) -> Result<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 200_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml, options);
    let document = document.map_err(|why| Error::invalid(format_args!("the description is no XML: {why}")))?;
    match document.root_element().has_tag_name("domain") {
        true => Ok(document),
        false => Err(Error::invalid("the description has no <domain>")),
    }
}

pub(super) fn child<'a>(node: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// `xml` with each range replaced by its text.
pub(super) fn replaced(xml: &str, mut parts: Vec<(Range<usize>, String)>) -> String {
    parts.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut out = xml.to_owned();
    for (range, text) in parts {
        // What stands within a part that is gone already is gone too.
        if range.end <= out.len() {
            out.replace_range(range, &text);
        }
    }
    out
}

/// The description of a machine that powers off where its guest restarts.
pub fn ending_at_restart(xml: &str) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let part = match (child(root, "on_reboot"), child(root, "name")) {
        (Some(old), _) => (old.range(), "<on_reboot>destroy</on_reboot>".to_owned()),
        (None, Some(name)) => (name.range().end..name.range().end, "<on_reboot>destroy</on_reboot>".to_owned()),
        (None, None) => return Err(Error::invalid("name: the description has none")),
    };
    Ok(replaced(xml, vec![part]))
}

/// The description with this many CPUs, from the next start on.
pub fn with_cpus(xml: &str, cpus: u32) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let tied = child(root, "vcpus").is_some()
        || child(root, "cputune").is_some_and(|tune| child(tune, "vcpupin").is_some())
        || child(root, "cpu").is_some_and(|cpu| child(cpu, "topology").is_some() || child(cpu, "numa").is_some());
    if tied {
        let why = "cpus: its description says more of them (a topology, or where each runs): edit the description";
        return Err(Error::conflict(why));
    }
    let element = format!("<vcpu>{cpus}</vcpu>");
    let part = match child(root, "vcpu") {
        // Which CPUs of the host it may use stays as it is.
        Some(old) => {
            let kept = ["placement", "cpuset"]
                .iter()
                .filter_map(|name| old.attribute(*name).map(|value| format!(" {name}='{}'", super::escape(value))));
            (old.range(), format!("<vcpu{}>{cpus}</vcpu>", kept.collect::<String>()))
        }
        None => (after_name(root)?, element),
    };
    Ok(replaced(xml, vec![part]))
}

/// The description with this much memory, from the next start on.
pub fn with_memory(xml: &str, memory: ByteSize) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    if child(root, "maxMemory").is_some() || child(root, "cpu").is_some_and(|cpu| child(cpu, "numa").is_some()) {
        let why = "memory: its description says more of it (slots or cells): edit the description";
        return Err(Error::conflict(why));
    }
    let element = |name: &str| format!("<{name} unit='KiB'>{}</{name}>", memory.0 / 1024);
    let mut parts = vec![match child(root, "memory") {
        Some(old) => (old.range(), element("memory")),
        None => (after_name(root)?, element("memory")),
    }];
    parts.extend(child(root, "currentMemory").map(|old| (old.range(), element("currentMemory"))));
    Ok(replaced(xml, parts))
}

/// The place behind the name, where an element that is missing is put.
fn after_name(root: Node<'_, '_>) -> Result<Range<usize>> {
    let name = root.children().find(|child| child.has_tag_name("name"));
    let name = name.ok_or_else(|| Error::invalid("the description has no <name>"))?;
    Ok(name.range().end..name.range().end)
}

/// The description of a running machine without what only this run has: numbers, aliases, terminals, labels.
pub fn lasting(xml: &str) -> Result<String> {
    let document = parsed(xml)?;
    let root = document.root_element();
    let mut gone = Vec::new();
    let mut attribute = |node: Node<'_, '_>, name: &str| {
        if let Some(found) = node.attribute_node(name) {
            let start = found.range().start;
            // With one blank before it.
            let begin = if xml.as_bytes().get(start.wrapping_sub(1)) == Some(&b' ') { start - 1 } else { start };
            gone.push((begin..found.range().end, String::new()));
        }
    };
    attribute(root, "id");
    let is_line = |node: &Node<'_, '_>| matches!(node.tag_name().name(), "serial" | "console" | "channel");
    for node in root.descendants() {
        match node.tag_name().name() {
            "source" => attribute(node, "index"),
            "console" => attribute(node, "tty"),
            "graphics" if node.attribute("autoport") == Some("yes") => attribute(node, "port"),
            _ => {}
        }
    }
    for node in root.descendants() {
        let parent = node.parent();
        let is_run = match node.tag_name().name() {
            "alias" => node.attribute("name").is_some_and(|name| !name.starts_with("ua-")),
            "label" | "imagelabel" => parent.is_some_and(|p| p.attribute("type") == Some("dynamic")),
            "source" => parent.is_some_and(|p| is_line(&p) && p.attribute("type") == Some("pty")),
            _ => false,
        };
        if is_run {
            gone.push((node.range(), String::new()));
        }
    }
    // What lies within another part that goes is not cut out of it first.
    let within = |range: &Range<usize>| {
        gone.iter().any(|(other, _)| other != range && other.start <= range.start && range.end <= other.end)
    };
    let parts = gone.iter().filter(|(range, _)| !within(range)).cloned().collect();
    Ok(replaced(xml, parts))
}

#[cfg(test)]
mod tests {
    use super::super::Description;
    use super::*;

    const LIVE: &str =
        "<domain type='kvm' id='7'>\n  <name>web</name>\n  <!-- mine -->\n  <memory unit='KiB'>65536</memory>
  <currentMemory unit='KiB'>65536</currentMemory>\n  <vcpu placement='static' current='1'>2</vcpu>
  <devices><disk type='file'><source file='/a' index='1'/><target dev='vda'/><alias name='virtio-disk0'/></disk>
    <serial type='pty'><source path='/dev/pts/0'/><alias name='ua-mine'/></serial><console type='pty' tty='/dev/pts/0'/>
    <graphics type='vnc' port='5900' autoport='yes'/></devices>
  <seclabel type='dynamic' model='dac'><label>+0:+0</label><imagelabel>+0:+0</imagelabel></seclabel>\n</domain>\n";

    #[test]
    fn one_thing_changes_and_the_rest_stays() {
        let more = with_cpus(LIVE, 4).unwrap();
        assert_eq!(
            more,
            LIVE.replace("<vcpu placement='static' current='1'>2</vcpu>", "<vcpu placement='static'>4</vcpu>")
        );
        let larger = with_memory(LIVE, ByteSize(128 << 20)).unwrap();
        assert_eq!(larger, LIVE.replace("65536", "131072"));
        let read =
            Description::parse(&with_memory("<domain><name>a</name></domain>", ByteSize(1 << 20)).unwrap()).unwrap();
        assert_eq!((read.name.as_str(), read.memory), ("a", Some(ByteSize(1 << 20))));
        let numa = LIVE.replace("<devices>", "<cpu><numa><cell cpus='0-1'/></numa></cpu><devices>");
        assert!(with_cpus(&numa, 4).is_err() && with_memory(&numa, ByteSize(1 << 30)).is_err());
        assert!(with_cpus("<pool/>", 4).is_err() && with_cpus("<domain", 4).is_err());
    }

    #[test]
    fn a_restart_becomes_an_end() {
        let ends = "<on_reboot>destroy</on_reboot>";
        assert_eq!(ending_at_restart(LIVE).unwrap(), LIVE.replace("</name>", &format!("</name>{ends}")));
        let restarts = LIVE.replace("</name>", "</name><on_reboot>restart</on_reboot>");
        assert_eq!(ending_at_restart(&restarts).unwrap(), restarts.replace(">restart<", ">destroy<"));
    }

    #[test]
    fn what_only_this_run_has_is_left_out() {
        let kept = lasting(LIVE).unwrap();
        for gone in ["id='7'", "index", "virtio-disk0", "/dev/pts", "+0:+0", "5900"] {
            assert!(!kept.contains(gone), "{gone}: {kept}");
        }
        for stays in ["<!-- mine -->", "ua-mine", "<source file='/a'/>", "<console type='pty'/>", "autoport='yes'"] {
            assert!(kept.contains(stays), "{stays}: {kept}");
        }
        assert_eq!(lasting(&kept).unwrap(), kept);
        assert_eq!(Description::parse(&kept).unwrap().drives.len(), 1);
    }
}
