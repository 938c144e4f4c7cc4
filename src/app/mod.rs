//! The state and its one transition function. Nothing here reads the clock, the network or the terminal.
mod actions;
mod details;
pub mod dialog;
mod effect;
mod hosts;
mod images;
mod link_log;
mod listing;
mod look_ahead;
mod machine;
mod message;
mod names;
mod nodes;
mod notices;
mod refusal;
mod screen;
mod series;
mod settings;
mod shown;
mod tasks;
mod text_field;
mod title;
mod update;
mod watch;

use actions::{Draft, Move};
pub use details::{Details, LogLine};
use dialog::Dialog;
pub use effect::Effect;
pub use hosts::{HostState, Hosts};
pub use images::{Entry, ImageRow, Library};
pub use link_log::{LinkLine, LinkLog};
pub use listing::{Column, Listing, RowId};
use look_ahead::Ahead;
pub use look_ahead::Sight;
pub use machine::Machine;
pub use message::{Message, Visible};
pub use nodes::{NodeColumn, NodeRow};
pub use notices::{Notice, Notices};
pub use screen::{Overlay, Screen, Tab};
pub use series::{Series, Usage};
pub use settings::Settings;
pub use shown::settle;
pub use tasks::Tasks;
pub use text_field::TextField;
pub use title::Title;
use watch::Watched;

use crate::{
    domain::{Host, HostId, Stamp},
    input::Scope,
};

/// Everything that the screens show. It has one owner and changes in [`App::update`] alone.
#[derive(Debug)]
pub struct App {
    pub settings: Settings,
    pub hosts: Hosts,
    pub listing: Listing,
    pub nodes: Listing<NodeRow, NodeColumn>,
    pub tasks: Tasks,
    pub notices: Notices,
    pub screen: Screen,
    /// What lies over the screen: help, a story, a host's details.
    pub overlay: Option<Overlay>,
    /// The question or form that takes the keys.
    pub dialog: Option<Dialog>,
    /// The tab of the details.
    pub tab: Tab,
    /// Whether the details were opened: over the table where the screen is narrow.
    pub details_open: bool,
    /// What is selected in them.
    pub details: Details,
    /// The selected machine, once a part of the time of graphs was over since it was selected.
    graphed: Option<RowId>,
    /// That part.
    graphed_in: u64,
    /// The part of the time of graphs that it is now.
    part: u64,
    /// What the images screen shows.
    pub library: Library,
    /// The row of the hosts screen.
    pub host_row: usize,
    /// The program should end.
    pub quit: bool,
    /// Columns and rows of the terminal; (0, 0) until known.
    pub size: (u16, u16),
    /// The questions of hosts that were put to the person.
    asked: Vec<(HostId, u64)>,
    /// A description that is being changed.
    draft: Option<Draft>,
    /// Machines on their way to another host.
    moves: Vec<Move>,
    /// The last look at the address in a fetch form.
    ahead: Option<Ahead>,
    now: Stamp,
    changed: bool,
    visible: Visible,
    watched: Vec<Watched>,
}

impl App {
    pub fn new(settings: Settings, hosts: Vec<Host>) -> Self {
        let mut app = Self {
            settings,
            hosts: Hosts::new(hosts),
            listing: Listing::default(),
            nodes: Listing::default(),
            tasks: Tasks::default(),
            notices: Notices::default(),
            screen: Screen::Machines,
            overlay: None,
            dialog: None,
            tab: Tab::default(),
            details_open: false,
            details: Details::default(),
            graphed: None,
            graphed_in: 0,
            part: 0,
            library: Library::default(),
            host_row: 0,
            quit: false,
            size: (0, 0),
            asked: Vec::new(),
            draft: None,
            moves: Vec::new(),
            ahead: None,
            now: Stamp::default(),
            changed: true,
            visible: Visible::default(),
            watched: Vec::new(),
        };
        app.listing.rebuild(&app.hosts);
        app
    }

