use super::{
    Lochness,
    client::{Client, Done, If, path},
    mirror, record,
    wire::{Code, Entry},
};
use crate::{
    backend::{
        Nodes,
        lochness_records::{self as records, Hypervisor},
    },
    domain::{
        Error, ErrorKind, FieldSpec, NodeExpect, NodeId, NodeReport, Result, Values, Verdict, VmId, check_unchanged,
        clean, merge_changes,
    },
};
use serde_json::{Map, Value};

/// How often a change is tried whose key changes again before it arrives.
const TRIES: usize = 10;

fn gone(node: &NodeId) -> Error {
    Error::not_found(format_args!("no hypervisor is called {node}"))
}

fn part(node: &NodeId, part: &str) -> Result<String> {
    path(&["hypervisors", node.as_str(), part]).map_err(|_| gone(node))
}

fn restless(what: &str) -> Error {
    Error::conflict(format_args!("{what} changes all the time: nothing was written in {TRIES} tries"))
}

impl Client {
    /// All that stands in the folder of a node.
    async fn folder(&self, node: &NodeId) -> Result<Entry> {
        let folder = self.get(&path(&["hypervisors", node.as_str()]).map_err(|_| gone(node))?).await?;
        folder.ok_or_else(|| gone(node))
    }

    /// Refuses a node that is not there, or that nothing but a remnant is left of.
    async fn check(&self, node: &NodeId) -> Result<Entry> {
        let folder = self.folder(node).await?;
        match folder.get("metadata") {
            Some(_) => Ok(folder),
            None => Err(Error::refused(format_args!("{node} has no record, only what hung on it"))),
        }
    }

    /// The record of a node, and the change that it is from.
    async fn record(&self, node: &NodeId) -> Result<(Map<String, Value>, u64)> {
        let folder = self.check(node).await?;
        let entry = folder.get("metadata");
        let text = entry.and_then(|entry| entry.value.as_deref()).unwrap_or_default();
        Ok((record::read(text)?, entry.map_or(0, |entry| entry.index)))
    }

    /// Sets a key, or (empty) takes it away, where nothing but `before` stands there; None: whatever stands there.
    async fn swap(&self, path: &str, name: &str, before: Option<&str>, wanted: &str) -> Result<()> {
        for _ in 0..TRIES {
            let entry = self.get(path).await?;
            if entry.as_ref().is_some_and(|entry| entry.is_folder) {
                return Err(Error::refused(format_args!("{} is a folder in the store", clean(name, 80))));
            }
            let now = entry.as_ref().and_then(|entry| entry.value.as_deref()).unwrap_or_default();
            check_unchanged(name, before, now, wanted)?;
            let done = match &entry {
                None if wanted.is_empty() => return Ok(()),
                None => self.put(path, wanted, If::Absent).await?,
                Some(entry) if wanted.is_empty() => self.delete(path, If::At(entry.index)).await?,
                Some(_) if now == wanted => return Ok(()),
                Some(entry) => self.put(path, wanted, If::At(entry.index)).await?,
            };
            if done == Done::Yes {
                return Ok(());
            }
        }
        Err(restless(&clean(name, 80)))
    }
}

fn fields(record: &Map<String, Value>) -> Result<Vec<FieldSpec>> {
    Ok(Hypervisor::read(&Value::Object(record.clone()))?.fields())
}

impl Lochness {
    /// What became of a change of a node: always asked of the store itself.
    pub(super) async fn judge(&self, expect: &NodeExpect) -> Verdict {
        let read = async {
            let client = self.client()?;
            client.folder(expect.node()).await
        };
        match read.await {
            Ok(folder) => {
                let text = folder.get("metadata").and_then(|entry| entry.value.as_deref());
                let record = text.and_then(|text| record::read(text).ok());
                let fields = record.and_then(|record| fields(&record).ok()).unwrap_or_default();
                expect.judge(Some(&mirror::report(expect.node().as_str(), &folder)), &fields)
            }
            Err(error) if error.kind == ErrorKind::NotFound => expect.judge(None, &[]),
            Err(error) => Verdict::Unknown(error),
        }
    }
}

impl Nodes for Lochness {
    async fn node(&self, node: &NodeId) -> Result<NodeReport> {
        let folder = self.client()?.folder(node).await?;
        Ok(mirror::report(node.as_str(), &folder))
    }

