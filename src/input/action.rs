//! Every action: what it is called, where it is live, which keys it has, what it does and which operation it needs.
use crate::domain::Op;

/// Where a binding is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everywhere but in dialogs and text fields.
    Global,
    /// In every list, page and pane that can be moved in.
    List,
    Machines,
    Images,
    Tasks,
    Hosts,
    Nodes,
    /// While a filter is typed.
    Filter,
    /// A question with a yes and a no, or a choice from a list.
    Dialog,
    /// A form or a prompt: printable keys belong to its fields.
    Form,
}

impl Scope {
    /// Its heading on the help page and in the documentation.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::List => "Moving",
            Self::Machines => "Machines",
            Self::Images => "Images",
            Self::Tasks => "Tasks",
            Self::Hosts => "Hosts",
            Self::Nodes => "Nodes",
            Self::Filter => "Typing a filter",
            Self::Dialog => "Questions and choices",
            Self::Form => "Forms",
        }
    }

    /// Whether both can be live at once, so that a key may stand in one of them only.
    pub fn meets(self, other: Self) -> bool {
        let wide = |s| matches!(s, Self::Global | Self::List);
        let closed = |s| matches!(s, Self::Filter | Self::Dialog | Self::Form);
        self == other || ((wide(self) && !closed(other)) || (wide(other) && !closed(self)))
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    pub action: Action,
    /// Its name in the configuration: `power-off`.
    pub name: &'static str,
    pub scope: Scope,
    /// The keys it has where the configuration does not say otherwise.
    pub keys: &'static [&'static str],
    /// One or two words for the footer; empty: it is not shown there.
    pub label: &'static str,
    /// One line for the help page.
    pub help: &'static str,
    /// The operation that the host must offer.
    pub requires: Option<Op>,
}

macro_rules! bindings {
    ($($scope:ident: { $($action:ident $name:literal [$($key:literal),*] $label:literal $help:literal
                         $(requires $op:ident)?;)* })*) => {
        /// What a person can ask for. Each variant is one row of [`BINDINGS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $help] $action,)*)* }

        /// Every action, in the order of the help page.
        pub const BINDINGS: &[Binding] = &[$($(Binding {
            action: Action::$action,
            name: $name,
            scope: Scope::$scope,
            keys: &[$($key),*],
            label: $label,
            help: $help,
            requires: bindings!(@op $($op)?),
        },)*)*];
    };
    (@op) => { None };
    (@op $op:ident) => { Some(Op::$op) };
}

