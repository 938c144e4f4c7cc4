//! Images in the CD drive of a machine: to install it from, put in, taken out.
use crate::support::{
    screen::screen,
    world::{call, disk, image, known_world, press, select, text},
};
use vmdeck::{
    app::{App, Message},
    domain::{HostEvent, Inventory, Request},
};

#[test]
fn an_empty_disk_is_installed_to_at_once_and_a_full_one_after_a_yes() {
    let mut app = known_world();
    select(&mut app, "web2");
    let install = Request::Install { vm: "web2".into(), image: "debian-13.iso".into() };
    let disks = vec![disk("disk0", 20 << 30, 200_704)];
    app.update(Message::Host("local".into(), HostEvent::Disks("web2".into(), disks)));
    press(&mut app, "i");
    text(&mut app, "deb");
    assert_eq!(*call(&press(&mut app, "enter")).2, install);

    let mut app = known_world();
    select(&mut app, "web2");
    let disks = vec![disk("disk0", 20 << 30, 6 << 30)];
    app.update(Message::Host("local".into(), HostEvent::Disks("web2".into(), disks)));
    assert_eq!(press(&mut app, "i down enter enter"), [], "no is the default");
    assert_eq!(*call(&press(&mut app, "i down enter y")).2, install);
}

#[test]
fn images_go_into_the_drive_and_out_of_it() {
    let mut app = known_world();
    let request = Request::InsertImage { vm: "web1".into(), image: "alpine.iso".into() };
    assert_eq!(*call(&press(&mut app, "I enter")).2, request);
    let mut app = known_world();
    assert_eq!(*call(&press(&mut app, "E")).2, Request::EjectImage { vm: "web1".into() });
}

#[test]
fn images_to_choose_from_follow_the_host_and_the_marked_one_stays_marked() {
    let mut app = known_world();
    select(&mut app, "web1");
    let told = |app: &mut App, names: &[&str]| {
        let images = Some(names.iter().map(|name| image(name, 1)).collect());
        app.update(Message::Host("local".into(), HostEvent::Inventory(Inventory { images, ..Inventory::default() })));
    };
    told(&mut app, &[]);
    press(&mut app, "I");
    assert!(screen(&mut app, 120, 30).contains("There are no images on local yet"));
    told(&mut app, &["m.iso"]);
    let shown = screen(&mut app, 120, 30);
    assert!(shown.contains("m.iso") && !shown.contains("There are no images"), "{shown}");
    told(&mut app, &["a.iso", "m.iso"]);
    let effects = press(&mut app, "enter");
    assert_eq!(*call(&effects).2, Request::InsertImage { vm: "web1".into(), image: "m.iso".into() });
}
