use super::unsupported;
use crate::domain::{FieldSpec, Node, NodeId, NodeReport, Op, Result, Values};
use std::future::{Future, ready};

/// The physical machines behind a host. Their list is part of [`super::Backend::inventory`].
pub trait Nodes {
    /// The one physical machine behind the host as it is now: its load, its memory, what its storage still holds. Called
    /// about once a second while a person sees that, so it must be cheap. None: the list alone tells.
    fn own_node(&self) -> impl Future<Output = Result<Option<Node>>> + Send {
        ready(Ok(None))
    }

    /// Requires [`Op::ShowNode`]. One node with all that hangs on it; `NotFound` when there is none.
    fn node(&self, _node: &NodeId) -> impl Future<Output = Result<NodeReport>> + Send {
        unsupported(Op::ShowNode)
    }

    /// Requires [`Op::AddNode`] for a new node (None), [`Op::UpdateNode`] for one that is there: then the defaults are
    /// what stands there now. The field `id`, which a new node alone has, is what it will be called.
    fn node_form(&self, _node: Option<&NodeId>) -> impl Future<Output = Result<Vec<FieldSpec>>> + Send {
        unsupported(Op::UpdateNode)
    }

    /// Requires [`Op::AddNode`]. `values` are checked against [`Nodes::node_form`] already, and whole.
    fn add_node(&self, _values: &Values) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::AddNode)
    }

    /// Requires [`Op::UpdateNode`]. `before` and `values` are whole and checked; where they are equal nothing may change.
    /// `Conflict` when somebody else was faster.
    fn update_node(&self, _: &NodeId, _before: &Values, _values: &Values) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::UpdateNode)
    }

    /// Requires [`Op::RemoveNode`]. `Conflict` that names the guests, where it still has some.
    fn remove_node(&self, _node: &NodeId) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RemoveNode)
    }

    /// Requires [`Op::SetConfig`]. The key is checked already, and so is that `before` stood there a moment ago (empty: no
    /// such key; None: whatever stands there); an empty value drops the key.
    fn set_config(
        &self,
        _: &NodeId,
        _key: &str,
        _before: Option<&str>,
        _value: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetConfig)
    }

    /// Requires [`Op::SetSubnet`]. All words are checked already; `before` as in [`Nodes::set_config`].
    fn set_subnet(
        &self,
        _: &NodeId,
        _subnet: &str,
        _before: Option<&str>,
        _bridge: &str,
    ) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::SetSubnet)
    }

    /// Requires [`Op::RemoveSubnet`].
    fn remove_subnet(&self, _: &NodeId, _subnet: &str) -> impl Future<Output = Result<()>> + Send {
        unsupported(Op::RemoveSubnet)
    }
}
