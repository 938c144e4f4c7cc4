//! The images screen.
use crate::support::{
    screen::screen,
    world::{call, press, world},
};
use vmdeck::{
    app::Message,
    domain::{ByteSize, Error, HostEvent, Image, Inventory, Partial, Progress},
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
fn no_images() {
    let mut app = world();
    press(&mut app, "2 tab tab");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "esc");
}
