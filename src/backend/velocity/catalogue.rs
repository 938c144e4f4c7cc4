//! The groups that this user sees, and the machines in them.
//!
//! Servers allow two machines of one name: a machine is called by its name where that is the only one, and else by name
//! and number, as `web#7`.
use super::{
    Velocity,
    client::{Client, Said},
    wire::{self, Group, Machine},
};
use crate::{
    domain::{Error, ErrorKind, Result, VmId, clean_line},
    transport::http::Method,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// What a list of machines needs.
const VIEW: &str = "velocity.vm.view";

/// A machine and its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: VmId,
    pub(super) gid: i64,
    pub(super) machine: Machine,
}

/// The groups of this user, with what it may do in each.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    all: Vec<Group>,
    /// The first user may do everything, whatever the groups say.
    is_root: bool,
}

impl Groups {
    /// Reads the groups; where a server has no such list, those that the user is in.
    pub(super) async fn read(client: &Client) -> Result<Self> {
        let (listed, user) =
            tokio::join!(client.read("/u/group/list", json!({})), client.ask(Method::POST, "/u/user", json!({})));
        let user = match user {
            Ok(Said::Yes(user)) => Some(user),
            Ok(Said::No(_)) => None,
            Err(error) => return Err(error),
        };
        let is_root = user.as_ref().is_some_and(|user| wire::int(user.get("uid")) == Some(0));
        let all = match (listed, user) {
            (Ok(listed), _) => wire::groups(&listed, "groups")?,
            (Err(error), Some(user)) if error.kind == ErrorKind::Unsupported => wire::groups(&user, "memberships")?,
            (Err(error), _) => return Err(error),
        };
        Ok(Self { all, is_root })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.all.iter()
    }

    fn get(&self, gid: i64) -> Option<&Group> {
        self.all.iter().find(|group| group.gid == gid)
    }

    /// Whether the user may do it in this group: what a group gives counts in all groups below it.
    pub(super) fn may(&self, gid: i64, permission: &str) -> bool {
        let (mut seen, mut next) = (HashSet::new(), Some(gid));
        while let Some(group) = next.filter(|gid| seen.insert(*gid)).and_then(|gid| self.get(gid)) {
            if group.permissions.as_ref().is_none_or(|all| all.contains(permission)) {
                return true;
            }
            next = Some(group.parent);
        }
        // Group 0 is above all, and may be left out of a list.
        self.is_root
    }

    pub(super) fn may_anywhere(&self, permission: &str) -> bool {
        self.is_root || self.all.iter().any(|group| self.may(group.gid, permission))
    }

    /// The group's name where it is the only one of it, else its number too.
    pub(super) fn name(&self, gid: i64) -> String {
        let Some(group) = self.get(gid) else { return format!("#{gid}") };
        let is_only = self.all.iter().filter(|other| other.name == group.name).count() == 1;
        if is_only && !group.name.is_empty() { group.name.clone() } else { format!("{}#{gid}", group.name) }
    }

    /// The group that [`Groups::name`] calls so.
    pub(super) fn named(&self, name: &str) -> Option<i64> {
        self.all.iter().map(|group| group.gid).find(|gid| self.name(*gid) == name)
    }
}

/// All machines that this user sees, by what they are called here.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    pub(super) groups: Arc<Groups>,
    pub(super) entries: BTreeMap<VmId, Entry>,
}

