//! A SysAdm server that is lost and comes back, as a task sees it.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, sysadm},
    hosts::Stage,
    qemu::eventually,
};
use vmdeck::{
    app::Message,
    domain::{HostEvent, Image, Link, Reply, Request},
    runtime::{Hosts, Policy},
};

#[tokio::test]
async fn a_download_goes_on_while_its_server_is_lost_and_its_end_is_found_out_afterwards() {
    for (code, ends_while_lost) in [(0, false), (0, true), (1, true)] {
        let server = FakeSysadm::new(Face::Recorded).await;
        server.world().iohyve.holds_fetches = true;
        let (mut hosts, inbox) = Hosts::new();
        hosts.add("bsd1".into(), sysadm(&server.url()), Policy::default());
        let mut stage = Stage::of(hosts, inbox);
        stage.up().await;
        let task = stage.call("bsd1", Request::FetchImage { url: "file:///iso/tiny.iso".to_owned(), name: None });
        eventually("the download has begun", async || !server.world().iohyve.jobs.is_empty()).await;
        let id = server.world().iohyve.jobs.keys().next().unwrap().clone();
        // Its answer has come, so that the task knows the job.
        eventually("the answer is there", async || server.count("fetchiso") == 1).await;
        stage.until(|m| matches!(m, Message::TaskProgress(t, _) if *t == task).then_some(())).await;
        server.cut();
        let end = if ends_while_lost { server.world().iohyve.finish(&id, code) } else { Vec::new() };
        let next_try = |m: &Message| match m {
            Message::Host(_, HostEvent::Link(Link::Down { retry_at, .. })) => Some(retry_at.is_some()),
            _ => None,
        };
        assert!(stage.until(next_try).await, "the next try is told");
        stage.up().await;
        if !ends_while_lost {
            for event in server.world().iohyve.finish(&id, code) {
                server.tell(&event);
            }
        }
        drop(end);
        let result = stage.end(task).await;
        if code == 0 {
            assert_eq!(result.unwrap(), Reply::Fetched(Image::new("tiny.iso")));
        } else {
            assert!(result.unwrap_err().message.contains("fetch: File not found"));
        }
        stage.hosts.stop().await;
    }
}
