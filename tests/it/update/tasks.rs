use crate::support::{
    fleet::{NOW, fleet, press, select, tell},
    screen::screen,
};
use vmdeck::{
    app::{App, Effect, Message},
    domain::{
        ByteSize, Error, ErrorKind, HostEvent, Job, Progress, Reply, Request, ResizePlan, Stamp, TaskId, TaskState,
    },
};

const ONE: TaskId = TaskId(1);

fn started() -> App {
    let mut app = fleet();
    select(&mut app, "web2");
    press(&mut app, "s");
    app
}

fn told(app: &App) -> String {
    app.tasks.told().map(|t| app.outcome(t)).unwrap_or_default()
}

#[test]
fn the_outcome_stands_until_it_is_put_away() {
    let mut app = started();
    assert!(app.is_moving());
    app.update(Message::TaskEnded(ONE, Ok(Reply::Done)));
    assert_eq!(told(&app), "web2 is running");
    press(&mut app, "esc");
    assert_eq!(told(&app), "");
    assert_eq!(app.tasks.iter().count(), 1, "its story is kept");
}

#[test]
fn what_is_looked_at_is_told_once_in_each_place() {
    let mut app = started();
    let why = "looking whether web2 is running";
    app.update(Message::TaskState(ONE, TaskState::Looking(why.to_owned())));
    let strip = screen(&mut app, 120, 40);
    press(&mut app, "3 enter");
    let story = screen(&mut app, 120, 40);
    for (shown, times) in [(strip, 1), (story, 2)] {
        assert_eq!(shown.matches("looking").count(), times, "{shown}");
    }
    assert_eq!(app.tasks.get(ONE).unwrap().steps.last().unwrap().text, why);
}

#[test]
fn a_time_out_is_unknown_and_may_still_become_known() {
    let mut app = started();
    app.update(Message::TaskEnded(ONE, Err(Error::new(ErrorKind::Timeout, "no answer after 30 s"))));
    assert!(matches!(app.tasks.get(ONE).unwrap().state, TaskState::Unknown(_)));
    app.update(Message::TaskState(ONE, TaskState::Succeeded(Some(Reply::Done))));
    assert_eq!(told(&app), "web2 is running");
    app.update(Message::TaskEnded(ONE, Err(Error::refused("late"))));
    assert_eq!(told(&app), "web2 is running", "the first end is final");
}

#[test]
fn the_bell_rings_for_what_took_long_where_it_is_wanted() {
    for (is_wanted, seconds, rings) in [(true, 11, true), (true, 9, false), (false, 11, false)] {
        let mut app = started();
        app.settings.bell = is_wanted;
        app.set_now(Stamp(app.now().0 + seconds * 1000));
        let effects = app.update(Message::TaskEnded(ONE, Ok(Reply::Done)));
        assert_eq!(effects.contains(&Effect::Bell), rings, "{is_wanted} {seconds}");
    }
}

#[test]
fn a_notice_tells_of_a_long_fetch_that_another_vmdeck_began() {
    let mut app = fleet();
    (app.settings.notice, app.settings.ascii) = (true, true);
    let tell = |app: &mut App, state| {
        let (id, title, image) = ("y.iso".into(), "fetch y.iso".into(), Some("y.iso".into()));
        let job = Job { id, vm: None, title, image, state, begun: None, request: None };
        app.update(Message::Host("local".into(), HostEvent::Job(Box::new(job))))
    };
    assert_eq!(tell(&mut app, TaskState::Running(Progress::share(42.0))), []);
    assert_eq!(app.title().map(|title| title.to_string()).as_deref(), Some("42 % y.iso - vmdeck"));
    app.set_now(Stamp(app.now().0 + 11_000));
    let effects = tell(&mut app, TaskState::Failed(Error::refused("kaputt \u{2192} weg")));
    assert_eq!(effects, [Effect::Notice("fetch y.iso: kaputt ? weg - vmdeck".into())]);
    assert_eq!(app.title().map(|title| title.to_string()).as_deref(), Some("fetch y.iso: kaputt ? weg - vmdeck"));
    press(&mut app, "esc");
    assert_eq!(app.title(), None);
}

