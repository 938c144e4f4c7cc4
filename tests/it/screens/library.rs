//! The images screen.
use crate::support::{
    screen::screen,
    world::{call, press, world},
};
use vmdeck::{
    app::Message,
    domain::{ByteSize, Progress},
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
fn no_images() {
    let mut app = world();
    press(&mut app, "2 tab tab");
    insta::assert_snapshot!(screen(&mut app, 80, 24));
    press(&mut app, "esc");
}
