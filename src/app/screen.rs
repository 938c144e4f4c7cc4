use crate::domain::{HostId, TaskId};

/// What fills the middle of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    #[default]
    Machines,
    Images,
    Tasks,
    Hosts,
    /// The physical machines of hosts that keep many.
    Nodes,
}

/// What lies over the screen until it is closed; `scroll` counts lines from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    Help {
        scroll: usize,
    },
    Story {
        task: TaskId,
        scroll: usize,
    },
    Host {
        host: HostId,
        scroll: usize,
    },
    /// An image of a library.
    Image {
        host: HostId,
        name: String,
        scroll: usize,
    },
    /// The fetches of a host that have ended.
    Past {
        host: HostId,
        scroll: usize,
    },
}

impl Overlay {
    /// The first line shown, counted from the top.
    pub const fn scroll(&self) -> usize {
        match self {
            Self::Help { scroll }
            | Self::Story { scroll, .. }
            | Self::Host { scroll, .. }
            | Self::Image { scroll, .. }
            | Self::Past { scroll, .. } => *scroll,
        }
    }

    pub(super) const fn scroll_mut(&mut self) -> &mut usize {
        match self {
            Self::Help { scroll }
            | Self::Story { scroll, .. }
            | Self::Host { scroll, .. }
            | Self::Image { scroll, .. }
            | Self::Past { scroll, .. } => scroll,
        }
    }
}

/// A page of a machine's details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Overview,
    Disks,
    Properties,
    Log,
}

impl Tab {
    pub const ALL: [Self; 4] = [Self::Overview, Self::Disks, Self::Properties, Self::Log];

    pub const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Disks => "Disks",
            Self::Properties => "Properties",
            Self::Log => "Log",
        }
    }

    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Overview => Self::Disks,
            Self::Disks => Self::Properties,
            Self::Properties => Self::Log,
            Self::Log => Self::Overview,
        }
    }

    #[must_use]
    pub const fn previous(self) -> Self {
        self.next().next().next()
    }
}
