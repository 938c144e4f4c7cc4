//! What is on the screen, and so what hosts are asked for again and again.
use super::{App, Effect, Overlay, Screen, Tab, dialog::Purpose};
use crate::domain::{Focus, HostId, VmId};

/// What a host was last told to be on the screen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Watched {
    host: HostId,
    vms: Vec<VmId>,
    node: bool,
    selected: Option<Focus>,
}

impl App {
    /// Tells the hosts what is on the screen, where that changed.
    pub(super) fn watch(&mut self, effects: &mut Vec<Effect>) {
        let focus = self.focus();
        for host in self.hosts.iter() {
            let id = host.id();
            let selected = focus.as_ref().filter(|(h, _)| h == id).map(|(_, focus)| focus);
            let node = self.shows_node(id);
            let seen = || self.visible.vms.iter().filter(|(h, _)| h == id).map(|(_, vm)| vm);
            let old = self.watched.iter_mut().find(|old| old.host == *id);
            let same = match &old {
                Some(old) => old.selected.as_ref() == selected && old.node == node && old.vms.iter().eq(seen()),
                None => selected.is_none() && !node && seen().next().is_none(),
            };
            if same {
                continue;
            }
            let vms: Vec<VmId> = seen().cloned().collect();
            effects.push(Effect::Watch { host: id.clone(), vms: vms.clone(), node, selected: selected.cloned() });
            let watched = Watched { host: id.clone(), vms, node, selected: selected.cloned() };
            match old {
                Some(old) => *old = watched,
                None => self.watched.push(watched),
            }
        }
    }

    /// Whether figures of the host's own machine are on the screen: its load, or what its storage still holds.
    pub(super) fn shows_node(&self, host: &HostId) -> bool {
        let asks = self.dialog.as_ref().is_some_and(|dialog| {
            dialog.host == *host
                && matches!(
                    dialog.purpose,
                    Purpose::Grow(_) | Purpose::Fetch { .. } | Purpose::Create { .. } | Purpose::AddDisk(_)
                )
        });
        asks || match (&self.overlay, self.screen) {
            (Some(Overlay::Host { host: shown, .. }), _) => shown == host,
            (None, Screen::Hosts) => self.visible.hosts.contains(host),
            (None, Screen::Images) => self.image_room().is_some_and(|shown| shown.id() == host),
            (None, Screen::Machines) => {
                let is_shown = self.shows_details() && self.tab == Tab::Disks;
                is_shown && self.listing.selected().is_some_and(|(shown, _)| shown == host)
            }
            _ => false,
        }
    }

    /// What stands in the details that are on the screen.
    fn focus(&self) -> Option<(HostId, Focus)> {
        match self.screen {
            _ if !self.shows_details() => None,
            Screen::Nodes => self.nodes.selected().map(|(host, node)| (host.clone(), Focus::Node(node.clone()))),
            _ => {
                let (host, vm) =
                    self.listing.selected().filter(|(host, _)| self.details_open || !self.is_wary(host))?;
                Some((host.clone(), Focus::Vm(vm.clone())))
            }
        }
    }
}
