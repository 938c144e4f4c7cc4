//! What a request has brought about, in words.
use super::{Reply, Request, ResizePlan, clean, clean_line};

impl Request {
    /// What is true once it was done, as a sentence: `web1 is running`. `reply` adds what only the host knows.
    pub fn done(&self, reply: Option<&Reply>) -> String {
        match reply {
            // Everything is in these: `web1 disk0: 20 → 30 GiB, read back 30 GiB`.
            Some(reply @ (Reply::Resized { .. } | Reply::Fetched(_))) => reply.sentence().unwrap_or_default(),
            Some(reply @ Reply::DiskAdded(_)) => format!("{}: {}", self.target(), reply.sentence().unwrap_or_default()),
            Some(Reply::Taken(told)) => format!("{}: {}", self.title(), clean_line(told)),
            // It says when that is so.
            Some(Reply::Remark(remark)) if matches!(self, Self::SetProperty { .. }) => {
                format!("{} {}", self.alone(), clean_line(remark))
            }
            // Where its disks are.
            Some(Reply::Remark(remark)) if matches!(self, Self::Delete { .. }) => {
                format!("{} deleted; {}", self.target(), clean_line(remark))
            }
            Some(Reply::Remark(remark)) => format!("{}: {}", self.alone(), clean_line(remark)),
            _ => self.alone(),
        }
    }

    fn alone(&self) -> String {
        let target = self.target();
        match self {
            Self::Start(_) => format!("{target} is running"),
            Self::Resume(_) => format!("{target} is running again"),
            Self::Pause(_) => format!("{target} is paused"),
            Self::ShutDown(_) | Self::PowerOff(_) => format!("{target} is off"),
            Self::Reset(_) => format!("{target} was reset"),
            Self::Reboot(_) => format!("{target} was asked to restart"),
            Self::Save(_) => format!("{target} is off, its memory kept: a start goes on from there"),
            Self::Rename { name, .. } => format!("{target} is now {}", clean_line(name)),
            Self::Clone { name, .. } => format!("{} is a copy of {target}", clean_line(name)),
            Self::TakeSnapshot { name, .. } => format!("{target}: snapshot {} taken", clean_line(name)),
            Self::RemoveSnapshot { snapshot, .. } => format!("{target}: snapshot {} removed", clean_line(snapshot)),
            Self::Migrate { to, .. } => format!("{target} has gone to {}", clean_line(to)),
            Self::Define { .. } => format!("{target} is defined anew"),
            Self::Create { .. } => format!("{target} created"),
            Self::Delete { keep_disks: true, .. } => format!("{target} deleted, the files of its disks kept"),
            Self::Delete { .. } => format!("{target} deleted, with its disks"),
            Self::Install { image, .. } => format!("{target} is running, with {} in its drive", clean_line(image)),
            Self::InsertImage { image, .. } => format!("{} is in the drive of {target}", clean_line(image)),
            Self::EjectImage { .. } => format!("the drive of {target} is empty"),
            Self::AddDisk { .. } => format!("{target} has a new disk"),
            Self::ResizeDisk { disk, .. } => format!("{disk} of {target} has grown"),
            Self::RemoveDisk { disk, delete: true, .. } => format!("{target}: {disk} removed, with its file"),
            Self::RemoveDisk { disk, .. } => format!("{target}: {disk} removed, its file kept"),
            Self::SetProperty { name, value, .. } => {
                let value = clean(value, 60);
                let value = if value.is_empty() { "empty".into() } else { value };
                format!("{target}: {} is {value}", clean_line(name))
            }
            Self::FetchImage { .. } | Self::ResumeFetch { .. } => format!("{target} fetched"),
            Self::RenameImage { image, name } => format!("{} is now {}", clean_line(image), clean_line(name)),
            Self::RemoveImage { .. } | Self::RemoveNode(_) => format!("{target} removed"),
            Self::AddNode { .. } => format!("{target} added"),
            Self::UpdateNode { values, .. } if values.is_empty() => format!("{target} is as it was"),
            Self::UpdateNode { .. } => format!("{target} changed"),
            Self::RevertSnapshot { .. }
            | Self::SetConfig { .. }
            | Self::SetSubnet { .. }
            | Self::RemoveSubnet { .. } => self.expects().to_string(),
            Self::SetUp { .. } => "set up: machines can run here".to_owned(),
            _ => format!("{}: done", self.title()),
        }
    }
}

