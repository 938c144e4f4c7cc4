use super::{
    DiskId, Expect, NodeExpect, NodeId, Op, PowerState, SizeChange, Values, VmId, clean_line, unpacked_name, wishes,
};

/// An operation with its arguments: data, so that a test can compare it and a log can hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    List,
    Show(VmId),
    Start(VmId),
    ShutDown(VmId),
    PowerOff(VmId),
    Reset(VmId),
    Pause(VmId),
    Resume(VmId),
    /// `to`: the address by which the host reaches the other one.
    Migrate {
        vm: VmId,
        to: String,
    },
    /// `values` answer the fields of [`Request::Form`] for [`Op::Create`].
    Create {
        values: Values,
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
    /// An empty `value` drops the key.
    SetConfig {
        node: NodeId,
        key: String,
        value: String,
    },
    SetSubnet {
        node: NodeId,
        subnet: String,
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
            Self::Pause(_) => Op::Pause,
            Self::Resume(_) => Op::Resume,
            Self::Migrate { .. } => Op::Migrate,
            Self::Create { .. } => Op::Create,
            Self::Delete { .. } => Op::Delete,
            Self::Install { .. } => Op::Install,
            Self::InsertImage { .. } => Op::InsertImage,
            Self::EjectImage { .. } => Op::EjectImage,
            Self::ListDisks(_) => Op::ListDisks,
            Self::AddDisk { .. } => Op::AddDisk,
            Self::ResizeDisk { .. } => Op::ResizeDisk,
            Self::RemoveDisk { .. } => Op::RemoveDisk,
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
            | Self::Pause(vm)
            | Self::Resume(vm)
            | Self::Migrate { vm, .. }
            | Self::Delete { vm, .. }
            | Self::Install { vm, .. }
            | Self::InsertImage { vm, .. }
            | Self::EjectImage { vm }
            | Self::ListDisks(vm)
            | Self::AddDisk { vm, .. }
            | Self::ResizeDisk { vm, .. }
            | Self::RemoveDisk { vm, .. }
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

    /// What it is about, for people: the machine, the image, the new machine's name.
    pub fn target(&self) -> String {
        match self {
            Self::Create { values } => values.get("name").map(|n| clean_line(n).into_owned()).unwrap_or_default(),
            Self::FetchImage { name: Some(name), .. } => clean_line(name).into_owned(),
            Self::FetchImage { url, .. } | Self::ProbeImage { url } => {
                let path = url.split(['?', '#']).next().unwrap_or(url);
                let name = path.rsplit('/').next().unwrap_or(path);
                let unpacked = unpacked_name(name).filter(|_| wishes(url).1.unpack);
                clean_line(unpacked.unwrap_or(name)).into_owned()
            }
            Self::PauseFetch { image }
            | Self::CancelFetch { image }
            | Self::ResumeFetch { image }
            | Self::RenameImage { image, .. }
            | Self::RemoveImage { image } => clean_line(image).into_owned(),
            Self::AddNode { values } => values.get("id").map(|id| clean_line(id).into_owned()).unwrap_or_default(),
            Self::SetSubnet { subnet, .. } | Self::RemoveSubnet { subnet, .. } => clean_line(subnet).into_owned(),
            _ => match (self.vm(), self.node()) {
                (Some(vm), _) => vm.to_string(),
                (None, Some(node)) => node.to_string(),
                (None, None) => String::new(),
            },
        }
    }

    /// What it does, in a few words without the machine's name: `power off`, `grow disk0 by +10 GiB`.
    pub fn verb(&self) -> String {
        match self {
            Self::ResizeDisk { disk, size: SizeChange::To(to), .. } => format!("grow {disk} to {to}"),
            Self::ResizeDisk { disk, size: SizeChange::By(by), .. } => format!("grow {disk} by {by}"),
            Self::RemoveDisk { disk, .. } => format!("remove {disk} from"),
            Self::AddDisk { .. } => "add a disk to".to_owned(),
            Self::SetProperty { name, value, .. } => {
                format!("set {} to {} for", clean_line(name), super::clean(value, 40))
            }
            Self::Install { image, .. } => format!("install from {} on", clean_line(image)),
            Self::InsertImage { image, .. } => format!("insert {} into", clean_line(image)),
            Self::EjectImage { .. } => "eject the image of".to_owned(),
            Self::SetConfig { key, value, .. } if value.is_empty() => format!("drop {} from", clean_line(key)),
            Self::SetConfig { key, value, .. } => {
                format!("set {} to {} for", clean_line(key), super::clean(value, 40))
            }
            Self::SetSubnet { node, bridge, .. } => {
                format!("let {} of {} lead to", clean_line(bridge), clean_line(node.short()))
            }
            Self::RemoveSubnet { node, .. } => format!("detach from {}", clean_line(node.short())),
            Self::CheckDescription { .. } => "check the description of".to_owned(),
            Self::SetUp { .. } => "set up this host".to_owned(),
            Self::CheckSetup => "check this host".to_owned(),
            Self::FetchImage { .. } | Self::ResumeFetch { .. } => "fetch".to_owned(),
            Self::PauseFetch { .. } => "pause the fetch of".to_owned(),
            Self::CancelFetch { .. } => "cancel the fetch of".to_owned(),
            Self::RenameImage { .. } => "rename".to_owned(),
            Self::RemoveImage { .. } => "remove".to_owned(),
            _ => self.op().name().replace('-', " "),
        }
    }

    /// [`Request::verb`] and [`Request::target`]: `power off web1`.
    pub fn title(&self) -> String {
        match self {
            Self::ResizeDisk { vm, disk, size: SizeChange::To(to) } => format!("grow {vm} {disk} to {to}"),
            Self::ResizeDisk { vm, disk, size: SizeChange::By(by) } => format!("grow {vm} {disk} by {by}"),
            Self::Migrate { vm, to } => format!("move {vm} to {}", clean_line(to)),
            _ => format!("{} {}", self.verb(), self.target()).trim_end().to_owned(),
        }
    }

    /// What should be true afterwards, as far as the request alone tells. The rest is known only
    /// once the host was read: see `backend::prepare`.
    pub fn expects(&self) -> Expect {
        let power = |vm: &VmId, state| Expect::Power { vm: vm.clone(), state };
        match self {
            Self::Start(vm) | Self::Resume(vm) | Self::Install { vm, .. } => power(vm, PowerState::Running),
            Self::ShutDown(vm) | Self::PowerOff(vm) => power(vm, PowerState::Off),
            Self::Pause(vm) => power(vm, PowerState::Paused),
            Self::Migrate { vm, .. } => Expect::Left(vm.clone()),
            Self::Define { vm, text, .. } => Expect::Defined { vm: vm.clone(), text: text.clone() },
            Self::Create { values } => Expect::Present(values.get("name").cloned().unwrap_or_default().into()),
            Self::Delete { vm, .. } => Expect::Gone(vm.clone()),
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
            Self::SetConfig { node, key, value } => {
                Expect::Node(NodeExpect::Config { node: node.clone(), key: key.clone(), value: value.clone() })
            }
            Self::SetSubnet { node, subnet, bridge } => {
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