bindings! {
    Machines: {
        Start "start" ["s"] "start" "Start the machine" requires Start;
        ShutDown "shut-down" ["S"] "shut down" "Ask the guest to shut down" requires ShutDown;
        Pause "pause" ["p"] "pause" "Pause the machine, or resume it" requires Pause;
        Console "console" ["c"] "console" "Attach to the serial console" requires OpenConsole;
        GrowDisk "grow-disk" ["+"] "grow disk" "Grow a disk of the machine" requires ResizeDisk;
        NewMachine "new-machine" ["n"] "new" "Create a machine" requires Create;
        Install "install" ["i"] "install" "Start the machine from an image" requires Install;
        Edit "edit" ["e"] "edit" "Change the machine's settings" requires SetProperty;
        EditDescription "edit-description" ["v"] "" "Edit the machine's whole description in $EDITOR" requires Define;
        Filter "filter" ["/"] "filter" "Show only the machines that match what is typed";
        Details "details" ["enter"] "details" "Open the machine's details";
        AddDisk "add-disk" ["a"] "add disk" "Add a disk to the machine" requires AddDisk;
        RemoveDisk "remove-disk" ["-"] "" "Remove a disk from the machine" requires RemoveDisk;
        InsertImage "insert-image" ["I"] "" "Put an image into the machine's CD drive" requires InsertImage;
        EjectImage "eject-image" ["E"] "" "Take the image out of the CD drive" requires EjectImage;
        PowerOff "power-off" ["X"] "power off" "Power off without asking the guest" requires PowerOff;
        Reset "reset" ["R"] "reset" "Reset without asking the guest" requires Reset;
        Delete "delete" ["D"] "delete" "Delete the machine" requires Delete;
        Snapshots "snapshots" ["z"] "" "Take a snapshot, go back to one, remove one" requires ListSnapshots;
        Save "save" ["w"] "" "Stop the machine with its memory kept for the next start" requires Save;
        Reboot "reboot" ["b"] "" "Ask the guest to restart" requires Reboot;
        Rename "rename" ["M"] "" "Rename the machine" requires Rename;
        Clone "clone" ["C"] "" "Make a copy of the machine, with its disks" requires Clone;
        Migrate "migrate" ["m"] "" "Move the running machine to another host" requires Migrate;
        Fetch "fetch" ["f"] "fetch" "Fetch an image to the machine's host" requires FetchImage;
        Sort "sort" ["o"] "sort" "Sort by the next column";
        SortReverse "sort-reverse" ["O"] "" "Sort the other way round";
        NextTab "next-tab" ["tab"] "" "Next tab of the details";
        PreviousTab "previous-tab" ["shift-tab"] "" "Previous tab of the details";
        CopyAddress "copy-address" ["y"] "" "Copy the address of the machine's screen (VNC)";
        SetUpHere "set-up" ["U"] "" "Install what the host lacks to run machines" requires SetUp;
    }
    Images: {
        ImageFetch "image-fetch" ["f"] "fetch" "Fetch an image to this host" requires FetchImage;
        ImageAgain "image-again" ["R"] "again" "Go on with a fetch that was interrupted, or begin it anew" requires FetchImage;
        ImagePause "image-pause" ["p"] "pause" "Let a fetch rest, to go on with it later" requires PauseFetch;
        ImageCancel "image-cancel" ["x"] "cancel" "Stop a fetch, or put away one that came to nothing";
        ImageStory "image-story" ["enter"] "" "Show all of an image, or all that happened to a fetch";
        ImageRename "image-rename" ["m"] "rename" "Rename the image" requires RenameImage;
        ImageRemove "image-remove" ["D"] "remove" "Remove the image" requires RemoveImage;
        ImageInstall "image-install" ["i"] "install" "Create a machine with the image in its drive, or as its disk" requires Create;
        ImageCopy "image-copy" ["y"] "copy path" "Copy the path of the image";
        ImageHistory "image-history" ["h"] "history" "Show the fetches that have ended" requires ListFetches;
        ImageHost "image-host" ["tab"] "next host" "Show the images of the next host";
    }
    Tasks: {
        TaskStory "task-story" ["enter"] "story" "Show all that happened";
        TaskCancel "task-cancel" ["x"] "cancel" "Cancel the task";
        TaskClear "task-clear" ["C"] "clear ended" "Forget the tasks that have ended";
    }
    Hosts: {
        HostDetails "host-details" ["enter"] "details" "Show what the host offers, and why not the rest";
        HostReconnect "host-reconnect" ["r"] "reconnect" "Try the connection again now";
        HostSetUp "host-set-up" ["U", "I"] "set up" "Install what the host lacks to run machines" requires SetUp;
    }
    Nodes: {
        NodeDetails "node-details" ["enter"] "details" "Open the node's details";
        NodeEdit "node-edit" ["e"] "edit" "Change the node's record" requires UpdateNode;
        NodeConfig "node-config" ["c"] "config" "Set a key of the node's configuration, or drop it" requires SetConfig;
        NodeSubnet "node-subnet" ["b"] "subnet" "Attach a subnet, or change its bridge" requires SetSubnet;
        NodeDetach "node-detach" ["-"] "detach" "Take a subnet off the node" requires RemoveSubnet;
        NodeAdd "node-add" ["n"] "new" "Add a node" requires AddNode;
        NodeRemove "node-remove" ["D"] "remove" "Remove the node's record" requires RemoveNode;
        NodeFilter "node-filter" ["/"] "filter" "Show only the nodes that match what is typed";
        NodeSort "node-sort" ["o"] "sort" "Sort by the next column";
        NodeSortReverse "node-sort-reverse" ["O"] "" "Sort the other way round";
    }
    List: {
        Down "down" ["j", "down"] "" "Move down";
        Up "up" ["k", "up"] "" "Move up";
        PageDown "page-down" ["pgdn"] "" "Move a page down";
        PageUp "page-up" ["pgup"] "" "Move a page up";
        Top "top" ["home"] "" "Go to the first";
        Bottom "bottom" ["end"] "" "Go to the last";
        Back "back" ["esc"] "" "Close what is open, drop the filter, put away the last result";
    }
    Global: {
        Help "help" ["?"] "help" "Show or hide this page";
        Machines "machines" ["1"] "machines" "Show the machines";
        Images "images" ["2"] "images" "Show the images";
        Tasks "tasks" ["3"] "tasks" "Show the tasks";
        Hosts "hosts" ["4"] "hosts" "Show the hosts";
        Nodes "nodes" ["5"] "nodes" "Show the hypervisors of hosts that keep many";
        Refresh "refresh" ["ctrl-r"] "" "Read all hosts again now";
        Redraw "redraw" ["ctrl-l"] "" "Draw the whole screen again";
        Suspend "suspend" ["ctrl-z"] "" "Leave vmdeck standing and go back to the shell";
        Quit "quit" ["q", "ctrl-c"] "quit" "Quit; machines and fetches go on";
    }
    Filter: {
        FilterKeep "filter-keep" ["enter"] "keep" "Keep the filter and go back to the list";
        FilterDrop "filter-drop" ["esc"] "drop" "Drop the filter";
        FilterDown "filter-down" ["down"] "" "Next machine that matches";
        FilterUp "filter-up" ["up"] "" "Previous machine that matches";
    }
    Dialog: {
        Yes "yes" ["y"] "yes" "Do it";
        No "no" ["n", "esc"] "no" "Leave it";
        Choose "choose" ["enter"] "choose" "Take what is marked";
        EditAgain "edit-again" ["e"] "" "Edit the text again, before it is sent";
        Next "next" ["down", "right", "tab", "j"] "" "Next choice";
        Previous "previous" ["up", "left", "shift-tab", "k"] "" "Previous choice";
    }
    Form: {
        Accept "accept" ["enter"] "accept" "Take what is filled in";
        Leave "leave" ["esc"] "leave" "Leave the form; a changed one asks first";
        NextField "next-field" ["down", "tab"] "" "Next field";
        PreviousField "previous-field" ["up", "shift-tab"] "" "Previous field";
        NextChoice "next-choice" ["right"] "" "Next choice of the field";
        PreviousChoice "previous-choice" ["left"] "" "Previous choice of the field";
        FirstChoice "first-choice" ["home"] "" "First choice of the field or of the list";
        LastChoice "last-choice" ["end"] "" "Last choice of the field or of the list";
    }
}

impl Action {
    /// Its row.
    pub fn binding(self) -> &'static Binding {
        const FIRST: &Binding = match BINDINGS.first() {
            Some(row) => row,
            None => panic!("the table is not empty"),
        };
        BINDINGS.get(self as usize).unwrap_or(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_finds_its_own_row_and_no_name_stands_twice() {
        for (i, row) in BINDINGS.iter().enumerate() {
            assert_eq!(row.action.binding().name, row.name);
            assert!(!BINDINGS[..i].iter().any(|b| b.name == row.name), "{} stands twice", row.name);
            assert!(row.help.len() <= 62, "{}: too long for the help page", row.name);
        }
    }
}
