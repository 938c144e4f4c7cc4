//! Images: fetched, renamed, removed, put into machines.
use crate::support::screen::screen;
use crate::support::world::{call, create_form, image, press, reply, text, world};
use std::time::Duration;
use vmdeck::{
    app::{App, Effect, Message},
    domain::{
        ByteSize, Error, ErrorKind, Fetches, HostEvent, Image, Inventory, Job, Op, Partial, PastFetch, Progress, Reply,
        Request, Stamp, TaskState,
    },
    input::Action,
};

#[test]
fn a_fetch_takes_a_pasted_address() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("  https://example.org/debian-14.iso\n".into()));
    let effects = press(&mut app, "enter");
    let url = "https://example.org/debian-14.iso".to_owned();
    assert_eq!(call(&effects).1, "local");
    assert_eq!(*call(&effects).2, Request::FetchImage { url, name: None });
}

#[test]
fn an_address_that_cannot_be_and_a_name_with_a_slash_are_not_sent() {
    let mut app = world();
    assert_eq!(press(&mut app, "2 f enter"), []);
    text(&mut app, "gopher://x/y.iso");
    assert_eq!(press(&mut app, "enter"), []);
    let shown = screen(&mut app, 80, 24);
    assert!(vmdeck::domain::SCHEMES.iter().all(|scheme| shown.matches(&format!("{scheme}://")).count() > 1), "{shown}");
    press(&mut app, "ctrl-u");
    text(&mut app, "https://x/y.iso");
    press(&mut app, "tab");
    text(&mut app, "../y.iso");
    assert_eq!(press(&mut app, "enter"), []);
    press(&mut app, "ctrl-u z . i s o");
    let effects = press(&mut app, "enter");
    let request = Request::FetchImage { url: "https://x/y.iso".into(), name: Some("z.iso".into()) };
    assert_eq!(*call(&effects).2, request);
}

#[test]
fn ftp_servers_and_files_of_the_host_are_addresses_too() {
    for url in ["ftp://h/pub/y.iso", "ftps://h/y.iso", "/srv/isos/y.iso", "~/y.iso", "file:///srv/y.iso"] {
        let mut app = world();
        press(&mut app, "2 f");
        app.update(Message::Paste(url.into()));
        assert!(screen(&mut app, 80, 24).contains("Will be called y.iso"), "{url}");
        let effects = press(&mut app, "enter");
        assert_eq!(*call(&effects).2, Request::FetchImage { url: url.into(), name: None });
        assert_eq!(call(&effects).2.title(), "fetch y.iso");
    }
}

#[test]
fn a_checksum_and_the_wish_to_unpack_go_with_the_address() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://x/y.qcow2.xz".into()));
    press(&mut app, "tab tab");
    text(&mut app, "abc");
    assert_eq!(press(&mut app, "enter"), [], "no checksum is so short");
    press(&mut app, "ctrl-u");
    text(&mut app, &"AB".repeat(32));
    press(&mut app, "tab y");
    assert!(screen(&mut app, 80, 24).contains("Will be called y.qcow2 "));
    let effects = press(&mut app, "enter");
    let url = format!("https://x/y.qcow2.xz#sha256={}&unpack", "ab".repeat(32));
    assert_eq!(*call(&effects).2, Request::FetchImage { url, name: None });
    assert_eq!(call(&effects).2.target(), "y.qcow2");
}

