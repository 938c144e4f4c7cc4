//! What is kept of the connection of a host.
use crate::support::fleet::{NOW, fleet, offers, press, tell};
use vmdeck::{
    app::App,
    domain::{Error, ErrorKind, HostEvent, Inventory, Link, Question, QuestionKind, Stamp},
};

fn log(app: &App) -> Vec<(u64, u32, String)> {
    let host = app.hosts.get(&"hv2".into()).unwrap();
    host.link_log.lines().map(|line| (line.at.0 - NOW.0, line.times, line.text.clone())).collect()
}

fn at(app: &mut App, second: u64, event: HostEvent) {
    app.set_now(Stamp(NOW.0 + second * 1000));
    tell(app, "hv2", event);
}

fn down(why: &str) -> HostEvent {
    let retry_at = Some(Stamp(NOW.0 + 60_000));
    HostEvent::Link(Link::Down { error: Error::new(ErrorKind::Unreachable, why), retry_at })
}

#[test]
fn what_happens_to_a_connection_is_kept_and_what_repeats_takes_one_line() {
    let mut app = fleet();
    let line = |at, times, text: &str| (at, times, text.to_owned());
    let mut wanted = vec![line(0, 1, "connected: QEMU 10.0.2")];
    assert_eq!(log(&app), wanted);
    at(&mut app, 1, down("reset by \x1b[31mpeer"));
    wanted.push(line(1000, 1, "lost: reset by [31mpeer"));
    for second in [2, 4, 8] {
        at(&mut app, second, HostEvent::Link(Link::Connecting));
        at(&mut app, second, down("refused"));
    }
    wanted.push(line(2000, 3, "not connected: refused"));
    assert_eq!(log(&app), wanted);
    let last = app.hosts.get(&"hv2".into()).unwrap().link_log.lines().last().unwrap().clone();
    assert_eq!((last.last, last.retry_at), (Stamp(NOW.0 + 8000), Some(Stamp(NOW.0 + 60_000))));
    let text = "Trust the certificate 3f:9a?\nIt was never seen.".to_owned();
    let question = Question { number: 1, kind: QuestionKind::Confirm, text };
    at(&mut app, 9, HostEvent::Link(Link::Asks(question)));
    press(&mut app, "y");
    wanted.extend([line(9000, 1, "asks: Trust the certificate 3f:9a?"), line(9000, 1, "answered")]);
    at(&mut app, 10, HostEvent::Link(Link::Up(Box::new(offers()))));
    at(&mut app, 10, HostEvent::Inventory(Inventory::default()));
    wanted.push(line(10_000, 1, "connected: QEMU 10.0.2"));
    let silent = || HostEvent::Stale { since: NOW, error: Error::new(ErrorKind::Timeout, "no answer within 0:10") };
    at(&mut app, 20, silent());
    at(&mut app, 30, silent());
    at(&mut app, 40, HostEvent::Inventory(Inventory::default()));
    at(&mut app, 45, HostEvent::Inventory(Inventory::default()));
    wanted.extend([line(20_000, 1, "does not answer: no answer within 0:10"), line(40_000, 1, "answers again")]);
    assert_eq!(log(&app), wanted);
}

#[test]
fn a_question_that_is_left_is_not_answered() {
    let mut app = fleet();
    let question = Question { number: 1, kind: QuestionKind::Secret, text: "Password for root@hv2".to_owned() };
    at(&mut app, 1, HostEvent::Asks(question));
    press(&mut app, "x esc y");
    let told: Vec<_> = log(&app).into_iter().skip(1).map(|(_, _, text)| text).collect();
    assert_eq!(told, ["asks: Password for root@hv2", "not answered"]);
}

#[test]
fn only_the_last_is_kept() {
    let mut app = fleet();
    for n in 0..60 {
        at(&mut app, n, down(&format!("refused {n}")));
    }
    let kept = log(&app);
    assert_eq!(
        (kept.len(), kept[0].2.as_str(), kept[49].2.as_str()),
        (50, "not connected: refused 10", "not connected: refused 59")
    );
}
