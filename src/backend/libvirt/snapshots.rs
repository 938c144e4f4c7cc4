//! Snapshots inside the disks: what libvirt keeps of each, and the machine's memory where it ran.
use super::{
    Libvirt,
    client::Client,
    wire::{Domain, procedure as p},
    xdr::{Reader, Writer},
};
use crate::{
    backend::Snapshots,
    domain::{Error, ErrorKind, PowerState, Result, Snapshot, Stamp, VmId},
};
use futures_util::future::try_join_all;
use roxmltree::{Document, Node};
use std::collections::HashMap;

/// A snapshot as libvirt names it.
#[derive(Clone, Debug)]
struct Name {
    name: String,
    domain: Domain,
}

impl Name {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { name: reader.text()?, domain: Domain::read(reader)? })
    }

    fn arg(&self) -> Writer {
        self.domain.write(Writer::default().text(&self.name))
    }
}

impl Client {
    async fn snapshot_names(&self, domain: &Domain) -> Result<Vec<Name>> {
        Reader::new(&self.call(p::LIST_SNAPSHOTS, domain.arg().i32(1).u32(0)).await?).list(Name::read)
    }

    async fn snapshot_named(&self, domain: &Domain, name: &str) -> Result<Name> {
        Name::read(&mut Reader::new(&self.call(p::SNAPSHOT_BY_NAME, domain.arg().text(name).u32(0)).await?))
    }

    /// The one that the machine has gone on from; None: none.
    async fn current_snapshot(&self, domain: &Domain) -> Result<Option<String>> {
        match self.call(p::SNAPSHOT_CURRENT, domain.arg().u32(0)).await {
            Ok(body) => Ok(Some(Name::read(&mut Reader::new(&body))?.name)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn snapshot_xml(&self, name: &Name) -> Result<String> {
        Reader::new(&self.call(p::SNAPSHOT_XML, name.arg().u32(0)).await?).text()
    }
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|child| child.has_tag_name(name))
}

/// Reads what libvirt keeps of a snapshot; what cannot be read leaves its name.
fn parse(name: String, xml: &str) -> Snapshot {
    let Ok(document) = Document::parse(xml) else { return Snapshot { name, ..Snapshot::default() } };
    let root = document.root_element();
    let text = |of: &str| child(root, of).and_then(|node| node.text()).map(str::trim);
    let power = match text("state") {
        Some("running") => Some(PowerState::Running),
        Some("paused") => Some(PowerState::Paused),
        Some("shutoff") => Some(PowerState::Off),
        _ => None,
    };
    let seconds = text("creationTime").and_then(|seconds| seconds.parse::<u64>().ok());
    let parent = child(root, "parent").and_then(|parent| child(parent, "name")).and_then(|name| name.text());
    Snapshot {
        name,
        description: text("description").unwrap_or_default().to_owned(),
        taken: seconds.map(|seconds| Stamp(seconds.saturating_mul(1000))),
        power,
        parent: parent.map(str::to_owned),
        is_current: false,
        size: None,
    }
}

impl Libvirt {
    async fn on_snapshot(&self, vm: &VmId, name: &str, procedure: u32) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        let found = client.snapshot_named(&domain, name).await?;
        client.call(procedure, found.arg().u32(0)).await.map(drop)
    }
}

impl Snapshots for Libvirt {
    async fn snapshots(&self, vm: &VmId) -> Result<Vec<Snapshot>> {
        let (client, domain) = self.domain(vm).await?;
        let (names, current) = tokio::try_join!(client.snapshot_names(&domain), client.current_snapshot(&domain))?;
        let read = names.into_iter().map(|name| async {
            let xml = client.snapshot_xml(&name).await?;
            Ok::<_, Error>(parse(name.name, &xml))
        });
        let mut all = try_join_all(read).await?;
        for snapshot in &mut all {
            snapshot.is_current = current.as_ref() == Some(&snapshot.name);
        }
        in_order(&mut all);
        Ok(all)
    }

    async fn take_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        let (client, domain) = self.domain(vm).await?;
        // The name is of letters and digits: `prepare` has looked.
        let xml = format!("<domainsnapshot><name>{name}</name></domainsnapshot>");
        client.call(p::SNAPSHOT_CREATE, domain.arg().text(&xml).u32(0)).await.map(drop)
    }

    async fn revert_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        self.on_snapshot(vm, name, p::SNAPSHOT_REVERT).await
    }

    async fn remove_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        self.on_snapshot(vm, name, p::SNAPSHOT_DELETE).await
    }
}

/// As they were taken. Libvirt tells whole seconds: within one, what another grew out of comes first.
fn in_order(all: &mut [Snapshot]) {
    let parents: HashMap<_, _> = all.iter().map(|one| (one.name.clone(), one.parent.clone())).collect();
    let parent = |name: &String| parents.get(name).and_then(Option::as_ref);
    // As many steps as there are, should they stand in a circle.
    let depth = |name: &String| std::iter::successors(parent(name), |name| parent(name)).take(parents.len()).count();
    all.sort_by_cached_key(|one| (one.taken, depth(&one.name), one.name.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_within_a_second_follows_what_it_grew_out_of() {
        let one = |name: &str, parent: Option<&str>, taken| Snapshot {
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
            taken: Some(Stamp(taken)),
            ..Snapshot::default()
        };
        let mut all = [one("a", Some("z"), 5), one("late", None, 9), one("z", None, 5)];
        in_order(&mut all);
        assert_eq!(all.map(|one| one.name), ["z", "a", "late"]);
        let mut circle = [one("r", Some("s"), 1), one("s", Some("r"), 1)];
        in_order(&mut circle);
        assert_eq!(circle.map(|one| one.name), ["r", "s"]);
    }

    #[test]
    fn what_libvirt_keeps_is_read_and_junk_leaves_the_name() {
        let xml = "<domainsnapshot><name>b</name><description> before the upgrade\n</description><state>running</state>\
            <parent><name>a</name></parent><creationTime>1790000000</creationTime><domain><name>web</name></domain>\
            </domainsnapshot>";
        let read = parse("b".to_owned(), xml);
        assert_eq!((read.description.as_str(), read.parent.as_deref()), ("before the upgrade", Some("a")));
        assert_eq!((read.taken, read.power), (Some(Stamp(1_790_000_000_000)), Some(PowerState::Running)));
        for junk in
            ["", "<", "<x/>", "<domainsnapshot><creationTime>-1</creationTime><state>?</state></domainsnapshot>"]
        {
            assert_eq!(parse("b".to_owned(), junk), Snapshot { name: "b".to_owned(), ..Snapshot::default() });
        }
    }
}
