use super::{ByteSize, PowerState, Stamp};

/// What a machine was at a moment, to go back to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    pub description: String,
    pub taken: Option<Stamp>,
    /// What the machine was: a running one's memory is kept too.
    pub power: Option<PowerState>,
    /// The one that the machine had gone on from.
    pub parent: Option<String>,
    /// The machine has gone on from this one.
    pub is_current: bool,
    /// What it takes of the host's storage.
    pub size: Option<ByteSize>,
}

/// What should be true of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotState {
    There,
    Gone,
    /// The machine has gone back to it.
    Current,
}

impl SnapshotState {
    /// Whether `all` the snapshots of a machine say so of `name`; the words say what is so instead.
    pub fn is_so(self, name: &str, all: &[Snapshot]) -> Result<(), &'static str> {
        match (self, all.iter().find(|snapshot| snapshot.name == name)) {
            (Self::There, Some(_)) | (Self::Gone, None) => Ok(()),
            (Self::Current, Some(snapshot)) if snapshot.is_current => Ok(()),
            (Self::There | Self::Current, None) => Err("there is no such snapshot"),
            (Self::Gone, Some(_)) => Err("it is still there"),
            (Self::Current, Some(_)) => Err("the machine is at another snapshot"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        SnapshotState::{Current, Gone, There},
        *,
    };

    #[test]
    fn what_is_there_decides() {
        let all = [
            Snapshot { name: "a".into(), ..Snapshot::default() },
            Snapshot { name: "b".into(), is_current: true, ..Snapshot::default() },
        ];
        assert!(There.is_so("a", &all).is_ok() && Current.is_so("b", &all).is_ok() && Gone.is_so("c", &all).is_ok());
        assert_eq!(Gone.is_so("a", &all), Err("it is still there"));
        assert_eq!(Current.is_so("a", &all), Err("the machine is at another snapshot"));
        assert_eq!(There.is_so("c", &all), Err("there is no such snapshot"));
    }
}