#[test]
fn the_selection_stays_with_its_image() {
    let mut app = world();
    press(&mut app, "2 down");
    let more = vec![image("aaa.iso", 1), image("debian-13.iso", 700 << 20), image("alpine.iso", 1)];
    let inventory = Inventory { images: Some(more), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    assert_eq!(press(&mut app, "D y enter backspace"), [], "its name is asked for");
    text(&mut app, "debian-13.iso");
    assert_eq!(*call(&press(&mut app, "enter")).2, Request::RemoveImage { image: "debian-13.iso".into() });
}

#[test]
fn the_path_of_an_image_is_copied_where_it_is_told() {
    let mut app = world();
    let path = "/srv/images/a.iso".to_owned();
    let told = Image { path: Some(path.clone()), ..image("a.iso", 1) };
    let untold = Image { path: None, ..image("b.iso", 1) };
    let inventory = Inventory { images: Some(vec![told, untold]), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    assert_eq!(press(&mut app, "2 home y"), [Effect::Copy(path)]);
    assert_eq!(app.notices.current().unwrap().text, "copied /srv/images/a.iso");
    assert_eq!(press(&mut app, "down y"), []);
    assert_eq!(app.notices.current().unwrap().text, "local does not tell where it keeps its images");
}

#[test]
fn a_new_name_is_sent_and_the_old_one_is_not() {
    let mut app = world();
    assert_eq!(press(&mut app, "2 m enter"), []);
    let effects = press(&mut app, "m home x enter");
    let request = Request::RenameImage { image: "alpine.iso".into(), name: "xalpine.iso".into() };
    assert_eq!(*call(&effects).2, request);
}

#[test]
fn the_selection_goes_with_a_fetch_to_the_image_that_it_brought() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://x/zzz.iso".into()));
    let effects = press(&mut app, "enter");
    press(&mut app, "home");
    let mut images = app.hosts.get(&"local".into()).unwrap().images.clone().unwrap();
    images.push(image("zzz.iso", 1));
    let inventory = Inventory { images: Some(images), ..Inventory::default() };
    app.update(Message::TaskEnded(call(&effects).0, Ok(Reply::Fetched(image("zzz.iso", 1)))));
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    press(&mut app, "D");
    text(&mut app, "zzz.iso");
    assert_eq!(*call(&press(&mut app, "enter")).2, Request::RemoveImage { image: "zzz.iso".into() });
}

#[test]
fn what_is_not_what_its_checksum_says_can_be_removed_alone() {
    let mut app = world();
    let wrong = Image { partial: Some(Partial::Wrong), ..image("a.iso.mismatch", 1 << 20) };
    let inventory = Inventory { images: Some(vec![wrong]), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    press(&mut app, "2 home");
    assert!(screen(&mut app, 80, 24).contains("✖ not what its checksum says, D removes it"));
    for key in ["m", "i"] {
        assert_eq!(press(&mut app, key), []);
        assert!(app.dialog.is_none(), "{key}");
    }
    press(&mut app, "D");
    text(&mut app, "a.iso.mismatch");
    assert_eq!(*call(&press(&mut app, "enter")).2, Request::RemoveImage { image: "a.iso.mismatch".into() });
}

#[test]
fn what_a_machine_uses_is_neither_renamed_nor_removed() {
    let mut app = world();
    press(&mut app, "2");
    for (name, is_used) in
        [("alpine.iso", false), ("debian-13.iso", false), ("FreeBSD-14.3-RELEASE-amd64-disc1.iso", true)]
    {
        for key in ["m", "D"] {
            press(&mut app, key);
            assert_eq!(app.dialog.is_none(), is_used, "{name} {key}");
            let why = app.notices.current().map(|notice| notice.text.clone()).unwrap_or_default();
            assert_eq!(why.contains("disc1.iso is used by web1: eject it there"), is_used, "{why}");
            if !is_used {
                press(&mut app, "esc");
            }
        }
        press(&mut app, "down");
    }
}

#[test]
fn a_running_fetch_is_a_row_that_can_be_cancelled() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://x/y.iso".into()));
    let effects = press(&mut app, "enter");
    let (task, ..) = call(&effects);
    app.update(Message::TaskProgress(task, Progress::bytes(1, Some(100))));
    assert_eq!(press(&mut app, "home x"), [Effect::Cancel { host: "local".into(), task }]);
}

#[test]
fn a_machine_from_an_image_has_it_chosen_already() {
    let mut app = world();
    let effects = press(&mut app, "2 down i");
    assert_eq!(*call(&effects).2, Request::Form { op: Op::Create, vm: None });
    reply(&mut app, &effects, Reply::Form(create_form()));
    text(&mut app, "new1");
    let effects = press(&mut app, "enter");
    let Request::Create { values } = call(&effects).2 else { panic!("{effects:?}") };
    assert_eq!((values["image"].as_str(), values["name"].as_str()), ("debian-13.iso", "new1"));
}

#[test]
fn a_fetch_that_came_to_nothing_is_asked_for_again_with_one_key() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/b.iso".into()));
    let first = press(&mut app, "enter");
    assert_eq!(press(&mut app, "home R"), [], "it is under way");
    app.update(Message::TaskEnded(call(&first).0, Err(Error::refused("404"))));
    let rows = app.image_rows().len();
    let again = press(&mut app, "home R");
    assert_eq!(call(&again).2, call(&first).2);
    assert_eq!(app.image_rows().len(), rows, "the new one stands in place of the old one");
    assert!(app.tasks.told().is_none(), "nor does its sentence stand beside the new one");
    app.update(Message::TaskEnded(call(&again).0, Err(Error::refused("404"))));
    assert_eq!(press(&mut app, "home x"), [], "there is nothing to be stopped any more");
    assert_eq!(app.image_rows().len(), rows - 1);
}

