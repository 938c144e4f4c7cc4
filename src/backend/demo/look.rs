use super::{
    properties, snapshots,
    world::{Machine, World},
};
use crate::domain::{DiskKind, Error, Expect, Reply, Verdict, VmId};

fn verdict(is_so: bool, instead: &str) -> Verdict {
    if is_so { Verdict::Met(None) } else { Verdict::NotMet(instead.to_owned()) }
}

/// Compares what is there with what is expected.
pub(super) fn look(world: &World, expect: &Expect) -> Verdict {
    let on = |vm: &VmId, judge: &dyn Fn(&Machine) -> Verdict| match world.machines.get(vm) {
        Some(machine) => judge(machine),
        None => Verdict::Failed(Error::not_found(format_args!("{vm} is gone"))),
    };
    match expect {
        Expect::Nothing => Verdict::Met(None),
        Expect::Power { vm, state } => on(vm, &|m| Verdict::power(*state, m.vm.power())),
        Expect::Present(vm) => verdict(world.machines.contains_key(vm), "it is not there"),
        Expect::Gone(vm) => verdict(!world.machines.contains_key(vm), "it is still there"),
        Expect::NewDisk { vm, .. } => on(vm, &|m| {
            let new = m.disks.iter().find(|d| expect.is_new_disk(&d.id));
            let met = |d: &crate::domain::Disk| Verdict::Met(Some(Reply::DiskAdded(d.id.clone())));
            new.map_or_else(|| Verdict::NotMet("there is no new disk".to_owned()), met)
        }),
        Expect::DiskSize { vm, disk, plan } => {
            on(vm, &|m| Verdict::size(*plan, m.disks.iter().find(|d| d.id == *disk).and_then(|d| d.virtual_size)))
        }
        Expect::DiskGone { vm, disk } => {
            on(vm, &|m| verdict(!m.disks.iter().any(|d| d.id == *disk), "the guest has not let go of it yet"))
        }
        Expect::Medium { vm, image } => on(vm, &|m| {
            let found = m.disks.iter().find(|d| d.kind == DiskKind::Cdrom).and_then(|d| d.medium.as_ref());
            verdict(found == image.as_ref(), found.map_or("it is empty", |_| "something else is in it"))
        }),
        Expect::PropertyIs { vm, name, value } => on(vm, &|m| {
            let found = properties::of(m).into_iter().find(|p| p.spec.name == name);
            // `2048M` is read back as `2G`: sizes are compared as sizes.
            let same = |found: &str| {
                found == value
                    || (name == "memory" && found.parse::<crate::domain::ByteSize>().ok() == value.parse().ok())
            };
            match found.filter(|found| same(&found.value)) {
                Some(found) => Verdict::set(found.current.as_deref()),
                None => Verdict::NotMet("it is something else".to_owned()),
            }
        }),
        Expect::Snapshot { vm, snapshot, state } => on(vm, &|m| Verdict::snapshot(snapshot, *state, &snapshots::of(m))),
        Expect::ImagePresent(name) => verdict(world.library.contains_key(name), "it is not there"),
        Expect::ImageGone(name) => verdict(!world.library.contains_key(name), "it is still there"),
        Expect::Left(_) | Expect::Defined { .. } => Verdict::NotMet("it was not asked for".to_owned()),
        Expect::Node(expect) => expect.unseen(),
        Expect::Ready => verdict(world.is_set_up, "it is not set up"),
    }
}
