//! What iohyve's library has under the name of an image of ours whose copy was begun, as far as is known here.
use super::command::Shell;
use crate::{domain::Result, transport::at};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// How much of a file is looked at where it begins, and where it ends.
const BLOCK: u64 = 64 << 10;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As long as ours, with the same begin and end.
    Whole,
    /// Shorter, and so far the same.
    Part,
    /// Somebody else's.
    Other,
    /// Its file cannot be found.
    Unseen,
}

impl Shell {
    /// Compares what the library has under this name with the file that iohyve was to copy.
    pub(super) async fn standing(&self, name: &str, ours: &Path) -> Result<Standing> {
        let Some(path) = self.path_in_library(name).await? else { return Ok(Standing::Unseen) };
        let Some(there) = self.size_of(&path).await? else { return Ok(Standing::Unseen) };
        let file = File::open(ours).map_err(at(ours))?;
        let size = file.metadata().map_err(at(ours))?.len();
        if there > size {
            return Ok(Standing::Other);
        }
        let mut blocks = vec![0, there.saturating_sub(1) / BLOCK];
        blocks.dedup();
        for block in blocks.into_iter().filter(|_| there > 0) {
            let begin = block * BLOCK;
            let mut wanted = vec![0; usize::try_from(BLOCK.min(there - begin)).unwrap_or_default()];
            file.read_exact_at(&mut wanted, begin).map_err(at(ours))?;
            let (from, skip) = (format!("if={path}"), format!("skip={block}"));
            let read = self.other(&["dd", &from, &format!("bs={BLOCK}"), &skip, "count=1"]).await?;
            if !read.is_success() {
                return Ok(Standing::Unseen);
            }
            // It may have grown meanwhile.
            if !read.stdout.starts_with(&wanted) {
                return Ok(Standing::Other);
            }
        }
        Ok(if there == size { Standing::Whole } else { Standing::Part })
    }
}
