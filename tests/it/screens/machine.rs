//! The details of a machine.
use crate::support::{
    screen::screen,
    world::{NOW, cdrom, disk, known_world, press, select, vm, world},
};
use vmdeck::{
    app::Message,
    domain::{Disk, Error, ErrorKind, HostEvent, PowerState, Reply, Vm},
};

#[test]
fn overview() {
    let mut app = known_world();
    insta::assert_snapshot!(screen(&mut app, 120, 40));
    press(&mut app, "enter");
    insta::assert_snapshot!("overview_over_the_table", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    select(&mut app, "日本語の名前");
    insta::assert_snapshot!("overview_of_a_paused_one", screen(&mut app, 120, 40));
}

/// What is of some time ago reads the same beside the table as in it: no figure is told as if it were of now.
#[test]
fn overview_of_a_machine_whose_host_is_silent() {
    let mut app = world();
    let error = Error::new(ErrorKind::Timeout, "no answer within 10 s");
    app.update(Message::Host("local".into(), HostEvent::Stale { since: NOW, error }));
    let text = screen(&mut app, 120, 40);
    for told in [
        "│ ▸ web1             local  ? as of 14:02",
        "State        ? as of 14:02",
        "CPU          – of 2 CPUs",
        "Memory       – of 2 GiB",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

/// What a local host tells of a machine whose record cannot be read is longer than a small screen; that there is more is
/// told, and why it cannot be read stands above.
#[test]
fn overview_longer_than_the_screen() {
    let mut app = world();
    let mut broken = vm("web1", PowerState::Running);
    let path = "/home/admin/.local/share/vmdeck/machines/web1";
    let problem = format!("{path}/machine.toml: line 3, column 9: `lots` is no number of CPUs");
    let rest = (0..9).map(|i| (format!("Detail {i}").into(), format!("value {i}")));
    broken.details = rest.chain([("Folder".into(), path.to_owned()), ("Problem".into(), problem)]).collect();
    broken.remark = Some(Vm::UNREADABLE.to_owned());
    app.update(Message::Host("local".into(), HostEvent::Vm(Box::new(broken))));
    press(&mut app, "enter");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "down down");
    insta::assert_snapshot!("overview_scrolled", screen(&mut app, 80, 24));
    press(&mut app, "pgdn");
    insta::assert_snapshot!("overview_end", screen(&mut app, 80, 24));
    app.settings.ascii = true;
    press(&mut app, "up");
    let text = screen(&mut app, 80, 24);
    let marks: String = text.lines().take(24).filter_map(|line| line.chars().nth(79)).collect();
    assert_eq!(marks, format!("+||^{}v+", "|".repeat(15)), "{text}");
}

#[test]
fn disks() {
    let mut app = world();
    press(&mut app, "enter tab");
    insta::assert_snapshot!("disks_not_read_yet", screen(&mut app, 80, 24));
    let disks = vec![
        disk("disk0", 20 << 30, 6_549_825_126),
        Disk {
            pending: Some("being removed: the guest has not let go of it yet".into()),
            ..disk("disk1", 100 << 30, 1)
        },
        Disk { virtual_size: None, real_size: None, format: None, ..disk("disk2", 0, 0) },
        cdrom(None),
    ];
    app.update(Message::Host("local".into(), HostEvent::Disks("web1".into(), disks)));
    press(&mut app, "down");
    insta::assert_snapshot!(screen(&mut app, 120, 40));
}

#[test]
fn properties() {
    let mut app = known_world();
    press(&mut app, "enter tab tab down down down");
    insta::assert_snapshot!(screen(&mut app, 120, 40));
    insta::assert_snapshot!("properties_over_the_table", screen(&mut app, 80, 24));
}

#[test]
fn log() {
    let mut app = known_world();
    press(&mut app, "enter shift-tab");
    insta::assert_snapshot!("log_empty", screen(&mut app, 80, 24));
    for end in [Ok(Reply::Done), Err(Error::refused("disk0 of web1 is in use by another process"))] {
        let effects = press(&mut app, "p");
        let [vmdeck::app::Effect::Call { task, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        app.update(Message::TaskEnded(*task, end));
    }
    insta::assert_snapshot!(screen(&mut app, 120, 40));
}
