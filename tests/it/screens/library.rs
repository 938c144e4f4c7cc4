//! The images screen.
use crate::support::{
    screen::screen,
    world::{call, press, world},
};
use vmdeck::{
    app::Message,
    domain::{ByteSize, Error, HostEvent, Image, Inventory, Partial, Progress, Stamp},
};

#[test]
fn images_of_all_hosts_and_one_on_its_way() {
    let mut app = world();
    for (url, progress) in [
        (
            "https://a/debian-13.0.0-amd64-netinst.iso",
            Progress { rate: Some(50_541_363.0), ..Progress::bytes(1_717_986_918, Some(3_972_844_748)) },
        ),
        ("https://a/unknown.iso", Progress { done: Some(ByteSize(9 << 20)), ..Progress::default() }),
    ] {
        press(&mut app, "2 f");
        app.update(Message::Paste(url.into()));
        let effects = press(&mut app, "enter");
        let (task, ..) = call(&effects);
        app.update(Message::TaskProgress(task, progress));
    }
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    insta::assert_snapshot!("images_wide", screen(&mut app, 120, 40));
    press(&mut app, "tab down down down");
    insta::assert_snapshot!("images_of_one_host", screen(&mut app, 120, 40));
}

#[test]
fn a_fetch_that_came_to_nothing_says_why_until_it_is_put_away() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/debian-14.iso".into()));
    let effects = press(&mut app, "enter");
    let error = Error::refused("https://a/debian-14.iso: the server says 404 Not Found");
    app.update(Message::TaskEnded(call(&effects).0, Err(error)));
    press(&mut app, "esc 2 home");
    insta::assert_snapshot!("images_failed", screen(&mut app, 80, 24));
    press(&mut app, "enter");
    assert!(screen(&mut app, 120, 40).contains("404 Not Found"));
    press(&mut app, "esc 2 x");
    assert!(!screen(&mut app, 120, 40).contains("404"));
}

#[test]
fn what_is_not_whole() {
    let mut app = world();
    let image = |name: &str, partial| Image { partial, ..Image::new(name) };
    let left = Some(Partial::Left("fetch: File not found".to_owned()));
    let images =
        vec![image("FreeBSD-14.3-RELEASE-amd64-bootonly.iso", left), image("on-its-way.iso", Some(Partial::Coming))];
    let inventory = Inventory { images: Some(images), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    press(&mut app, "2 home");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "D");
    insta::assert_snapshot!("remove_what_is_left", screen(&mut app, 80, 24));
}

#[test]
fn all_that_is_known_of_an_image() {
    let mut app = world();
    let image = Image {
        size: Some(ByteSize(700 << 20)),
        added: Some(Stamp(1_763_700_000_000)),
        checked: Some("SHA-256 as in SHA256SUMS".to_owned()),
        used_by: vec!["web1".to_owned(), "web2".to_owned()],
        kind: Some("qcow2".to_owned()),
        disk_size: Some(ByteSize(20 << 30)),
        source: Some("https://cloud.example.org/images/debian-13-generic-amd64.qcow2".to_owned()),
        path: Some("/var/lib/vmdeck/images/debian-13-generic-amd64.qcow2".to_owned()),
        ..Image::new("debian-13-generic-amd64.qcow2")
    };
    let inventory = Inventory { images: Some(vec![image]), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    press(&mut app, "2 home");
    insta::assert_snapshot!("images_widest", screen(&mut app, 200, 60));
    press(&mut app, "enter");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn the_story_of_a_running_fetch_shows_how_far_and_how_fast() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/debian-14.iso".into()));
    let effects = press(&mut app, "enter");
    for second in 1..9_u32 {
        let rate = Some(f64::from(second) * 1e6);
        let progress = Progress { rate, ..Progress::bytes(u64::from(second) << 20, Some(10 << 20)) };
        app.update(Message::TaskProgress(call(&effects).0, progress));
        app.update(Message::Tick);
    }
    press(&mut app, "home enter");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
}

#[test]
fn no_images() {
    let mut app = world();
    press(&mut app, "2 tab tab");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "esc");
}
