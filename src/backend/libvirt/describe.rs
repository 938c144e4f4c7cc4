//! A machine as the rest of the program knows it, out of its state and its description.
use super::{
    client::Client,
    disks::is_active,
    wire::{Domain, Stats},
};
use crate::{
    backend::domain_xml::Description,
    domain::{PowerState, Vm},
};
use std::collections::HashSet;

/// It goes on where it was at its next start.
const SAVED: &str = "saved";

/// What libvirt's state and its reason mean, and the remark where there is more to say.
pub(super) fn power(state: u64, reason: u64) -> (PowerState, Option<&'static str>) {
    use PowerState as P;
    match (state, reason) {
        (1 | 2, _) => (P::Running, None),
        (3, 5) => (P::Blocked, Some("I/O error")),
        (3, 6) => (P::Blocked, Some("watchdog")),
        (3, 10) | (6, _) => (P::Blocked, Some("guest panicked")),
        (3, 2) => (P::Paused, Some("being moved")),
        (3, 3) => (P::Paused, Some("being saved")),
        (3, 8) | (4, _) => (P::Stopping, None),
        (3, 11) => (P::Starting, None),
        (3, _) => (P::Paused, None),
        (5, 3) => (P::Off, Some("crashed")),
        (5, 5) => (P::Off, Some(SAVED)),
        (5, 6) => (P::Off, Some("did not start")),
        (5, _) => (P::Off, None),
        (7, _) => (P::Paused, Some("asleep")),
        _ => (P::Unknown, None),
    }
}

/// The state alone: what the first screen waits for.
pub(super) fn brief(stats: &Stats) -> Vm {
    let told = stats.number("state.state").map(|state| power(state, stats.number("state.reason").unwrap_or(0)));
    let remark = told.and_then(|(_, remark)| remark).map(str::to_owned);
    Vm { power: told.map(|(power, _)| power), remark, ..Vm::named(&stats.domain.name) }
}

/// Tells that the memory of a machine that is off `is_saved`: a daemon that was started since does not know why it is off.
pub(super) fn tell_saved(vm: &mut Vm, is_saved: bool) {
    if is_saved && vm.power == Some(PowerState::Off) {
        vm.remark = Some(SAVED.to_owned());
    }
}

/// [`tell_saved`] of those of the list whose memory is `saved`.
pub(super) fn tell_all_saved(vms: &mut [Vm], saved: &[Domain]) {
    let saved: HashSet<&str> = saved.iter().map(|domain| domain.name.as_str()).collect();
    for vm in vms {
        let is_saved = saved.contains(vm.name.as_str());
        tell_saved(vm, is_saved);
    }
}

/// A machine of the list of all, of which `stats` are told if it is in memory.
pub(super) fn listed(domain: &Domain, stats: Option<&Stats>) -> Vm {
    match stats {
        Some(stats) => brief(stats),
        None if is_active(domain) => Vm::named(&domain.name),
        None => Vm { power: Some(PowerState::Off), ..Vm::named(&domain.name) },
    }
}

/// All that is shown of a machine.
pub(super) async fn whole(client: &Client, stats: &Stats, description: &Description) -> Vm {
    let mut vm = brief(stats);
    if vm.power == Some(PowerState::Blocked) && client.is_full(&stats.domain).await.unwrap_or(false) {
        vm.remark = Some("disk full".to_owned());
    }
    vm.cpus = description.current_cpus;
    vm.memory = description.memory.map(|memory| memory.0);
    let mut tell = |label: &'static str, value: &str| {
        if !value.is_empty() {
            vm.details.push((label.into(), value.to_owned()));
        }
    };
    tell("Title", &description.title);
    tell("Description", &description.description);
    tell("Firmware", if description.is_uefi { "UEFI" } else { "BIOS" });
    tell(Vm::VARIABLES, description.nvram.as_deref().unwrap_or_default());
    tell("Machine", &description.machine);
    tell("Accelerator", if description.accelerator == "qemu" { "none (TCG): slow" } else { &description.accelerator });
    for network in &description.networks {
        tell("Network", &network.place);
        tell("MAC", network.mac.as_deref().unwrap_or_default());
    }
    tell("VNC", description.vnc.as_deref().unwrap_or_default());
    tell("UUID", &description.uuid);
    vm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_mean_what_can_be_done_about_them() {
        assert_eq!(power(1, 1), (PowerState::Running, None));
        assert_eq!(power(3, 1), (PowerState::Paused, None));
        assert_eq!(power(3, 5).0, PowerState::Blocked);
        assert_eq!(power(4, 0).0, PowerState::Stopping);
        assert_eq!(power(5, 5), (PowerState::Off, Some("saved")));
        assert_eq!(power(99, 0).0, PowerState::Unknown);
    }
}