impl Reply {
    /// The outcome in words, where there is more to tell than that it is done.
    pub fn sentence(&self) -> Option<String> {
        match self {
            Self::Resized { vm, disk, plan } => Some(format!("{vm} {disk}: {}", grown(*plan))),
            Self::DiskAdded(disk) => Some(format!("{disk} added")),
            Self::Fetched(image) => {
                let size = image.size.map(|s| format!(", {s}")).unwrap_or_default();
                Some(format!("{} fetched{size}", clean_line(&image.name)))
            }
            Self::GoesOn(job) => Some(format!("the host goes on with {job}")),
            Self::Remark(text) | Self::Taken(text) => Some(clean_line(text).into_owned()),
            _ => None,
        }
    }
}

/// `20 → 30 GiB, read back 30 GiB`; both with their units where one unit does not suit both.
fn grown(ResizePlan { from, to }: ResizePlan) -> String {
    let [from, to] = from.told_apart(to);
    let before = match (from.split_once(' '), to.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => number,
        _ => &from,
    };
    format!("{before} → {to}, read back {to}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ByteSize, Verdict};

    #[test]
    fn a_growth_is_told_in_one_unit_where_it_suits_both_sizes() {
        let grown = |from, to| grown(ResizePlan { from: ByteSize(from), to: ByteSize(to) });
        assert_eq!(grown(20 << 30, 30 << 30), "20 → 30 GiB, read back 30 GiB");
        assert_eq!(grown(10 << 20, 20 << 30), "10 MiB → 20 GiB, read back 20 GiB");
        assert_eq!(grown(1 << 30, 3 << 29), "1 → 1.5 GiB, read back 1.5 GiB");
        assert_eq!(grown(3 << 39, (3 << 39) + (1 << 30)), "1536 → 1537 GiB, read back 1537 GiB");
    }

    #[test]
    fn what_was_done_is_told_as_it_is_now() {
        let vm = || "web1".into();
        for (request, wanted) in [
            (Request::Start(vm()), "web1 is running"),
            (Request::PowerOff(vm()), "web1 is off"),
            (Request::Create { values: [("name".to_owned(), "web1".to_owned())].into() }, "web1 created"),
            (Request::Delete { vm: vm(), keep_disks: true }, "web1 deleted, the files of its disks kept"),
            (Request::EjectImage { vm: vm() }, "the drive of web1 is empty"),
            (
                Request::SetProperty { vm: vm(), name: "description".into(), value: String::new() },
                "web1: description is empty",
            ),
        ] {
            assert_eq!(request.done(Some(&Reply::Done)), wanted);
        }
        let kept = Reply::Remark("its disks are in /data/disks/web1".to_owned());
        let delete = Request::Delete { vm: vm(), keep_disks: true };
        assert_eq!(delete.done(Some(&kept)), "web1 deleted; its disks are in /data/disks/web1");
        let set = Request::SetProperty { vm: vm(), name: "memory".into(), value: "1G".into() };
        let Verdict::Met(reply) = Verdict::set(Some("512M")) else { panic!() };
        assert_eq!(set.done(reply.as_ref()), "web1: memory is 1G at the next start; until then it is 512M");
        let add = Request::AddDisk { vm: vm(), values: crate::domain::Values::default() };
        assert_eq!(add.done(Some(&Reply::DiskAdded("disk1".into()))), "web1: disk1 added");
    }
}
