//! What of a host is on the screen, and when that is to be asked for again.
use super::guarded::instant;
use crate::domain::{Figures, Focus, VmId};
use std::time::Duration;
use tokio::time::Instant;

/// What is passed by on the way to another row is not asked for: the selection rests this long first.
const REST: Duration = Duration::from_millis(80);

pub(super) struct Shown {
    pub(super) vms: Vec<VmId>,
    /// Whether figures of the host's own machine are.
    pub(super) node: bool,
    pub(super) selected: Option<Focus>,
    /// When the selection has rested.
    pub(super) details_at: Option<Instant>,
    every: Duration,
    next: Instant,
    /// The figures that were told last.
    told: Vec<(VmId, Figures)>,
}

impl Shown {
    /// Nothing yet; figures are asked for once in `every`.
    pub(super) fn new(every: Duration) -> Self {
        Self {
            vms: Vec::new(),
            node: false,
            selected: None,
            details_at: None,
            every,
            next: instant(),
            told: Vec::new(),
        }
    }

    /// Something else is shown; whether the figures of the host's own machine are since now.
    pub(super) fn take(&mut self, vms: Vec<VmId>, node: bool, selected: Option<Focus>) -> bool {
        self.vms = vms;
        // What was told of machines that left the screen is told again when they come back.
        self.told.retain(|(vm, _)| self.vms.contains(vm));
        if self.selected != selected {
            self.selected = selected;
            self.details_at = Some(instant() + REST);
        }
        !std::mem::replace(&mut self.node, node) && node
    }

    /// When figures are to be asked for; None: none are shown.
    pub(super) fn figures_at(&self) -> Option<Instant> {
        (self.node || !self.vms.is_empty()).then_some(self.next)
    }

    /// They are asked for at once.
    pub(super) fn is_due(&mut self) {
        self.next = instant();
    }

    pub(super) fn were_asked(&mut self) {
        self.next = instant() + self.every;
    }

    /// Takes figures that are about to be told; false: they were told already.
    pub(super) fn is_news(&mut self, figures: &[(VmId, Figures)]) -> bool {
        let is_news = self.told != figures;
        if is_news {
            self.told = figures.to_vec();
        }
        is_news
    }

    /// The connection is gone, and with it what was told.
    pub(super) fn forget(&mut self) {
        self.told.clear();
    }
}
