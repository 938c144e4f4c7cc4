use crate::app::{App, Screen};

impl App {
    /// Rows of a page: what the terminal shows without its frame.
    pub(in crate::app) fn page(&self) -> isize {
        isize::try_from(self.size.1.saturating_sub(8).max(1)).unwrap_or(10)
    }

    /// Moves the selection of what is on the screen, or scrolls what lies over it.
    pub(in crate::app) fn step(&mut self, by: isize) {
        self.changed = true;
        if let Some(overlay) = &mut self.overlay {
            let scroll = overlay.scroll_mut();
            // What is beyond the end is drawn as the end, and is no way back.
            *scroll = (*scroll).min(self.visible.scroll).saturating_add_signed(by);
            return;
        }
        match self.screen {
            Screen::Machines if self.details_open => self.details_step(by),
            Screen::Nodes if self.details_open => {
                let from = usize::from(self.details.scroll).min(self.visible.scroll);
                let to = from.saturating_add_signed(by);
                self.details.scroll = u16::try_from(to).unwrap_or(u16::MAX);
            }
            Screen::Nodes => self.nodes.step(by),
            Screen::Machines => self.listing.step(by),
            Screen::Tasks => self.tasks.step(by),
            Screen::Hosts => {
                self.host_row = self.host_row.saturating_add_signed(by).min(self.hosts.len().saturating_sub(1));
            }
            Screen::Images => self.image_step(by),
        }
    }
}
