use super::{DiskId, Expect, NodeExpect, NodeId, Op, PowerState, SizeChange, SnapshotState, Values, VmId};

/// An operation with its arguments: data, so that a test can compare it and a log can hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    List,
    Show(VmId),
    Start(VmId),
    ShutDown(VmId),
    PowerOff(VmId),
    Reset(VmId),
    Reboot(VmId),
    Pause(VmId),
    Resume(VmId),
    Save(VmId),
    /// `to`: the address by which the host reaches the other one. `copy_disks`: they are on storage that only this host
    /// sees.
    Migrate {
        vm: VmId,
        to: String,
        copy_disks: bool,
    },
    /// `values` answer the fields of [`Request::Form`] for [`Op::Create`].
    Create {
        values: Values,
    },
    Rename {
        vm: VmId,
        name: String,
    },
    /// `name`: what the copy will be called.
    Clone {
        vm: VmId,
        name: String,
    },
    Delete {
        vm: VmId,
        keep_disks: bool,
    },
    /// `image`: a name from the host's library.
    Install {
        vm: VmId,
        image: String,
    },
    InsertImage {
        vm: VmId,
        image: String,
    },
    EjectImage {
        vm: VmId,
    },
    ListDisks(VmId),
    /// `values` answer the fields of [`Request::Form`] for [`Op::AddDisk`].
    AddDisk {
        vm: VmId,
        values: Values,
    },
    ResizeDisk {
        vm: VmId,
        disk: DiskId,
        size: SizeChange,
    },
    /// With `delete`, its file goes too.
    RemoveDisk {
        vm: VmId,
        disk: DiskId,
        delete: bool,
    },
    ListSnapshots(VmId),
    TakeSnapshot {
        vm: VmId,
        name: String,
    },
    RevertSnapshot {
        vm: VmId,
        snapshot: String,
    },
    RemoveSnapshot {
        vm: VmId,
        snapshot: String,
    },
    ListProperties(VmId),
    SetProperty {
        vm: VmId,
        name: String,
        value: String,
    },
    /// All that the host keeps of it, in the host's own format.
    ShowDescription(VmId),
    /// Whether `text` could be defined in the place of `before`: nothing is changed. Part of [`Op::Define`].
    CheckDescription {
        vm: VmId,
        before: String,
        text: String,
    },
    /// `before`: the description that was edited, so that nobody else's change is lost; None: whatever stands there.
    Define {
        vm: VmId,
        before: Option<String>,
        text: String,
    },
    OpenConsole(VmId),
    ListImages,
    ProbeImage {
        url: String,
    },
    /// `name`: what to call it; None: what the address says.
    FetchImage {
        url: String,
        name: Option<String>,
    },
    /// `image`: what it will be called.
    PauseFetch {
        image: String,
    },
    CancelFetch {
        image: String,
    },
    /// Goes on with it, or follows it where it is under way.
    ResumeFetch {
        image: String,
    },
    ListFetches,
    RenameImage {
        image: String,
        name: String,
    },
    RemoveImage {
        image: String,
    },
    ListNodes,
    ShowNode(NodeId),
    /// `values` answer the fields of [`Request::NodeForm`].
    AddNode {
        values: Values,
    },
    /// `values` answer the fields of [`Request::NodeForm`], all or some; `before` is what stood there when they were
    /// chosen, empty where nobody looked.
    UpdateNode {
        node: NodeId,
        before: Values,
        values: Values,
    },
    RemoveNode(NodeId),
    /// An empty `value` drops the key; `before` is what stood there when it was chosen, empty where there was none; None:
    /// nobody looked.
    SetConfig {
        node: NodeId,
        key: String,
        before: Option<String>,
        value: String,
    },
    /// `before` as in [`Request::SetConfig`].
    SetSubnet {
        node: NodeId,
        subnet: String,
        before: Option<String>,
        bridge: String,
    },
    RemoveSubnet {
        node: NodeId,
        subnet: String,
    },
    CheckSetup,
    /// `values` answer the fields of [`super::SetupReport::fields`].
    SetUp {
        values: Values,
    },
    /// The fields of a new node (None), or of one that is there, with what stands in them now. Part of
    /// [`Op::AddNode`] and [`Op::UpdateNode`].
    NodeForm(Option<NodeId>),
    /// The fields that `op` asks for, with the host's choices and defaults. Part of `op`: it needs that capability.
    Form {
        op: Op,
        vm: Option<VmId>,
    },
}

