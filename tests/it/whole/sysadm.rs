//! A SysAdm server that is lost and comes back, as a task sees it.
use crate::support::{
    fake_iohyve::Face,
    fake_sysadm::{FakeSysadm, Odd, sysadm},
    hosts::{Stage, clock},
    qemu::eventually,
};
use std::time::Duration;
use vmdeck::{
    app::Message,
    domain::{ErrorKind, HostEvent, Image, Link, PowerState, Reply, Request, TaskState},
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
        if ends_while_lost {
            drop(server.world().iohyve.finish(&id, code));
        }
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
        let result = stage.end(task).await;
        if code == 0 {
            assert_eq!(result.unwrap(), Reply::Fetched(Image::new("tiny.iso")));
        } else {
            assert!(result.unwrap_err().message.contains("fetch: File not found"));
        }
        stage.hosts.stop().await;
    }
}

#[tokio::test]
async fn one_change_is_under_way_at_a_time_the_others_wait_where_they_are_seen_and_lists_do_not() {
    for server in [FakeSysadm::new(Face::Recorded).await, FakeSysadm::rest(Face::Documented, None).await] {
        for name in ["web", "db"] {
            server.world().iohyve.add(name, "1G");
        }
        server.world().slow.insert("delete".to_owned(), Duration::from_secs(2));
        let (mut hosts, inbox) = Hosts::new();
        hosts.add("bsd1".into(), sysadm(&server.url()), Policy::default());
        let mut stage = Stage::of(hosts, inbox);
        stage.up().await;
        let delete = stage.call("bsd1", Request::Delete { vm: "web".into(), keep_disks: false });
        let start = stage.call("bsd1", Request::Start("db".into()));
        eventually("the deletion is under way", async || server.count("delete") == 1).await;
        let list = stage.call("bsd1", Request::Show("db".into()));
        stage.end(list).await.unwrap();
        assert_eq!(server.count("start"), 0, "the deletion takes its time");
        assert_eq!(stage.end(delete).await, Ok(Reply::Done));
        assert_eq!(stage.end(start).await, Ok(Reply::Done));
        assert!(matches!(stage.states(start)[..], [TaskState::Queued, TaskState::Running(_), ..]));
        stage.hosts.stop().await;
    }
}

/// A host served by `server`, connected; the clock stands from here on but for what nobody works in.
async fn served(server: &FakeSysadm) -> Stage {
    let (mut hosts, inbox) = Hosts::new();
    hosts.add("bsd1".into(), sysadm(&server.url()), Policy::default());
    let mut stage = Stage::of(hosts, inbox);
    stage.up().await;
    stage.until(|m| matches!(m, Message::Host(_, HostEvent::Inventory(_))).then_some(())).await;
    tokio::time::pause();
    stage
}

#[tokio::test]
async fn an_installation_that_never_answers_ends_by_what_is_seen_and_holds_up_nothing() {
    for begins in [true, false] {
        let server = FakeSysadm::new(Face::Recorded).await;
        for name in ["web", "db"] {
            server.world().iohyve.add(name, "1G");
        }
        server.world().iohyve.isos.push("tiny.iso".into());
        server.world().odd.insert("install".to_owned(), vec![Odd::Silence]);
        let mut stage = served(&server).await;
        let begun = clock();
        let install = stage.call("bsd1", Request::Install { vm: "web".into(), image: "tiny.iso".to_owned() });
        let start = stage.call("bsd1", Request::Start("db".into()));
        eventually("the installation is asked for", async || server.count("install") == 1).await;
        assert_eq!(server.count("start"), 0, "one change at a time");
        server.world().iohyve.guests.get_mut("web").unwrap().is_running = begins;
        server.world().iohyve.guests.get_mut("web").unwrap().is_loaded = begins;
        match (begins, stage.end(install).await) {
            (true, Ok(_)) => assert_eq!(stage.power("web"), Some(PowerState::Running)),
            (false, Err(error)) => {
                assert_eq!(error.kind, ErrorKind::Timeout);
                assert!(error.message.contains("so far it is off"), "{error}");
            }
            (_, other) => panic!("{other:?}"),
        }
        assert!((30..=51).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        stage.end(start).await.unwrap();
        assert_eq!((server.count("install"), server.count("start")), (1, 1));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn sessions_that_end_are_begun_anew_for_an_hour_without_a_break_and_a_changed_password_is_tried_once() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.add("web", "1G");
    let mut stage = served(&server).await;
    stage.seen.clear();
    let before = server.sign_ins();
    for quarter in 1..=4 {
        server.world().is_expired = true;
        server.world().iohyve.guests.get_mut("web").unwrap().is_loaded = quarter % 2 == 1;
        server.world().iohyve.guests.get_mut("web").unwrap().is_running = quarter % 2 == 1;
        stage.pass(Duration::from_secs(15 * 60)).await;
        assert_eq!(server.sign_ins() - before, quarter);
        let power = if quarter % 2 == 1 { PowerState::Running } else { PowerState::Off };
        assert_eq!(stage.power("web"), Some(power), "what happened is seen");
    }
    let links = stage.seen.iter().filter(|m| matches!(m, Message::Host(_, HostEvent::Link(_)))).count();
    assert_eq!(links, 0, "the connection was kept");
    server.world().is_expired = true;
    server.world().password = "changed";
    stage.seen.clear();
    stage.pass(Duration::from_secs(15 * 60)).await;
    assert_eq!(server.sign_ins() - before, 5, "an account is not locked by trying");
    let down = stage.seen.iter().rev().find_map(|m| match m {
        Message::Host(_, HostEvent::Link(Link::Down { error, retry_at })) => Some((error.kind, *retry_at)),
        _ => None,
    });
    assert_eq!(down, Some((ErrorKind::Unauthorized, None)));
}
