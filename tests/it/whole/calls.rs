use crate::support::{
    fake::{Fake, Way},
    hosts::{Stage, clock},
};
use std::time::Duration;
use vmdeck::{
    app::{Effect, Message},
    domain::{Cancel, ErrorKind, PowerState, Reply, Request, TaskId, TaskState, Values},
};

fn start(vm: &str) -> Request {
    Request::Start(vm.into())
}

async fn serve(fake: &Fake) -> Stage {
    let mut stage = Stage::new(&[("a", fake)]);
    stage.up().await;
    stage
}

#[tokio::test(start_paused = true)]
async fn a_change_is_looked_at_and_told_at_once() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    let task = stage.call("a", start("web"));
    let begun = clock();
    assert_eq!(stage.end(task).await, Ok(Reply::Done));
    assert_eq!((begun.elapsed(), fake.count("look")), (Duration::ZERO, 1));
    stage.pass(Duration::from_millis(1)).await;
    assert_eq!(stage.power("web"), Some(PowerState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_new_disk_is_the_one_that_the_host_named() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.disks = vec!["disk0"]);
    let mut stage = serve(&fake).await;
    let task = stage.call("a", Request::AddDisk { vm: "web".into(), values: Values::default() });
    assert_eq!(stage.end(task).await, Ok(Reply::DiskAdded("disk2".into())));
    assert_eq!(fake.0.lock().unwrap().disks, ["disk0", "disk1", "disk2"], "another came meanwhile");
}

