use super::unsupported;
use crate::domain::{Op, Property, Result, VmId};
use std::future::Future;

/// The settings of a machine, one by one and all at once as the host itself writes them.
pub trait Properties {
    /// Requires [`Op::ListProperties`]. With values that wait for the next start told apart from what it has now.
    fn properties(&self, _vm: &VmId) -> impl Future<Output = Result<Vec<Property>>> + Send {
        unsupported(Op::ListProperties)
    }

    /// Requires [`Op::SetProperty`]. `value` is checked against the property's own rule already.
    fn set_property(&self, _vm: &VmId, _name: &str, _value: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetProperty)
    }

    /// Requires [`Op::ShowDescription`]. What [`Properties::define`] takes: of a running machine what it gets at its
    /// next start, where the host knows that.
    fn description(&self, _vm: &VmId) -> impl Future<Output = Result<String>> + Send {
        unsupported(Op::ShowDescription)
    }

    /// Requires [`Op::Define`]. Whether `text` describes this machine and can be understood; `Conflict` where the
    /// description is not `before` any more. Changes nothing.
    fn check_description(
        &self,
        _vm: &VmId,
        _before: Option<&str>,
        _text: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Define)
    }

    /// Requires [`Op::Define`]. `text` went through [`Properties::check_description`].
    fn define(&self, _vm: &VmId, _text: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::Define)
    }
}