#[test]
fn a_fetch_that_is_older_than_this_vmdeck_is_shown_with_its_real_start() {
    let mut app = fleet();
    let begun = Stamp(app.now().0 - 75 * 60_000);
    let (id, title, image) = ("y.iso".into(), "fetch y.iso".into(), Some("y.iso".into()));
    let state = TaskState::Running(Progress::bytes(1 << 20, Some(4 << 20)));
    let job = Job { id, vm: None, title, image, state, begun: Some(begun), request: None };
    tell(&mut app, "local", HostEvent::Job(Box::new(job)));
    assert_eq!(app.tasks.get(ONE).unwrap().begun, begun);
    press(&mut app, "3");
    let shown = screen(&mut app, 100, 24);
    assert!(shown.lines().any(|row| row.contains("1h 15m") && row.contains("fetch y.iso  25 %")), "{shown}");
}

#[test]
fn what_a_person_cancelled_has_a_calm_mark_of_its_own() {
    let mut app = started();
    app.update(Message::TaskEnded(ONE, Err(Error::new(ErrorKind::Cancelled, "cancelled"))));
    press(&mut app, "3");
    let shown = screen(&mut app, 100, 24);
    assert!(shown.contains("– start web2: cancelled") && !shown.contains('✖'), "{shown}");
}

#[test]
fn a_form_that_could_not_be_read_names_its_machine() {
    let mut app = fleet();
    select(&mut app, "web2");
    press(&mut app, "a");
    app.update(Message::TaskEnded(ONE, Err(Error::refused("no"))));
    assert_eq!(told(&app), "add-disk form of web2: no");
}

#[test]
fn a_guest_that_does_not_listen_may_be_powered_off() {
    let mut app = fleet();
    press(&mut app, "S y");
    let error = Error::new(ErrorKind::Differs, "it is still running");
    app.update(Message::TaskEnded(ONE, Err(error)));
    assert!(told(&app).ends_with("it is still running; X powers it off without asking its guest"), "{}", told(&app));
}

#[test]
fn sizes_that_were_read_back_are_told() {
    let mut app = started();
    let plan = ResizePlan { from: ByteSize(20 << 30), to: ByteSize(30 << 30) };
    app.update(Message::TaskEnded(ONE, Ok(Reply::Resized { vm: "web2".into(), disk: "disk0".into(), plan })));
    assert_eq!(told(&app), "web2 disk0: 20 → 30 GiB, read back 30 GiB");
}

#[test]
fn progress_that_says_nothing_new_changes_nothing() {
    let mut app = started();
    app.update(Message::TaskProgress(ONE, Progress::share(42.0)));
    assert!(app.take_changed());
    app.update(Message::TaskProgress(ONE, Progress::share(41.0)));
    assert!(!app.take_changed());
}

#[test]
fn a_task_is_cancelled_from_its_row_and_ends_when_the_host_says_so() {
    let mut app = started();
    assert_eq!(press(&mut app, "3 x"), [Effect::Cancel { host: "local".into(), task: ONE }]);
    assert!(app.tasks.get(ONE).unwrap().is_running());
    app.update(Message::TaskEnded(ONE, Err(Error::new(ErrorKind::Cancelled, "cancelled"))));
    assert_eq!(told(&app), "start web2: cancelled");
    assert_eq!(press(&mut app, "x"), [], "it has ended");
    press(&mut app, "C");
    assert_eq!(app.tasks.iter().count(), 0);
}

