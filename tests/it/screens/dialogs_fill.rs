//! Dialogs that are filled in.
use crate::support::{
    screen::screen,
    world::{create_form, known_world, press, reply, select, text, world},
};
use vmdeck::{
    app::Message,
    domain::{ByteSize, Choice, FieldKind, FieldSpec, Reply},
};

#[test]
fn grow() {
    let mut app = known_world();
    press(&mut app, "+");
    text(&mut app, "10G");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    insta::assert_snapshot!("grow_wide", screen(&mut app, 120, 40));
}

#[test]
fn grow_before_the_disks_are_read() {
    let mut app = world();
    press(&mut app, "+");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn grow_refused_and_beyond_what_is_free() {
    let mut app = known_world();
    press(&mut app, "+ backspace");
    text(&mut app, "15G");
    insta::assert_snapshot!("grow_refused", screen(&mut app, 80, 24));
    press(&mut app, "ctrl-u");
    text(&mut app, "+90G");
    insta::assert_snapshot!("grow_beyond_free", screen(&mut app, 80, 24));
}

#[test]
fn create() {
    let mut app = world();
    let effects = press(&mut app, "n");
    insta::assert_snapshot!("create_asking", screen(&mut app, 80, 24));
    reply(&mut app, &effects, Reply::Form(create_form()));
    text(&mut app, "web 3");
    press(&mut app, "tab");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "tab tab tab tab right");
    insta::assert_snapshot!("create_choice", screen(&mut app, 120, 40));
    press(&mut app, "tab tab");
    text(&mut app, "-device");
    press(&mut app, "down");
    text(&mut app, "virtio-rng-pci");
    press(&mut app, "esc");
    insta::assert_snapshot!("create_leaving", screen(&mut app, 80, 24));
    insta::assert_snapshot!("create_on_a_small_terminal", screen(&mut app, 60, 15));
}

#[test]
fn fetch() {
    let mut app = world();
    press(&mut app, "2 f");
    insta::assert_snapshot!("fetch_empty", screen(&mut app, 80, 24));
    app.update(Message::Paste("https://cdimage.debian.org/debian-cd/current/amd64/iso-cd/debian-13.iso\n".into()));
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "tab");
    text(&mut app, "../日本");
    insta::assert_snapshot!("fetch_wrong_name", screen(&mut app, 80, 24));
}

#[test]
fn rename_image() {
    let mut app = world();
    press(&mut app, "2 m ctrl-u");
    text(&mut app, "debian-13.iso");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn change_a_setting() {
    let mut app = known_world();
    press(&mut app, "e");
    insta::assert_snapshot!("setting_choose", screen(&mut app, 80, 24));
    press(&mut app, "down enter backspace");
    text(&mut app, "6");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn a_form_longer_than_the_screen_keeps_the_focus_in_view() {
    let mut app = world();
    let effects = press(&mut app, "n");
    let mut fields = create_form();
    fields.extend(create_form());
    reply(&mut app, &effects, Reply::Form(fields));
    press(&mut app, "tab tab tab tab tab tab tab tab tab");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn add_disk() {
    let mut app = known_world();
    let effects = press(&mut app, "a");
    let choice = |choices: &[(&str, &str)]| {
        FieldKind::Choice(choices.iter().map(|(value, help)| Choice::new(value, help)).collect())
    };
    let size = FieldKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 50) };
    let fields = vec![
        FieldSpec::new("size", "Size", size).default("20G").unless("image").help("empty: as large as the image"),
        FieldSpec::new(
            "format",
            "Format",
            choice(&[("qcow2", "takes only what is written"), ("raw", "the plain bytes")]),
        )
        .default("qcow2")
        .help("of an empty disk"),
        FieldSpec::new("image", "Image", choice(&[("alpine.qcow2", "64 MiB")])).optional().help("what it begins with"),
    ];
    reply(&mut app, &effects, Reply::Form(fields));
    press(&mut app, "ctrl-u");
    text(&mut app, "100");
    press(&mut app, "tab right");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "tab right");
    insta::assert_snapshot!("add_disk_of_an_image", screen(&mut app, 120, 40));
}

#[test]
fn change_a_setting_of_several_lines() {
    let mut app = known_world();
    press(&mut app, "e down down down enter");
    text(&mut app, "-device");
    press(&mut app, "down");
    text(&mut app, "virtio-rng-pci");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn rename_a_machine() {
    let mut app = known_world();
    select(&mut app, "web2");
    press(&mut app, "M ctrl-u");
    text(&mut app, "web1");
    insta::assert_snapshot!("rename_machine_taken", screen(&mut app, 80, 24));
    press(&mut app, "backspace");
    text(&mut app, "3");
    insta::assert_snapshot!("rename_machine", screen(&mut app, 80, 24));
}
