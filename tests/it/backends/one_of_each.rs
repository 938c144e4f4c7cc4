//! A request for every operation.
use vmdeck::domain::{OPS, Request, Values, VmId};

const SUBNET: &str = "c6430cba-648a-41aa-aee4-b59dacfc790d";

/// A request for every operation but the lists of machines and nodes.
pub(super) fn one_of_each() -> Vec<Request> {
    let vm = || VmId::from("web2");
    let text = || "x".to_owned();
    let requests = vec![
        Request::Show(vm()),
        Request::Start(vm()),
        Request::ShutDown(vm()),
        Request::PowerOff(vm()),
        Request::Reset(vm()),
        Request::Reboot(vm()),
        Request::Pause(vm()),
        Request::Resume(vm()),
        Request::Save(vm()),
        Request::Migrate { vm: vm(), to: text(), copy_disks: false },
        Request::Create { values: Values::new() },
        Request::Rename { vm: vm(), name: text() },
        Request::Clone { vm: vm(), name: text() },
        Request::Delete { vm: vm(), keep_disks: false },
        Request::Install { vm: vm(), image: text() },
        Request::InsertImage { vm: vm(), image: text() },
        Request::EjectImage { vm: vm() },
        Request::ListDisks(vm()),
        Request::AddDisk { vm: vm(), values: Values::new() },
        Request::ResizeDisk { vm: vm(), disk: "disk0".into(), size: "+1G".parse().unwrap() },
        Request::RemoveDisk { vm: vm(), disk: "disk0".into(), delete: true },
        Request::ListSnapshots(vm()),
        Request::TakeSnapshot { vm: vm(), name: text() },
        Request::RevertSnapshot { vm: vm(), snapshot: text() },
        Request::RemoveSnapshot { vm: vm(), snapshot: text() },
        Request::ListProperties(vm()),
        Request::SetProperty { vm: vm(), name: text(), value: text() },
        Request::ShowDescription(vm()),
        Request::Define { vm: vm(), before: None, text: text() },
        Request::OpenConsole(vm()),
        Request::ListImages,
        Request::ProbeImage { url: "https://example.com/x".to_owned() },
        Request::FetchImage { url: "https://example.com/x".to_owned(), name: None },
        Request::PauseFetch { image: text() },
        Request::CancelFetch { image: text() },
        Request::ResumeFetch { image: text() },
        Request::ListFetches,
        Request::RenameImage { image: text(), name: text() },
        Request::RemoveImage { image: text() },
        Request::ShowNode("n1".into()),
        Request::AddNode { values: Values::new() },
        Request::UpdateNode { node: "n1".into(), before: Values::new(), values: [("mac".to_owned(), text())].into() },
        Request::RemoveNode("n1".into()),
        Request::SetConfig { node: "n1".into(), key: text(), before: None, value: text() },
        Request::SetSubnet { node: "n1".into(), subnet: SUBNET.to_owned(), before: None, bridge: text() },
        Request::RemoveSubnet { node: "n1".into(), subnet: SUBNET.to_owned() },
        Request::CheckSetup,
        Request::SetUp { values: Values::new() },
    ];
    assert_eq!(requests.len() + 2, OPS.len());
    requests
}
