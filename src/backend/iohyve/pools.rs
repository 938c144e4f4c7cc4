//! The pools of the host: where machines and their disks may be.
use super::Iohyve;
use crate::domain::{ByteSize, Choice, FieldKind, FieldSpec};

/// A choice of what there is, or a word to be typed.
pub(super) fn field(name: &'static str, label: &'static str, found: Vec<Choice>) -> FieldSpec {
    match found.as_slice() {
        [] => FieldSpec::new(name, label, FieldKind::Text),
        [only] => FieldSpec::new(name, label, FieldKind::Choice(found.clone())).default(only.value.clone()),
        _ => FieldSpec::new(name, label, FieldKind::Choice(found)),
    }
}

impl Iohyve {
    /// All of them, with what is free in each.
    pub(super) async fn pools(&self) -> Vec<Choice> {
        let listed = self.told(&["zpool", "list", "-H", "-o", "name,free"]).await;
        let pool = |line: &str| {
            let mut words = line.split_whitespace();
            let (pool, free) = (words.next()?, words.next()?);
            let free = free.parse::<ByteSize>().map_or_else(|_| free.to_owned(), |free| free.to_string());
            Some(Choice::new(pool, &format!("{free} free")))
        };
        listed.lines().filter_map(pool).collect()
    }

    /// Those that have a place for iohyve: in another one it makes nothing.
    async fn homely(&self) -> Vec<Choice> {
        let (mut pools, homes) = tokio::join!(self.pools(), self.homes());
        let homes = homes.unwrap_or_default();
        pools.retain(|pool| homes.iter().any(|home| home.strip_suffix("/iohyve") == Some(&pool.value)));
        pools
    }

    /// Asks for the pool of a new machine. The first is offered and sent: what iohyve takes by itself is up to the machines
    /// that there are, and nothing where there is none.
    pub(super) async fn pool_of_machine(&self) -> FieldSpec {
        let pools = self.homely().await;
        match pools.first().map(|first| first.value.clone()) {
            Some(first) => FieldSpec::new("pool", "Pool", FieldKind::Choice(pools)).default(first),
            None => FieldSpec::new("pool", "Pool", FieldKind::Text).optional().help("empty: the first that iohyve has"),
        }
    }

    /// Asks for the pool of one more disk.
    pub(super) async fn pool_of_disk(&self) -> FieldSpec {
        let mut pools = self.homely().await;
        if pools.is_empty() {
            return FieldSpec::new("pool", "Pool", FieldKind::Text).optional().help("empty: where the machine is");
        }
        pools.insert(0, Choice::new("", "where the machine is"));
        FieldSpec::new("pool", "Pool", FieldKind::Choice(pools)).optional()
    }
}