/// Whether a name could be taken for name and number.
fn looks_numbered(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

impl Catalogue {
    fn new(groups: Arc<Groups>, found: Vec<(i64, Machine)>) -> Self {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for (_, machine) in &found {
            *counts.entry(machine.name.clone()).or_default() += 1;
        }
        let entry = |(gid, machine): (i64, Machine)| {
            let name = &machine.name;
            let is_only = counts.get(name) == Some(&1) && !name.trim().is_empty() && !looks_numbered(name);
            let id = VmId::from(if is_only { name.clone() } else { format!("{name}#{}", machine.vmid) });
            (id.clone(), Entry { id, gid, machine })
        };
        Self { groups, entries: found.into_iter().map(entry).collect() }
    }

    /// The machines of a group by name.
    pub(super) fn has(&self, gid: i64, name: &str) -> bool {
        self.entries.values().any(|entry| entry.gid == gid && entry.machine.name == name)
    }
}

async fn in_group(client: &Client, gid: i64) -> Result<Vec<(i64, Machine)>> {
    match client.ask(Method::POST, "/v/vm/list", json!({"gid": gid})).await? {
        Said::Yes(answer) => Ok(wire::machines(&answer)?.into_iter().map(|machine| (gid, machine)).collect()),
        // Gone since, or shut to this user: the machines of the other groups are there all the same.
        Said::No(refusal) if refusal.is_forbidden() || (refusal.status == 404 && refusal.code.is_some()) => {
            Ok(Vec::new())
        }
        Said::No(refusal) => Err(refusal.error("/v/vm/list")),
    }
}

impl Velocity {
    /// Reads the groups, unless `known`, and the machines of all of them, group beside group.
    pub(super) async fn read_catalogue(&self, known: Option<Arc<Groups>>) -> Result<Arc<Catalogue>> {
        let session = self.session()?;
        let groups = match known {
            Some(groups) => groups,
            None => Arc::new(Groups::read(&session.client).await?),
        };
        let gids: Vec<i64> = groups.iter().map(|group| group.gid).filter(|gid| groups.may(*gid, VIEW)).collect();
        let lists = gids.into_iter().map(|gid| in_group(&session.client, gid));
        let found: Vec<_> = stream::iter(lists).buffered(super::client::AT_ONCE).try_collect().await?;
        let catalogue = Arc::new(Catalogue::new(groups, found.into_iter().flatten().collect()));
        session.keep(catalogue.clone());
        Ok(catalogue)
    }

    /// The machine as it was told last; unknown ones are looked for.
    pub(super) async fn entry(&self, vm: &VmId) -> Result<Entry> {
        let known = self.session()?.catalogue();
        if let Some(entry) = known.entries.get(vm) {
            return Ok(entry.clone());
        }
        self.read_catalogue(None).await?.entries.get(vm).cloned().ok_or_else(|| missing(vm))
    }

    /// The machine as its group lists it now.
    pub(super) async fn listed(&self, vm: &VmId) -> Result<Entry> {
        let session = self.session()?;
        let before = self.entry(vm).await?;
        let found = in_group(&session.client, before.gid).await?;
        let now = found.into_iter().find(|(_, machine)| machine.vmid == before.machine.vmid);
        now.map(|(gid, machine)| Entry { id: before.id, gid, machine }).ok_or_else(|| missing(vm))
    }
}

pub(super) fn missing(vm: &VmId) -> Error {
    Error::not_found(format_args!("no machine is called {}", clean_line(vm.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn group(gid: i64, parent: i64, permissions: &[&str]) -> Group {
        let permissions = Some(permissions.iter().map(|p| (*p).to_owned()).collect::<BTreeSet<_>>());
        Group { gid, parent, name: format!("g{gid}"), permissions }
    }

    #[test]
    fn a_permission_counts_in_all_groups_below() {
        let all = vec![group(0, 0, &[]), group(1, 0, &[VIEW]), group(2, 1, &[]), group(3, 0, &[]), group(8, 9, &[])];
        let groups = Groups { all, is_root: false };
        assert_eq!([0, 1, 2, 3, 8].map(|gid| groups.may(gid, VIEW)), [false, true, true, false, false]);
        assert!(groups.may_anywhere(VIEW) && !groups.may_anywhere("velocity.vm.create"));
        let circle = Groups { all: vec![group(1, 2, &[]), group(2, 1, &[])], is_root: false };
        assert!(!circle.may(1, VIEW), "a circle of groups ends");
        let above = Groups { all: vec![group(0, 0, &[VIEW]), group(1, 0, &[])], is_root: false };
        assert!(above.may(1, VIEW), "group 0 is a group");
    }

    #[test]
    fn machines_of_one_name_are_told_apart_by_their_numbers() {
        let machine =
            |vmid, name: &str| (0, Machine { vmid, name: name.to_owned(), cpus: None, memory: None, state: None });
        let found = vec![machine(1, "web"), machine(2, "db"), machine(3, "db"), machine(4, "db#2"), machine(5, "")];
        let catalogue = Catalogue::new(Arc::default(), found);
        let ids: Vec<_> = catalogue.entries.values().map(|e| (e.id.to_string(), e.machine.vmid)).collect();
        let wanted = [("#5", 5), ("db#2", 2), ("db#2#4", 4), ("db#3", 3), ("web", 1)];
        assert_eq!(ids, wanted.map(|(id, vmid)| (id.to_owned(), vmid)));
    }
}
