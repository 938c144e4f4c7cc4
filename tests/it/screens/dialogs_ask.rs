//! Dialogs that ask for a yes, a name or one of a list.
use crate::support::{
    screen::screen,
    world::{call, disk, known_world, minus, press, reply, select, text, world},
};
use vmdeck::{
    app::Message,
    domain::{
        Choice, FieldKind, FieldSpec, HostEvent, Link, Question, QuestionKind, Reply, Request, SetupItem, SetupReport,
    },
};

#[test]
fn power_off() {
    let mut app = known_world();
    press(&mut app, "X");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "tab");
    insta::assert_snapshot!("power_off_wide", screen(&mut app, 120, 40));
}

#[test]
fn restart() {
    let mut app = known_world();
    press(&mut app, "b");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn delete() {
    let mut app = known_world();
    select(&mut app, "web2");
    press(&mut app, "D");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    text(&mut app, "wex");
    press(&mut app, "down enter");
    insta::assert_snapshot!("delete_other_name", screen(&mut app, 120, 40));
}

/// Where the question is scrolled away, it stands in the border.
#[test]
fn what_is_deleted_is_named_on_the_smallest_terminal() {
    let mut app = known_world();
    let disks = ["disk0", "disk1", "disk2", "disk3"].map(|id| disk(id, 1 << 30, 1 << 30)).to_vec();
    app.update(Message::Host("local".into(), HostEvent::Disks("web2".into(), disks)));
    select(&mut app, "web2");
    press(&mut app, "D");
    let shown = screen(&mut app, 60, 15);
    assert!(shown.contains("Delete web2 on local?") && shown.contains("more"), "{shown}");
    assert!(screen(&mut app, 80, 24).contains("Delete a machine"));
}

#[test]
fn remove_disk() {
    let mut app = known_world();
    press(&mut app, "-");
    insta::assert_snapshot!("remove_disk_reading", screen(&mut app, 80, 24));
    press(&mut app, "esc");
    minus(&mut app);
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "enter down");
    insta::assert_snapshot!("remove_disk_and_file", screen(&mut app, 80, 24));
    press(&mut app, "y");
    text(&mut app, "web");
    insta::assert_snapshot!("delete_disk", screen(&mut app, 80, 24));
}

#[test]
fn install() {
    let mut app = known_world();
    select(&mut app, "web2");
    press(&mut app, "i");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    text(&mut app, "deb");
    insta::assert_snapshot!("install_filtered", screen(&mut app, 120, 40));
}

#[test]
fn remove_image() {
    let mut app = world();
    press(&mut app, "2 home D");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn set_up() {
    let mut app = world();
    let effects = press(&mut app, "4 I");
    insta::assert_snapshot!("set_up_looking", screen(&mut app, 80, 24));
    let item = |name: &str, present, required, detail: &str| SetupItem {
        name: name.into(),
        present,
        required,
        detail: detail.into(),
    };
    let report = SetupReport {
        items: vec![
            item("QEMU", false, true, "qemu-system-x86_64 is not there"),
            item("/dev/kvm", true, false, "may be used"),
            item("UEFI firmware", false, false, "needed only by machines with UEFI"),
        ],
        command: Some("apt-get install qemu-system-x86 qemu-utils ovmf".into()),
        caution: Some("qemu-utils 10.0 goes back to 7.2".into()),
        ..SetupReport::default()
    };
    reply(&mut app, &effects, Reply::Setup(report));
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn set_up_with_answers() {
    let mut app = world();
    let effects = press(&mut app, "4 I");
    let field = |name, label, choices: &[(&str, &str)]| {
        let choices = choices.iter().map(|(value, label)| Choice::new(value, label)).collect();
        FieldSpec::new(name, label, FieldKind::Choice(choices))
    };
    let item = SetupItem { name: "iohyve".into(), present: false, required: true, detail: "not set up".into() };
    let report = SetupReport {
        items: vec![item],
        command: Some("iohyve setup pool={pool} kmod=1 net={nic}".into()),
        fields: vec![
            field("pool", "Pool", &[("tank", "451G free"), ("zroot", "20G free")])
                .help("where machines and images are kept"),
            field("nic", "Network device", &[("em0", "192.168.1.5"), ("alc0", "not in use")]),
        ],
        ..SetupReport::default()
    };
    reply(&mut app, &effects, Reply::Setup(report));
    press(&mut app, "right");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    let effects = press(&mut app, "enter");
    let Request::SetUp { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["pool"].as_str(), values["nic"].as_str()), ("zroot", "em0"));
}

#[test]
fn questions_of_a_host() {
    let mut app = world();
    let ask = |kind, text: &str| {
        Message::Host("hv2".into(), HostEvent::Link(Link::Asks(Question { number: 1, kind, text: text.into() })))
    };
    app.update(ask(QuestionKind::Secret, "Password for root@hv2"));
    text(&mut app, "secret");
    insta::assert_snapshot!("question_secret", screen(&mut app, 80, 24));
    let mut app = world();
    app.update(ask(
        QuestionKind::Confirm,
        "The certificate of hv2 was never seen before. Its SHA-256 is 3f:9a:0c:11:27:e0:55:de:84:19:b6:c2:77:30:aa:4e. Trust it?",
    ));
    insta::assert_snapshot!("question_certificate", screen(&mut app, 80, 24));
}
