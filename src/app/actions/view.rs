use crate::{
    app::{App, Overlay, Screen},
    input::Action,
};

impl App {
    /// Actions that change what is shown, and nothing else.
    pub(super) fn view(&mut self, action: Action) {
        self.changed = true;
        match action {
            Action::Help => {
                let is_help = matches!(self.overlay, Some(Overlay::Help { .. }));
                self.overlay = (!is_help).then_some(Overlay::Help { scroll: 0 });
            }
            Action::Machines => self.show(Screen::Machines),
            Action::Images => self.show(Screen::Images),
            Action::Tasks => self.show(Screen::Tasks),
            Action::Hosts => self.show(Screen::Hosts),
            Action::Nodes => self.show(Screen::Nodes),
            Action::Details | Action::NodeDetails => self.details_open = !self.details_open,
            Action::NextTab => self.tab = self.tab.next(),
            Action::PreviousTab => self.tab = self.tab.previous(),
            Action::Sort => {
                self.listing.sort_by_next(self.hosts.len() < 2);
                self.refilter();
            }
            Action::SortReverse => {
                self.listing.reverse = !self.listing.reverse;
                self.refilter();
            }
            Action::NodeSort => {
                self.nodes.sort_by_next(self.hosts.iter().filter(|host| host.keeps_nodes()).count() < 2);
                self.refilter();
            }
            Action::NodeSortReverse => {
                self.nodes.reverse = !self.nodes.reverse;
                self.refilter();
            }
            Action::Filter => self.listing.typing = true,
            Action::NodeFilter => self.nodes.typing = true,
            Action::FilterKeep => (self.listing.typing, self.nodes.typing) = (false, false),
            Action::FilterDrop => self.drop_filter(),
            _ => {}
        }
    }

    fn show(&mut self, screen: Screen) {
        if screen == Screen::Tasks && !self.on(Screen::Tasks) {
            self.tasks.select_told();
        }
        self.screen = screen;
        self.overlay = None;
    }

    fn drop_filter(&mut self) {
        if self.on(Screen::Nodes) {
            self.nodes.typing = false;
            self.nodes.filter = "".into();
        } else {
            self.listing.typing = false;
            self.listing.filter = "".into();
        }
        self.refilter();
    }

    /// Closes the innermost thing that is open.
    pub(super) fn back(&mut self) {
        self.changed = true;
        if self.overlay.take().is_some() {
            return;
        }
        if self.on(Screen::Machines) || self.on(Screen::Nodes) {
            if std::mem::take(&mut self.details_open) {
                return;
            }
            let filter = if self.on(Screen::Nodes) { &self.nodes.filter } else { &self.listing.filter };
            if !filter.is_empty() {
                return self.drop_filter();
            }
        }
        if !self.tasks.dismiss() {
            self.screen = Screen::Machines;
        }
    }
}
