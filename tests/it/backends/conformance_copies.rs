//! What every backend that offers them must do with snapshots, names and copies of a machine.
use super::conformance::{Check, vm};
use vmdeck::{
    backend::Backend,
    domain::{ErrorKind, Op, Reply, Request, Snapshot, VmId},
};

async fn listed<B: Backend>(check: &Check<B>) -> Vec<Snapshot> {
    match check.good(Request::ListSnapshots(vm())).await {
        Reply::Snapshots(all) => all,
        other => panic!("{other:?}"),
    }
}

/// The machine is off.
pub(super) async fn snapshots<B: Backend>(check: &Check<B>) {
    let take = |name: &str| Request::TakeSnapshot { vm: vm(), name: name.to_owned() };
    let revert = |name: &str| Request::RevertSnapshot { vm: vm(), snapshot: name.to_owned() };
    let remove = |name: &str| Request::RemoveSnapshot { vm: vm(), snapshot: name.to_owned() };
    assert_eq!(listed(check).await, []);
    check.good(take("first")).await;
    check.bad(take("first"), ErrorKind::Conflict).await;
    check.bad(take("-second"), ErrorKind::Invalid).await;
    check.bad(take("a@b"), ErrorKind::Invalid).await;
    let all = listed(check).await;
    assert_eq!(all.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["first"]);
    check.good(revert("first")).await;
    check.bad(revert("second"), ErrorKind::NotFound).await;
    check.bad(remove("second"), ErrorKind::NotFound).await;
    check.good(remove("first")).await;
    assert_eq!(listed(check).await, []);
}

/// The machine is off, and called as before afterwards.
pub(super) async fn names<B: Backend>(check: &Check<B>) {
    let rename = |from: &str, to: &str| Request::Rename { vm: from.into(), name: to.to_owned() };
    check.bad(rename("conform", "conform"), ErrorKind::Conflict).await;
    check.bad(rename("conform", "-x"), ErrorKind::Invalid).await;
    check.good(rename("conform", "mrofnoc")).await;
    check.bad(Request::Show(vm()), ErrorKind::NotFound).await;
    check.good(rename("mrofnoc", "conform")).await;
}

/// The machine is off.
pub(super) async fn copies<B: Backend>(check: &Check<B>) {
    let clone = || Request::Clone { vm: vm(), name: "twin".to_owned() };
    check.good(clone()).await;
    check.bad(clone(), ErrorKind::Conflict).await;
    check.good(Request::Show(vm())).await;
    if check.capabilities.ops.contains(Op::Delete) {
        let keep_disks = check.capabilities.keeps_disks.unwrap_or(false);
        check.good(Request::Delete { vm: VmId::from("twin"), keep_disks }).await;
    }
}