#[test]
fn an_interrupted_fetch_of_the_host_is_a_row_that_goes_on_or_is_thrown_away() {
    let mut app = world();
    let again = Request::ResumeFetch { image: "y.iso".into() };
    let tell = |app: &mut App, state| {
        let request = Some(again.clone());
        let job = Job {
            id: "y.iso".into(),
            vm: None,
            title: "fetch y.iso".into(),
            image: Some("y.iso".into()),
            state,
            begun: None,
            request,
        };
        app.update(Message::Host("local".into(), HostEvent::Job(Box::new(job))));
    };
    let interrupted = || TaskState::Unknown(Error::refused("interrupted at 1 of 3 GiB"));
    let labels = |app: &App| [Action::ImageAgain, Action::ImagePause, Action::ImageCancel].map(|a| app.label(a));
    let of_images = |app: &App| [Action::ImageRename, Action::ImageRemove, Action::ImageInstall].map(|a| app.label(a));
    tell(&mut app, interrupted());
    press(&mut app, "2 home");
    assert_eq!((labels(&app), of_images(&app)), (["resume", "", "cancel"], [""; 3]));
    assert_eq!(press(&mut app, "x"), [], "what came is not lost by one key");
    insta::assert_snapshot!("stop_a_fetch", screen(&mut app, 80, 24));
    assert_eq!(press(&mut app, "n"), []);
    assert_eq!(*call(&press(&mut app, "x y")).2, Request::CancelFetch { image: "y.iso".into() });
    tell(&mut app, TaskState::Running(Progress::bytes(1, Some(3))));
    assert_eq!(labels(&app), ["", "pause", "cancel"]);
    assert_eq!(*call(&press(&mut app, "p")).2, Request::PauseFetch { image: "y.iso".into() });
    tell(&mut app, interrupted());
    assert_eq!(*call(&press(&mut app, "R")).2, again);
    press(&mut app, "end");
    assert_eq!(
        (labels(&app), of_images(&app)),
        ([""; 3], ["rename", "remove", "install"]),
        "the keys of the other kind"
    );
}

#[test]
fn a_fetch_of_ours_that_was_interrupted_is_one_row_whoever_goes_on_with_it() {
    let mut app = world();
    let rows = app.image_rows().len();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://x/download?id=7".into()));
    let effects = press(&mut app, "enter");
    let (task, ..) = call(&effects);
    let job = || Some("y.iso".into());
    app.update(Message::TaskProgress(task, Progress { job: job(), ..Progress::bytes(1, Some(3)) }));
    assert_eq!(*call(&press(&mut app, "home p")).2, Request::PauseFetch { image: "y.iso".into() });
    let interrupted = || Error::new(ErrorKind::Interrupted, "paused at 1 of 3 GiB");
    app.update(Message::TaskEnded(task, Err(interrupted())));
    let tell = |app: &mut App, state| {
        let request = Some(Request::ResumeFetch { image: "y.iso".into() });
        let (id, title, image) = ("y.iso".into(), "fetch y.iso".into(), Some("y.iso".into()));
        let job = Job { id, vm: None, title, image, state, begun: None, request };
        app.update(Message::Host("local".into(), HostEvent::Job(Box::new(job))));
    };
    tell(&mut app, TaskState::Unknown(interrupted()));
    assert_eq!(app.image_rows().len(), rows + 1);
    tell(&mut app, TaskState::Running(Progress::bytes(2, Some(3))));
    assert_eq!(app.image_rows().len(), rows + 1);
    assert!(screen(&mut app, 80, 24).contains("66 %"));
    assert!(app.tasks.told().is_none(), "what goes on again has no outcome");
    tell(&mut app, TaskState::Unknown(interrupted()));
    assert!(screen(&mut app, 80, 24).contains("x cancel"), "it is thrown away, and not put away alone");
    // Gone on with from here: the new row takes the place of the old one.
    let again = press(&mut app, "home R");
    app.update(Message::TaskProgress(call(&again).0, Progress { job: job(), ..Progress::bytes(2, Some(3)) }));
    assert_eq!(app.image_rows().len(), rows + 1);
    assert_eq!(*call(&press(&mut app, "home x y")).2, Request::CancelFetch { image: "y.iso".into() });
    let stop = press(&mut app, "3 home down x y");
    assert_eq!(*call(&stop).2, Request::CancelFetch { image: "y.iso".into() }, "the same among the tasks");
}