impl Request {
    /// The operation whose capability this needs.
    pub const fn op(&self) -> Op {
        match self {
            Self::List => Op::List,
            Self::Show(_) => Op::Show,
            Self::Start(_) => Op::Start,
            Self::ShutDown(_) => Op::ShutDown,
            Self::PowerOff(_) => Op::PowerOff,
            Self::Reset(_) => Op::Reset,
            Self::Reboot(_) => Op::Reboot,
            Self::Pause(_) => Op::Pause,
            Self::Resume(_) => Op::Resume,
            Self::Save(_) => Op::Save,
            Self::Migrate { .. } => Op::Migrate,
            Self::Create { .. } => Op::Create,
            Self::Rename { .. } => Op::Rename,
            Self::Clone { .. } => Op::Clone,
            Self::Delete { .. } => Op::Delete,
            Self::Install { .. } => Op::Install,
            Self::InsertImage { .. } => Op::InsertImage,
            Self::EjectImage { .. } => Op::EjectImage,
            Self::ListDisks(_) => Op::ListDisks,
            Self::AddDisk { .. } => Op::AddDisk,
            Self::ResizeDisk { .. } => Op::ResizeDisk,
            Self::RemoveDisk { .. } => Op::RemoveDisk,
            Self::ListSnapshots(_) => Op::ListSnapshots,
            Self::TakeSnapshot { .. } => Op::TakeSnapshot,
            Self::RevertSnapshot { .. } => Op::RevertSnapshot,
            Self::RemoveSnapshot { .. } => Op::RemoveSnapshot,
            Self::ListProperties(_) => Op::ListProperties,
            Self::SetProperty { .. } => Op::SetProperty,
            Self::ShowDescription(_) => Op::ShowDescription,
            Self::CheckDescription { .. } | Self::Define { .. } => Op::Define,
            Self::OpenConsole(_) => Op::OpenConsole,
            Self::ListImages => Op::ListImages,
            Self::ProbeImage { .. } => Op::ProbeImage,
            Self::FetchImage { .. } => Op::FetchImage,
            Self::PauseFetch { .. } => Op::PauseFetch,
            Self::CancelFetch { .. } => Op::CancelFetch,
            Self::ResumeFetch { .. } => Op::ResumeFetch,
            Self::ListFetches => Op::ListFetches,
            Self::RenameImage { .. } => Op::RenameImage,
            Self::RemoveImage { .. } => Op::RemoveImage,
            Self::ListNodes => Op::ListNodes,
            Self::ShowNode(_) => Op::ShowNode,
            Self::AddNode { .. } | Self::NodeForm(None) => Op::AddNode,
            Self::UpdateNode { .. } | Self::NodeForm(Some(_)) => Op::UpdateNode,
            Self::RemoveNode(_) => Op::RemoveNode,
            Self::SetConfig { .. } => Op::SetConfig,
            Self::SetSubnet { .. } => Op::SetSubnet,
            Self::RemoveSubnet { .. } => Op::RemoveSubnet,
            Self::CheckSetup => Op::CheckSetup,
            Self::SetUp { .. } => Op::SetUp,
            Self::Form { op, .. } => *op,
        }
    }

    /// Whether it brings an image.
    pub const fn is_fetch(&self) -> bool {
        matches!(self, Self::FetchImage { .. } | Self::ResumeFetch { .. })
    }

    /// Whether it changes something: then it is sent once, and its outcome is looked at.
    pub fn is_change(&self) -> bool {
        let only_reads = matches!(self, Self::Form { .. } | Self::NodeForm(_) | Self::CheckDescription { .. });
        !only_reads && self.op().is_change()
    }

