//! How little a command without a screen asks of its host.
use crate::support::fake::Fake;
use vmdeck::{
    app::{Effect, Message},
    domain::{PowerState, Reply, Request, TaskId},
    runtime::{Hosts, Policy},
};

#[tokio::test(start_paused = true)]
async fn on_the_way_to_one_machine_no_list_is_read() {
    let fake = Fake::new(&[("web", PowerState::Off), ("db", PowerState::Running)]);
    let (mut hosts, mut inbox) = Hosts::new();
    hosts.add("a".into(), fake.clone(), Policy::headless());
    let request = Request::Start("web".into());
    assert!(hosts.execute(Effect::Call { host: "a".into(), task: TaskId(1), request }).is_none());
    let result = loop {
        if let Message::TaskEnded(_, result) = inbox.recv().await.unwrap() {
            break result;
        }
    };
    assert_eq!(result, Ok(Reply::Done));
    hosts.stop().await;
    let log = fake.0.lock().unwrap().log.clone();
    assert!(log.iter().all(|deed| ["connect", "start web", "start", "look"].contains(&deed.as_str())), "{log:?}");
}
