//! The loop of the screen: when it draws, when it does not, and how it ends.
use crate::support::{
    fake::{Fake, Way, flood},
    film::{Show, count, until_shown},
    hosts::clock,
};
use std::time::Duration;
use tokio::{task::JoinSet, time::sleep};
use vmdeck::{
    domain::{Events, HostEvent, Job, PowerState, Progress, TaskState},
    input::Input,
    runtime::Outside,
};

const SECOND: Duration = Duration::from_secs(1);

/// A host that says itself what happens, so that nothing is asked for in vain.
fn quiet(vms: &[(&str, PowerState)]) -> Fake {
    let fake = Fake::new(vms);
    fake.set(|w| w.capabilities.events = Events::Push);
    fake
}

#[tokio::test(start_paused = true)]
async fn a_key_is_drawn_at_once_in_a_flood() {
    let fake = quiet(&[("web", PowerState::Off), ("x", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    let drawn = show
        .play(async |hands, frames| {
            until_shown(frames, 0, "web").await;
            let mut floods = JoinSet::new();
            floods.spawn(flood(fake.sink(), "x", 100_000));
            // Every turn given away lets the flood run on.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            let before = count(frames);
            hands.press("?").await;
            let mut turns = 0;
            while !frames.lock().unwrap().iter().skip(before).any(|f| f.text.contains("Ask the guest")) {
                tokio::task::yield_now().await;
                turns += 1;
            }
            assert!(floods.try_join_next().is_none(), "the flood was over before the key was drawn");
            turns
        })
        .await;
    assert!(drawn < 20, "drawn after {drawn} turns");
}

#[tokio::test(start_paused = true)]
async fn what_hosts_tell_while_the_terminal_is_taken_is_on_the_first_frame() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    show.play(async |_, frames| until_shown(frames, 0, "web").await).await;
    let first = show.frames.lock().unwrap()[0].text.clone();
    assert!(first.contains("web"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn what_hosts_cause_is_drawn_thirty_times_a_second_at_most() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    let (frames, last) = show
        .play(async |_, frames| {
            until_shown(frames, 0, "web").await;
            sleep(SECOND).await;
            let before = count(frames);
            for i in 0..1_000 {
                let power = if i % 2 == 0 { PowerState::Running } else { PowerState::Paused };
                fake.sink().send(HostEvent::Power("web".into(), power)).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
            let last = clock();
            sleep(SECOND).await;
            let all = frames.lock().unwrap();
            (all.len() - before, all.last().map(|f| (f.at.duration_since(last), f.text.clone())).unwrap())
        })
        .await;
    assert!((25..=34).contains(&frames), "{frames} frames in a second");
    assert!(last.0 < Duration::from_millis(34) && last.1.contains("paused"), "the last word is shown: {last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_held_down_costs_hosts_no_turn() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        for _ in 0..50 {
            hands.press("? ?").await;
            sleep(Duration::from_millis(5)).await;
        }
        let released = clock();
        fake.sink().send(HostEvent::Power("web".into(), PowerState::Running)).await.unwrap();
        let shown = until_shown(frames, 0, "running").await;
        assert!(shown.at.duration_since(released) < Duration::from_millis(40));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_key_of_many_counts() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        let keys = format!("/ {}{}", "w ".repeat(400), "backspace ".repeat(399));
        hands.press_at_once(&keys);
        sleep(SECOND).await;
        let last = frames.lock().unwrap().last().unwrap().text.clone();
        assert!(last.contains("filter w ") && last.contains("web"), "{last}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_drawn_when_nothing_changed() {
    let fake = quiet(&[("web", PowerState::Running)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |_, frames| {
        until_shown(frames, 0, "running").await;
        sleep(10 * SECOND).await;
        let before = count(frames);
        // Lists and figures are read meanwhile, and bring nothing new.
        let read = fake.count("list") + fake.count("figures web");
        sleep(45 * SECOND).await;
        fake.sink().send(HostEvent::Power("web".into(), PowerState::Running)).await.unwrap();
        sleep(SECOND).await;
        assert!(fake.count("list") + fake.count("figures web") > read + 40);
        let drawn = count(frames) - before;
        // A new minute may show: ages are told in minutes.
        assert!(drawn <= 1, "{drawn} frames of the same");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_is_told_to_its_host_after_the_draw() {
    let fake = quiet(&[("web", PowerState::Running), ("db", PowerState::Running)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        sleep(3 * SECOND).await;
        assert!(fake.count("figures web") >= 2 && fake.count("figures db") >= 2);
        hands.press("/ w e b enter").await;
        sleep(2 * SECOND).await;
        let db = fake.count("figures db");
        sleep(5 * SECOND).await;
        assert_eq!(fake.count("figures db"), db, "a row that is not seen is not measured");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn redrawing_sends_every_cell_again() {
    let fake = quiet(&[("web", PowerState::Running)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "running").await;
        sleep(2 * SECOND).await;
        let before = count(frames);
        hands.press("ctrl-l").await;
        let again = until_shown(frames, before, "running").await;
        let ink = again.text.chars().filter(|c| !c.is_whitespace()).count();
        assert!(again.cells >= ink, "{} cells were sent of {ink}", again.cells);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_delays_nobody() {
    let (silent, sleepy, well) = (quiet(&[]), quiet(&[("old", PowerState::Off)]), quiet(&[("web", PowerState::Off)]));
    silent.set(|w| w.connect = Way::Hangs);
    sleepy.set(|w| w.list = Way::After(9 * SECOND));
    let mut show = Show::new(&[("mute", &silent), ("sleepy", &sleepy), ("well", &well)]);
    show.play(async |hands, frames| {
        let begun = clock();
        let listed = until_shown(frames, 0, "web").await;
        assert!(listed.at.duration_since(begun) < Duration::from_millis(50));
        hands.press("s").await;
        let started = until_shown(frames, 0, "running").await;
        assert!(started.at.duration_since(begun) < Duration::from_millis(100));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn quitting_gives_a_change_two_seconds_and_says_so() {
    for (takes, lasts, left) in [(1, 1_000, 0), (60, 2_000, 1)] {
        let fake = quiet(&[("web", PowerState::Off)]);
        fake.set(|w| w.start = Way::After(takes * SECOND));
        let mut show = Show::new(&[("a", &fake)]);
        let begun = show
            .play_to_the_end(async |hands, frames| {
                until_shown(frames, 0, "web").await;
                hands.press("s").await;
                until_shown(frames, 0, "starting").await;
                let begun = clock();
                hands.press("q").await;
                until_shown(frames, 0, "finishing: start web").await;
                begun
            })
            .await;
        let lasted = begun.elapsed().as_millis();
        assert!((lasts - 50..=lasts).contains(&lasted), "{lasted} ms");
        assert_eq!(show.screen.left.len(), left, "{:?}", show.screen.left);
    }
}

#[tokio::test(start_paused = true)]
async fn quitting_waits_neither_for_jobs_of_the_host_nor_against_the_persons_will() {
    let fake = quiet(&[("web", PowerState::Off)]);
    fake.set(|w| w.start = Way::Hangs);
    let state = TaskState::Running(Progress::bytes(1, Some(2)));
    let job = Job {
        id: "fetch-1".into(),
        vm: None,
        title: "fetch x.iso".into(),
        image: Some("x.iso".into()),
        state,
        begun: None,
        request: None,
    };
    let mut show = Show::new(&[("a", &fake)]);
    show.play_to_the_end(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        fake.sink().send(HostEvent::Job(Box::new(job))).await.unwrap();
        until_shown(frames, 0, "x.iso").await;
        hands.press("q").await;
    })
    .await;
    assert_eq!(show.screen.left, Vec::<String>::new());
    let mut show = Show::new(&[("a", &fake)]);
    let begun = clock();
    show.play_to_the_end(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        hands.press("s q").await;
        until_shown(frames, 0, "finishing").await;
        hands.press("q").await;
    })
    .await;
    assert!(begun.elapsed() < SECOND);
    assert_eq!(show.screen.left, ["start web on a"]);
}

#[tokio::test(start_paused = true)]
async fn quitting_neither_waits_for_a_fetch_nor_ends_it() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    let begun = clock();
    show.play_to_the_end(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        hands.press("f").await;
        until_shown(frames, 0, "Address").await;
        hands.0.send(Outside::Input(Input::Paste("https://host/x.iso".to_owned()))).await.unwrap();
        hands.press("enter").await;
        until_shown(frames, 0, "fetch x.iso").await;
        hands.press("q").await;
    })
    .await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(show.screen.left, Vec::<String>::new());
    assert_eq!(fake.count("cancelled"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_looked_at_once_the_person_pauses_and_no_key_waits_for_it() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        hands.press("f").await;
        hands.0.send(Outside::Input(Input::Paste("https://host/".to_owned()))).await.unwrap();
        for letter in ["x", ".", "i", "s", "o"] {
            sleep(Duration::from_millis(100)).await;
            hands.press(letter).await;
        }
        until_shown(frames, 0, "Asking what is there").await;
        assert!(!fake.0.lock().unwrap().log.iter().any(|line| line.starts_with("probe")), "it was asked at once");
        until_shown(frames, 0, "begins anew when it is interrupted").await;
        hands.press("y esc y").await;
        sleep(SECOND).await;
    })
    .await;
    let log = fake.0.lock().unwrap().log.clone();
    let looks: Vec<_> = log.iter().filter(|line| line.starts_with("probe")).collect();
    assert_eq!(looks, ["probe https://host/x.iso"], "Esc drops the last one");
}

#[tokio::test(start_paused = true)]
async fn the_system_ends_it_in_a_console_too() {
    let fake = quiet(&[("web", PowerState::Running)]);
    fake.set(|w| w.console = Way::Works);
    let mut show = Show::new(&[("a", &fake)]);
    show.screen.stage.console = Duration::from_secs(5);
    show.play_to_the_end(async |hands, frames| {
        until_shown(frames, 0, "running").await;
        hands.press("c").await;
        sleep(SECOND).await;
        let before = count(frames);
        fake.sink().send(HostEvent::Power("web".into(), PowerState::Paused)).await.unwrap();
        sleep(SECOND).await;
        assert_eq!(count(frames), before, "the terminal is lent");
        let back = until_shown(frames, before, "paused").await;
        assert!(back.cells > 500, "the whole screen is drawn again: {}", back.cells);
        hands.press("c").await;
        sleep(SECOND).await;
        hands.0.send(Outside::Stop).await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_title_follows_a_fetch_and_is_given_back() {
    let fake = quiet(&[("web", PowerState::Off)]);
    let mut show = Show::new(&[("a", &fake)]);
    let tell = async |state| {
        let (id, title, image) = ("y.iso".into(), "fetch y.iso".into(), Some("y.iso".into()));
        let job = Job { id, vm: None, title, image, state, begun: None, request: None };
        fake.sink().send(HostEvent::Job(Box::new(job))).await.unwrap();
        sleep(SECOND).await;
    };
    show.play(async |hands, frames| {
        until_shown(frames, 0, "web").await;
        for percent in 20..45_u32 {
            tell(TaskState::Running(Progress::share(percent.into()))).await;
        }
        tell(TaskState::Succeeded(None)).await;
        hands.press("esc").await;
        sleep(SECOND).await;
    })
    .await;
    let titles: Vec<_> = show.screen.stage.titles.iter().map(|title| title.as_deref().unwrap_or("before")).collect();
    let wanted =
        ["20 % y.iso - vmdeck", "30 % y.iso - vmdeck", "40 % y.iso - vmdeck", "fetch y.iso: done - vmdeck", "before"];
    assert_eq!(titles, wanted, "each one is sent: ten seconds apart, and at once when it ends");
}