    /// The machine it is about.
    pub const fn vm(&self) -> Option<&VmId> {
        match self {
            Self::Show(vm)
            | Self::Start(vm)
            | Self::ShutDown(vm)
            | Self::PowerOff(vm)
            | Self::Reset(vm)
            | Self::Reboot(vm)
            | Self::Pause(vm)
            | Self::Resume(vm)
            | Self::Save(vm)
            | Self::Migrate { vm, .. }
            | Self::Rename { vm, .. }
            | Self::Clone { vm, .. }
            | Self::Delete { vm, .. }
            | Self::Install { vm, .. }
            | Self::InsertImage { vm, .. }
            | Self::EjectImage { vm }
            | Self::ListDisks(vm)
            | Self::AddDisk { vm, .. }
            | Self::ResizeDisk { vm, .. }
            | Self::RemoveDisk { vm, .. }
            | Self::ListSnapshots(vm)
            | Self::TakeSnapshot { vm, .. }
            | Self::RevertSnapshot { vm, .. }
            | Self::RemoveSnapshot { vm, .. }
            | Self::ListProperties(vm)
            | Self::SetProperty { vm, .. }
            | Self::ShowDescription(vm)
            | Self::CheckDescription { vm, .. }
            | Self::Define { vm, .. }
            | Self::OpenConsole(vm) => Some(vm),
            Self::Form { vm, .. } => vm.as_ref(),
            _ => None,
        }
    }

    /// The physical machine it is about.
    pub const fn node(&self) -> Option<&NodeId> {
        match self {
            Self::ShowNode(node)
            | Self::UpdateNode { node, .. }
            | Self::RemoveNode(node)
            | Self::SetConfig { node, .. }
            | Self::SetSubnet { node, .. }
            | Self::RemoveSubnet { node, .. }
            | Self::NodeForm(Some(node)) => Some(node),
            _ => None,
        }
    }

    /// What should be true afterwards, as far as the request alone tells. The rest is known only
    /// once the host was read: see `backend::prepare`.
    pub fn expects(&self) -> Expect {
        let power = |vm: &VmId, state| Expect::Power { vm: vm.clone(), state };
        let snapshot =
            |vm: &VmId, name: &str, state| Expect::Snapshot { vm: vm.clone(), snapshot: name.to_owned(), state };
        match self {
            Self::Start(vm) | Self::Resume(vm) | Self::Install { vm, .. } => power(vm, PowerState::Running),
            Self::ShutDown(vm) | Self::PowerOff(vm) | Self::Save(vm) => power(vm, PowerState::Off),
            Self::Pause(vm) => power(vm, PowerState::Paused),
            Self::Migrate { vm, .. } => Expect::Left(vm.clone()),
            Self::Define { vm, before, text } => {
                Expect::Defined { vm: vm.clone(), before: before.clone(), text: text.clone() }
            }
            Self::Create { values } => Expect::Present(values.get("name").cloned().unwrap_or_default().into()),
            Self::Rename { name, .. } | Self::Clone { name, .. } => Expect::Present(name.as_str().into()),
            Self::Delete { vm, .. } => Expect::Gone(vm.clone()),
            Self::TakeSnapshot { vm, name } => snapshot(vm, name, SnapshotState::There),
            Self::RevertSnapshot { vm, snapshot: name } => snapshot(vm, name, SnapshotState::Current),
            Self::RemoveSnapshot { vm, snapshot: name } => snapshot(vm, name, SnapshotState::Gone),
            Self::InsertImage { vm, image } => Expect::Medium { vm: vm.clone(), image: Some(image.clone()) },
            Self::EjectImage { vm } => Expect::Medium { vm: vm.clone(), image: None },
            Self::RemoveDisk { vm, disk, .. } => Expect::DiskGone { vm: vm.clone(), disk: disk.clone() },
            Self::SetProperty { vm, name, value } => {
                Expect::PropertyIs { vm: vm.clone(), name: name.clone(), value: value.clone() }
            }
            Self::RenameImage { name, .. } => Expect::ImagePresent(name.clone()),
            Self::RemoveImage { image } => Expect::ImageGone(image.clone()),
            // What a new node is called is known once its fields were filled: see `backend::prepare`.
            Self::RemoveNode(node) => Expect::Node(NodeExpect::Gone(node.clone())),
            Self::SetConfig { node, key, value, .. } => {
                Expect::Node(NodeExpect::Config { node: node.clone(), key: key.clone(), value: value.clone() })
            }
            Self::SetSubnet { node, subnet, bridge, .. } => {
                let bridge = Some(bridge.clone());
                Expect::Node(NodeExpect::Subnet { node: node.clone(), subnet: subnet.clone(), bridge })
            }
            Self::RemoveSubnet { node, subnet } => {
                Expect::Node(NodeExpect::Subnet { node: node.clone(), subnet: subnet.clone(), bridge: None })
            }
            Self::SetUp { .. } => Expect::Ready,
            _ => Expect::Nothing,
        }
    }
}
