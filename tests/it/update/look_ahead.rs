//! The address in a fetch form, looked at while it is typed.
use crate::support::{
    screen::screen,
    world::{call, press, text, world},
};
use vmdeck::{
    app::{App, Effect, Message},
    domain::{ByteSize, Error, Prospect, Reply, Request, TaskId},
};

/// Pastes an address; returns what it has asked, and its task.
fn paste(app: &mut App, address: &str) -> (TaskId, String) {
    let effects = app.update(Message::Paste(address.to_owned()));
    match effects.as_slice() {
        [Effect::CallSoon { task, request: Request::ProbeImage { url }, .. }] => (*task, url.clone()),
        other => panic!("not one look: {other:?}"),
    }
}

fn prospect() -> Prospect {
    Prospect {
        name: Some("debian-14.iso".into()),
        is_taken: false,
        size: Some(ByteSize(3 << 30)),
        is_resumable: true,
        checksum: Some("SHA-256 in SHA256SUMS".into()),
        free: Some(ByteSize(73 << 30)),
    }
}

#[test]
fn what_the_server_says_stands_in_the_form_before_anything_is_fetched() {
    let mut app = world();
    press(&mut app, "2 f");
    let (task, url) = paste(&mut app, "https://example.org/get?id=7");
    assert_eq!(url, "https://example.org/get?id=7");
    assert!(screen(&mut app, 80, 24).contains("Asking what is there"));
    app.update(Message::TaskEnded(task, Ok(Reply::Probed(prospect()))));
    insta::assert_snapshot!("fetch_seen", screen(&mut app, 80, 24));
    let effects = press(&mut app, "enter");
    assert!(matches!(call(&effects).2, Request::FetchImage { .. }), "{effects:?}");
    assert!(app.tasks.iter().all(|task| !task.title.starts_with("probe")), "a look leaves no trace");
}

#[test]
fn what_stands_in_the_way_is_one_sentence() {
    let taken = Prospect { is_taken: true, ..prospect() };
    let large = Prospect { size: Some(ByteSize(80 << 30)), ..prospect() };
    let nameless = Prospect { name: None, ..prospect() };
    let page = Error::refused("the server answered with a web page and not with an image");
    for (answer, sentence) in [
        (Ok(Reply::Probed(taken)), "debian-14.iso is in the library already: give it another name"),
        (Ok(Reply::Probed(large)), "It has 80 GiB, and only 73 GiB are free"),
        (Ok(Reply::Probed(nameless)), "Neither the address nor the server names the file: give it a name"),
        (Err(page), "the server answered with a web page and not with an image"),
    ] {
        let mut app = world();
        press(&mut app, "2 f");
        let (task, _) = paste(&mut app, "https://example.org/a");
        app.update(Message::TaskEnded(task, answer));
        let shown = screen(&mut app, 120, 30);
        assert!(shown.contains(sentence), "{sentence}: {shown}");
        assert!(app.tasks.told().is_none(), "it is told in the form alone");
    }
    let mut app = world();
    press(&mut app, "2 f");
    let (task, _) = paste(&mut app, "https://example.org/a");
    app.update(Message::TaskEnded(task, Ok(Reply::Probed(Prospect { is_taken: true, ..prospect() }))));
    press(&mut app, "tab");
    text(&mut app, "other.iso");
    assert!(screen(&mut app, 80, 24).contains("Will be called other.iso"), "another name is free");
}

#[test]
fn an_older_answer_says_nothing_of_a_newer_address() {
    let mut app = world();
    press(&mut app, "2 f");
    let (first, _) = paste(&mut app, "https://example.org/a");
    let effects = text(&mut app, "b");
    assert!(matches!(effects.as_slice(), [Effect::CallSoon { .. }]), "{effects:?}");
    app.update(Message::TaskEnded(first, Ok(Reply::Probed(prospect()))));
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("Asking what is there"), "{shown}");
    assert!(!shown.contains("SHA256SUMS"), "{shown}");
    // A key that changes nothing asks nothing.
    assert_eq!(press(&mut app, "tab shift-tab left right"), []);
}

#[test]
fn half_an_address_and_a_host_that_does_not_look_are_not_asked() {
    let mut app = world();
    press(&mut app, "2 f");
    assert_eq!(text(&mut app, "https://example.org"), []);
    let effects = text(&mut app, "/");
    assert!(matches!(effects.as_slice(), [Effect::CallSoon { .. }]), "{effects:?}");
    assert_eq!(press(&mut app, "esc y"), []);
    let running: Vec<_> = app.tasks.iter().collect();
    assert!(running.is_empty(), "what nobody waits for is dropped: {running:?}");
}
