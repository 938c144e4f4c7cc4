use super::{Call, unsupported};
use crate::domain::{Op, Result, SetupReport};
use std::future::Future;

/// What a host needs before machines can run.
pub trait Setup {
    /// Requires [`Op::CheckSetup`]. Only reads.
    fn check_setup(&self) -> impl Future<Output = Result<SetupReport>> + Send {
        unsupported(Op::CheckSetup)
    }

    /// Requires [`Op::SetUp`]. Installs what is missing; the person was asked already.
    fn set_up(&self, _call: Call) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetUp)
    }
}
