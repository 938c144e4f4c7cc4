//! Requests in words: what they are about, and what they do.
use super::{Request, SizeChange, clean_line, unpacked_name, wishes};

impl Request {
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
            Self::RevertSnapshot { snapshot, .. } => format!("go back to {} with", clean_line(snapshot)),
            Self::TakeSnapshot { name, .. } => format!("take snapshot {} of", clean_line(name)),
            Self::RemoveSnapshot { snapshot, .. } => format!("remove snapshot {} of", clean_line(snapshot)),
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
            Self::Migrate { vm, to, .. } => format!("move {vm} to {}", clean_line(to)),
            Self::Rename { vm, name } => format!("rename {vm} to {}", clean_line(name)),
            Self::Clone { vm, name } => format!("clone {vm} as {}", clean_line(name)),
            _ => format!("{} {}", self.verb(), self.target()).trim_end().to_owned(),
        }
    }
}