#[test]
fn work_of_others_is_shown_and_work_that_was_over_is_not() {
    let mut app = fleet();
    let job = |id: &str, state| {
        HostEvent::Job(Box::new(Job {
            id: id.into(),
            vm: None,
            title: "fetch x.iso".into(),
            image: Some("x.iso".into()),
            state,
            begun: None,
            request: None,
        }))
    };
    tell(&mut app, "hv2", job("a", TaskState::Succeeded(None)));
    assert_eq!(app.tasks.iter().count(), 0);
    tell(&mut app, "hv2", job("b", TaskState::Running(Progress::share(10.0))));
    tell(&mut app, "hv2", job("b", TaskState::Running(Progress::share(50.0))));
    assert_eq!(app.tasks.running().map(|t| t.progress().unwrap().percent()).collect::<Vec<_>>(), [Some(50)]);
    tell(&mut app, "hv2", job("b", TaskState::Succeeded(None)));
    assert_eq!(told(&app), "fetch x.iso: done");
}

/// What a host says of a fetch that it calls `y.iso`.
fn job(state: TaskState, begun: Option<Stamp>) -> HostEvent {
    let request = Some(Request::ResumeFetch { image: "y.iso".into() });
    let (id, title, image) = ("y.iso".into(), "fetch y.iso".into(), Some("y.iso".into()));
    HostEvent::Job(Box::new(Job { id, vm: None, title, image, state, begun, request }))
}

#[test]
fn what_goes_on_after_a_wait_is_merged_like_any_report() {
    let mut app = fleet();
    let empty = || TaskState::Running(Progress { note: Some(String::new()), ..Progress::share(f64::NAN) });
    let of = |app: &App| app.tasks.get(ONE).unwrap().progress().cloned();
    // First of all, and after an interruption.
    tell(&mut app, "local", job(empty(), None));
    assert_eq!(of(&app), Some(Progress::default()));
    tell(&mut app, "local", job(TaskState::Unknown(Error::new(ErrorKind::Interrupted, "interrupted")), None));
    tell(&mut app, "local", job(empty(), None));
    assert_eq!(of(&app), Some(Progress::default()));
    assert_eq!(app.tasks.get(ONE).unwrap().steps.last().unwrap().text, "the host took it");
}

#[test]
fn a_fetch_that_failed_elsewhere_is_told_once() {
    let mut app = fleet();
    let why = "what came is not what it should be";
    tell(&mut app, "local", job(TaskState::Running(Progress::bytes(1, Some(3))), Some(NOW)));
    tell(&mut app, "local", job(TaskState::Unknown(Error::new(ErrorKind::Interrupted, why)), Some(NOW)));
    press(&mut app, "esc");
    tell(&mut app, "local", job(TaskState::Failed(Error::refused(why)), None));
    let task = app.tasks.get(ONE).unwrap();
    let ends: Vec<_> = task.steps.iter().filter(|step| step.text.starts_with("fetch y.iso: ")).collect();
    assert_eq!((ends.len(), task.is_final()), (1, true), "{:?}", task.steps);
    assert_eq!(told(&app), "", "it was put away");
}

#[test]
fn a_fetch_that_is_cancelled_stays_one_row() {
    for ends_first in [true, false] {
        let mut app = fleet();
        press(&mut app, "f");
        app.update(Message::Paste("https://x/y.iso".into()));
        press(&mut app, "enter");
        let id = app.tasks.running().next().unwrap().id;
        let progress = || Progress { job: Some("y.iso".into()), ..Progress::bytes(1, Some(3)) };
        app.update(Message::TaskProgress(id, progress()));
        let asked = app.now();
        let effects = press(&mut app, "3 x y");
        let [Effect::Call { task, request: Request::CancelFetch { .. }, .. }] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        app.set_now(Stamp(app.now().0 + 1000));
        let mut ends = [
            Message::TaskEnded(id, Err(Error::new(ErrorKind::Cancelled, "cancelled"))),
            Message::TaskEnded(*task, Ok(Reply::Done)),
        ];
        if !ends_first {
            ends.reverse();
        }
        for end in ends {
            app.update(end);
        }
        // Word of it that was on its way.
        tell(&mut app, "local", job(TaskState::Running(progress()), Some(asked)));
        tell(&mut app, "local", job(TaskState::Cancelled, None));
        let rows: Vec<_> = app.tasks.rows().iter().map(|task| (task.id, task.state.clone())).collect();
        assert_eq!(rows, [(id, TaskState::Cancelled)]);
        assert_eq!(told(&app), "fetch y.iso: cancelled");
        // Begun anew by another, it is another.
        let later = Stamp(app.now().0 + 1);
        tell(&mut app, "local", job(TaskState::Running(progress()), Some(later)));
        assert_eq!(app.tasks.rows().len(), 2);
    }
}