#[test]
fn the_history_is_asked_for_and_shown() {
    let mut app = world();
    let effects = press(&mut app, "2 h");
    assert_eq!(*call(&effects).2, Request::ListFetches);
    reply(&mut app, &effects, Reply::Fetches(Fetches::default()));
    assert!(screen(&mut app, 80, 24).contains("No fetch has ended on local yet."));
    press(&mut app, "esc");
    let past = |name: &str, why: Option<&str>| PastFetch {
        name: name.into(),
        source: format!("https://x/{name}"),
        ended: Stamp(1_763_700_000_000),
        took: Duration::from_secs(80),
        received: ByteSize(80 << 20),
        why: why.map(str::to_owned),
        checked: None,
    };
    let why = |n| match n {
        1 => Some("the server says 404 Not Found"),
        2 => Some("cancelled"),
        _ => None,
    };
    let all = (0..20).map(|n| past(&format!("{n}.iso"), why(n))).collect();
    let effects = press(&mut app, "h");
    reply(&mut app, &effects, Reply::Fetches(Fetches { past: all, ..Fetches::default() }));
    insta::assert_snapshot!("history", screen(&mut app, 80, 24));
    insta::assert_snapshot!("history_widest", screen(&mut app, 200, 60));
    press(&mut app, "end");
    assert!(screen(&mut app, 80, 24).contains("https://x/19.iso"));
}

#[test]
fn the_history_tells_a_long_reason_to_its_end() {
    let mut app = world();
    let effects = press(&mut app, "2 h");
    let why = "what came is not what it should be: its SHA-256 begins with b69dae56a14d, given says 111111111111. It \
               was kept apart as small.iso.mismatch";
    let past = PastFetch {
        name: String::new(),
        source: "http://127.0.0.1:8123/".into(),
        ended: Stamp(1_763_700_000_000),
        took: Duration::from_secs(1),
        received: ByteSize(3 << 20),
        why: Some(why.to_owned()),
        checked: None,
    };
    reply(&mut app, &effects, Reply::Fetches(Fetches { past: vec![past], ..Fetches::default() }));
    for (width, height) in [(120, 40), (80, 24)] {
        let shown = screen(&mut app, width, height);
        let words: Vec<&str> = shown.split(['│', ' ', '\n']).filter(|word| !word.is_empty()).collect();
        assert!(words.join(" ").contains(why), "{shown}");
        assert!(shown.contains("127.0.0.1:8123  3 MiB in 0:01"), "{shown}");
    }
}

/// A fetch of b.iso that came to nothing, and an entry of that name which is as `partial` says.
fn failed_fetch(partial: Option<Partial>) -> App {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/b.iso".into()));
    let effects = press(&mut app, "enter");
    app.update(Message::TaskEnded(call(&effects).0, Err(Error::refused("404"))));
    let images = vec![Image { partial, ..image("b.iso", 1) }];
    let inventory = Inventory { images: Some(images), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    press(&mut app, "home");
    app
}

#[test]
fn what_a_failed_fetch_left_is_offered_for_removal() {
    let remove = Request::RemoveImage { image: "b.iso".into() };
    let left = || Some(Partial::Left("404".to_owned()));
    // Put away, asked for again, or removed: each asks first.
    for key in ["x", "R", "D"] {
        let mut app = failed_fetch(left());
        assert_eq!(press(&mut app, key), [], "{key}");
        assert_eq!(*call(&press(&mut app, "y")).2, remove, "{key}");
    }
    let mut app = failed_fetch(left());
    let rows = app.image_rows().len();
    press(&mut app, "x n");
    assert_eq!(app.image_rows().len(), rows - 1, "the fetch is put away, its entry is not");
    // An image that was there before is not what the fetch left, nor is one that is on its way again.
    for partial in [None, Some(Partial::Coming)] {
        let mut app = failed_fetch(partial);
        press(&mut app, "x");
        assert!(app.dialog.is_none());
    }
}

#[test]
fn an_image_on_its_way_is_one_row() {
    let mut app = world();
    press(&mut app, "2 f");
    app.update(Message::Paste("https://a/b.iso".into()));
    press(&mut app, "enter");
    let rows = app.image_rows().len();
    let mut images = app.hosts.get(&"local".into()).unwrap().images.clone().unwrap();
    images.push(Image { partial: Some(Partial::Coming), ..image("b.iso", 1) });
    let inventory = Inventory { images: Some(images), ..Inventory::default() };
    app.update(Message::Host("local".into(), HostEvent::Inventory(inventory)));
    assert_eq!(app.image_rows().len(), rows);
}