    async fn node_form(&self, node: Option<&NodeId>) -> Result<Vec<FieldSpec>> {
        match node {
            Some(node) => fields(&self.client()?.record(node).await?.0),
            None => Ok(Hypervisor::new_fields()),
        }
    }

    async fn add_node(&self, values: &Values) -> Result<()> {
        let id = NodeId::from(values.get("id").map(String::as_str).unwrap_or_default());
        let text = Value::Object(record::new(values)?).to_string();
        match self.client()?.put(&part(&id, "metadata")?, &text, If::Absent).await? {
            Done::Yes => Ok(()),
            Done::No(_) => Err(Error::conflict(format_args!("{id} is there already"))),
        }
    }

    async fn update_node(&self, node: &NodeId, before: &Values, values: &Values) -> Result<()> {
        let client = self.client()?;
        for _ in 0..TRIES {
            let (mut record, index) = client.record(node).await?;
            // A heartbeat may have told other resources since: what was not touched is taken as it is now.
            let (now, wanted) = merge_changes(&fields(&record)?, before, values)?;
            record::change(&mut record, &now, &wanted)?;
            let text = Value::Object(record).to_string();
            if client.put(&part(node, "metadata")?, &text, If::At(index)).await? == Done::Yes {
                return Ok(());
            }
        }
        Err(restless("its record"))
    }

    /// The store cannot take away a folder only if another is empty, so it is done in steps that each leave it whole:
    /// a folder of guests that is not empty stays; without its record nothing more is placed there; and where that
    /// happened in between, the record is put back.
    async fn remove_node(&self, node: &NodeId) -> Result<()> {
        let client = self.client()?;
        let guests = |folder: &Entry| mirror::report(node.as_str(), folder).guests;
        let folder = client.folder(node).await?;
        let full = |folder: &Entry| Some(guests(folder)).filter(|found: &Vec<VmId>| !found.is_empty());
        if let Some(found) = full(&folder) {
            return Err(records::full(&found));
        }
        if client.delete(&part(node, "guests")?, If::Empty).await? == Done::No(Code::NotEmpty) {
            return Err(records::full(&guests(&client.folder(node).await?)));
        }
        let metadata = part(node, "metadata")?;
        let entry = folder.get("metadata");
        if let Some(entry) = entry
            && client.delete(&metadata, If::At(entry.index)).await? == Done::No(Code::Changed)
        {
            return Err(Error::conflict("its record was changed by somebody else meanwhile: look at it again"));
        }
        if let Some(found) = client.folder(node).await.ok().as_ref().and_then(full) {
            if let Some(text) = entry.and_then(|entry| entry.value.as_deref()) {
                client.put(&metadata, text, If::Absent).await?;
            }
            return Err(records::full(&found));
        }
        client.delete(&path(&["hypervisors", node.as_str()])?, If::Whatever).await.map(drop)
    }

    async fn set_config(&self, node: &NodeId, key: &str, before: Option<&str>, value: &str) -> Result<()> {
        if key.starts_with('_') {
            return Err(Error::invalid(format_args!(
                "key: `{}`: the store hides keys that begin with `_`",
                clean(key, 40)
            )));
        }
        let client = self.client()?;
        client.check(node).await?;
        client.swap(&path(&["hypervisors", node.as_str(), "config", key])?, key, before, value).await
    }

    async fn set_subnet(&self, node: &NodeId, subnet: &str, before: Option<&str>, bridge: &str) -> Result<()> {
        let client = self.client()?;
        client.check(node).await?;
        if client.get(&path(&["subnets", subnet, "metadata"])?).await?.is_none() {
            return Err(Error::not_found(format_args!("lochness knows no subnet {subnet}: it has to be made first")));
        }
        client.swap(&path(&["hypervisors", node.as_str(), "subnets", subnet])?, "bridge", before, bridge).await
    }

    async fn remove_subnet(&self, node: &NodeId, subnet: &str) -> Result<()> {
        let client = self.client()?;
        let folder = client.folder(node).await?;
        let missing = || Error::not_found(format_args!("{} is not attached to {node}", clean(subnet, 60)));
        if folder.get("subnets").and_then(|subnets| subnets.get(subnet)).is_none() {
            return Err(missing());
        }
        let path = path(&["hypervisors", node.as_str(), "subnets", subnet]).map_err(|_| missing())?;
        client.swap(&path, "bridge", None, "").await
    }
}
