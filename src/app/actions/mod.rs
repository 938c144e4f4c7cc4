//! What each action does, a file for each family.
mod dialogs;
mod hosts;
mod navigate;
mod power;
mod tasks;
mod view;

use super::{App, Effect};
use crate::input::Action;

impl App {
    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        self.changed |= self.notices.dismiss();
        if let Some(why) = self.refusal(action) {
            self.say(&why);
            return Vec::new();
        }
        match action {
            Action::Quit => self.quit = true,
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Refresh => return self.refresh_all(),
            Action::Down | Action::FilterDown => self.step(1),
            Action::Up | Action::FilterUp => self.step(-1),
            Action::PageDown => self.step(self.page()),
            Action::PageUp => self.step(-self.page()),
            Action::Top => self.step(isize::MIN),
            Action::Bottom => self.step(isize::MAX),
            Action::Back => self.back(),
            Action::Help
            | Action::Machines
            | Action::Images
            | Action::Tasks
            | Action::Hosts
            | Action::Details
            | Action::NextTab
            | Action::PreviousTab
            | Action::Sort
            | Action::SortReverse
            | Action::Filter
            | Action::FilterKeep
            | Action::FilterDrop => self.view(action),
            Action::Start
            | Action::ShutDown
            | Action::PowerOff
            | Action::Reset
            | Action::Pause
            | Action::Delete
            | Action::EjectImage
            | Action::Console
            | Action::CopyAddress => return self.power(action),
            Action::TaskCancel | Action::TaskStory | Action::TaskClear => return self.task_action(action),
            Action::HostDetails | Action::HostReconnect | Action::HostSetUp | Action::SetUpHere => {
                return self.host_action(action);
            }
            _ => {}
        }
        Vec::new()
    }
}
