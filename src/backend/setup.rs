use super::{Call, unsupported};
use crate::domain::{FieldSpec, Op, Result, SetupReport, Values};
use std::future::{Future, ready};

/// What a host needs before machines can run.
///
/// A host that becomes ready says so with [`crate::domain::HostEvent::Capabilities`], whoever made it ready: this
/// program, a person at the host (seen at the next full [`super::Backend::inventory`] at the latest), or another client.
pub trait Setup {
    /// Requires [`Op::CheckSetup`]. Only reads.
    fn check_setup(&self) -> impl Future<Output = Result<SetupReport>> + Send {
        unsupported(Op::CheckSetup)
    }

    /// What must be decided before [`Setup::set_up`]; the fields of [`SetupReport::fields`]. Empty: nothing.
    fn set_up_form(&self) -> impl Future<Output = Result<Vec<FieldSpec>>> + Send {
        ready(Ok(Vec::new()))
    }

    /// Requires [`Op::SetUp`]. Installs what is missing; the person was asked already. `values` fit the form.
    fn set_up(&self, _values: &Values, _call: Call) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetUp)
    }
}
