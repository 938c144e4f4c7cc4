//! Snapshots in memory: what a machine was, all of it.
use super::{Demo, world::Machine};
use crate::{
    backend::Snapshots,
    domain::{ByteSize, Op, Result, Snapshot, VmId},
};

/// A machine as it was.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) snapshot: Snapshot,
    was: Machine,
}

/// All snapshots of a machine.
pub(super) fn of(machine: &Machine) -> Vec<Snapshot> {
    machine.taken.iter().map(|taken| taken.snapshot.clone()).collect()
}

impl Snapshots for Demo {
    async fn snapshots(&self, vm: &VmId) -> Result<Vec<Snapshot>> {
        Ok(of(self.world(Op::ListSnapshots)?.machine(vm)?))
    }

    async fn take_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        let mut world = self.world(Op::TakeSnapshot)?;
        let now = world.stamp();
        let machine = world.machine_for(vm, Op::TakeSnapshot)?;
        let was = Machine { taken: Vec::new(), ..machine.clone() };
        let memory = if machine.vm.power().is_alive() { machine.vm.memory } else { None };
        let parent = machine.taken.iter_mut().find(|taken| taken.snapshot.is_current);
        let parent = parent.map(|taken| {
            taken.snapshot.is_current = false;
            taken.snapshot.name.clone()
        });
        let snapshot = Snapshot {
            name: name.to_owned(),
            taken: Some(now),
            power: Some(machine.vm.power()),
            parent,
            is_current: true,
            size: Some(ByteSize(memory.unwrap_or_default() + (1 << 20))),
            description: String::new(),
        };
        machine.taken.push(Taken { snapshot, was });
        Ok(())
    }

    async fn revert_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        let mut world = self.world(Op::RevertSnapshot)?;
        let machine = world.machine_for(vm, Op::RevertSnapshot)?;
        let mut taken = std::mem::take(&mut machine.taken);
        let was = taken.iter().find(|taken| taken.snapshot.name == name).map(|taken| taken.was.clone());
        if let Some(was) = was {
            *machine = was;
            for one in &mut taken {
                one.snapshot.is_current = one.snapshot.name == name;
            }
        }
        machine.taken = taken;
        drop(world);
        self.tell(vm, None);
        Ok(())
    }

    async fn remove_snapshot(&self, vm: &VmId, name: &str) -> Result<()> {
        self.world(Op::RemoveSnapshot)?
            .machine_for(vm, Op::RemoveSnapshot)?
            .taken
            .retain(|taken| taken.snapshot.name != name);
        Ok(())
    }
}
