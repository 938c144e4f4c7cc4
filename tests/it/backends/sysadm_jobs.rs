//! Downloads on a SysAdm server: their events in any order and number, their ends, and what happens when nobody listens.
use crate::support::{
    fake_iohyve::{Face, event},
    fake_sysadm::{FakeSysadm, sysadm},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use vmdeck::{
    app::{Effect, Message},
    backend::{Backend, Call, Images, sysadm::Sysadm},
    domain::{Error, ErrorKind, HostEvent, Image, Job, Partial, Progress, Request, Result, TaskId, TaskState},
    runtime::{Hosts, Policy},
    transport::Stopwatch,
};

const URL: &str = "file:///iso/tiny.iso";
const LONG: Duration = Duration::from_secs(20);

async fn connected(server: &FakeSysadm) -> (Arc<Sysadm>, mpsc::Receiver<HostEvent>) {
    let sysadm = Arc::new(sysadm(&server.url()));
    let (sink, events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    (sysadm, events)
}

fn fetching(work: &mut JoinSet<Result<Image>>, sysadm: &Arc<Sysadm>, call: Call) {
    let sysadm = sysadm.clone();
    work.spawn(async move { sysadm.fetch_image(URL, None, call).await });
}

/// Waits until the server has begun the download, and tells its name there.
async fn begun(server: &FakeSysadm) -> String {
    let begun = async {
        loop {
            if let Some(id) = server.world().iohyve.jobs.keys().next() {
                break id.clone();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, begun).await.unwrap()
}

async fn ended(work: &mut JoinSet<Result<Image>>) -> Result<Image> {
    timeout(LONG, work.join_next()).await.unwrap().unwrap().unwrap()
}

/// The next end of a job of others.
async fn end_of_job(events: &mut mpsc::Receiver<HostEvent>) -> Job {
    let end = async {
        loop {
            match events.recv().await.unwrap() {
                HostEvent::Job(job) if job.state.is_ended() => break *job,
                _ => {}
            }
        }
    };
    timeout(LONG, end).await.unwrap()
}

fn end_of_theirs() -> Job {
    Job {
        id: "of-others".into(),
        vm: None,
        request: None,
        title: "x".to_owned(),
        image: None,
        state: TaskState::Succeeded(None),
        begun: None,
    }
}

#[tokio::test]
async fn finished_is_not_success() {
    for face in [Face::Recorded, Face::Documented] {
        let server = FakeSysadm::new(face).await;
        let (sysadm, mut events) = connected(&server).await;
        assert_eq!(sysadm.fetch_image(URL, None, Call::new().0).await.unwrap().name, "tiny.iso");
        if face == Face::Recorded {
            let failed = sysadm.fetch_image("http://x/missing.iso", None, Call::new().0).await.unwrap_err();
            assert_eq!(failed.kind, ErrorKind::Refused);
            assert!(failed.message.contains("fetch: File not found"), "{failed}");
            assert!(failed.message.contains("what came of missing.iso is in the library: remove it"), "{failed}");
        }
        // What is ours is no job of others: the first that is told is theirs.
        let code = json!({"return_codes/x": "0"});
        server.tell(&event("of-others", "x", "finished", json!({}), code));
        let begun = Job { state: TaskState::Running(Progress::default()), ..end_of_theirs() };
        assert_eq!(events.recv().await, Some(HostEvent::Job(Box::new(begun))));
        assert_eq!(events.recv().await, Some(HostEvent::Job(Box::new(end_of_theirs()))));
    }
}

#[tokio::test]
async fn progress_is_what_the_server_tells() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    let (sysadm, _events) = connected(&server).await;
    let (call, mut progress) = Call::new();
    let mut work = JoinSet::new();
    fetching(&mut work, &sysadm, call);
    let id = begun(&server).await;
    let command = format!("iohyve fetch {URL}");
    let line = json!({command.clone(): "tiny.iso\t16% of 5000  B\t1659  Bps\n"});
    server.tell(&event(
        &id,
        &command,
        "running",
        json!({"percent_done": "16% of 5000  B", "download_rate": "1659  Bps"}),
        line,
    ));
    let seen = timeout(LONG, progress.wait_for(|p| p.rate.is_some())).await.unwrap().unwrap().clone();
    assert_eq!((seen.percent(), seen.rate, seen.total.map(|t| t.0)), (Some(16), Some(1659.0), Some(5000)));
    assert_eq!(seen.note.as_deref(), Some("tiny.iso 16% of 5000 B 1659 Bps"));
    let end = server.world().iohyve.finish(&id, 0);
    for event in &end {
        server.tell(event);
    }
    assert!(ended(&mut work).await.is_ok());
}

#[tokio::test]
async fn a_flood_loses_no_end() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    let (sysadm, mut events) = connected(&server).await;
    let mut work = JoinSet::new();
    fetching(&mut work, &sysadm, Call::new().0);
    let id = begun(&server).await;
    let other = "iohyve fetch http://x/other.iso";
    for n in 0..5_000 {
        for (id, command) in [(id.as_str(), "iohyve fetch x"), ("of-others", other)] {
            let progress = json!({"percent_done": format!("{}% of 5000 kB", n / 50)});
            server.tell(&event(id, command, "running", progress, json!({})));
        }
    }
    let code = json!({format!("return_codes/{other}"): "1", other: "fetch: out of room\n"});
    server.tell(&event("of-others", other, "finished", json!({}), code));
    let end = server.world().iohyve.finish(&id, 0);
    for event in &end {
        server.tell(event);
    }
    assert!(ended(&mut work).await.is_ok());
    // Requests are answered beside the flood, and few of its events are told.
    sysadm.inventory(true).await.unwrap();
    let told = events.len();
    assert!(told < 30, "{told} events");
    let job = end_of_job(&mut events).await;
    assert_eq!(job.title, "fetch other.iso");
    let TaskState::Failed(error) = job.state else { panic!("it failed: {:?}", job.state) };
    assert_eq!(error.message, "fetch: out of room");
}

#[tokio::test]
async fn a_download_outlives_its_connection() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    let (sysadm, mut events) = connected(&server).await;
    let mut work = JoinSet::new();
    fetching(&mut work, &sysadm, Call::new().0);
    let id = begun(&server).await;
    server.cut();
    while !matches!(events.recv().await.unwrap(), HostEvent::Disconnected(_)) {}
    let (sink, _events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    let end = server.world().iohyve.finish(&id, 0);
    for event in &end {
        server.tell(event);
    }
    assert_eq!(ended(&mut work).await.unwrap().name, "tiny.iso");
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_read_from_the_servers_log() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    let (sysadm, mut events) = connected(&server).await;
    let mut work = JoinSet::new();
    fetching(&mut work, &sysadm, Call::new().0);
    let id = begun(&server).await;
    server.cut();
    while !matches!(events.recv().await.unwrap(), HostEvent::Disconnected(_)) {}
    drop(server.world().iohyve.finish(&id, 1));
    let (sink, _events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    let error = ended(&mut work).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused, "{error}");
    assert!(error.message.contains("fetch: File not found"), "{error}");
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_unknown_and_never_a_success() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    server.world().iohyve.jobs.insert("of-others".to_owned(), "iohyve fetch http://x/other.iso".to_owned());
    let (sysadm, mut events) = connected(&server).await;
    let mut work = JoinSet::new();
    server.world().iohyve.jobs.clear();
    fetching(&mut work, &sysadm, Call::new().0);
    begun(&server).await;
    server.cut();
    while !matches!(events.recv().await.unwrap(), HostEvent::Disconnected(_)) {}
    server.world().iohyve.jobs.clear();
    let (sink, mut events) = mpsc::channel(64);
    sysadm.connect(sink).await.unwrap();
    let error = ended(&mut work).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.message.contains("whether tiny.iso is whole is not known"), "{error}");
    assert!(matches!(end_of_job(&mut events).await.state, TaskState::Unknown(_)));
}

/// What the library says of one entry.
async fn partial(sysadm: &Sysadm, name: &str) -> Option<Partial> {
    let inventory = sysadm.inventory(false).await.unwrap();
    inventory.images.unwrap().into_iter().find(|image| image.name == name).unwrap().partial
}

#[tokio::test]
async fn what_a_failed_download_left_is_told_apart_until_it_is_removed() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.isos.push("old.iso".to_owned());
    let (sysadm, _events) = connected(&server).await;
    let url = "http://x/missing.iso";
    sysadm.fetch_image(url, None, Call::new().0).await.unwrap_err();
    assert_eq!(partial(&sysadm, "missing.iso").await, Some(Partial::Left("fetch: File not found".to_owned())));
    assert_eq!(partial(&sysadm, "old.iso").await, None);
    let again = sysadm.fetch_image(url, None, Call::new().0).await.unwrap_err();
    assert!(again.message.contains("left of missing.iso is in the way: remove it first"), "{again}");
    sysadm.rename_image("missing.iso", "other.iso").await.unwrap();
    assert!(matches!(partial(&sysadm, "other.iso").await, Some(Partial::Left(_))), "a name makes it no more whole");
    sysadm.remove_image("other.iso").await.unwrap();
    sysadm.inventory(false).await.unwrap();
    // One of the same name, brought by somebody, is another thing.
    server.world().iohyve.isos.push("other.iso".to_owned());
    assert_eq!(partial(&sysadm, "other.iso").await, None);
}

