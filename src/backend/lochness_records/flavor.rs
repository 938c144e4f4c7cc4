//! What the guests of one kind have, as lochness keeps it beside them.
use crate::domain::Vm;
use serde_json::Value;

/// A flavor's record. What it does not tell is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flavor {
    cpus: Option<u32>,
    /// In bytes; the record has MB.
    memory: Option<u64>,
    disk: Option<u64>,
}

impl Flavor {
    pub fn read(record: &Value) -> Self {
        let number = |key: &str| record.get(key).and_then(Value::as_u64);
        let bytes = |key: &str| number(key)?.checked_mul(1 << 20);
        Self {
            cpus: number("cpu").and_then(|cpus| u32::try_from(cpus).ok()),
            memory: bytes("memory"),
            disk: bytes("disk"),
        }
    }

    /// The flavor that a guest's record names.
    pub fn of(vm: &Vm) -> Option<&str> {
        vm.details.iter().find(|(label, _)| label == super::guest::FLAVOR).map(|(_, id)| id.as_str())
    }

    /// Completes what a guest's own record tells of it.
    pub fn complete(&self, vm: &mut Vm) {
        (vm.cpus, vm.memory, vm.disk) = (self.cpus, self.memory, self.disk);
    }
}
