//! A backend of whichever product behind one pointer: what serves hosts is compiled once, not once for each product.
use super::{Backend, Call, Console, EventSink, Prepared, dispatch, prepare};
use crate::domain::{
    Capabilities, Disk, Expect, Figures, Inventory, Node, NodeId, NodeReport, Property, Reply, Request, Result, Secret,
    Verdict, Vm, VmId,
};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// What is asked of a [`Backend`] whose product is not known; the words are those of its traits.
pub trait AnyBackend: Send + Sync {
    fn connect(&self, events: EventSink) -> BoxFuture<'_, Result<Capabilities>>;
    fn inventory(&self, quick: bool) -> BoxFuture<'_, Result<Inventory>>;
    fn figures<'a>(&'a self, vms: &'a [VmId]) -> BoxFuture<'a, Result<Vec<(VmId, Figures)>>>;
    fn find<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vm>>;
    fn disks<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vec<Disk>>>;
    fn properties<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vec<Property>>>;
    fn node<'a>(&'a self, node: &'a NodeId) -> BoxFuture<'a, Result<NodeReport>>;
    fn own_node(&self) -> BoxFuture<'_, Result<Option<Node>>>;
    fn open_console<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Console>>;
    fn look<'a>(&'a self, expect: &'a Expect) -> BoxFuture<'a, Verdict>;
    fn answer(&self, question: u64, answer: Option<Secret>) -> BoxFuture<'_, ()>;
    fn prepare(&self, request: Request) -> BoxFuture<'_, Result<Prepared>>;
    fn dispatch<'a>(&'a self, prepared: &'a Prepared, call: Call) -> BoxFuture<'a, Result<Reply>>;
}

/// `backend`, its product forgotten.
pub fn any(backend: impl Backend) -> Arc<dyn AnyBackend> {
    Arc::new(Erased(backend))
}

struct Erased<B>(B);

// Each call begins inside its own future: a panic in it is one of the future.
impl<B: Backend> AnyBackend for Erased<B> {
    fn connect(&self, events: EventSink) -> BoxFuture<'_, Result<Capabilities>> {
        Box::pin(async move { self.0.connect(events).await })
    }

    fn inventory(&self, quick: bool) -> BoxFuture<'_, Result<Inventory>> {
        Box::pin(async move { self.0.inventory(quick).await })
    }

    fn figures<'a>(&'a self, vms: &'a [VmId]) -> BoxFuture<'a, Result<Vec<(VmId, Figures)>>> {
        Box::pin(async move { self.0.figures(vms).await })
    }

    fn find<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vm>> {
        Box::pin(async move { self.0.find(vm).await })
    }

    fn disks<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vec<Disk>>> {
        Box::pin(async move { self.0.disks(vm).await })
    }

    fn properties<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Vec<Property>>> {
        Box::pin(async move { self.0.properties(vm).await })
    }

    fn node<'a>(&'a self, node: &'a NodeId) -> BoxFuture<'a, Result<NodeReport>> {
        Box::pin(async move { self.0.node(node).await })
    }

    fn own_node(&self) -> BoxFuture<'_, Result<Option<Node>>> {
        Box::pin(async move { self.0.own_node().await })
    }

    fn open_console<'a>(&'a self, vm: &'a VmId) -> BoxFuture<'a, Result<Console>> {
        Box::pin(async move { self.0.open_console(vm).await })
    }

    fn look<'a>(&'a self, expect: &'a Expect) -> BoxFuture<'a, Verdict> {
        Box::pin(async move { self.0.look(expect).await })
    }

    fn answer(&self, question: u64, answer: Option<Secret>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.answer(question, answer).await })
    }

    fn prepare(&self, request: Request) -> BoxFuture<'_, Result<Prepared>> {
        Box::pin(async move { prepare(&self.0, request).await })
    }

    fn dispatch<'a>(&'a self, prepared: &'a Prepared, call: Call) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move { dispatch(&self.0, prepared, call).await })
    }
}