    /// What time it is: the runtime says so before each batch of messages.
    pub fn set_now(&mut self, now: Stamp) {
        // Times of day and ages are shown in minutes: a new minute may show.
        if self.now.0 / 60_000 != now.0 / 60_000 {
            self.changed = true;
        }
        self.now = now;
        self.part = series::part(now, self.settings.graphs);
    }

    pub const fn now(&self) -> Stamp {
        self.now
    }

    /// Whether anything visible changed since this was last asked.
    pub const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }

    /// Whether something on the screen moves with time alone, so that [`Message::Tick`] is wanted once a second.
    pub fn is_moving(&self) -> bool {
        self.tasks.running().next().is_some() || self.hosts.iter().any(HostState::waits)
    }

    /// The scopes that take keys now, innermost first.
    pub fn scopes(&self) -> &'static [Scope] {
        if let Some(dialog) = &self.dialog {
            return dialog.scopes();
        }
        if self.overlay.is_some() {
            return &[Scope::List, Scope::Global];
        }
        if self.typed_filter().is_some() { &[Scope::Filter] } else { self.screen_scopes() }
    }

    /// The scopes of the screen, whatever lies over it.
    pub const fn screen_scopes(&self) -> &'static [Scope] {
        match self.screen {
            Screen::Machines => &[Scope::Machines, Scope::List, Scope::Global],
            Screen::Images => &[Scope::Images, Scope::List, Scope::Global],
            Screen::Tasks => &[Scope::Tasks, Scope::List, Scope::Global],
            Screen::Hosts => &[Scope::Hosts, Scope::List, Scope::Global],
            Screen::Nodes => &[Scope::Nodes, Scope::List, Scope::Global],
        }
    }

    /// The filter of the screen, while it is typed.
    pub fn typed_filter(&self) -> Option<&TextField> {
        match self.screen {
            Screen::Machines => self.listing.typing.then_some(&self.listing.filter),
            Screen::Nodes => self.nodes.typing.then_some(&self.nodes.filter),
            _ => None,
        }
    }

    /// The machine of the selected row, with its host.
    pub fn selected(&self) -> Option<(&HostState, &Machine)> {
        let (host, vm) = self.listing.selected()?;
        let host = self.hosts.get(host)?;
        Some((host, host.machine(vm)?))
    }

    /// The host that an action without a machine is about: that of the selected row or of the screen, else the first.
    pub fn target_host(&self) -> Option<&HostState> {
        match self.screen {
            Screen::Hosts => self.hosts.at(self.host_row),
            Screen::Images => self.image_host(),
            Screen::Nodes => self.node_host(),
            // Where there are no machines, the first thing to do is to set a host up.
            _ => self.selected().map(|(host, _)| host).or_else(|| self.not_set_up()).or_else(|| self.hosts.at(0)),
        }
    }

    /// The first host that is there and lacks what machines need.
    pub fn not_set_up(&self) -> Option<&HostState> {
        self.hosts.iter().find(|h| h.capabilities().is_some_and(|c| c.is_set_up == Some(false)))
    }

    /// Whether graphs belong to the details: where those were opened, or where the selection rests. On the way from one
    /// machine to the next they would be sent with each key.
    pub const fn shows_graphs(&self) -> bool {
        self.details_open || self.graphed.is_some()
    }

    /// Whether a host is not to be asked for machines that a person only passes by.
    fn is_wary(&self, host: &HostId) -> bool {
        self.hosts.get(host).is_some_and(|host| host.is_wary)
    }

    /// What stands where disks or settings are not known yet.
    pub fn unread(&self, host: &HostState, what: &str) -> String {
        match host.is_wary && !self.details_open {
            true => format!("{} reads {what}", self.settings.keymap.first(crate::input::Action::Details)),
            false => format!("reading {what}"),
        }
    }

    /// Whether the details of the selected machine or node are on the screen.
    pub const fn shows_details(&self) -> bool {
        matches!(self.screen, Screen::Machines | Screen::Nodes)
            && (self.details_open || self.size.0 == 0 || self.size.0 >= SIDE_BY_SIDE)
    }
}

/// From this many columns on the details stand beside the table.
pub const SIDE_BY_SIDE: u16 = 110;
