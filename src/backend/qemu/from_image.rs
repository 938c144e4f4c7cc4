//! Disks made of images of the library: copied, or as a layer that holds only what changes.
use super::{ImageKind, Local, image_header::backing};
use crate::{
    domain::{ByteSize, Choice, Error, FieldKind, FieldSpec, Progress, Result, clean_line},
    fetch::copy_file,
    transport::{Program, at, free_space},
};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};
use tokio_util::sync::CancellationToken;

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Drive,
    Copy,
    Overlay,
}

/// A disk that begins with what is in an image.
#[derive(Debug)]
pub(super) struct FromImage {
    /// The image's name.
    name: String,
    path: PathBuf,
    kind: ImageKind,
    way: Way,
    /// What makes layers and grows copies, or that it is missing.
    tool: Result<PathBuf>,
    /// None: as large as the image.
    size: Option<ByteSize>,
}

/// The field that says how an image becomes a disk.
pub(super) fn ways(with_drive: bool) -> FieldSpec {
    let mut choices = vec![
        Choice::new("copy", "a disk of its own"),
        Choice::new("overlay", "a layer over the image, which stays as it is"),
    ];
    if with_drive {
        choices.insert(0, Choice::new("auto", "a disk image is copied, others stand in the CD drive"));
        choices.push(Choice::new("drive", "stands in the CD drive"));
    }
    let first = if with_drive { "auto" } else { "copy" };
    FieldSpec::new("how", "How", FieldKind::Choice(choices)).default(first).help("what the image becomes")
}

impl FromImage {
    /// What is to be made of the image, where it becomes a disk; None: it stands in the drive.
    pub(super) fn new(local: &Local, name: &str, how: &str, size: &str) -> Result<Option<Self>> {
        let path = std::path::absolute(local.image_path(name)?).map_err(at(Path::new(name)))?;
        let kind = ImageKind::read(&path);
        let way = match how {
            "copy" => Way::Copy,
            "overlay" => Way::Overlay,
            "drive" => Way::Drive,
            _ if kind.disk_size().is_some() => Way::Copy,
            _ => Way::Drive,
        };
        if way == Way::Drive {
            return Ok(None);
        }
        let size = match size {
            "" => None,
            size => Some(size.parse().map_err(|why| Error::invalid(format_args!("size: {why}")))?),
        };
        let source =
            Self { name: clean_line(name).into_owned(), path, kind, way, tool: local.settings.image_tool(), size };
        source.guard(&source.path, kind)?;
        Ok(Some(source))
    }

    /// Refuses what is no disk, what leads to files of its own choice, and a size that would cut it off.
    fn guard(&self, path: &Path, kind: ImageKind) -> Result<()> {
        let Self { name, size, .. } = self;
        let Some(least) = kind.disk_size() else {
            return Err(Error::invalid(format_args!(
                "image: {name} is no disk image but {}: put it into the CD drive",
                kind.name()
            )));
        };
        if let ImageKind::Qcow2(header) = kind
            && (header.has_backing || header.has_data_file || backing(path).is_some())
        {
            return Err(Error::refused(format_args!(
                "{name} wants the content of another file, which it names itself: such an image becomes no disk here"
            )));
        }
        match size {
            Some(size) if *size < least => Err(Error::invalid(format_args!(
                "size: {size} is smaller than {name}, which has {least}: disks only grow"
            ))),
            _ => Ok(()),
        }
    }

    /// The format of the disk that will be made.
    pub(super) const fn format(&self) -> &'static str {
        match (self.way, self.kind) {
            (Way::Copy, ImageKind::Raw(_)) => "raw",
            _ => "qcow2",
        }
    }

    /// Makes the file of a disk at a `path` where nothing is, whole or not at all.
    pub(super) async fn make(
        &self,
        path: &Path,
        stop: &CancellationToken,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<()> {
        let made = match self.way {
            Way::Overlay => self.lay_over(path).await,
            _ => self.copy(path, stop, progress).await,
        };
        if made.is_err() {
            let _ = fs::remove_file(path);
        }
        made
    }

    async fn lay_over(&self, path: &Path) -> Result<()> {
        let tool = self.tool.clone()?;
        let create = Program::new(tool).args(["create", "-q", "-f", "qcow2", "-F", self.kind.name(), "-b"]);
        let create = create.operand(&self.path)?.operand(path)?;
        let size = self.size.or(self.kind.disk_size()).unwrap_or_default();
        create.arg(whole_sectors(size).to_string()).run().await.map(drop)
    }

    async fn copy(
        &self,
        path: &Path,
        stop: &CancellationToken,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<()> {
        let from = File::open(&self.path).map_err(at(&self.path))?;
        let total = from.metadata().map_err(at(&self.path))?.len();
        let needed = crate::transport::real_size(&from.metadata().map_err(at(&self.path))?);
        if let Some(Ok(free)) = path.parent().map(free_space)
            && needed > free
        {
            return Err(Error::refused(format_args!("{} takes {needed}, and only {free} are free", self.name)));
        }
        let to = File::options().read(true).write(true).create_new(true).open(path).map_err(at(path))?;
        progress(Progress::note(format!("copying {}", self.name)));
        copy_file(from, &to, path, total, stop, &mut progress).await?;
        // What was looked at before could have been exchanged since.
        let kind = match self.kind {
            ImageKind::Raw(_) => ImageKind::Raw(ByteSize(total)),
            _ => ImageKind::read(path),
        };
        self.guard(path, kind)?;
        let (Some(size), Some(has)) = (self.size, kind.disk_size()) else { return Ok(()) };
        let size = whole_sectors(size);
        if size <= has.0 {
            return Ok(());
        }
        if self.format() == "raw" {
            return to.set_len(size).map_err(at(path));
        }
        let tool = self.tool.clone()?;
        let resize = Program::new(tool).args(["resize", "-q", "-f", "qcow2"]).operand(path)?;
        resize.arg(size.to_string()).run().await.map(drop)
    }
}

pub(super) const fn whole_sectors(size: ByteSize) -> u64 {
    match size.0.checked_next_multiple_of(512) {
        Some(size) => size,
        None => size.0,
    }
}
