//! A host that has QEMU, and not what makes disks: many distributions pack it apart.
use crate::support::qemu::World;
use std::{os::unix::fs::symlink, time::Duration};
use vmdeck::{
    app::{Effect, Message},
    backend::qemu::{Qemu, Settings},
    domain::{Capabilities, ErrorKind, HostEvent, Link, Op, Request, SizeChange, TaskId},
    runtime::{Hosts, Policy},
    transport::find_program,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_qemu_img_is_not_set_up_until_it_comes() {
    let world = World::new();
    let vm = world.make("web", false).await;
    let tool = world.path("qemu-img");
    let settings = Settings { qemu_img: Some(tool.clone()), ..world.settings() };
    let (mut hosts, mut inbox) = Hosts::new();
    hosts.add("local".into(), Qemu::new(settings), Policy::default());
    let mut next = async || tokio::time::timeout(Duration::from_secs(30), inbox.recv()).await.unwrap().unwrap();
    let told = |found: &Capabilities| {
        let why = |op| found.check(op).err().map(str::to_owned);
        (found.is_set_up, why(Op::Create), why(Op::Start))
    };
    let up = loop {
        if let Message::Host(_, HostEvent::Link(Link::Up(found))) = next().await {
            break found;
        }
    };
    let why = "qemu-img is missing: set up this host";
    assert_eq!(told(&up), (Some(false), Some(why.to_owned()), None));
    // What can be done for some machines and disks is offered, and refused for the others.
    let size = "+1M".parse::<SizeChange>().unwrap();
    let disk = [("size".to_owned(), "1M".to_owned())].into();
    let grow = Request::ResizeDisk { vm: vm.clone(), disk: "disk0".into(), size };
    for (number, request) in [grow, Request::AddDisk { vm, values: disk }].into_iter().enumerate() {
        let task = TaskId(u64::try_from(number).unwrap());
        assert!(hosts.execute(Effect::Call { host: "local".into(), task, request }).is_none());
        let error = loop {
            if let Message::TaskEnded(_, result) = next().await {
                break result.unwrap_err();
            }
        };
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Conflict, why));
    }
    symlink(find_program("qemu-img").unwrap(), &tool).unwrap();
    let now = loop {
        if let Message::Host(_, HostEvent::Capabilities(now)) = next().await
            && now.is_set_up == Some(true)
        {
            break now;
        }
    };
    assert_eq!(told(&now), (Some(true), None, None));
    hosts.stop().await;
}
