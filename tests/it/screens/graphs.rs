//! What was measured lately, as bars.
use crate::support::{
    fleet::{NOW, select},
    screen::{plain, screen},
    world::{known_world, press},
};
use insta::assert_snapshot;
use vmdeck::{
    app::{App, Message},
    domain::{Figures, HostEvent, Stamp},
};

/// Lets so many seconds pass in which web1 works, and rests for a while of which nothing is known.
pub(super) fn work(app: &mut App, from: u64, seconds: u64) {
    for second in from..from + seconds {
        app.set_now(Stamp(NOW.0 + second * 1000));
        let load = (second * second + 7 * second) % 97;
        let known = !(60..80).contains(&second);
        let figures = Figures {
            cpu: known.then(|| f32::from(u8::try_from(load).unwrap())),
            memory: Some(1_288_490_188),
            disk_read: known.then_some(load * 700_000),
            disk_write: known.then_some(if load > 50 { 48_000 } else { 0 }),
            ..Figures::default()
        };
        app.update(Message::Host("local".into(), HostEvent::Figures(vec![("web1".into(), figures)])));
    }
}

#[test]
fn of_a_machine() {
    let mut app = known_world();
    work(&mut app, 0, 130);
    assert_snapshot!("machine-120x40", screen(&mut app, 120, 40));
    assert_snapshot!("machine-200x60", screen(&mut app, 200, 60));
    press(&mut app, "enter");
    assert_snapshot!("machine-80x24", screen(&mut app, 80, 24));
    app.settings.ascii = true;
    assert_snapshot!("machine-plain-80x24", plain(&mut app, 80, 24));
}

#[test]
fn graphs_wait_until_the_selection_rests() {
    let mut app = known_world();
    let has_bars = |app: &mut App| screen(app, 120, 40).contains(['▃', '▄', '▅', '▆']);
    work(&mut app, 0, 4);
    assert!(!has_bars(&mut app), "no part of the time is over");
    work(&mut app, 4, 26);
    assert!(has_bars(&mut app));
    press(&mut app, "down");
    assert!(!has_bars(&mut app), "nothing was measured of the other");
    select(&mut app, "web1");
    assert!(!has_bars(&mut app), "they would be sent with each key");
    work(&mut app, 30, 5);
    assert!(has_bars(&mut app));
    select(&mut app, "web2");
    select(&mut app, "web1");
    press(&mut app, "enter");
    assert!(has_bars(&mut app), "the details were asked for");
    app.update(Message::Host("local".into(), HostEvent::Power("web1".into(), vmdeck::domain::PowerState::Off)));
    assert!(!has_bars(&mut app), "it does not run");
}

#[test]
fn a_bar_stands_for_as_much_time_as_the_configuration_says() {
    let bars = |graphs: u64, seconds: u64| {
        let mut app = known_world();
        app.settings.graphs = std::time::Duration::from_secs(graphs);
        work(&mut app, 0, seconds);
        screen(&mut app, 120, 40).contains(['▃', '▄', '▅', '▆'])
    };
    assert!(bars(5, 12) && !bars(60, 12), "no minute is over");
}
