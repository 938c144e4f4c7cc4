//! What each action does, a file for each family.
mod create;
mod delete;
mod description;
mod dialogs;
mod disks;
mod hosts;
mod images;
mod install;
mod migrate;
mod navigate;
mod nodes;
mod power;
mod properties;
mod setup;
mod snapshots;
mod tasks;
mod view;

pub(super) use description::Draft;
pub(super) use migrate::Move;

use super::{App, Effect, Tab};
use crate::input::Action;

impl App {
    /// Actions that open a dialog, and those on images.
    fn ask_more(&mut self, action: Action) -> Vec<Effect> {
        self.changed = true;
        match action {
            Action::GrowDisk => self.grow_disk(),
            Action::AddDisk => self.add_disk(),
            Action::RemoveDisk => self.remove_disk(),
            Action::NewMachine => self.new_machine(),
            Action::Delete => self.delete(),
            Action::Install => self.install(),
            Action::InsertImage => self.insert_image(),
            Action::EjectImage => self.eject_image(),
            Action::Edit => self.edit(),
            Action::EditDescription => self.edit_description(),
            Action::Migrate => self.migrate(),
            Action::Snapshots => self.snapshots(),
            Action::Rename | Action::Clone => self.name_machine(action),
            Action::Fetch => self.fetch(),
            Action::ImageFetch => self.image_fetch(),
            Action::ImageCancel => self.image_cancel(),
            Action::ImageAgain => self.image_again(),
            Action::ImagePause => self.image_pause(),
            Action::ImageStory => self.image_story(),
            Action::ImageHistory => self.image_history(),
            Action::ImageRename => self.image_rename(),
            Action::ImageRemove => self.image_remove(),
            Action::ImageInstall => self.image_install(),
            Action::ImageCopy => self.image_copy(),
            Action::NodeAdd => self.node_add(),
            Action::NodeEdit => self.node_edit(),
            Action::NodeConfig => self.node_config(),
            Action::NodeSubnet => self.node_subnet(),
            Action::NodeDetach => self.node_detach(),
            Action::NodeRemove => self.node_remove(),
            Action::ImageHost => {
                self.image_next_host();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn act(&mut self, action: Action) -> Vec<Effect> {
        self.changed |= self.notices.dismiss();
        if let Some(why) = self.refusal(action) {
            self.say(&why);
            return Vec::new();
        }
        match action {
            Action::Quit => self.quit = true,
            Action::Redraw => return vec![Effect::Redraw],
            Action::Details if self.details_open && self.tab == Tab::Properties => return self.act(Action::Edit),
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
            | Action::Nodes
            | Action::Details
            | Action::NodeDetails
            | Action::NodeFilter
            | Action::NodeSort
            | Action::NodeSortReverse
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
            | Action::Reboot
            | Action::Save
            | Action::Pause
            | Action::Console
            | Action::CopyAddress => return self.power(action),
            Action::TaskCancel | Action::TaskStory | Action::TaskClear => return self.task_action(action),
            Action::HostDetails | Action::HostReconnect | Action::HostSetUp | Action::SetUpHere => {
                return self.host_action(action);
            }
            action => return self.ask_more(action),
        }
        Vec::new()
    }
}