#[tokio::test(start_paused = true)]
async fn what_a_host_does_not_offer_is_not_sent() {
    let fake = Fake::new(&[("web", PowerState::Running)]);
    fake.set(|w| w.capabilities.missing.push((vmdeck::domain::Op::Pause, "too old".into())));
    let mut stage = serve(&fake).await;
    let task = stage.call("a", Request::Pause("web".into()));
    let error = stage.end(task).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unsupported, "pause: too old"));
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_is_none_is_told_with_what_is_there() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.start = Way::Lies);
    let mut stage = serve(&fake).await;
    let task = stage.call("a", start("web"));
    let error = stage.end(task).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Differs);
    assert_eq!(error.message, "the host said yes, but it is off; expected that web is running");
    assert_eq!(stage.states(task), [&TaskState::Looking("looking whether web is running".into())]);
    assert_eq!(fake.count("start"), 1, "a change is never repeated");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_looked_for() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.start = Way::DoesThenAnswers(Duration::from_secs(60 * 5)));
    let mut stage = serve(&fake).await;
    let task = stage.call("a", start("web"));
    let begun = clock();
    assert_eq!(stage.end(task).await, Ok(Reply::Done));
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    assert!(matches!(stage.states(task)[..], [TaskState::Looking(_)]));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_end_may_still_become_one() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.start = Way::After(Duration::from_secs(60 * 2)));
    let mut stage = serve(&fake).await;
    let task = stage.call("a", start("web"));
    let error = stage.end(task).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message, "no answer within 0:30; so far it is off");
    let told = stage
        .until(|m| match m {
            Message::TaskState(t, found) if *t == task => Some(found.clone()),
            _ => None,
        })
        .await;
    assert_eq!(told, TaskState::Succeeded(Some(Reply::Done)));
    assert_eq!(fake.count("start"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_task() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.start = Way::Panics);
    let mut stage = serve(&fake).await;
    let task = stage.call("a", start("web"));
    assert_eq!(stage.end(task).await.unwrap_err().kind, ErrorKind::Panicked);
    let task = stage.call("a", Request::Show("web".into()));
    assert!(stage.end(task).await.is_ok(), "the host is served on");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_takes_one_change_gets_one() {
    let fake = Fake::new(&[("a", PowerState::Off), ("b", PowerState::Off), ("c", PowerState::Off)]);
    fake.set(|w| {
        w.start = Way::After(Duration::from_secs(2));
        w.capabilities.limits.changes_at_once = Some(1);
    });
    let mut stage = serve(&fake).await;
    let tasks: Vec<_> = ["a", "b", "c"].map(|vm| stage.call("a", start(vm))).into();
    stage.hosts.execute(Effect::Cancel { host: "a".into(), task: tasks[2] });
    assert_eq!(stage.end(tasks[2]).await.unwrap_err().kind, ErrorKind::Cancelled);
    let read = stage.call("a", Request::Show("a".into()));
    stage.end(read).await.expect("reads do not queue");
    stage.end(tasks[1]).await.unwrap();
    assert!(matches!(stage.states(tasks[1])[..], [TaskState::Queued, TaskState::Running(_)]));
    let world = fake.0.lock().unwrap();
    assert_eq!(world.at_once, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_hangs_makes_room_where_the_host_answers_otherwise() {
    let fake = Fake::new(&[("a", PowerState::Off), ("b", PowerState::Off)]);
    fake.set(|w| {
        w.start = Way::Hangs;
        w.capabilities.limits.changes_at_once = Some(1);
    });
    let mut stage = serve(&fake).await;
    let begun = clock();
    let (wedged, waits) = (stage.call("a", start("a")), stage.call("a", Request::PowerOff("b".into())));
    let error = stage.end(wedged).await.unwrap_err();
    let story = "no answer within 0:30; so far it is off; the host answers otherwise: what waited for this goes on";
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Timeout, story));
    stage.end(waits).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 35, "patience, and the time to settle");
    assert_eq!(fake.count("start"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_nothing_is_sent_nothing_more() {
    let fake = Fake::new(&[("a", PowerState::Off), ("b", PowerState::Off)]);
    fake.set(|w| {
        w.start = Way::Hangs;
        w.capabilities.limits.changes_at_once = Some(1);
    });
    let mut stage = serve(&fake).await;
    stage.pass(Duration::from_secs(1)).await;
    let (wedged, waits) = (stage.call("a", start("a")), stage.call("a", Request::PowerOff("b".into())));
    fake.set(|w| {
        w.list = Way::Hangs;
        w.look = Way::Hangs;
    });
    let error = stage.end(wedged).await.unwrap_err();
    assert!(error.message.ends_with("the host answers nothing else either: what waits for this waits on"), "{error}");
    stage.pass(Duration::from_secs(120)).await;
    assert_eq!((fake.count("power-off"), stage.states(waits)), (0, vec![&TaskState::Queued]));
    fake.set(|w| {
        w.list = Way::Works;
        w.look = Way::Works;
    });
    stage.end(waits).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn progress_is_thinned_and_a_cancel_ends_it() {
    let fake = Fake::new(&[]);
    fake.set(|w| w.capabilities.cancel = Cancel::Sure);
    let mut stage = serve(&fake).await;
    let url = || Request::FetchImage { url: "file:///x.iso".into(), name: None };
    let task = stage.call("a", url());
    stage.end(task).await.unwrap();
    let reports = stage.seen.iter().filter(|m| matches!(m, Message::TaskProgress(..))).count();
    assert!((5..=6).contains(&reports), "{reports} reports in 5 s");
    let task = stage.call("a", url());
    stage.pass(Duration::from_secs(1)).await;
    stage.hosts.execute(Effect::Cancel { host: "a".into(), task });
    assert_eq!(stage.end(task).await.unwrap_err().kind, ErrorKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_behind_is_busy() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    let mut stage = serve(&fake).await;
    // The actor gets no turn here: its queue fills.
    let tasks: Vec<TaskId> = (0..80).map(|_| stage.call("a", Request::Show("web".into()))).collect();
    let busy = |m: &&Message| matches!(m, Message::TaskEnded(_, Err(error)) if error.kind == ErrorKind::Busy);
    assert_eq!(stage.seen.iter().filter(busy).count(), 16);
    stage.end(tasks[63]).await.unwrap();
}
