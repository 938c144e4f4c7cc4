use super::unsupported;
use crate::domain::{Op, Property, Result, VmId};
use std::future::Future;

/// The settings of a machine.
pub trait Properties {
    /// Requires [`Op::ListProperties`]. With values that wait for the next start told apart from what it has now.
    fn properties(&self, _vm: &VmId) -> impl Future<Output = Result<Vec<Property>>> + Send {
        unsupported(Op::ListProperties)
    }

    /// Requires [`Op::SetProperty`]. `value` is checked against the property's own rule already.
    fn set_property(&self, _vm: &VmId, _name: &str, _value: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetProperty)
    }
}
