use crate::support::{
    fake::{Fake, Way},
    hosts::{Stage, clock},
};
use std::time::Duration;
use vmdeck::{
    app::{Effect, Message},
    domain::{Error, ErrorKind, HostEvent, Link, PowerState, Question, QuestionKind, Request},
};

/// A link that went down, and whether it is tried again.
fn down(message: &Message) -> Option<bool> {
    match message {
        Message::Host(_, HostEvent::Link(Link::Down { retry_at, .. })) => Some(retry_at.is_some()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_double_to_half_a_minute_and_a_word_retries_at_once() {
    let fake = Fake::new(&[]);
    fake.set(|w| w.connect = Way::Fails(ErrorKind::Unreachable));
    let mut stage = Stage::new(&[("a", &fake)]);
    let mut last = clock();
    let mut pauses = Vec::new();
    for _ in 0..15 {
        assert!(stage.until(down).await);
        pauses.push(last.elapsed().as_secs_f64());
        last = clock();
    }
    // Every half a second at first.
    let quick = pauses[1..].iter().take_while(|pause| (0.39..=0.61).contains(*pause)).count();
    assert!((5..=9).contains(&quick), "{pauses:?}");
    for (i, pause) in pauses[1 + quick..].iter().enumerate() {
        let wanted = f64::from(1 << i).min(30.0);
        assert!((wanted * 0.79..=(wanted * 1.21).min(30.01)).contains(pause), "{pauses:?}");
    }
    fake.set(|w| w.connect = Way::Works);
    assert!(stage.hosts.execute(Effect::Refresh("a".into())).is_none());
    let asked = clock();
    stage.up().await;
    assert!(asked.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn after_a_short_cut_a_host_is_back_within_a_second() {
    for cut in (0..20).map(|tenth| Duration::from_millis(tenth * 105)) {
        let fake = Fake::new(&[]);
        let mut stage = Stage::new(&[("a", &fake)]);
        stage.up().await;
        stage.pass(Duration::from_secs(1)).await;
        fake.set(|w| w.connect = Way::Fails(ErrorKind::Unreachable));
        fake.sink().send(HostEvent::Disconnected(Error::new(ErrorKind::Unreachable, "cut"))).await.unwrap();
        stage.pass(cut).await;
        fake.set(|w| w.connect = Way::Works);
        let back = clock();
        stage.up().await;
        assert!(back.elapsed() < Duration::from_secs(1), "{cut:?}: {:?}", back.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn requests_wait_while_connecting_and_are_refused_without_a_connection() {
    let fake = Fake::new(&[("web", PowerState::Off)]);
    fake.set(|w| w.connect = Way::After(Duration::from_secs(3)));
    let mut stage = Stage::new(&[("a", &fake)]);
    let waited = stage.call("a", Request::Start("web".into()));
    stage.end(waited).await.unwrap();
    fake.set(|w| w.connect = Way::Hangs);
    fake.sink().send(HostEvent::Disconnected(Error::new(ErrorKind::Unreachable, "cut"))).await.unwrap();
    stage.until(down).await;
    let refused = stage.call("a", Request::Start("web".into()));
    let error = stage.end(refused).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Unreachable, "not connected: cut"));
    assert_eq!(fake.count("start"), 1);
    // A connection that hangs is given up and tried again.
    stage.until(down).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_connecting_is_a_broken_link_and_a_lasting_fault_is_not_tried_again() {
    let fake = Fake::new(&[]);
    fake.set(|w| w.connect = Way::Panics);
    let mut stage = Stage::new(&[("a", &fake)]);
    assert!(stage.until(down).await);
    fake.set(|w| w.connect = Way::Fails(ErrorKind::Unauthorized));
    assert!(!stage.until(down).await);
    let tries = fake.count("connect");
    stage.pass(Duration::from_secs(60 * 5)).await;
    assert_eq!(fake.count("connect"), tries);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_put_any_more_does_not_keep_a_host_connecting_for_ever() {
    let fake = Fake::new(&[]);
    let mut stage = Stage::new(&[("a", &fake)]);
    stage.up().await;
    fake.set(|w| w.connect = Way::Hangs);
    fake.sink().send(HostEvent::Disconnected(Error::new(ErrorKind::Unreachable, "cut"))).await.unwrap();
    let told = |wanted: fn(&Link) -> bool| {
        move |m: &Message| match m {
            Message::Host(_, HostEvent::Link(link)) if wanted(link) => Some(()),
            _ => None,
        }
    };
    stage.until(down).await;
    stage.until(told(|link| *link == Link::Connecting)).await;
    stage.pass(Duration::from_secs(1)).await;
    let question = Question { number: 1, kind: QuestionKind::Confirm, text: "Touch the key".into() };
    fake.sink().send(HostEvent::Asks(question)).await.unwrap();
    stage.until(told(|link| matches!(link, Link::Asks(_)))).await;
    let asked = clock();
    stage.pass(Duration::from_secs(60)).await;
    fake.sink().send(HostEvent::Link(Link::Connecting)).await.unwrap();
    stage.until(down).await;
    assert_eq!(asked.elapsed().as_secs(), 70, "the person's time is not counted, the host's is");
}

#[tokio::test(start_paused = true)]
async fn a_person_may_take_their_time_to_answer() {
    let fake = Fake::new(&[]);
    let mut stage = Stage::new(&[("a", &fake)]);
    stage.up().await;
    let question = Question { number: 1, kind: QuestionKind::Secret, text: "Password".into() };
    fake.sink().send(HostEvent::Asks(question.clone())).await.unwrap();
    let asked = stage
        .until(|m| match m {
            Message::Host(_, HostEvent::Asks(asked)) => Some(asked.clone()),
            _ => None,
        })
        .await;
    assert_eq!(asked, question);
}