#[tokio::test]
async fn what_others_begin_appears_with_its_end_and_what_it_leaves() {
    let server = FakeSysadm::new(Face::Recorded).await;
    let (sysadm, mut events) = connected(&server).await;
    server.world().iohyve.isos.push("b.iso".to_owned());
    // A question of another vmdeck, which is nobody's business.
    let ask = json!({"return_codes/iohyve getall web": "0"});
    server.tell(&event("vmdeck-1", "iohyve getall web", "finished", json!({}), ask));
    server.tell(&event("2", "iohyve destroy web", "running", json!({}), json!({})));
    let fetch = "iohyve fetch http://a/b.iso";
    server.tell(&event("3", fetch, "running", json!({}), json!({})));
    let mut next = async || match timeout(LONG, events.recv()).await.unwrap().unwrap() {
        HostEvent::Job(job) => (job.title, job.image, job.state),
        other => panic!("{other:?}"),
    };
    let mut begun = [next().await, next().await];
    begun.sort_by_key(|(title, ..)| title.clone());
    let running = || TaskState::Running(Progress::default());
    let fetched = || ("fetch b.iso".to_owned(), Some("b.iso".to_owned()));
    assert_eq!(begun[0], (fetched().0, fetched().1, running()));
    assert_eq!(begun[1], ("iohyve destroy web".to_owned(), None, running()));
    assert_eq!(partial(&sysadm, "b.iso").await, Some(Partial::Coming));
    let code = json!({format!("return_codes/{fetch}"): "1", fetch: "fetch: out of room\n"});
    server.tell(&event("3", fetch, "finished", json!({}), code.clone()));
    assert_eq!(next().await, (fetched().0, fetched().1, TaskState::Failed(Error::refused("fetch: out of room"))));
    assert_eq!(partial(&sysadm, "b.iso").await, Some(Partial::Left("fetch: out of room".to_owned())));
    // Over before it could be told that it had begun.
    server.tell(&event("4", fetch, "finished", json!({}), json!({format!("return_codes/{fetch}"): "0"})));
    assert_eq!(next().await.2, running());
    assert_eq!(next().await.2, TaskState::Succeeded(None));
    assert_eq!(partial(&sysadm, "b.iso").await, None);
}

