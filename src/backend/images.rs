use super::{Call, unsupported};
use crate::domain::{Fetches, Image, Op, Prospect, Result};
use std::future::Future;

/// The library of installation images.
pub trait Images {
    /// Requires [`Op::ListImages`]. Whole images only: what is still being fetched is a task.
    fn images(&self) -> impl Future<Output = Result<Vec<Image>>> + Send {
        unsupported(Op::ListImages)
    }

    /// Requires [`Op::ProbeImage`]. Asks what an address holds; nothing is fetched. What is no image is refused.
    fn probe_image(&self, _url: &str) -> impl Future<Output = Result<Prospect>> + Send {
        unsupported(Op::ProbeImage)
    }

    /// Requires [`Op::FetchImage`]. Returns when the host has the image, whole and under its name; reports progress
    /// until then. When `call` is cancelled, ends with `ErrorKind::Cancelled` and leaves nothing that looks whole.
    fn fetch_image(&self, _url: &str, _name: Option<&str>, _call: Call) -> impl Future<Output = Result<Image>> + Send {
        unsupported(Op::FetchImage)
    }

    /// Requires [`Op::PauseFetch`]. Asks a fetch, whoever began it, to rest; [`Images::fetch_image`] with the same
    /// address goes on with it.
    fn pause_fetch(&self, _image: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::PauseFetch)
    }

    /// Requires [`Op::CancelFetch`]. Ends a fetch, whoever began it, and leaves nothing of it; one that was interrupted
    /// is thrown away. Returns when it has ended.
    fn cancel_fetch(&self, _image: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::CancelFetch)
    }

    /// Requires [`Op::ResumeFetch`]. As [`Images::fetch_image`], for a fetch that was begun, whoever did: it is gone on
    /// with, or followed where it is under way.
    fn resume_fetch(&self, _image: &str, _call: Call) -> impl Future<Output = Result<Image>> + Send {
        unsupported(Op::ResumeFetch)
    }

    /// Requires [`Op::ListFetches`]. The fetches of the host, whoever began them.
    fn fetches(&self) -> impl Future<Output = Result<Fetches>> + Send {
        unsupported(Op::ListFetches)
    }

    /// Requires [`Op::RenameImage`]. Refused while a machine has it in its drive, and when the new name is taken.
    fn rename_image(&self, _image: &str, _name: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RenameImage)
    }

    /// Requires [`Op::RemoveImage`]. Refused while a machine has it in its drive.
    fn remove_image(&self, _image: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RemoveImage)
    }
}