#[test]
fn a_fetch_that_rests_and_is_thrown_away_ends_in_its_own_row() {
    let mut app = fleet();
    tell(&mut app, "local", job(TaskState::Unknown(Error::new(ErrorKind::Interrupted, "paused")), None));
    let effects = press(&mut app, "3 x y");
    let [Effect::Call { task, .. }] = effects.as_slice() else { panic!("{}", screen(&mut app, 80, 24)) };
    app.update(Message::TaskEnded(*task, Err(Error::refused("no"))));
    assert_eq!(app.tasks.rows().len(), 2, "a refusal is told");
    press(&mut app, "end");
    let effects = press(&mut app, "x y");
    let [Effect::Call { task, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    app.update(Message::TaskEnded(*task, Ok(Reply::Done)));
    assert_eq!(app.tasks.get(ONE).unwrap().state, TaskState::Cancelled);
    assert_eq!(told(&app), "fetch y.iso: cancelled");
}

#[test]
fn eighty_columns_hold_what_goes_on_and_the_day() {
    let mut app = fleet();
    let stalled = Progress {
        rate: Some(0.0),
        note: Some("stalled: no bytes for 7 s".into()),
        ..Progress::bytes(1 << 20, Some(3 << 20))
    };
    let yesterday = Stamp(app.now().0 - 86_400_000);
    let mut theirs = job(TaskState::Running(stalled), Some(yesterday));
    if let HostEvent::Job(job) = &mut theirs {
        job.title = "fetch debian-13.0.0-amd64-netinst.iso".into();
    }
    tell(&mut app, "local", theirs);
    press(&mut app, "3");
    let shown = screen(&mut app, 80, 24);
    let row = shown.lines().find(|row| row.contains("fetch")).unwrap();
    assert!(row.contains(" fetch debian-…  33 %  stalled: no bytes for 7 s"), "{row}");
    assert!(!row.contains("14:02:11"), "{row}");
    press(&mut app, "enter");
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains(" Begun  "), "{shown}");
}

#[test]
fn a_read_leaves_no_trace_unless_it_fails() {
    let mut app = fleet();
    let effects = press(&mut app, "4 I");
    let [Effect::Call { task, request: Request::CheckSetup, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(app.tasks.running().next().is_none());
    app.update(Message::TaskEnded(*task, Err(Error::refused("no"))));
    assert!(app.dialog.is_none());
}

#[test]
fn an_outcome_is_seen_beside_what_still_runs() {
    let mut app = fleet();
    app.update(Message::Resized(80, 24));
    select(&mut app, "web2");
    press(&mut app, "s");
    select(&mut app, "web1");
    press(&mut app, "p");
    app.update(Message::TaskEnded(TaskId(2), Ok(Reply::Done)));
    let shown = |app: &mut App| screen(app, 80, 24);
    let text = shown(&mut app);
    assert!(text.contains("web1 is paused") && text.contains("start web2 → local"), "{text}");
    app.set_now(Stamp(NOW.0 + 11_000));
    app.update(Message::Tick);
    let text = shown(&mut app);
    assert!(!text.contains("web1 is paused") && text.contains("start web2 → local"), "{text}");
    // What went wrong is not put away by time.
    press(&mut app, "p");
    app.update(Message::TaskEnded(TaskId(3), Err(Error::refused("no"))));
    app.set_now(Stamp(NOW.0 + 60_000));
    app.update(Message::Tick);
    assert!(shown(&mut app).contains("pause web1: no"), "{}", shown(&mut app));
    press(&mut app, "esc");
    assert!(!shown(&mut app).contains("pause web1: no"));
}