#[tokio::test]
async fn a_flood_reaches_the_screen_as_a_few_reports_a_second_and_delays_nothing() {
    let server = FakeSysadm::new(Face::Recorded).await;
    server.world().iohyve.holds_fetches = true;
    server.world().iohyve.add("web", "1G");
    let (mut hosts, mut inbox) = Hosts::new();
    hosts.add("bsd1".into(), sysadm(&server.url()), Policy::default());
    let call = |task, request| {
        assert!(hosts.execute(Effect::Call { host: "bsd1".into(), task: TaskId(task), request }).is_none());
    };
    call(1, Request::FetchImage { url: URL.to_owned(), name: None });
    let id = begun(&server).await;
    let began = Stopwatch::start();
    for n in 0..10_000 {
        for (id, command) in [(id.as_str(), "iohyve fetch x"), ("of-others", "iohyve fetch http://x/other.iso")] {
            let percent = json!({"percent_done": format!("{}% of 5000 kB", n / 100)});
            server.tell(&event(id, command, "running", percent, json!({})));
        }
    }
    call(2, Request::Show("web".into()));
    let other = "iohyve fetch http://x/other.iso";
    let code = json!({format!("return_codes/{other}"): "0"});
    server.tell(&event("of-others", other, "finished", json!({}), code));
    for event in server.world().iohyve.finish(&id, 0) {
        server.tell(&event);
    }
    let (mut reports, mut ends) = (0, Vec::new());
    while ends.len() < 3 {
        match timeout(LONG, inbox.recv()).await.unwrap().unwrap() {
            Message::TaskEnded(task, result) => ends.push((task.0, result.is_ok())),
            Message::Host(_, HostEvent::Job(job)) if job.state == TaskState::Succeeded(None) => ends.push((3, true)),
            Message::TaskProgress(..) | Message::Host(_, HostEvent::Job(_)) => reports += 1,
            _ => {}
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(f64::from(reports) <= 10.0 + 16.0 * seconds, "{reports} reports in {seconds} s");
    ends.sort_unstable();
    assert_eq!(ends, [(1, true), (2, true), (3, true)]);
    hosts.stop().await;
}
