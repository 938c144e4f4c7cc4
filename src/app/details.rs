//! The details of the selected machine: which entry of a tab keys act on, and what the log tells.
use super::{App, Tab};
use crate::domain::{Disk, DiskId, HostId, Property, Stamp, Task, VmId};

/// What is selected in the details.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The disk that is selected, by its identity.
    pub disk: Option<DiskId>,
    /// The setting that is selected, by its name.
    pub property: Option<&'static str>,
    /// Lines scrolled, where nothing is selected.
    pub scroll: u16,
}

impl Details {
    /// Moves the selection of the tab, or scrolls it.
    pub(super) fn step(&mut self, tab: Tab, by: isize, disks: &[Disk], properties: &[Property]) {
        match tab {
            Tab::Disks => self.disk = stepped(disks.iter().map(|d| d.id.clone()), self.disk.as_ref(), by),
            Tab::Properties => {
                self.property = stepped(properties.iter().map(|p| p.spec.name), self.property.as_ref(), by);
            }
            Tab::Overview | Tab::Log => {
                let next = isize::try_from(self.scroll).unwrap_or(0).saturating_add(by).max(0);
                self.scroll = u16::try_from(next).unwrap_or(u16::MAX);
            }
        }
    }

    /// The disk that keys act on: the selected one, or the first.
    pub fn selected_disk<'a>(&self, disks: &'a [Disk]) -> Option<&'a Disk> {
        disks.iter().find(|d| Some(&d.id) == self.disk.as_ref()).or(disks.first())
    }

    /// The setting that keys act on: the selected one, or the first.
    pub fn selected_property<'a>(&self, properties: &'a [Property]) -> Option<&'a Property> {
        properties.iter().find(|p| Some(p.spec.name) == self.property).or(properties.first())
    }
}

/// The entry `by` places after `from`, without running off either end.
pub(super) fn stepped<T: PartialEq>(all: impl Iterator<Item = T>, from: Option<&T>, by: isize) -> Option<T> {
    let mut all: Vec<T> = all.collect();
    let last = all.len().checked_sub(1)?;
    let at = all.iter().position(|entry| Some(entry) == from).unwrap_or(0);
    let to = at.saturating_add_signed(by).min(last);
    Some(all.swap_remove(to))
}

/// A line of the log of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub at: Stamp,
    pub text: String,
}

/// What happened to a machine: the steps of its tasks, oldest first.
fn log<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<LogLine> {
    let mut lines = Vec::new();
    for task in tasks {
        lines.extend(task.steps.iter().enumerate().map(|(i, step)| {
            // The last step is the outcome, which names the machine itself.
            let is_outcome = task.state.is_ended() && i + 1 == task.steps.len();
            let text = match is_outcome || step.text.starts_with(&task.title) {
                true => step.text.clone(),
                false => format!("{}: {}", task.title, step.text),
            };
            LogLine { at: step.at, text }
        }));
    }
    lines.sort_by_key(|line| line.at);
    lines
}

impl App {
    /// Moves in the details of the selected machine.
    pub(super) fn details_step(&mut self, by: isize) {
        let Some((_, machine)) = self.selected() else { return };
        let mut details = self.details.clone();
        // As far as it went: beyond that the keys would have to come back first.
        details.scroll = details.scroll.min(u16::try_from(self.visible.scroll).unwrap_or(u16::MAX));
        let by = if self.tab == Tab::Log { by.saturating_neg() } else { by };
        details.step(
            self.tab,
            by,
            machine.disks.as_deref().unwrap_or_default(),
            machine.properties.as_deref().unwrap_or_default(),
        );
        self.details = details;
    }

    /// What happened to a machine in this run, oldest first.
    pub fn log_of(&self, host: &HostId, vm: &VmId) -> Vec<LogLine> {
        log(self.tasks.iter().filter(|t| t.host == *host && t.vm.as_ref() == Some(vm) && !t.title.is_empty()))
    }
}
